"""How pictures stand: several of them in a grid, and how large a page shows each."""

from __future__ import annotations

import math
from collections.abc import Iterable

SMALL = 96
"""Pictures with a side below this many pixels are shown pixel by pixel; smoothing would blur all of them."""
LARGEST = 560
"""Longer side of a large picture on a page, in CSS pixels, …"""
ENLARGED = 2.0
"""… which is at most so many times its own: more looks soft."""
LIGHT = 256
"""Up to this many pixels a side, a dozen large pictures weigh less than a contact sheet of thumbnails."""
SMALL_SHOWN = 400
"""Small pictures grow by a whole factor, up to this many CSS pixels."""


def grid(count: int) -> tuple[int, int]:
    """Columns and rows in which the renderer puts pictures that belong together, row after row."""
    columns = math.ceil(math.sqrt(count))
    return columns, math.ceil(count / columns)


def shape_text(shape: Iterable[int | None]) -> str:
    """`14 × 14 × 112`; what a network leaves open is `?`."""
    return " × ".join("?" if size is None else str(size) for size in shape)


def is_small(width: int, height: int, count: int = 1) -> bool:
    """Whether a picture (or, of several in one, each of them) is to be shown pixel by pixel."""
    columns, rows = grid(count)
    return min(width // columns, height // rows) < SMALL


def is_light(width: int, height: int) -> bool:
    """Whether a few of such pictures are fetched sooner than the sheets with their thumbnails."""
    return max(width, height) <= LIGHT


def together(side: int, count: int) -> tuple[int, int]:
    """Width and height of so many square pictures in one file."""
    columns, rows = grid(count)
    return columns * side, rows * side


def shown_width(width: int, height: int, count: int = 1) -> int:
    """The width at which a page shows a picture of `width` x `height` pixels, in CSS pixels."""
    longer = max(width, height, 1)
    if is_small(width, height, count):
        return width * max(1, SMALL_SHOWN // longer)
    return round(width * min(ENLARGED, LARGEST / longer))
