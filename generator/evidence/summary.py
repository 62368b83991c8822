"""Tallies of blocks -> one summary of a layer over the whole data set, block by block, in bounded memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.evidence.tally import KEPT, KEPT_LOW, ON, SIDE, Peaks, Tally, chosen

Array = NDArray[Any]

SAMPLE = 1024
"""Pictures whose means and places are kept one by one; of larger sets a sample, the same for all layers."""


@dataclass(frozen=True)
class Positions:
    """Peaks with the digests of the pictures that they name by index."""

    pictures: tuple[str, ...]
    peaks: Peaks

    def of(self, channel: int) -> list[tuple[str, int, float]]:
        """A channel's peaks as (picture's digest, position, value), the most extreme first."""
        peaks = self.peaks
        return [
            (self.pictures[owner], int(position), float(value))
            for owner, position, value in zip(
                peaks.pictures[channel], peaks.positions[channel], peaks.values[channel], strict=True
            )
            if owner >= 0
        ]


@dataclass(frozen=True)
class Summary:
    """A layer's activations over a data set.

    `seen` is how many pictures there were, `grid` the rows and columns of the layer's positions. Of C
    channels: `counts` (C, BINS) int64 over all positions, `total` (C,) the sum of the pictures' means,
    `most` (C,) the largest value, `on` (C,) in how many pictures it is on anywhere, `broken` (C,) how many
    values were no numbers. `sample` are the digests of at most SAMPLE pictures, in order, `means` (S, C)
    their means and `places` (S, PLACES, C) what the layer is at `places_of` them.
    """

    seen: int
    grid: tuple[int, int]
    counts: Array
    total: Array
    most: Array
    on: Array
    broken: Array
    highest: Positions
    lowest: Positions
    sample: tuple[str, ...]
    means: Array
    places: Array

    @cached_property
    def positions(self) -> int:
        """Positions counted, of one channel."""
        return self.seen * self.grid[0] * self.grid[1]

    @cached_property
    def mean(self) -> Array:
        """Mean activation over all positions, (C,)."""
        average: Array = self.total / max(1, self.seen)
        return average

    @cached_property
    def density(self) -> Array:
        """Share of positions where a channel is on, (C,), from 0 to 1."""
        share: Array = self.counts[:, SIDE + 1 :].sum(axis=1) / max(1, self.positions)
        return share

    def quantile_bins(self, share: float) -> Array:
        """The bin in which each channel's quantile lies, (C,)."""
        reached: Array = (np.cumsum(self.counts, axis=1) >= share * self.positions).argmax(axis=1)
        return reached


def sampling_rank(digest: str) -> str:
    """Pictures with the lowest rank are the sample: by chance, but always the same ones."""
    return hashlib.sha256(f"sample {digest}".encode()).hexdigest()


class Merger:
    """Adds tallies up, one at a time; what it holds does not grow with the data set."""

    def __init__(self) -> None:
        self._first: Tally | None = None
        self._seen = 0
        self._rows: dict[str, tuple[Array, Array]] = {}
        self._highest: _Ranking = _Ranking(KEPT, -1)
        self._lowest: _Ranking = _Ranking(KEPT_LOW, 1)

    @property
    def empty(self) -> bool:
        """Whether nothing was added yet."""
        return self._first is None

    def add(self, tally: Tally) -> None:
        """Take a block in. Raises ValueError when it is of another layer's shape."""
        if self._first is None:
            self._first = tally
            self._counts = np.zeros_like(tally.counts)
            self._total = np.zeros(tally.channels)
            self._most = np.full(tally.channels, -np.inf, np.float32)
            self._on = np.zeros(tally.channels, np.int64)
            self._broken = np.zeros_like(tally.broken)
        elif (tally.grid, tally.channels) != (self._first.grid, self._first.channels):
            raise ValueError(f"a tally of {tally.grid} x {tally.channels} does not fit those before")
        self._seen += len(tally.pictures)
        self._counts += tally.counts
        # Sums of float32 depend on their order; of float64 rounded to float32 at the end they hardly do.
        self._total += tally.means.sum(axis=0, dtype=np.float64)
        self._most = np.maximum(self._most, tally.maxima.max(axis=0))
        self._on += (tally.maxima > ON).sum(axis=0)
        self._broken += tally.broken
        self._highest.add(tally.highest, tally.pictures)
        self._lowest.add(tally.lowest, tally.pictures)
        self._sample(tally)

    def _sample(self, tally: Tally) -> None:
        for index, digest in enumerate(tally.pictures):
            # Copies: a row of an array would keep all of its block in memory.
            self._rows[digest] = (tally.means[index].copy(), tally.places[index].copy())
        if len(self._rows) > SAMPLE:
            kept = sorted(self._rows, key=sampling_rank)[:SAMPLE]
            self._rows = {digest: self._rows[digest] for digest in kept}

    def summary(self) -> Summary:
        """The sum of all tallies so far. Raises ValueError when there was none."""
        if self._first is None:
            raise ValueError("there is no tally to add up")
        sample = tuple(sorted(self._rows))
        return Summary(
            seen=self._seen,
            grid=self._first.grid,
            counts=self._counts,
            total=self._total,
            most=self._most,
            on=self._on,
            broken=self._broken,
            highest=self._highest.peaks(),
            lowest=self._lowest.peaks(),
            sample=sample,
            means=np.stack([self._rows[digest][0] for digest in sample]),
            places=np.stack([self._rows[digest][1] for digest in sample]),
        )


class _Ranking:
    """The most extreme positions over all tallies so far."""

    def __init__(self, kept: int, sign: int) -> None:
        self._kept, self._sign = kept, sign
        self._pictures: tuple[str, ...] = ()
        self._peaks: Peaks | None = None

    def add(self, peaks: Peaks, pictures: tuple[str, ...]) -> None:
        both = (*self._pictures, *pictures)
        moved = np.where(peaks.pictures < 0, -1, peaks.pictures + len(self._pictures))
        if self._peaks is not None:
            old = self._peaks
            values = np.concatenate([old.values, peaks.values], axis=1)
            positions = np.concatenate([old.positions, peaks.positions], axis=1)
            moved = np.concatenate([old.pictures, moved], axis=1)
        else:
            values, positions = peaks.values, peaks.positions
        best = chosen(Peaks(values, moved, positions), both, self._kept, self._sign)
        used = np.unique(best.pictures[best.pictures >= 0])
        place = np.full(len(both), -1, np.int32)
        place[used] = np.arange(len(used))
        self._pictures = tuple(both[index] for index in used)
        owners = np.where(best.pictures < 0, -1, place[best.pictures]).astype(np.int32)
        self._peaks = Peaks(best.values, owners, best.positions)

    def peaks(self) -> Positions:
        assert self._peaks is not None
        return Positions(self._pictures, self._peaks)
