"""The facts of a channel -> what its page shows of them, laid out for templates as plain values."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from pathlib import PurePosixPath
from typing import Any

from generator.evidence.facts import (
    ChannelFacts,
    Circuit,
    ClassEffect,
    Connection,
    Example,
    LayerFacts,
)
from generator.gallery.drawings import Bars, Weights, bars, weights
from generator.gallery.elsewhere import Elsewhere, Known
from generator.gallery.pages import photo
from generator.gallery.sentences import looks_for

PERCENTILES = {0.5: "Median"}
"""What quantiles are called that have a name of their own."""


@dataclass(frozen=True, slots=True)
class Crop:
    """The part of a photo that a unit sees: `picture` is the photo's file, empty where there is none; its
    place is in shares of the photo's width and height."""

    photo: int
    picture: str
    name: str
    label: str
    value: float
    x: float
    y: float
    width: float
    height: float

    @property
    def words(self) -> str:
        """What the photo is: its label, or its name."""
        return self.label or self.name


@dataclass(frozen=True, slots=True)
class Wire:
    """A connection: `share` is its strength over the strongest shown beside it, -1 to 1."""

    channel: Known
    strength: float
    share: float
    kernel: Weights | None


@dataclass(frozen=True)
class Wiring:
    """The connections with the channels of one layer."""

    layer: str
    exciting: tuple[Wire, ...]
    inhibiting: tuple[Wire, ...]
    obstacle: str
    opened: bool


@dataclass(frozen=True, slots=True)
class Output:
    """An output that the channel raises or lowers; `share` as with connections; `channel` is its page."""

    name: str
    effect: float
    share: float
    channel: Known | None


@dataclass(frozen=True, slots=True)
class Relative:
    """A channel that behaves alike."""

    channel: Known
    correlation: float


