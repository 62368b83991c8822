"""Config + anatomies -> Plan: which pictures there are, under which keys, and which of them are due."""

from __future__ import annotations

import gc
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from generator.cache.contents import Snapshot
from generator.cache.entries import Cache
from generator.cache.records import Failure
from generator.config.channels import Channels
from generator.config.recipes import Recipe
from generator.config.schema import Config, ModelConfig
from generator.datasets.sources import DataSet
from generator.errors import UserError
from generator.layers import Request, requests
from generator.models.anatomy import Anatomy, Layer
from generator.render import RENDERER_VERSION
from generator.targets import Channel, Target, Unit, Whole


@dataclass(frozen=True, slots=True)
class Job:
    """One picture to make: of a unit of a layer of a model, by a recipe, under its key."""

    model: str
    target: Target
    recipe_name: str
    key: str

    @property
    def layer(self) -> str:
        """The layer's name."""
        return self.target.layer

    @property
    def channel(self) -> int:
        """The channel's number, or WHOLE."""
        return self.target.unit.channel

    @property
    def title(self) -> str:
        """How messages name the picture: `efficientnet-lite0/block5c_add/3 (channel)`."""
        return f"{self.model}/{self.target.name} ({self.recipe_name})"


@dataclass(frozen=True)
class Group:
    """Jobs that may be rendered together: one model, layer and recipe."""

    model: str
    layer: str
    recipe_name: str
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Plan:
    """All pictures that a config asks for, in the order of the config.

    `models` maps the site's name of each network to its anatomy, `recipes` the names in use to recipes,
    `identities` to what of them entered the keys, `datasets` the names in use to data sets.
    """

    config: Config
    models: Mapping[str, Anatomy]
    recipes: Mapping[str, Recipe]
    identities: Mapping[str, Mapping[str, Any]]
    jobs: tuple[Job, ...]
    datasets: Mapping[str, DataSet] = field(default_factory=dict)

    @cached_property
    def keys(self) -> frozenset[str]:
        """Keys of all jobs."""
        return frozenset(job.key for job in self.jobs)

    @cached_property
    def sizes(self) -> Mapping[tuple[str, str, str], int]:
        """How many jobs there are of each model, layer and recipe."""
        return Counter((job.model, job.layer, job.recipe_name) for job in self.jobs)

    def layers(self, model: str) -> tuple[str, ...]:
        """The layers of a model that have pictures, in order."""
        return tuple(dict.fromkeys(layer for name, layer, _ in self.sizes if name == model))

    def due(self, cache: Cache) -> list[Job]:
        """Jobs to be done; see `outlook`."""
        return self.outlook(cache)[0]

    def outlook(
        self, cache: Cache, now: Snapshot | None = None, *, retry: bool = False
    ) -> tuple[list[Job], dict[str, Failure]]:
        """Jobs without a whole entry in the cache, a key that several share listed once; without those that
        have failed and would fail again, of which it is said why, by key.

        `now` is what the cache holds, if that is known. With `retry` those are tried again, and are due like
        the others.
        """
        now = now or cache.snapshot(self.keys)
        missing = {job.key: job for job in reversed(self.jobs) if job.key not in now.entries}
        failed = () if retry else [key for key in missing if key in now.failures]
        hopeless = cache.lasting_failures(failed)
        return [job for job in reversed(missing.values()) if job.key not in hopeless], hopeless


def of_model(plan: Plan, model: str, output: Path) -> Plan:
    """The part of a plan that is about one model, with an output of its own."""
    settings = {"models": {model: plan.config.models[model]}, "output": output, "url": None}
    return replace(
        plan,
        config=plan.config.model_copy(update=settings),
        models={model: plan.models[model]},
        jobs=tuple(job for job in plan.jobs if job.model == model),
    )


def group(jobs: Iterable[Job]) -> list[Group]:
    """Jobs by model, layer and recipe, in the order given."""
    together = groupby(jobs, key=lambda job: (job.model, job.layer, job.recipe_name))
    return [Group(*key, tuple(members)) for key, members in together]


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def job_key(fingerprint: str, target: Target, recipe: Mapping[str, Any]) -> str:
    """The SHA-256 (hex) of everything that determines a picture, as canonical JSON; of a recipe, its
    identity."""
    return _digest(_canonical({**target.identity, **_shared(fingerprint, recipe)}).encode())


