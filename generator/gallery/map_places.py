"""Where channels stand by likeness -> squares of a lattice, one each, so that no two thumbnails overlap."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

SPACE = 1.6
"""How many times as many columns as channels would fill: room between groups that look alike."""
FEWEST = 10
"""Columns of the smallest map: thumbnails are not to be enlarged."""
DOTS = 400
"""The preview of a map shows no more places than this."""


class Square(NamedTuple):
    """A square of the lattice, with its channel and the channel's place in the layer."""

    place: int
    channel: int
    column: int
    row: int


@dataclass(frozen=True)
class Lattice:
    """Squares of a lattice of `side` x `side`."""

    side: int
    squares: tuple[Square, ...]


def lattice(places: Mapping[int, tuple[float, float]], channels: Sequence[int]) -> Lattice:
    """The square nearest to each channel's place (x, y from 0 to 1) that is free; without those of no place.

    Those that stand in the middle of a square choose first.
    """
    placed = [
        (place, channel)
        for place, channel in enumerate(channels)
        if channel in places and all(map(math.isfinite, places[channel]))
    ]
    side = max(FEWEST, math.ceil(SPACE * math.sqrt(len(placed))))
    wanted = np.array([places[channel] for _, channel in placed], np.float64).reshape(-1, 2) * (side - 1)
    rows, columns = np.divmod(np.arange(side * side), side)
    free = np.ones(side * side, bool)
    squares = []
    for one in np.argsort(np.abs(wanted - wanted.round()).max(axis=1, initial=0), kind="stable"):
        (x, y), (place, channel) = wanted[one], placed[one]
        distance = np.where(free, (columns - x) ** 2 + (rows - y) ** 2, np.inf)
        nearest = int(distance.argmin())
        free[nearest] = False
        squares.append(Square(place, channel, int(columns[nearest]), int(rows[nearest])))
    return _closely(sorted(squares))


def _closely(squares: Sequence[Square]) -> Lattice:
    """The same without empty columns and rows at the edges, in the middle of a square."""
    if not squares:
        return Lattice(FEWEST, ())
    left, right = (pick(square.column for square in squares) for pick in (min, max))
    top, bottom = (pick(square.row for square in squares) for pick in (min, max))
    side = max(FEWEST, right - left + 1, bottom - top + 1)
    right_by, down_by = (side - right + left - 1) // 2 - left, (side - bottom + top - 1) // 2 - top
    moved = (one._replace(column=one.column + right_by, row=one.row + down_by) for one in squares)
    return Lattice(side, tuple(moved))


def dots(found: Lattice) -> str:
    """The squares as an SVG path of points, some of them where they are many."""
    step = max(1, len(found.squares) // DOTS)
    return "".join(f"M{square.column} {square.row}h0" for square in found.squares[::step])
