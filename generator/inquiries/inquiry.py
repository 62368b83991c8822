"""A plan and its data sets -> inquiries: what is to be found out about each model beside its pictures.

An inquiry knows its jobs and their keys, and makes tasks of those that are due. Tallies come first; a second
look needs them, and the optimised pictures; circuits need nothing but the network.

A shard's inquiry does what depends on nothing where its key, or that of its lot, falls into the shard. Of
second looks and recognitions, whose keys name all that they rest on, it does only those for which everything
is there; what rests on other shards' work is left to whoever has it all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from generator.cache.entries import Cache
from generator.engines.surveys import CircuitTask, LookTask, Place
from generator.engines.tasks import Task
from generator.evidence.examples import Chooser, Found
from generator.evidence.fields import WHOLE, Box
from generator.evidence.summary import Summary
from generator.inquiries.classes import ClassInquiry
from generator.inquiries.pursuit import Round
from generator.inquiries.surveys import Survey, There, key_of
from generator.models.anatomy import Anatomy
from generator.models.ancestry import ancestors, feeding
from generator.plan import Job, Plan
from generator.selection import Shard
from generator.targets import WHOLE as WHOLE_LAYER

LOOK_VERSION, CIRCUIT_VERSION = 4, 3
"""Raised whenever the same inputs give another result."""

USUAL_SIDE = 224
"""Pixels of the input's side where a network leaves it open; as models/taps.py has it."""

WAY = 6
"""Layers from the input to a layer, itself included, along which kinship is measured."""
TOGETHER = 32
"""Channels whose circuits are one job."""
TRUSTED = ("channel", "neuron", "logit")
"""Objectives whose pictures stand for what a channel is on for."""


