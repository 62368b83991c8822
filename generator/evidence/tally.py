"""What a layer did on some pictures, as a summary that adds up: the tallies of blocks make a survey's.

A tally is exact: whatever the order of the blocks and however they were cut, their sum is the same. Values
are counted in fixed bins, four to an octave, so that histograms of any blocks can be added.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.evidence.packed import arrays_of, packed, packed_sparse, unpacked_sparse

Array = NDArray[Any]

LOWEST, HIGHEST, PER_OCTAVE = -12, 12, 4
SIDE = (HIGHEST - LOWEST) * PER_OCTAVE
"""Bins on each side of zero."""
BINS = 2 * SIDE + 1
ON = 2.0**LOWEST
"""What is nearer to zero than this counts as zero: a unit is on above it."""

KEPT = 12
"""Strongest positions of a channel that a tally keeps."""
KEPT_LOW = 6
"""Lowest ones."""
OF_ONE_PICTURE = 2
"""How many of them may be of one picture."""
PLACES = 8
"""Places of each picture where all layers are read off, for correlations and ordinary examples."""


def edges() -> Array:
    """The bins' edges, (BINS + 1,), from below; the outermost hold everything beyond."""
    # Within an octave bins are of equal width, as the bits of a float have it.
    octave, part = np.divmod(np.arange(SIDE + 1), PER_OCTAVE)
    above = 2.0 ** (LOWEST + octave) * (1 + part / PER_OCTAVE)
    return np.concatenate([-above[::-1], above])


def bins_of(values: Array) -> Array:
    """The bin of each value, int32 from 0 to BINS - 1; `values` are float32 and no NaN."""
    bits = np.ascontiguousarray(values, np.float32).view(np.int32)
    # A float's upper bits are its exponent and the first bits of its fraction: its place on a log scale.
    place = (bits & 0x7FFFFFFF) >> 21
    place -= (127 + LOWEST) * PER_OCTAVE - 1
    np.clip(place, 0, SIDE, out=place)
    sign = (bits >> 31) | 1
    place *= sign
    place += SIDE
    return place


def places_of(digest: str) -> Array:
    """Where a picture of that digest is read off, (PLACES, 2): shares of height and width, in any layer."""
    drawn = hashlib.shake_128(f"places {digest}".encode()).digest(4 * PLACES)
    return (np.frombuffer(drawn, "<u2").reshape(PLACES, 2) + 0.5) / 2**16


@dataclass(frozen=True)
class Peaks:
    """Positions at which channels were strongest (or lowest), strongest first: arrays (channels, kept).

    `values` are float32, `pictures` indices into the tally's pictures and `positions` indices into its
    grid, row by row; where there are fewer, pictures is -1.
    """

    values: Array
    pictures: Array
    positions: Array


@dataclass(frozen=True)
class Tally:
    """A layer's activations on a block of pictures, summed up.

    `pictures` are digests, `grid` rows and columns of the layer's positions (1 x n for tokens, 1 x 1 where
    it has none). Of C channels and P pictures: `counts` (C, BINS) int64 over all positions, `means` and
    `maxima` (P, C) float32, `broken` (C,) int64 how many values were no numbers, `places` (P, PLACES, C)
    float32 the values at `places_of` each picture.
    """

    pictures: tuple[str, ...]
    grid: tuple[int, int]
    counts: Array
    means: Array
    maxima: Array
    broken: Array
    highest: Peaks
    lowest: Peaks
    places: Array

    @property
    def channels(self) -> int:
        """How many channels the layer has."""
        return int(self.counts.shape[0])

    def to_bytes(self) -> bytes:
        """As an .npz file; `from_bytes` reads it back."""
        arrays: dict[str, Any] = packed_sparse({name: getattr(self, name) for name in _PLAIN})
        for kind in ("highest", "lowest"):
            arrays |= {f"{kind}_{name}": getattr(getattr(self, kind), name) for name in _OF_PEAKS}
        return packed({"pictures": np.array(self.pictures, "S64"), "grid": np.array(self.grid), **arrays})

    @classmethod
    def from_bytes(cls, data: bytes) -> Tally:
        """A tally from what `to_bytes` gave; raises ValueError, KeyError, OSError or EOFError else."""
        arrays = unpacked_sparse(arrays_of(data))
        highest, lowest = (
            Peaks(*(arrays[f"{kind}_{name}"] for name in _OF_PEAKS)) for kind in ("highest", "lowest")
        )
        pictures = tuple(name.decode() for name in arrays["pictures"].tolist())
        rows, columns = arrays["grid"].tolist()
        plain = {name: arrays[name] for name in _PLAIN}
        return cls(pictures=pictures, grid=(rows, columns), highest=highest, lowest=lowest, **plain)


_PLAIN = ("counts", "means", "maxima", "broken", "places")
_OF_PEAKS = ("values", "pictures", "positions")


