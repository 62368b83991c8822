"""Fine bins -> the bars of a small plot, with what stands where on its axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.evidence.tally import SIDE, bins_of, edges

Array = NDArray[Any]

MOST_BARS = 36


@dataclass(frozen=True)
class Bar:
    """Positions whose activation lies from `low` to `high`; `height` is the bar's, 0 to 1, on a log scale."""

    low: float
    high: float
    count: int
    height: float


@dataclass(frozen=True)
class Histogram:
    """A channel's activations over all positions of a data set.

    The axis runs from the first bar to the last, each of the same width: it is logarithmic, about zero.
    `marks` are places on it, 0 to 1, by name; `zeros` is the share of positions at zero.
    """

    bars: tuple[Bar, ...]
    marks: Mapping[str, float]
    zeros: float

    def bar_of(self, value: float) -> int:
        """The number of the bar that a value falls into; those beyond fall into the outermost."""
        for number, bar in enumerate(self.bars):
            if value < bar.high:
                return number
        return len(self.bars) - 1


def histogram(counts: Array, marks: Mapping[str, float]) -> Histogram | None:
    """The plot of a channel's counts (BINS,), with values to be marked; None when nothing was counted."""
    at = {
        name: int(bins_of(np.array([value], np.float32))[0])
        for name, value in marks.items()
        if np.isfinite(value)
    }
    used = [*np.flatnonzero(counts).tolist(), *at.values()]
    if not counts.any():
        return None
    first, last = min(used), max(used)
    width = -(-(last - first + 1) // MOST_BARS)
    # Zero keeps a bar of its own: bars are laid out from it both ways.
    start = SIDE - -(-max(0, SIDE - first) // width) * width if first <= SIDE else first
    bounds = edges()
    bars = []
    for low in _starts(start, last, width):
        high = SIDE + 1 if low == SIDE else min(low + width, SIDE) if low < SIDE else low + width
        bars.append((low, high, int(counts[low:high].sum())))
    tallest = np.log1p(max(count for _, _, count in bars))
    found = tuple(
        Bar(
            float(bounds[low]),
            float(bounds[min(high, len(bounds) - 1)]),
            count,
            float(np.log1p(count) / tallest),
        )
        for low, high, count in bars
    )
    places = {name: _place(place, bars) for name, place in at.items()}
    return Histogram(found, places, float(counts[SIDE] / counts.sum()))


def _starts(start: int, last: int, width: int) -> list[int]:
    starts, low = [], max(0, start)
    while low <= last:
        starts.append(low)
        low = SIDE + 1 if low == SIDE else min(low + width, SIDE) if low < SIDE else low + width
    return starts


def _place(fine: int, bars: list[tuple[int, int, int]]) -> float:
    """Where a fine bin stands on the axis, 0 to 1."""
    for number, (low, high, _) in enumerate(bars):
        if low <= fine < high:
            return (number + (fine - low + 0.5) / (high - low)) / len(bars)
    return 1.0 if fine >= bars[-1][1] else 0.0
