"""Photos of the user's, as a config names them: a list of files, or a mapping of names to files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

from generator.config.base import Fit, Settings


class PhotoConfig(Settings):
    """A picture of your own, put under the lens: what the networks see in it, and where."""

    path: Path
    """The picture: JPEG, PNG, WebP and the like."""
    caption: str = ""
    """A sentence about it."""
    licence: str = ""
    """Shown where it is shown."""
    fit: Fit = "crop"
    """How it is brought to a network's input: its centre (`crop`), distorted (`squash`), or whole, on grey
    (`pad`)."""


def _as_photo(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


def _as_named(value: object) -> object:
    """Photos of a list by their files' names without ending; ValueError where two have the same."""
    if not isinstance(value, list):
        return value
    named: dict[str, object] = {}
    paths: dict[str, str] = {}
    for photo in value:
        path = str(photo.get("path", "") if isinstance(photo, dict) else photo)
        name = Path(path).stem
        if name in named:
            raise ValueError(
                f"{paths[name]} and {path} would both be called {name!r}; name them, "
                f"as in `{name}: {paths[name]}`, `{name}-2: {path}`"
            )
        named[name], paths[name] = photo, path
    return named


Photo = Annotated[PhotoConfig, BeforeValidator(_as_photo)]
Photos = Annotated[dict[str, Photo], BeforeValidator(_as_named)]