class Findings:
    """What a page shows of a channel's facts.

    `photos` are the keys of the photos that the gallery has; `model` and `layer` are the names of the
    channel's own.
    """

    def __init__(
        self,
        facts: ChannelFacts,
        layer: LayerFacts,
        own: tuple[str, str],
        elsewhere: Elsewhere,
        photos: Container[str],
    ) -> None:
        self.facts, self.layer = facts, layer
        self._own, self._elsewhere, self._photos = own, elsewhere, photos

    @cached_property
    def sections(self) -> tuple[tuple[str, str], ...]:
        """The parts of the page that there are, as (place in the page, name), in their order."""
        there = {
            "picture": "Picture",
            "examples": "Examples" if self.strongest or self.lowest or self.ordinary else "",
            "trust": "Trust" if self.facts.trust else "",
            "circuits": "Built from" if self.built_from else "Used by" if self.feeds else "",
            "classes": "Classes" if self.facts.classes else "Labels" if self.facts.labels else "",
            "relatives": "Relatives" if self.relatives else "",
            "making": "Making",
        }
        return tuple((place, name) for place, name in there.items() if name)

    @property
    def ratio(self) -> float:
        """A photo's width over its height."""
        width, height = self.layer.photo_size
        return round(width / height, 4) if width and height else 1.0

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """What it looks for, in words."""
        return tuple(looks_for(self.facts, self.layer.seen))

    # -- examples ----------------------------------------------------------------------------------

    @cached_property
    def strongest(self) -> list[Crop]:
        """Where it is strongest."""
        return self._crops(self.facts.strongest)

    @cached_property
    def lowest(self) -> list[Crop]:
        """Where it is furthest below zero."""
        return self._crops(self.facts.lowest)

    @cached_property
    def ordinary(self) -> list[tuple[str, list[Crop]]]:
        """Ordinary examples by what their quantile is called, the highest first."""
        groups = sorted(self.facts.ordinary.items(), reverse=True)
        return [
            (PERCENTILES.get(share, f"{100 * share:g}th percentile"), self._crops(examples))
            for share, examples in groups
            if examples
        ]

    def _crops(self, examples: Iterable[Example]) -> list[Crop]:
        return [self._crop(example) for example in examples]

    def _crop(self, example: Example) -> Crop:
        shown, box = self.layer.photos[example.photo], example.box
        return Crop(
            photo=example.photo,
            picture=photo(shown.key) if shown.key in self._photos else "",
            name=shown.name,
            label=shown.label,
            value=example.value,
            x=round(box.left, 3),
            y=round(box.top, 3),
            width=round(box.right - box.left, 3),
            height=round(box.bottom - box.top, 3),
        )

    # -- how often ---------------------------------------------------------------------------------

    @cached_property
    def bars(self) -> Bars | None:
        """The histogram's drawing."""
        return bars(self.facts.histogram) if self.facts.histogram else None

    @cached_property
    def script(self) -> dict[str, Any]:
        """What the script shows on demand, as plain JSON values: heat maps by photo, the histogram's bars
        with the examples of each interval, and the photos of those."""
        plot = self.facts.histogram
        intervals = {number: self._crops(found) for number, found in self.facts.intervals.items()}
        shown = {crop.photo: crop for crops in intervals.values() for crop in crops if crop.picture}
        return {
            "photos": {number: [_stem(crop.picture), crop.words] for number, crop in shown.items()},
            "heats": self._heats(),
            "bars": [[_short(bar.low), _short(bar.high), bar.count] for bar in plot.bars] if plot else [],
            "intervals": {
                number: [
                    [crop.photo, _short(crop.value), crop.x, crop.y, crop.width, crop.height]
                    for crop in crops
                    if crop.picture
                ]
                for number, crops in intervals.items()
            },
        }

    def _heats(self) -> dict[int, str]:
        """Heat maps of the photos that the page shows from the start, as text."""
        facts = self.facts
        groups = (facts.strongest, facts.lowest, *facts.ordinary.values())
        heats = {example.photo: example.heat for group in groups for example in group if example.heat}
        # A map that is all zero lights nothing.
        lit = {number: rows for number, rows in heats.items() if any(row.strip("0") for row in rows)}
        return {number: "/".join(rows) for number, rows in lit.items()}

    # -- circuits, classes, relatives --------------------------------------------------------------

    @cached_property
    def built_from(self) -> list[Wiring]:
        """The channels that it is built from, by layer."""
        return [self._wiring(circuit) for circuit in self.facts.built_from if _any(circuit)]

    @cached_property
    def feeds(self) -> list[Wiring]:
        """The channels that it feeds, by layer."""
        return [self._wiring(circuit) for circuit in self.facts.feeds if _any(circuit)]

    def _wiring(self, circuit: Circuit) -> Wiring:
        largest = max(abs(one.strength) for one in (*circuit.exciting, *circuit.inhibiting)) or 1.0

        def wires(connections: Sequence[Connection]) -> tuple[Wire, ...]:
            return tuple(
                Wire(
                    self._elsewhere.find(self._own[0], one.layer, one.channel),
                    one.strength,
                    round(one.strength / largest, 3),
                    weights(one.kernel),
                )
                for one in connections
            )

        return Wiring(
            circuit.layer,
            wires(circuit.exciting),
            wires(circuit.inhibiting),
            circuit.obstacle,
            circuit.opened,
        )

    @cached_property
    def outputs(self) -> Mapping[str, list[Output]]:
        """The outputs that it raises and lowers most."""
        found = self.facts.classes
        if found is None:
            return {}
        largest = max((abs(one.effect) for one in (*found.raised, *found.lowered)), default=1.0) or 1.0

        def output(one: ClassEffect) -> Output:
            page = self._elsewhere.output(self._own[0], one.number)
            return Output(one.name, one.effect, round(one.effect / largest, 3), page)

        lists = {"Raises": found.raised, "Lowers": found.lowered}
        return {words: [output(one) for one in effects] for words, effects in lists.items() if effects}

    @cached_property
    def relatives(self) -> list[Relative]:
        """Channels that behave alike, the most alike first."""
        return [
            Relative(self._elsewhere.find(one.model, one.layer, one.channel), one.value)
            for one in self.facts.relatives
        ]


def _any(circuit: Circuit) -> bool:
    return bool(circuit.exciting or circuit.inhibiting)


def _stem(path: str) -> str:
    return PurePosixPath(path).stem


def _short(value: float) -> float | None:
    """Three digits that matter; JSON has no other numbers than finite ones."""
    return float(f"{value:.3g}") if isfinite(value) else None
