"""Many values between two ends -> the bars of a small plot, with counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

WIDTH, HEIGHT = 200, 48
BARS = 20

Ends = tuple[float, float]
SHARE: Ends = (0.0, 1.0)


@dataclass(frozen=True)
class Bar:
    """So many (`count`) values from `low` to `high`; `height` is the bar's in the plot's units."""

    low: float
    high: float
    count: int
    x: float
    height: float


@dataclass(frozen=True)
class Spread:
    """How values lie between two `ends`, as BARS bars in a box of WIDTH x HEIGHT.

    The outermost bars hold what lies beyond, too. `known` values there are, and `unknown` are the others.
    """

    bars: tuple[Bar, ...]
    known: int
    unknown: int
    median: float
    ends: Ends = SHARE

    @property
    def median_x(self) -> float:
        """Where the median stands in the plot."""
        return round(min(max(_share(self.median, self.ends), 0.0), 1.0) * WIDTH, 1)


def _share(value: float, ends: Ends) -> float:
    return (value - ends[0]) / (ends[1] - ends[0])


def spread(values: Iterable[float | None], ends: Ends = SHARE) -> Spread | None:
    """The plot of values, where None is not known; None where none is."""
    values = list(values)
    known = [value for value in values if value is not None]
    if not known:
        return None
    counts = [0] * BARS
    for value in known:
        counts[min(max(int(_share(value, ends) * BARS), 0), BARS - 1)] += 1
    tallest = max(counts)
    width = (ends[1] - ends[0]) / BARS
    bars = tuple(
        Bar(
            low=round(ends[0] + place * width, 6),
            high=round(ends[0] + (place + 1) * width, 6),
            count=count,
            x=place * WIDTH / BARS,
            # The lowest bar can be seen.
            height=round(max(1.5, count / tallest * HEIGHT), 1) if count else 0.0,
        )
        for place, count in enumerate(counts)
    )
    return Spread(bars, len(known), len(values) - len(known), median(known), ends)
