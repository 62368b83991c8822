"""A layer's summary, second looks and correlations -> the facts of each of its channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.evidence.examples import Chooser, Found
from generator.evidence.facts import ChannelFacts, Example, Trust
from generator.evidence.fields import Box
from generator.evidence.histogram import Histogram, histogram
from generator.evidence.labels import preferences
from generator.evidence.summary import Summary
from generator.evidence.trust import strength

Array = NDArray[Any]

LABELS = 4
"""Labels that a channel prefers, as far as they are named."""

NEARLY_ALWAYS = 0.95
"""Share of positions from which on a channel is said to be nearly always on."""
SATURATED = 0.01
"""Share of sampled positions at a channel's very largest value from which on it is said to be saturated."""


@dataclass(frozen=True)
class Pictured:
    """An optimised picture: its recipe's name, what it reached, and whether that is a mean over positions
    (or one unit's value); `kinship` from a second look."""

    recipe: str
    reached: float
    mean: bool
    kinship: float | None = None


@dataclass(frozen=True)
class Layer:
    """What the facts of a layer are made from.

    `labels` are the data set's, and `place` gives the number by which facts name a photo, both by digest;
    `strongest`, `ordinary` and `lowest` say how many examples there are of each kind, the ordinary ones by
    quantile and interval; `box` gives the part of a picture that the unit at a position sees; `heats` the
    channel over a whole picture, by channel and digest, where it was looked at; `pictured` the optimised
    pictures by channel.
    """

    summary: Summary
    labels: Mapping[str, str]
    place: Callable[[str], int]
    box: Callable[[Found], Box]
    strongest: int = 9
    ordinary: int = 3
    lowest: int = 3
    heats: Mapping[tuple[int, str], Array] = field(default_factory=dict)
    pictured: Mapping[int, Sequence[Pictured]] = field(default_factory=dict)


def channel_facts(layer: Layer, channels: Sequence[int]) -> dict[int, ChannelFacts]:
    """The facts of channels that the data set tells; circuits, classes and relatives are added by others."""
    chooser = Chooser(layer.summary)
    preferred = preferences(layer.summary, layer.labels, LABELS)
    return {channel: _facts(layer, chooser, channel, tuple(preferred[channel])) for channel in channels}


def _facts(layer: Layer, chooser: Chooser, channel: int, labels: tuple[Any, ...]) -> ChannelFacts:
    summary = layer.summary

    def shown(found: Sequence[Found]) -> tuple[Example, ...]:
        return tuple(_example(layer, channel, one) for one in found)

    def between(low: float, high: float) -> tuple[Example, ...]:
        return shown(chooser.between(channel, low, high, layer.ordinary))

    ordinary = chooser.ordinary(channel, layer.ordinary)

    plot = histogram(summary.counts[channel], _marks(layer, channel))
    return ChannelFacts(
        strongest=shown(chooser.strongest(channel, layer.strongest)),
        ordinary={share: shown(found) for share, found in ordinary.items() if found},
        lowest=shown(chooser.lowest(channel, layer.lowest)),
        intervals=_intervals(plot, between),
        histogram=plot,
        density=_rounded(summary.density[channel]),
        pictures_on=_rounded(summary.on[channel] / max(1, summary.seen)),
        mean=_rounded(summary.mean[channel]),
        maximum=_rounded(summary.most[channel]),
        flags=tuple(_flags(summary, channel)),
        trust={one.recipe: _trust(summary, channel, one) for one in layer.pictured.get(channel, ())},
        labels=labels,
    )


def _example(layer: Layer, channel: int, found: Found) -> Example:
    heat = layer.heats.get((channel, found.digest))
    return Example(
        photo=layer.place(found.digest),
        value=_rounded(found.value),
        box=layer.box(found),
        heat=digits(heat, float(layer.summary.most[channel])),
    )


def _rounded(value: Any) -> float:
    """With the digits that matter: pages and files hold many of these."""
    return float(f"{value:.5g}")


DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def digits(heat: Array | None, largest: float) -> tuple[str, ...]:
    """A heat map (rows, columns) as rows of DIGITS, the last of which stands for `largest` and above."""
    if heat is None or not largest > 0:
        return ()
    last = len(DIGITS) - 1
    levels = np.clip(np.nan_to_num(heat) / largest * last, 0, last).round().astype(int)
    return tuple("".join(DIGITS[level] for level in row) for row in levels)


def _intervals(
    plot: Histogram | None, between: Callable[[float, float], tuple[Example, ...]]
) -> dict[int, tuple[Example, ...]]:
    bars = plot.bars if plot else ()
    found = {number: between(bar.low, bar.high) for number, bar in enumerate(bars)}
    return {number: examples for number, examples in found.items() if examples}


def _marks(layer: Layer, channel: int) -> dict[str, float]:
    """What is marked on the histogram's axis: the strongest example, and the pictures."""
    marks = {"strongest": float(layer.summary.most[channel])}
    return {**marks, **{one.recipe: one.reached for one in layer.pictured.get(channel, ())}}


def _flags(summary: Summary, channel: int) -> list[str]:
    flags = []
    if not summary.on[channel]:
        flags.append("never on")
    if summary.density[channel] > NEARLY_ALWAYS:
        flags.append("nearly always on")
    if summary.on[channel] and (summary.places[..., channel] == summary.most[channel]).mean() > SATURATED:
        flags.append("saturated")
    if summary.broken[channel]:
        flags.append("not always a number")
    return flags


def _trust(summary: Summary, channel: int, one: Pictured) -> Trust:
    """A mean is compared with the photos' means, a unit's value with all positions that were sampled."""
    compared = summary.means[:, channel] if one.mean else summary.places[..., channel].reshape(-1)
    largest = float(compared.max()) if one.mean else float(summary.most[channel])
    times = one.reached / largest if largest > 0 else None
    return Trust(strength(one.reached, compared), times, one.kinship)
