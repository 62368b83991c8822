"""What is known of an atlas's cells, as frozen values: what its page and its export are made from."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from generator.evidence.atlas import Cells, Chart, Grid, cells_of
from generator.evidence.facts import ClassEffect, Example, Photo

Array = NDArray[Any]

CHANNELS, CLASSES, EXAMPLES = 5, 4, 4
"""Channels, classes and nearest examples of a cell that are named, at most."""
DOUBT = 2
"""Vectors without effect that are added where classes are put in order: what one vector says is little."""


@dataclass(frozen=True)
class ChannelValue:
    """A channel that is stronger in a cell than elsewhere: its mean there, and how many times its spread over
    all vectors that is above its mean over all."""

    channel: int
    value: float
    above: float


@dataclass(frozen=True)
class AtlasCell:
    """A cell: where it is in its level's grid, from above and from the left, and its vectors.

    `key` is the cache's entry of its picture. `examples` are the vectors nearest to its mean, their values
    unsaid; `classes` what its vectors add to the scores of the classes of their photos, `photos` being how
    many vectors that is the mean of; `labels` (number of the atlas's label, vectors), the most first.
    """

    row: int
    column: int
    count: int
    key: str
    examples: tuple[Example, ...] = ()
    channels: tuple[ChannelValue, ...] = ()
    classes: tuple[ClassEffect, ...] = ()
    labels: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class AtlasLevel:
    """`side` x `side` cells, of which those are listed that have enough vectors."""

    side: int
    cells: tuple[AtlasCell, ...]


@dataclass(frozen=True)
class AtlasFacts:
    """An atlas: its levels, the coarsest first, of so many `vectors` of `pictures` of a data set.

    `least` are the vectors that a cell needs to be listed; `whitened` says what pictures are of; `labels` are
    the data set's as far as vectors have any; photos are as in `LayerFacts`.
    """

    dataset: str
    licence: str
    pictures: int
    vectors: int
    least: int
    whitened: bool
    labels: tuple[str, ...]
    photos: tuple[Photo, ...]
    photo_size: tuple[int, int]
    levels: tuple[AtlasLevel, ...]

    def to_json(self) -> bytes:
        """As JSON; `from_json` reads it back."""
        return _adapter().dump_json(self)

    @classmethod
    def from_json(cls, data: bytes) -> AtlasFacts:
        """Facts from what `to_json` gave; raises ValueError for anything else."""
        try:
            return _adapter().validate_json(data)
        except ValidationError as error:
            raise ValueError(str(error)) from None


@cache
def _adapter() -> TypeAdapter[AtlasFacts]:
    return TypeAdapter(AtlasFacts)


@dataclass(frozen=True)
class Known:
    """What cells are told by: `keys` gives the key of a cell's picture, by its direction; `example` the photo
    at a place of a picture, by digest and number of the place; `label_of` is by digest;
    `raised` what `raising.classes_of` gives; `classes` are their names."""

    chart: Chart
    cells: Cells
    keys: Callable[[Array], str]
    example: Callable[[str, int], Example]
    label_of: Mapping[str, str]
    raised: Mapping[str, tuple[Array, Array]]
    classes: Sequence[str]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that vectors have."""
        used = (self.label_of.get(digest, "") for digest in self.chart.pictures)
        return tuple(sorted({label for label in used if label}))

    def levels(self) -> tuple[AtlasLevel, ...]:
        """All that is known of each level's cells."""
        return tuple(AtlasLevel(grid.side, tuple(self._cells(grid))) for grid in self.cells.grids)

    def _cells(self, grid: Grid) -> list[AtlasCell]:
        numbers = cells_of(self.chart.plane, grid.side)
        place = {label: number for number, label in enumerate(self.labels)}
        return [
            AtlasCell(
                row=int(number) // grid.side,
                column=int(number) % grid.side,
                count=int(grid.counts[at]),
                key=self.keys(grid.ways[at]),
                examples=self._examples(grid.nearest[at]),
                channels=self._channels(grid.means[at]),
                classes=self._classes(np.flatnonzero(numbers == number)),
                labels=self._labels(np.flatnonzero(numbers == number), place),
            )
            for at, number in enumerate(grid.cells)
        ]

    def _examples(self, nearest: Array) -> tuple[Example, ...]:
        chart = self.chart
        return tuple(
            self.example(chart.pictures[chart.owners[one]], int(chart.places[one]))
            for one in nearest[:EXAMPLES]
            if one >= 0
        )

    def _channels(self, mean: Array) -> tuple[ChannelValue, ...]:
        cells = self.cells
        above = np.where(cells.spread > 0, (mean - cells.mean) / np.maximum(cells.spread, 1e-12), 0)
        first = np.argsort(-above, kind="stable")[:CHANNELS]
        return tuple(
            ChannelValue(int(channel), _short(mean[channel]), _short(above[channel]))
            for channel in first
            if above[channel] > 0
        )

    def _classes(self, members: Array) -> tuple[ClassEffect, ...]:
        found: defaultdict[int, list[float]] = defaultdict(list)
        for member in members:
            digest = self.chart.pictures[self.chart.owners[member]]
            if digest in self.raised:
                classes, added = self.raised[digest]
                for number, value in zip(classes, added[self.chart.places[member]], strict=True):
                    found[int(number)].append(float(value))
        ordered = sorted(found, key=lambda one: (-sum(found[one]) / (len(found[one]) + DOUBT), one))
        raised = [
            ClassEffect(one, self._name(one), _short(sum(found[one]) / len(found[one])), len(found[one]))
            for one in ordered[:CLASSES]
            if sum(found[one]) > 0
        ]
        return tuple(sorted(raised, key=lambda one: -one.effect))

    def _name(self, number: int) -> str:
        return self.classes[number] if number < len(self.classes) else f"class {number}"

    def _labels(self, members: Array, place: Mapping[str, int]) -> tuple[tuple[int, int], ...]:
        owners = (self.chart.pictures[owner] for owner in self.chart.owners[members])
        counted = Counter(label for digest in owners if (label := self.label_of.get(digest, "")))
        ordered = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
        return tuple((place[label], count) for label, count in ordered)


def _short(value: float) -> float:
    return float(f"{value:.4g}")
