"""What a file is made from, as a short digest: equal digests, equal files.

A digest is taken of the very values that a template or an encoder receives, and of our own code. So nobody
has to remember which of them a page shows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any

from PIL import features
from pydantic import BaseModel

PACKAGE = Path(__file__).resolve().parent.parent
_LIBRARIES = ("jinja2", "markupsafe", "numpy", "pillow")


def made_from(*values: object) -> str:
    """A digest of plain and frozen values, and of the code that makes a file of them.

    Raises TypeError for a value that has no canonical form, such as a set.
    """
    text = json.dumps((code_digest(), values), default=_plain, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:20]


class Digested:
    """A dataclass that many others hold: it is taken apart once, not for each of them."""

    @cached_property
    def digest(self) -> str:
        """Stands for it in what others are made from."""
        return made_from(type(self).__name__, *_values_of(self))


def _plain(value: object) -> Any:
    if isinstance(value, Digested):
        return value.digest
    if is_dataclass(value):
        return [type(value).__name__, *_values_of(value)]
    if isinstance(value, BaseModel):
        # Not `model_dump`, which leaves out what is no part of a key but shown nevertheless.
        return [type(value).__name__, *(getattr(value, name) for name in type(value).model_fields)]
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _values_of(value: Any) -> Iterator[Any]:
    return (getattr(value, field.name) for field in fields(value))


@cache
def code_digest() -> str:
    """Changes when any code of ours does, or a library that writes pages or pictures."""
    digest = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        digest.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0" + file.read_bytes())
    versions = [version(name) for name in _LIBRARIES] + [features.version("webp")]
    digest.update(repr(versions).encode())
    return digest.hexdigest()