class Counter:
    """Makes a layer's tally of pictures that come one after the other."""

    def __init__(self, channels: int, grid: tuple[int, int]) -> None:
        self._grid, self._channels = grid, channels
        self._counts = np.zeros((channels, BINS), np.int64)
        self._broken = np.zeros(channels, np.int64)
        self._pictures: list[str] = []
        self._means: list[Array] = []
        self._maxima: list[Array] = []
        self._places: list[Array] = []
        self._tops: list[tuple[Array, Array]] = []
        self._lows: list[tuple[Array, Array]] = []
        self._offsets = (np.arange(channels, dtype=np.int32) * BINS)[:, None]

    def add(self, digests: Sequence[str], activations: Array) -> None:
        """Take in what the layer gave for pictures: (pictures, positions, channels) float32."""
        # Channel by channel from here on: each stays in the processor's cache.
        values = np.ascontiguousarray(activations.transpose(0, 2, 1), np.float32)
        values = self._without_broken(values)
        self._pictures += digests
        self._means += list(values.mean(axis=2))
        self._count(values)
        for digest, found in zip(digests, values, strict=True):
            shares = places_of(digest)
            rows, columns = (np.int64(shares[:, axis] * self._grid[axis]) for axis in (0, 1))
            self._places.append(found[:, rows * self._grid[1] + columns].T)
        self._note_peaks(values)

    def _count(self, values: Array) -> None:
        if np.count_nonzero(values != 0) < values.size / 2:
            self._count_others_than_zero(values)
            return
        # Adding up costs as much as BINS positions do: of small planes several are counted first.
        together = max(1, BINS // values.shape[2])
        for start in range(0, len(values), together):
            at = bins_of(values[start : start + together])
            at += self._offsets
            counted = np.bincount(at.ravel(), minlength=self._counts.size)
            self._counts += counted.reshape(self._counts.shape)

    def _count_others_than_zero(self, values: Array) -> None:
        """Behind a ReLU most values are zero, and need not be looked at one by one."""
        flat = values.reshape(-1)
        places = np.flatnonzero(flat != 0)
        channels = places // values.shape[2] % self._channels
        counted = np.bincount(bins_of(flat[places]) + channels * BINS, minlength=self._counts.size)
        others = counted.reshape(self._counts.shape)
        self._counts += others
        self._counts[:, SIDE] += len(values) * values.shape[2] - others.sum(axis=1)

    def _without_broken(self, values: Array) -> Array:
        if np.isfinite(values.sum()) or np.isfinite(values).all():
            return values
        broken = np.isnan(values)
        self._broken += broken.sum(axis=(0, 2))
        return np.where(broken, np.float32(0), values)

    def _note_peaks(self, values: Array) -> None:
        """Note each picture's strongest and lowest positions, and its maxima."""
        rows = values.reshape(-1, values.shape[2])
        shape = (len(values), self._channels, -1)
        high = tuple(found.reshape(shape) for found in _extremes(rows, np.argmax, -np.inf, OF_ONE_PICTURE))
        self._tops += zip(*high, strict=True)
        self._maxima += list(high[0][..., 0])
        if values.min() < -ON:
            low = tuple(found.reshape(shape) for found in _extremes(rows, np.argmin, np.inf, 1))
        else:
            none = np.zeros((len(values), self._channels, 1))
            low = (none.astype(np.float32), none.astype(np.int32))
        self._lows += zip(*low, strict=True)

    def tally(self) -> Tally:
        """The tally of all that came."""
        pictures = tuple(self._pictures)
        return Tally(
            pictures=pictures,
            grid=self._grid,
            counts=self._counts,
            means=np.stack(self._means),
            maxima=np.stack(self._maxima),
            broken=self._broken,
            highest=_best(self._tops, pictures, KEPT, sign=-1),
            lowest=_best(self._lows, pictures, KEPT_LOW, sign=1),
            places=np.stack(self._places),
        )


def _extremes(values: Array, find: Any, gone: float, count: int) -> tuple[Array, Array]:
    """The `count` most extreme values of each channel, and where: (channels, count) each."""
    every = np.arange(len(values))
    found: list[tuple[Array, Array]] = []
    for number in range(min(count, values.shape[1])):
        if number:
            values[every, found[-1][1]] = gone
        place = find(values, axis=1).astype(np.int32)
        found.append((values[every, place], place))
    for value, place in found[:-1]:
        values[every, place] = value
    return np.stack([value for value, _ in found], axis=1), np.stack([place for _, place in found], axis=1)


def _best(found: Sequence[tuple[Array, Array]], pictures: Sequence[str], kept: int, sign: int) -> Peaks:
    values = np.concatenate([values for values, _ in found], axis=1)
    positions = np.concatenate([where for _, where in found], axis=1)
    each = found[0][0].shape[1]
    owner = np.repeat(np.arange(len(pictures), dtype=np.int32), each)[None].repeat(len(values), axis=0)
    return chosen(Peaks(values, owner, positions), pictures, kept, sign)


def chosen(peaks: Peaks, pictures: Sequence[str], kept: int, sign: int) -> Peaks:
    """The `kept` first of peaks by value (`sign` -1: from above, 1: from below).

    Equal ones stand by picture's digest, then by position, so that no order of merging matters. A value of
    zero is no peak.
    """
    rank = np.empty(len(pictures) + 1, np.int64)
    rank[np.argsort(np.array([*pictures, ""]), kind="stable")] = np.arange(len(pictures) + 1)
    is_peak = (peaks.pictures >= 0) & (peaks.values != 0)
    scores = np.where(is_peak, sign * peaks.values, np.inf)
    kept = min(kept, scores.shape[1])
    # Those that can't be among the first need no sorting.
    last = np.partition(scores, kept - 1, axis=1)[:, kept - 1 : kept]
    channel, column = np.nonzero(is_peak & (scores <= last))
    found = (part[channel, column] for part in (peaks.positions, rank[peaks.pictures], scores))
    order = np.lexsort((*found, channel))
    channel, column = channel[order], column[order]
    place = np.arange(len(channel)) - np.searchsorted(channel, channel)
    channel, column, place = (part[place < kept] for part in (channel, column, place))
    best = Peaks(
        np.zeros((len(scores), kept), np.float32),
        np.full((len(scores), kept), -1, np.int32),
        np.zeros((len(scores), kept), np.int32),
    )
    for part, whole in zip(_OF_PEAKS, (peaks.values, peaks.pictures, peaks.positions), strict=True):
        getattr(best, part)[channel, place] = whole[channel, column]
    return best