@dataclass(frozen=True)
class Inquiry:
    """What a data set, named `source` in the config, is to tell of a model of the plan; `shard` is the part
    that is to be done here, None for all."""

    plan: Plan
    model: str
    source: str
    survey: Survey
    shard: Shard | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        """The model's layers that have pictures in the plan."""
        return self.survey.layers

    @property
    def anatomy(self) -> Anatomy:
        """The model's."""
        return self.plan.models[self.model]

    @property
    def canvas(self) -> tuple[int, int]:
        """Height and width of the pictures that the network is shown."""
        height, width = self.anatomy.input_shape[:2]
        return int(height or USUAL_SIDE), int(width or USUAL_SIDE)

    @cached_property
    def classes(self) -> ClassInquiry:
        """What is to be found out about its classes."""
        return ClassInquiry(self.plan, self.model, self.survey)

    @cached_property
    def jobs(self) -> Mapping[str, tuple[Job, ...]]:
        """The pictures of single channels, by layer."""
        found: dict[str, list[Job]] = {layer: [] for layer in self.layers}
        for job in self.plan.jobs:
            if job.model == self.model and job.layer in found and job.channel != WHOLE_LAYER:
                found[job.layer].append(job)
        return {layer: tuple(jobs) for layer, jobs in found.items()}

    def channels(self, layer: str) -> tuple[int, ...]:
        """The channels of a layer that have pages."""
        return tuple(sorted({job.channel for job in self.jobs[layer]}))

    def tallies(self, layer: str, there: There) -> tuple[str, ...]:
        """Keys of a layer's tallies that are made."""
        return tuple(key for key in self.survey.keys(layer) if key in there)

    # -- second looks ------------------------------------------------------------------------------

    def trusted(self, layer: str, there: There) -> tuple[Job, ...]:
        """The finished pictures whose strength and kinship can be told."""
        return tuple(job for job in self._trustable(layer) if job.key in there)

    def _trustable(self, layer: str) -> tuple[Job, ...]:
        recipes = {
            name
            for name, recipe in self.plan.recipes.items()
            if recipe.objective in TRUSTED and recipe.pictures == 1
        }
        return tuple(job for job in self.jobs[layer] if job.recipe_name in recipes)

    def way(self, layer: str) -> tuple[str, ...]:
        """Layers from the input up to a layer, evenly spread, the layer itself last."""
        above = ancestors(self.anatomy, layer)
        found = [one.name for one in self.anatomy.layers if one.name in above and one.renderable]
        count = min(WAY - 1, len(found))
        chosen = [found[(2 * number + 1) * len(found) // (2 * count)] for number in range(count)]
        return (*dict.fromkeys(chosen), layer)

    def look_key(self, layer: str, there: There) -> str:
        """The key of the second look at what there is now."""
        settings = self.plan.config.evidence
        return key_of(
            "look",
            version=LOOK_VERSION,
            weights=self.survey.fingerprint,
            way=[self.survey.identity(one) for one in self.way(layer)],
            tallies=self.tallies(layer, there),
            pictures=[job.key for job in self.trusted(layer, there)],
            channels=self.channels(layer),
            shown=[settings.strongest, settings.ordinary, settings.lowest, settings.crop],
        )

    def looks(self, there: There, cache: Cache, *, force: bool = False) -> Iterator[LookTask]:
        """The second looks that are due (or all) and possible."""
        for layer in self.layers:
            key = self.look_key(layer, there)
            if (key in there and not force) or not self._looks_at(layer, there):
                continue
            summary = self.survey.summary(layer, cache)
            if summary is not None:
                yield self._look(layer, key, summary, there, cache)

    def _looks_at(self, layer: str, there: There) -> bool:
        """Whether a layer is to be looked at here, now that so much of it is there."""
        if self.shard is None or not self.channels(layer):
            return bool(self.channels(layer))
        needed = (*self.survey.keys(layer), *(job.key for job in self._trustable(layer)))
        return all(key in there for key in needed) and self.look_key(layer, there) in self.shard

    def _judges(self, there: There) -> bool:
        """The same of the model's judgement of other models' pictures."""
        if self.shard is None:
            return True
        return self.classes.may_judge(there) and self.classes.recognition_key(there) in self.shard

    def _look(self, layer: str, key: str, summary: Summary, there: There, cache: Cache) -> LookTask:
        judged = {job.key: job.channel for job in self.trusted(layer, there)}
        files = cache.fetched(judged)
        return LookTask(
            model=self.model,
            config=self.survey.config,
            fingerprint=self.survey.fingerprint,
            dataset=self.survey.dataset.path,
            fit=self.survey.fit,
            way=self.way(layer),
            places=tuple(self._places(layer, summary)),
            optimised={key: (files[key], channel) for key, channel in judged.items()},
            key=key,
        )

    def _places(self, layer: str, summary: Summary) -> Iterator[Place]:
        settings, chooser = self.plan.config.evidence, Chooser(summary)
        items = self.survey.dataset.by_digest
        for channel in self.channels(layer):
            strongest = chooser.strongest(channel, settings.strongest)
            ordinary = chooser.ordinary(channel, settings.ordinary).values()
            others = [one for found in ordinary for one in found] + chooser.lowest(channel, settings.lowest)
            for found, strong in [*((one, True) for one in strongest), *((one, False) for one in others)]:
                if found.digest in items:
                    box = self.box(layer, summary.grid, found)
                    yield Place(channel, items[found.digest], box, strong)

    def box(self, layer: str, grid: tuple[int, int], found: Found) -> Box:
        """The part of a picture that the unit at a position sees, cut at the border."""
        edges = self.anatomy.layer(layer).box(*divmod(found.position, grid[1]))
        if edges is None or not self.plan.config.evidence.crop:
            return WHOLE
        sizes = (*self.canvas, *self.canvas)
        top, left, bottom, right = (
            round(min(max(edge / size, 0.0), 1.0), 4) for edge, size in zip(edges, sizes, strict=True)
        )
        return Box(top, left, bottom, right)

    # -- circuits ----------------------------------------------------------------------------------

    @cached_property
    def wirings(self) -> tuple[tuple[str, str], ...]:
        """(earlier, later) for each layer and those that feed it, with no other of the plan's between."""
        return tuple(
            (earlier, later) for later in self.layers for earlier in feeding(self.anatomy, later, self.layers)
        )

    def circuit_keys(self, earlier: str, later: str) -> dict[str, tuple[int, ...]]:
        """The channels of the later layer by the key of their weights."""
        channels = self.channels(later)
        parts = [channels[start : start + TOGETHER] for start in range(0, len(channels), TOGETHER)]
        return {
            key_of(
                "circuit",
                version=CIRCUIT_VERSION,
                weights=self.survey.fingerprint,
                earlier=self.survey.identity(earlier),
                later=self.survey.identity(later),
                channels=part,
            ): part
            for part in parts
        }

    def circuits(self, there: There) -> Iterator[CircuitTask]:
        """The weights that are due."""
        for earlier, later in self.wirings:
            for key, channels in self.circuit_keys(earlier, later).items():
                if key not in there and self.survey.ready(later, there):
                    yield CircuitTask(
                        model=self.model,
                        config=self.survey.config,
                        fingerprint=self.survey.fingerprint,
                        earlier=earlier,
                        later=later,
                        channels=channels,
                        key=key,
                    )

    # -- all of it ---------------------------------------------------------------------------------

    rounds: ClassVar[frozenset[Round]] = frozenset({Round.FIRST, Round.SECOND})

    def tasks(self, now: Round, there: There, cache: Cache, *, force: bool = False) -> Iterator[Task]:
        """What is due here (or all) in a round."""
        if now is Round.FIRST:
            yield from self.first(() if force else there)
        elif now is Round.SECOND:
            yield from self.second(there, cache, force=force)

    def first(self, there: There) -> Iterator[Task]:
        """What is due here and depends on nothing."""
        mine = self._is_mine
        yield from (task for task in self.survey.tasks(there) if mine(self.survey.lot(task.items)))
        yield from (task for task in self.circuits(there) if mine(task.key))
        yield from (task for task in self.classes.effects(there) if mine(self.classes.lot))

    def _is_mine(self, key: str) -> bool:
        return self.shard is None or key in self.shard

    def second(self, there: There, cache: Cache, *, force: bool = False) -> Iterator[Task]:
        """What is due here (or all) and depends on tallies and pictures."""
        yield from self.looks(there, cache, force=force)
        if self._judges(there):
            yield from self.classes.recognitions(there, cache, force=force)

    def kept(self, there: There) -> set[str]:
        """Keys of all its jobs, done or due."""
        keys = {key for layer in self.layers for key in self.survey.keys(layer)}
        keys |= {self.look_key(layer, there) for layer in self.layers if self.channels(layer)}
        keys |= {key for pair in self.wirings for key in self.circuit_keys(*pair)}
        return keys | self.classes.kept(there)

    def due(self, there: There) -> int:
        """How many of its jobs are to be done here and are not."""
        # What concepts keys stand for is to be found before, and then looked at.
        hoped = {*there, *self.survey.waits_for.values()}
        keys = {key for task in self.first(hoped) for key in task.keys}
        keys |= {self.look_key(layer, there) for layer in self.layers if self._looks_at(layer, there)}
        if self._judges(there):
            keys |= {self.classes.recognition_key(there)} - {""}
        return len(keys - set(there))
