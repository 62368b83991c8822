"""The addresses of an atlas's files, beside those in pages.py.

models/<model>/<layer>/atlas.html           its page
models/<model>/<layer>/atlas.js             what the script knows of its cells
models/<model>/<layer>/atlas/level-<level>-<column>-<row>.webp   a tile
data/<model>/atlas/<layer>.json             all that is known of its cells, for others to build on
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

TILE = 8
"""Cells in a row of a tile; the coarsest level, which is shown first and without a script, is one tile."""


def page(folder: str) -> str:
    """Of the atlas of the layer with that folder."""
    return f"{folder}/atlas.html"


def script(folder: str) -> str:
    """The script's data."""
    return f"{folder}/atlas.js"


def data(folder: str) -> str:
    """Its export."""
    model, _, layer = folder.removeprefix("models/").partition("/")
    return f"data/{model}/atlas/{layer}.json"


def tile(folder: str, level: int, column: int, row: int) -> str:
    """A tile of a level, counted from the coarsest."""
    return f"{folder}/atlas/level-{level}-{column}-{row}.webp"


def tile_side(level: int, side: int) -> int:
    """Cells in a row of the tiles of a level with so many cells in a row."""
    return TILE if level else side


def tiles(sides: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """(level, column, row) of all tiles of levels with so many cells in a row, the coarsest level's first."""
    for level, side in enumerate(sides):
        across = -(-side // tile_side(level, side))
        yield from ((level, column, row) for row, column in product(range(across), range(across)))


def addresses(folder: str, sides: Sequence[int]) -> Iterator[str]:
    """Of all its files."""
    yield from (page(folder), script(folder), data(folder))
    yield from (tile(folder, *place) for place in tiles(sides))
