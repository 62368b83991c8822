"""Which positions of a data set a channel's page shows: the strongest, ordinary ones, and the lowest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.evidence.summary import Summary
from generator.evidence.tally import ON, SIDE, places_of

Array = NDArray[Any]

QUANTILES = (0.99, 0.9, 0.5)
ORDINARY = 3
"""Examples at each quantile, and of each interval of the histogram."""


@dataclass(frozen=True)
class Found:
    """A picture's digest, a position in the layer's grid, and the channel's value there."""

    digest: str
    position: int
    value: float


class Chooser:
    """Chooses the examples of a layer's channels from its summary."""

    def __init__(self, summary: Summary) -> None:
        self._summary = summary

    @cached_property
    def _spots(self) -> tuple[Array, Array]:
        """(rows, 2): the sample's row and the grid's position of each place that was read off."""
        rows, columns = self._summary.grid
        owners, spots = [], []
        for row, digest in enumerate(self._summary.sample):
            down, right = (places_of(digest) * (rows, columns)).astype(int).T
            spots.append(down * columns + right)
            owners.append(np.full(len(down), row))
        return np.concatenate(owners), np.concatenate(spots)

    def strongest(self, channel: int, count: int) -> list[Found]:
        """The strongest positions, at most two of one picture; of a channel that is never on, none."""
        if self._summary.most[channel] <= ON and not self.goes_negative(channel):
            return []
        return [Found(*peak) for peak in self._summary.highest.of(channel)[:count]]

    def lowest(self, channel: int, count: int) -> list[Found]:
        """The lowest positions of a channel that goes negative, one of a picture."""
        if not self.goes_negative(channel):
            return []
        return [Found(*peak) for peak in self._summary.lowest.of(channel)[:count]]

    def goes_negative(self, channel: int) -> bool:
        """Whether the channel is below zero anywhere."""
        return bool(self._summary.counts[channel, :SIDE].any())

    def ordinary(self, channel: int, count: int = ORDINARY) -> Mapping[float, list[Found]]:
        """By quantile the `count` sampled positions that are nearest to it, of different pictures."""
        values = self._values(channel)
        order = np.argsort(values, kind="stable")
        found = {}
        for quantile in QUANTILES:
            target = values[order[min(len(order) - 1, int(quantile * len(order)))]]
            near = np.argsort(np.abs(values - target), kind="stable")
            found[quantile] = self._apart(near, values, count)
        return found

    def between(self, channel: int, low: float, high: float, count: int = ORDINARY) -> list[Found]:
        """Sampled positions whose value lies from `low` to below `high`, of different pictures."""
        values = self._values(channel)
        inside = np.flatnonzero((values >= low) & (values < high))
        # Spread over the interval rather than the first that come.
        inside = inside[np.argsort(values[inside], kind="stable")]
        picked = inside[np.linspace(0, len(inside) - 1, min(len(inside), 4 * count)).astype(int)]
        return self._apart(picked[::-1], values, count)

    def _values(self, channel: int) -> Array:
        values: Array = self._summary.places[..., channel].reshape(-1)
        return values

    def _apart(self, order: Array, values: Array, count: int) -> list[Found]:
        owners, spots = self._spots
        found: dict[int, Found] = {}
        for place in order if count else ():
            owner = int(owners[place])
            if owner not in found:
                found[owner] = Found(self._summary.sample[owner], int(spots[place]), float(values[place]))
            if len(found) == count:
                break
        return list(found.values())
