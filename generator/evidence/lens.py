"""A photo of the user's as a layer sees it: how that is stored, and what is told of it.

`viewing` shows photos to networks; here nothing needs TensorFlow.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.evidence.packed import arrays_of
from generator.models.anatomy import Layer
from generator.targets import Direction

Array = NDArray[Any]

VERSION = 1
"""Raised whenever the same photo and network give something else."""
LARGEST_GRID = 14
"""Rows and columns of a grid at most."""
CLASSES = 5
"""The classes of the highest scores are told, and attributions to them found."""


@dataclass(frozen=True)
class Verdict:
    """What a network says: the `numbers` of the classes of the highest scores, (k,), these scores, and their
    probabilities, (k,), or none where it gives scores only."""

    numbers: Array
    scores: Array
    probabilities: Array


NOTHING_SAID = Verdict(np.zeros(0, np.int32), np.zeros(0), np.zeros(0))


@dataclass(frozen=True)
class Seen:
    """What a layer sees in a photo.

    `cells` are (rows, columns, channels) float32: the mean of the activations at the positions of each cell;
    one cell where the layer has no positions in a plane. `means` and `peaks` are (channels,): over all
    positions, and of the strongest cell. `attributions`, (classes of the verdict, channels), say what each
    channel adds to a score: gradient times activation, summed over positions; empty where the layer does not
    lead to classes. They are `exact` where the score is an affine function of the layer.
    """

    cells: Array
    means: Array
    verdict: Verdict = NOTHING_SAID
    attributions: Array = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    exact: bool = False

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.cells.shape[0], self.cells.shape[1]

    @property
    def peaks(self) -> Array:
        """Of each channel the value of its strongest cell."""
        peaks: Array = self.cells.max(axis=(0, 1))
        return peaks

    def to_bytes(self) -> bytes:
        """As an .npz file; `from_bytes` reads it back."""
        stream = io.BytesIO()
        np.savez_compressed(
            stream,
            cells=self.cells,
            means=self.means,
            numbers=self.verdict.numbers,
            scores=self.verdict.scores,
            probabilities=self.verdict.probabilities,
            attributions=self.attributions,
            exact=np.array(self.exact),
        )
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Seen:
        """What `to_bytes` was given; raises ValueError, KeyError or OSError for anything else."""
        arrays = arrays_of(data)
        verdict = Verdict(arrays["numbers"], arrays["scores"], arrays["probabilities"])
        return cls(arrays["cells"], arrays["means"], verdict, arrays["attributions"], bool(arrays["exact"]))


# -- grids -----------------------------------------------------------------------------------------


def grid_of(layer: Layer) -> tuple[int, int] | None:
    """Rows and columns of a layer's grid.

    None where it has fewer than two positions in a plane, or their number is not known.
    """
    shape = layer.shape
    sides: tuple[int | None, ...] = shape[:2] if len(shape) == 3 else ()
    if len(shape) == 2 and shape[0] is not None:
        count = shape[0] - layer.special
        side = round(count**0.5)
        sides = (side, side) if side * side == count else ()
    known = [side for side in sides if side is not None]
    if len(known) < 2 or known[0] * known[1] < 2:
        return None
    return min(LARGEST_GRID, known[0]), min(LARGEST_GRID, known[1])


def averaged(plane: Array, largest: int = LARGEST_GRID) -> Array:
    """A plane (rows, columns, ...) at `largest` rows and columns at most: of each cell the mean."""
    for axis in (0, 1):
        count = plane.shape[axis]
        if count > largest:
            starts = np.arange(largest) * count // largest
            sizes = np.diff([*starts, count]).reshape([-1 if axis == own else 1 for own in range(plane.ndim)])
            plane = np.add.reduceat(plane, starts, axis=axis, dtype=np.float64) / sizes
    return plane.astype(np.float32)


def directions(seen: Seen) -> list[Direction | None]:
    """The direction of each cell's activations, row after row, of length one; None where nothing is on."""
    return [_direction(vector) for vector in seen.cells.reshape(-1, seen.cells.shape[-1])]


def _direction(vector: Array) -> Direction | None:
    length = float(np.linalg.norm(vector.astype(np.float64)))
    if not np.isfinite(length) or length == 0:
        return None
    return Direction(tuple((vector / length).tolist()))


