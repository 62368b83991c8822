"""What an atlas is made of, as the config says."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from generator.config.base import Settings


class AtlasConfig(Settings):
    """An atlas of a layer's activation space: what it sees in a data set's pictures, in the plane."""

    cells: Annotated[int, Field(ge=2, le=64)] = 20
    """Cells in a row, and in a column, of the finest level."""
    levels: Annotated[int, Field(ge=1, le=5)] = 3
    """Zoom levels; each has half as many cells in a row as the next."""
    least: Annotated[int, Field(ge=1, le=1000)] = 4
    """Activation vectors that a cell must have to be shown; with fewer it stays empty."""
    whiten: bool = True
    """Whether a cell's picture is of what sets its vectors apart from all others (by the inverse of their
    covariance), or of their plain mean."""


def _as_atlas(value: object) -> object:
    return {} if value is True else None if value is False else value


AtlasField = Annotated[AtlasConfig | None, BeforeValidator(_as_atlas)]
