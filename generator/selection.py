"""A part of the plan, as `--only` names it, or `--shard`."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from generator.config.channels import Channels
from generator.errors import UserError
from generator.plan import Job, Plan


@dataclass(frozen=True)
class Shard:
    """The `number`th, counted from 1, of `count` parts that keys fall into; a key's part depends on nothing
    but the key."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """From `3/16`; ValueError for what names no shard."""
        found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        number, count = map(int, found.groups()) if found else (0, 0)
        if count < 1:
            raise ValueError("should be a shard's number and how many there are, 1/16 to 16/16 for instance")
        if not 1 <= number <= count:
            raise ValueError(f"no such shard; they are counted from 1/{count} to {count}/{count}")
        return cls(number, count)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def __contains__(self, key: str) -> bool:
        # Keys are digests, so equal ranges of their first digits hold as many of them.
        return int(key[:16], 16) * self.count >> 64 == self.number - 1


def only(plan: Plan, selections: Iterable[str]) -> list[Job]:
    """The jobs that any `MODEL[/LAYER[/CHANNELS]]` names; model and layer may be globs.

    Raises UserError for a selection that names nothing.
    """
    chosen: set[Job] = set()
    for text in selections:
        parts = list(_readings(text))
        found = {job for job in plan.jobs if any(part.names(job) for part in parts)}
        if not found:
            raise UserError(f"--only {text}: {_why_nothing(text, plan)}")
        chosen |= found
    return [job for job in plan.jobs if job in chosen]


@dataclass(frozen=True)
class _Part:
    """One way to read a selection."""

    model: str
    layer: str
    channels: Channels

    def names(self, job: Job) -> bool:
        return self.covers(job) and job.channel in self.channels

    def covers(self, job: Job) -> bool:
        """Whether a job is of the model and layer, be its channel what it may."""
        return _matches(job.model, self.model) and _matches(job.layer, self.layer)


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or fnmatch.fnmatchcase(name, pattern)


def _readings(text: str) -> Iterator[_Part]:
    """All ways to read a selection: names of models and layers may hold slashes."""
    parts = text.split("/")
    for count in range(1, len(parts) + 1):
        model, rest = "/".join(parts[:count]), "/".join(parts[count:])
        yield _Part(model, rest or "*", Channels())
        layer, _, channels = rest.rpartition("/")
        with suppress(ValueError):
            yield _Part(model, layer, Channels.parse(channels))


def _why_nothing(text: str, plan: Plan) -> str:
    """What is wrong with a selection that names nothing, and what there is instead."""
    for part in _readings(text):
        for job in filter(part.covers, plan.jobs):
            layer = plan.models[job.model].layer(job.layer)
            if not part.channels.select(layer.channels):
                return f"layer {layer.name!r} has {layer.channels} channels, 0 to {layer.channels - 1}"
            return f"the config asks for other channels of layer {layer.name!r}, or for it as a whole only"
    models = [part.model for part in _readings(text)]
    layers = dict.fromkeys(job.layer for job in plan.jobs if job.model in models)
    if layers:
        asked = text.partition("/")[2]
        return f"nothing in the plan has that name; {_some('layers', layers, asked)}"
    return f"nothing in the plan has that name; {_some('models', plan.models, models[0])}"


def _some(what: str, names: Iterable[str], asked: str) -> str:
    """All names if they are few, else the nearest to the one that was asked for."""
    known = list(names)
    if len(known) <= 12:
        return f"{what}: {', '.join(known)}"
    return f"the nearest {what} are {', '.join(difflib.get_close_matches(asked, known, n=3, cutoff=0))}"