def strengths(seen: Seen) -> Array:
    """How strong the activations are in each cell, (rows, columns), the strongest 1."""
    lengths: Array = np.linalg.norm(np.nan_to_num(seen.cells.astype(np.float64), posinf=0, neginf=0), axis=-1)
    return lengths / (lengths.max() or 1.0)


# -- what is told ----------------------------------------------------------------------------------

PER_CELL = 4
"""Channels that are named of a cell."""
STRONGEST = 8
"""Channels that are named of the whole photo."""
ARGUED = 3
"""Classes that are argued for: the first of the verdict."""
ARGUMENTS = 4
"""Channels for a class, and against it, at most."""


@dataclass(frozen=True)
class Valued:
    """A channel and a value of it."""

    channel: int
    value: float


@dataclass(frozen=True)
class Argument:
    """Why a class: the channels that speak most for it and against it, by what they add to its score.

    `score` is the sum of what `channels` many channels add together (`sum`) and of the `rest`, which does not
    come through this layer's channels: of an exact one the biases behind it.
    """

    number: int
    supporting: tuple[Valued, ...]
    opposing: tuple[Valued, ...]
    channels: int
    sum: float
    rest: float
    score: float


def strongest_in_cells(seen: Seen, count: int = PER_CELL) -> list[tuple[Valued, ...]]:
    """Of each cell, row after row, the channels of the highest values above 0."""
    return [_highest(vector, count) for vector in seen.cells.reshape(-1, seen.cells.shape[-1])]


def strongest(seen: Seen, count: int = STRONGEST) -> tuple[Valued, ...]:
    """The channels that are highest anywhere in the photo, with their value there; of equal ones those that
    are higher on the whole."""
    return _highest(seen.peaks, count, seen.means)


def _highest(values: Array, count: int, then: Array | None = None) -> tuple[Valued, ...]:
    known = np.where(np.isfinite(values), values, 0)
    order = np.argsort(-known, kind="stable") if then is None else np.lexsort((-then, -known))
    return tuple(Valued(int(c), _rounded(known[c])) for c in order[:count] if known[c] > 0)


def strong_channels(seen: Seen) -> dict[int, float]:
    """The channels whose pages show the photo: those that are strongest in all of it, or in some cell; with
    the value of their strongest cell."""
    first = (found[0] for found in strongest_in_cells(seen, 1) if found)
    channels = {one.channel for one in (*strongest(seen), *first)}
    return {channel: _rounded(seen.peaks[channel]) for channel in sorted(channels)}


def mapped_channels(seen: Seen) -> tuple[int, ...]:
    """The channels of which pages show where they are on, upwards."""
    argued = (one for why in arguments(seen) for one in (*why.supporting, *why.opposing))
    return tuple(sorted({*strong_channels(seen), *(one.channel for one in argued)}))


def named_channels(seen: Seen) -> tuple[int, ...]:
    """All channels that the photo's page names, upwards."""
    of_cells = (one.channel for found in strongest_in_cells(seen) for one in found)
    return tuple(sorted({*mapped_channels(seen), *of_cells}))


def arguments(seen: Seen, count: int = ARGUED) -> tuple[Argument, ...]:
    """Why the first classes of the verdict; none where the layer does not lead to classes."""
    return tuple(_argument(seen, place) for place in range(min(count, len(seen.attributions))))


def _argument(seen: Seen, place: int) -> Argument:
    added = np.nan_to_num(seen.attributions[place].astype(np.float64))
    score, whole = float(seen.verdict.scores[place]), float(added.sum())
    return Argument(
        number=int(seen.verdict.numbers[place]),
        supporting=_highest(added, ARGUMENTS),
        opposing=tuple(Valued(one.channel, -one.value) for one in _highest(-added, ARGUMENTS)),
        channels=len(added),
        sum=_rounded(whole),
        rest=_rounded(score - whole),
        score=_rounded(score),
    )


def heat(seen: Seen, channel: int) -> Array:
    """Where a channel is on, (rows, columns) from 0 to 1, its strongest cell 1."""
    plane = np.nan_to_num(seen.cells[..., channel].astype(np.float64), posinf=0, neginf=0)
    return np.clip(plane / plane.max(), 0, 1) if plane.max() > 0 else np.zeros_like(plane)


def _rounded(value: Any) -> float:
    """With the digits that matter."""
    return float(f"{value:.5g}")
