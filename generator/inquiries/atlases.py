"""Atlases of layers: what is to be placed and pictured for them, and what is known of their cells in the end.

Vectors come of the survey's tallies, so that the data set is not shown again. Once they are placed, cells
follow; those of the finest level need several hundred pictures, each of its own direction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from generator.cache.entries import Cache
from generator.config.atlas import AtlasConfig
from generator.datasets.blocks import blocks
from generator.datasets.sources import Item
from generator.engines.atlases import PlaceTask, RaiseTask
from generator.engines.pictures import PictureTask
from generator.engines.tasks import Task
from generator.evidence import atlas, effects, raising
from generator.evidence.atlas import Cells, Chart, Vectors
from generator.evidence.examples import Found
from generator.evidence.facts import Example
from generator.evidence.raising import Raised
from generator.evidence.tally import Tally, places_of
from generator.inquiries.directions import Directions
from generator.inquiries.inquiry import Inquiry
from generator.inquiries.pursuit import Round
from generator.inquiries.surveys import There, key_of, read_tally
from generator.targets import Direction

Array = NDArray[np.float32]

RAISED = 1024
"""Pictures on which classes are found out, at most."""


@dataclass(frozen=True)
class AtlasInquiry:
    """The atlas of a layer that an inquiry surveys."""

    inquiry: Inquiry
    layer: str
    settings: AtlasConfig

    rounds: ClassVar[frozenset[Round]] = frozenset({Round.FIRST, Round.SECOND, Round.DIRECTIONS})

    @property
    def model(self) -> str:
        """The model's name."""
        return self.inquiry.model

    @property
    def directions(self) -> Directions:
        """Its cells' pictures."""
        return Directions(self.inquiry.plan, self.model, self.layer)

    # -- keys --------------------------------------------------------------------------------------

    def chart_key(self, there: There) -> str:
        """The key of where the vectors of all tallies that are there stand."""
        return key_of(
            "chart",
            version=atlas.VERSION,
            weights=self.inquiry.survey.fingerprint,
            layer=self.layer,
            tallies=self.inquiry.tallies(self.layer, there),
        )

    def cells_key(self, there: There) -> str:
        """The key of the cells, their directions among it."""
        return key_of("cells", chart=self.chart_key(there), settings=self.settings.model_dump())

    @cached_property
    def raise_keys(self) -> dict[str, tuple[Item, ...]]:
        """Blocks of pictures by the key of what their vectors add to class scores; none where the layer does
        not lead to classes, or is derived."""
        survey, classes = self.inquiry.survey, self.inquiry.classes
        if self.layer not in classes.effect_keys or self.inquiry.anatomy.layer(self.layer).derived:
            return {}
        return {
            key_of(
                "raising",
                version=raising.VERSION,
                weights=survey.fingerprint,
                layer=self.layer,
                scores=classes.scores,
                fit=survey.fit,
                pictures=[item.digest for item in block],
            ): tuple(block)
            for block in blocks(effects.sample(survey.dataset.items, RAISED))
        }

    # -- tasks -------------------------------------------------------------------------------------

    def tasks(self, now: Round, there: There, cache: Cache, *, force: bool = False) -> Iterator[Task]:
        """What is due here (or all) in a round."""
        if now is Round.FIRST:
            yield from self._raising(() if force else there)
        elif now is Round.SECOND:
            yield from self._placing(there, cache, force=force)
        elif now is Round.DIRECTIONS:
            yield from self._pictures(there, cache, force=force)

    def _raising(self, there: There) -> Iterator[RaiseTask]:
        survey = self.inquiry.survey
        for key, items in self.raise_keys.items():
            if key not in there and self._is_mine(key):
                yield RaiseTask(
                    model=self.model,
                    config=survey.config,
                    fingerprint=survey.fingerprint,
                    layer=self.layer,
                    scores=self.inquiry.classes.scores,
                    dataset=survey.dataset.path,
                    fit=survey.fit,
                    items=items,
                    key=key,
                )

    def _placing(self, there: There, cache: Cache, *, force: bool) -> Iterator[PlaceTask]:
        key = self.chart_key(there)
        if (key in there and not force) or not self._is_surveyed(there) or not self._is_mine(key):
            return
        found = self.vectors(there, cache)
        points = atlas.components(found.values)
        if points is None:
            # Nothing is ever to be placed: noted, or it would be due for good.
            cache.put_entry(key, {"kind": "chart", "layer": self.layer, "vectors": len(found.values)}, {})
            return
        survey = self.inquiry.survey
        yield PlaceTask(
            model=self.model,
            config=survey.config,
            fingerprint=survey.fingerprint,
            layer=self.layer,
            pictures=found.pictures,
            owners=found.owners.astype(np.int32).tobytes(),
            places=found.places.astype(np.int32).tobytes(),
            points=points.tobytes(),
            dimensions=points.shape[1],
            key=key,
        )

    def _pictures(self, there: There, cache: Cache, *, force: bool) -> Iterator[PictureTask]:
        """The cells' pictures that are due, the coarsest level's first."""
        made = self.cells(there, cache, keep=True)
        for task in self.directions.tasks(_directions(made), () if force else there):
            wanted = tuple(one for one in task.wanted if self._is_mine(one.key))
            if wanted:
                yield replace(task, wanted=wanted)

    def _is_mine(self, key: str) -> bool:
        return self.inquiry.shard is None or key in self.inquiry.shard

    def _is_surveyed(self, there: There) -> bool:
        """Whether there is enough of the survey: something, or of a shard all of it."""
        found = self.inquiry.tallies(self.layer, there)
        return bool(found) and (
            self.inquiry.shard is None or len(found) == len(self.inquiry.survey.keys(self.layer))
        )

    def due(self, there: There) -> int:
        """How many of its jobs are to be done here and are not; at most, before cells are known."""
        raised = sum(key not in there and self._is_mine(key) for key in self.raise_keys)
        if self.chart_key(there) not in there:
            most = sum(side**2 for side in self.sides)
            return raised + (1 + most if self.inquiry.shard is None else 0)
        keys = self._picture_keys(there, Cache(self.inquiry.plan.config.cache))
        return raised + sum(key not in there and self._is_mine(key) for key in keys)

    def _picture_keys(self, there: There, cache: Cache) -> set[str]:
        of = self.directions
        return {of.key(way) for way in _directions(self.cells(there, cache))}

    def kept(self, there: There, cache: Cache) -> set[str]:
        """Keys of all its jobs, done or due."""
        own = {self.chart_key(there), self.cells_key(there), *self.raise_keys}
        return own | self._picture_keys(there, cache)

    # -- what there is -----------------------------------------------------------------------------

    @property
    def sides(self) -> tuple[int, ...]:
        """Cells in a row of each level, the coarsest first."""
        return atlas.sides(self.settings.cells, self.settings.levels)

    def vectors(self, there: There, cache: Cache) -> Vectors:
        """The vectors that are placed, of all tallies that are there."""
        return atlas.vectors(self._tallies(there, cache))

    def _tallies(self, there: There, cache: Cache) -> Iterator[Tally]:
        for key in self.inquiry.tallies(self.layer, there):
            if tally := read_tally(key, cache):
                yield tally

    def chart(self, there: There, cache: Cache) -> Chart | None:
        """Where they stand, if that is known."""
        data = cache.read(self.chart_key(there), "npz") if self.chart_key(there) in there else None
        return Chart.from_bytes(data) if data else None

    def cells(self, there: There, cache: Cache, *, keep: bool = False) -> Cells | None:
        """The cells of all levels, once vectors are placed; to be kept in the cache from then on, or not."""
        key = self.cells_key(there)
        if data := cache.read(key, "npz") if key in cache else None:
            return Cells.from_bytes(data)
        chart = self.chart(there, cache)
        if chart is None:
            return None
        grid = next(tally.grid for tally in self._tallies(there, cache))
        made = atlas.cells(
            self.vectors(there, cache),
            chart.plane,
            self.sides,
            self.settings.least,
            grid,
            whiten=self.settings.whiten,
        )
        if keep:
            cache.put_entry(key, {"kind": "cells", "layer": self.layer}, {"npz": made.to_bytes()})
        return made

    def raised(self, there: There, cache: Cache) -> list[Raised]:
        """What vectors add to class scores, as far as that is known."""
        found = (cache.read(key, "npz") for key in self.raise_keys if key in there)
        return [Raised.from_bytes(data) for data in found if data]

    def example(self, digest: str, place: int, number: int, positions: tuple[int, int]) -> Example:
        """The photo of that number, at one of its places."""
        row, column = (places_of(digest)[place] * positions).astype(int)
        found = Found(digest, int(row * positions[1] + column), 0.0)
        return Example(number, 0.0, self.inquiry.box(self.layer, positions, found))


def direction(way: Array) -> Direction:
    """A cell's direction."""
    return Direction(tuple(map(float, way)))


def _directions(made: Cells | None) -> list[Direction]:
    """Those of all cells, the coarsest level's first."""
    return [direction(way) for grid in made.grids for way in grid.ways] if made else []