def channel_keys(fingerprint: str, layer: str, recipe: Mapping[str, Any]) -> Callable[[int], str]:
    """The same for many channels of a layer, or WHOLE: what they share is written once."""
    # `channel` is the first name in canonical order, so the rest of the text is the same for all.
    rest = _canonical({"layer": layer, **_shared(fingerprint, recipe)})[1:].encode()
    return lambda channel: _digest(b'{"channel":%d,%b' % (channel, rest))


def _shared(fingerprint: str, recipe: Mapping[str, Any]) -> dict[str, Any]:
    return {"weights": fingerprint, "recipe": recipe, "renderer": RENDERER_VERSION}


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def make_plan(
    config: Config, anatomies: Mapping[str, Anatomy], datasets: Mapping[str, DataSet] | None = None
) -> Plan:
    """The plan of a config that `layer_problems` finds nothing wrong with.

    Raises UserError when a file that a recipe names can't be read.
    """
    names = dict.fromkeys(
        name
        for model_name, model in config.models.items()
        for request, _ in _layers(model, anatomies[model_name])
        for name in request.recipes
    )
    recipes = {name: config.recipe(name) for name in names}
    identities = {name: _identity(name, recipe) for name, recipe in recipes.items()}
    with _no_collection():
        jobs = tuple(_jobs(config, anatomies, recipes, identities))
    return Plan(config, anatomies, recipes, identities, jobs, datasets or {})


def _jobs(
    config: Config,
    anatomies: Mapping[str, Anatomy],
    recipes: Mapping[str, Recipe],
    identities: Mapping[str, Mapping[str, Any]],
) -> Iterator[Job]:
    """All jobs in order, each once however often it is asked for."""
    groups: dict[tuple[str, str, str], dict[int, Job]] = {}
    for name, model in config.models.items():
        for request, layer in _layers(model, anatomies[name]):
            for recipe in request.recipes:
                key_of = channel_keys(anatomies[name].fingerprint, layer.identity, identities[recipe])
                jobs = groups.setdefault((name, layer.name, recipe), {})
                for unit in _wanted(recipes[recipe], request.channels, layer):
                    if unit.channel not in jobs:
                        target = Target(layer.name, unit)
                        jobs[unit.channel] = Job(name, target, recipe, key_of(unit.channel))
    for group_name in sorted(groups, key=_order(config, anatomies)):
        jobs = groups[group_name]
        yield from (jobs[channel] for channel in sorted(jobs))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Looking for garbage among a million values that all stay would take a third of the time they need."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _identity(name: str, recipe: Recipe) -> dict[str, Any]:
    """What enters the keys of a recipe's pictures; read once, so that all of them are of the same files."""
    try:
        return recipe.identity()
    except OSError as error:
        file = error.filename or "a file"
        raise UserError(f"recipe {name!r}: {file}: can't be read: {error.strerror or error}") from error


def _order(
    config: Config, anatomies: Mapping[str, Anatomy]
) -> Callable[[tuple[str, str, str]], tuple[int, int, int]]:
    """Models as in the config, layers from input to output, recipes as first named."""
    models = {name: place for place, name in enumerate(config.models)}
    layers = {
        (name, layer.name): place
        for name, anatomy in anatomies.items()
        for place, layer in enumerate(anatomy.layers)
    }
    recipes = {name: place for place, name in enumerate(config.recipe_names())}
    return lambda group: (models[group[0]], layers[group[:2]], recipes[group[2]])


def _layers(model: ModelConfig, anatomy: Anatomy) -> Iterator[tuple[Request, Layer]]:
    return ((request, layer) for request in requests(model, anatomy) for layer in request.layers)


def _wanted(recipe: Recipe, channels: Channels, layer: Layer) -> Sequence[Unit]:
    return [Whole()] if recipe.of_whole_layer else [Channel(c) for c in channels.select(layer.channels)]
