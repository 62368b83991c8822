"""An optimisation's trajectory -> the points of a small plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 320, 96


@dataclass(frozen=True)
class Curve:
    """Points for an SVG polyline in a box of WIDTH x HEIGHT, and the values at its ends."""

    points: str
    first: float
    last: float
    lowest: float
    highest: float
    zero: float | None


def curve(trajectory: Sequence[float]) -> Curve | None:
    """The plot of a trajectory; None when there is nothing to plot."""
    if len(trajectory) < 2:
        return None
    lowest, highest = min(trajectory), max(trajectory)
    span = highest - lowest or 1.0

    def height(value: float) -> float:
        return round(HEIGHT - (value - lowest) / span * HEIGHT, 1)

    step = WIDTH / (len(trajectory) - 1)
    points = " ".join(f"{place * step:.0f},{height(value):g}" for place, value in enumerate(trajectory))
    zero = height(0.0) if lowest < 0 < highest else None
    return Curve(points, trajectory[0], trajectory[-1], lowest, highest, zero)
