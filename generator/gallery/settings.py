"""A recipe's fields as text to read and to copy: first those that matter, then those that are as usual."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from generator.config.recipes import RECIPE_FILES, Recipe

_ALWAYS = ("objective", "size", "steps", "seed")
"""Fields that are told even where they are as usual."""
_USUAL = Recipe().identity()


@dataclass(frozen=True)
class Settings:
    """A recipe's fields, one a line: `main` and, as many as `usual` says, those left at their defaults."""

    main: str
    rest: str
    usual: int


def settings_of(recipe: Recipe) -> Settings:
    """The settings of a recipe; raises OSError when a file it names can't be read."""
    values = recipe.identity()
    main = {name: value for name, value in values.items() if name in _ALWAYS or value != _USUAL[name]}
    for name in RECIPE_FILES:
        if name in main:
            main[name] = f"{PurePath(getattr(recipe, name)).name} (SHA-256 {values[name]})"
    rest = {name: value for name, value in values.items() if name not in main}
    return Settings(_lines(main), _lines(rest), len(rest))


def _lines(values: Mapping[str, Any]) -> str:
    return "\n".join(f"  {name:<18} {_text(value)}" for name, value in values.items())


def _text(value: Any) -> str:
    """A value as config.yaml has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and value and isinstance(value[0], list):
        return "{" + ", ".join(f"{channel}: {weight:g}" for channel, weight in value) + "}"
    if value is None or value == []:
        return "none"
    return str(value)
