"""The facts of a channel -> what its page shows of them, laid out for templates as plain values."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from math import isfinite
from typing import Any

from markupsafe import Markup

from generator.evidence.facts import (
    ChannelFacts,
    Circuit,
    ClassEffect,
    Connection,
    Example,
    LayerFacts,
)
from generator.gallery.drawings import Bars, Weights, bars, packed, weights
from generator.gallery.elsewhere import Elsewhere, Known
from generator.gallery.photo_views import photo
from generator.gallery.sentences import looks_for

PERCENTILES = {0.5: "Median"}
"""What quantiles are called that have a name of their own."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A photo of the data set as the pages of a layer show it: `picture` is its file's address, empty where
    there is none, and `words` what it is: its label, or its name."""

    number: int
    picture: str
    name: str
    label: str
    words: str


@dataclass(frozen=True, slots=True)
class Crop:
    """The part of a photo that a unit sees; `style` is where, in shares of the photo's width and height."""

    photo: Shown
    value: float
    style: str


@dataclass(frozen=True, slots=True)
class Wire:
    """A connection with a channel, shown by `link`: `share` is its strength over the strongest of its
    circuit, -1 to 1."""

    link: Markup
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
    """An output that the channel raises or lowers; `share` as with connections; `channel` is its page, and
    `photos` how many it rests on, 0 where it follows from weights."""

    name: str
    effect: float
    share: float
    channel: Known | None
    photos: int


@dataclass(frozen=True, slots=True)
class Relative:
    """A channel that behaves alike."""

    link: Markup
    correlation: float


class Surroundings:
    """What the pages of a layer share: its facts, its photos, and the channels that they lead to.

    `own` is the name of the model, `photos` are the keys of the photos that the gallery has, and `draw` shows
    a channel as a link, with or without the name of its layer.
    """

    def __init__(
        self,
        facts: LayerFacts,
        own: str,
        elsewhere: Elsewhere,
        photos: Container[str],
        draw: Callable[[Known, bool], Markup],
    ) -> None:
        self.facts, self.own, self.elsewhere = facts, own, elsewhere
        self.link = cache(draw)
        self.photos = [
            Shown(
                number=number,
                picture=photo(one.key) if one.key in photos else "",
                name=one.name,
                label=one.label,
                words=one.label or one.name,
            )
            for number, one in enumerate(facts.photos)
        ]

    @property
    def ratio(self) -> float:
        """A photo's width over its height."""
        width, height = self.facts.photo_size
        return round(width / height, 4) if width and height else 1.0

    def findings(self, channel: int) -> Findings | None:
        """What the page of a channel shows, if anything is known of it."""
        facts = self.facts.channels.get(channel)
        return Findings(facts, self) if facts else None

    def linked(self, model: str, layer: str, channel: int, place: bool = False) -> Markup:
        """A channel anywhere in the gallery, as a link."""
        return self.link(self.elsewhere.find(model, layer, channel), place)


class Findings:
    """What a page shows of a channel's facts."""

    def __init__(self, facts: ChannelFacts, around: Surroundings) -> None:
        self.facts, self.around, self.layer = facts, around, around.facts

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
        left, top, width, height = _place(example)
        style = f"--x:{left};--y:{top};--w:{width};--h:{height}"
        return Crop(self.around.photos[example.photo], example.value, style)

    # -- how often ---------------------------------------------------------------------------------

    @cached_property
    def bars(self) -> Bars | None:
        """The histogram's drawing."""
        return bars(self.facts.histogram) if self.facts.histogram else None

    @cached_property
    def script(self) -> dict[str, Any]:
        """What the script shows on demand, as plain JSON values: heat maps by photo, and the histogram's
        bars with the examples of each interval."""
        plot, photos = self.facts.histogram, self.around.photos
        intervals = {
            number: [example for example in found if photos[example.photo].picture]
            for number, found in self.facts.intervals.items()
        }
        return {
            "heats": self._heats(),
            "bars": [[_short(bar.low), _short(bar.high), bar.count] for bar in plot.bars] if plot else [],
            "intervals": {
                number: [[example.photo, _short(example.value), *_place(example)] for example in found]
                for number, found in intervals.items()
            },
        }

    def _heats(self) -> dict[int, str]:
        """Heat maps of the photos that the page shows from the start, as text."""
        facts = self.facts
        groups = (facts.strongest, facts.lowest, *facts.ordinary.values())
        heats = {example.photo: example.heat for group in groups for example in group if example.heat}
        # A map that is all zero lights nothing.
        lit = {number: rows for number, rows in heats.items() if any(row.strip("0") for row in rows)}
        return {number: packed(rows) for number, rows in lit.items()}

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
                    self.around.linked(self.around.own, one.layer, one.channel),
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
            page = self.around.elsewhere.output(self.around.own, one.number)
            return Output(one.name, one.effect, round(one.effect / largest, 3), page, one.photos)

        lists = {"Raises": found.raised, "Lowers": found.lowered}
        return {words: [output(one) for one in effects] for words, effects in lists.items() if effects}

    @cached_property
    def relatives(self) -> list[Relative]:
        """Channels that behave alike, the most alike first."""
        nearest = sorted(self.facts.relatives, key=lambda one: -one.value)
        return [
            Relative(self.around.linked(one.model, one.layer, one.channel, place=True), one.value)
            for one in nearest
        ]


def _any(circuit: Circuit) -> bool:
    return bool(circuit.exciting or circuit.inhibiting)


def _place(example: Example) -> tuple[float, float, float, float]:
    """Left edge, top, width and height of what the unit sees, in shares of the photo's."""
    box = example.box
    shares = (box.left, box.top, box.right - box.left, box.bottom - box.top)
    # Whole ones as whole numbers: they are many, and shorter so.
    left, top, width, height = (int(share) if share in (0, 1) else round(share, 3) for share in shares)
    return left, top, width, height


def _short(value: float) -> float | None:
    """Three digits that matter; JSON has no other numbers than finite ones."""
    return float(f"{value:.3g}") if isfinite(value) else None
