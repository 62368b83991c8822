"""The tables of docs/config.md, made from the words under each setting's field.

`python -m docs.generate.settings` writes them into docs/config.md between their markers; test_config.py
checks that this was done.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from generator.config.atlas import AtlasConfig
from generator.config.derived import ConceptsConfig, DictionaryConfig
from generator.config.photos import PhotoConfig
from generator.config.recipes import Recipe
from generator.config.schema import (
    Channels,
    Config,
    DatasetConfig,
    EvidenceConfig,
    LayerConfig,
    ModelConfig,
    PicturesConfig,
    Preprocessing,
    RecipeConfig,
)
from generator.console.wording import words

PARTS = (
    Config,
    ModelConfig,
    LayerConfig,
    ConceptsConfig,
    DictionaryConfig,
    AtlasConfig,
    Preprocessing,
    DatasetConfig,
    EvidenceConfig,
    PhotoConfig,
    PicturesConfig,
    RecipeConfig,
    Recipe,
)
DOCS = Path(__file__).resolve().parent.parent / "config.md"


def table(part: type[BaseModel]) -> str:
    """A Markdown table of a part's settings: name, default, meaning."""
    rows = [
        f"| `{name}` | {default(part.model_fields[name])} | {text} |" for name, text in words(part).items()
    ]
    return "\n".join(["| setting | default | what it is |", "|---|---|---|", *rows])


def default(field: FieldInfo) -> str:
    """A field's default as it would stand in a config file."""
    value: Any = field.default
    if value is PydanticUndefined:
        return "must be given"
    if value is None or value in ("", {}) or isinstance(value, BaseModel):
        return "–"
    if isinstance(value, Channels):
        return "`all`"
    if isinstance(value, tuple | list):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


def renewed(text: str) -> str:
    """The document with each part's table between its markers made anew."""
    for part in PARTS:
        marker = f"<!-- {part.__name__} -->"
        between = re.compile(re.escape(marker) + r".*?<!-- end -->", re.DOTALL)
        fresh = f"{marker}\n{table(part)}\n<!-- end -->"
        text = between.sub(lambda _, fresh=fresh: fresh, text)  # type: ignore[misc]
    return text


if __name__ == "__main__":
    DOCS.write_text(renewed(DOCS.read_text()))
