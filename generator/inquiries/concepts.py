"""Concepts that a config asks for: what they are found from, under which keys, and finding them.

A layer's concepts depend on nothing but its survey and their number, so that their key, which stands for them
in all other keys, is known before they are found. Tasks name the file that they will lie in by `placeholder`;
`at_hand` tells where it is once they are found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from generator.cache.entries import Cache
from generator.engines.deriving import ConceptsTask
from generator.engines.tasks import Task
from generator.evidence.concepts import ITERATIONS, SEED, VERSION
from generator.inquiries.pursuit import Round
from generator.inquiries.surveys import Survey, There, key_of
from generator.models.deriving import CONCEPTS, asked_for
from generator.plan import Plan


def concepts_key(survey: Survey, layer: str, count: int) -> str:
    """The key of so many concepts of a layer, found in a survey."""
    return key_of(
        "concepts",
        version=VERSION,
        weights=survey.fingerprint,
        layer=layer,
        tallies=survey.keys(layer),
        count=count,
        seed=SEED,
        iterations=ITERATIONS,
    )


def placeholder(key: str) -> Path:
    """The name by which tasks know the file with the concepts of a key."""
    return Path(f"concepts-{key}.npz")


def at_hand(plan: Plan, cache: Cache) -> Mapping[Path, Path]:
    """Where the concepts that are found are on this machine, by `placeholder`."""
    layers = (layer for anatomy in plan.models.values() for layer in anatomy.layers)
    keys = {layer.derived.digest for layer in layers if layer.derived and layer.kind == CONCEPTS}
    found = [key for key in keys if key in cache]
    return {placeholder(key): path for key, path in cache.fetched(found, "npz").items()}


@dataclass(frozen=True)
class ConceptsPursuit:
    """The concepts of a model's layers; `survey` is of these layers, `derived` are the names of the derived
    ones that are wanted here."""

    plan: Plan
    model: str
    survey: Survey
    derived: frozenset[str]

    rounds: ClassVar[frozenset[Round]] = frozenset({Round.GROUNDWORK, Round.DERIVING})

    @cached_property
    def wanted(self) -> Mapping[str, tuple[str, int]]:
        """By key the layer, and how many."""
        config, anatomy = self.plan.config.models[self.model], self.plan.models[self.model]
        found = {}
        for asked in asked_for(config, anatomy):
            if asked.part == "concepts" and asked.name in self.derived:
                layer = anatomy.layer(asked.name)
                assert layer.derived is not None
                found[layer.derived.digest] = (asked.base.name, layer.channels)
        return found

    def tasks(self, now: Round, there: There, cache: Cache, *, force: bool = False) -> Iterator[Task]:
        """The survey of layers whose concepts are due, then finding these. With `force` they are found again
        in the same survey."""
        due = {key: one for key, one in self.wanted.items() if force or key not in there}
        if now is Round.GROUNDWORK:
            layers = tuple(dict.fromkeys(layer for layer, _ in due.values()))
            yield from replace(self.survey, layers=layers).tasks(there)
        elif now is Round.DERIVING:
            for key, (layer, count) in due.items():
                tallies = [key for key in self.survey.keys(layer) if key in there]
                files = {key: path for key, path in cache.fetched(tallies, "npz").items() if path.is_file()}
                if len(tallies) == len(self.survey.blocks):
                    yield ConceptsTask(self.model, self.survey.fingerprint, layer, count, files, key)

    def due(self, there: There) -> int:
        """How many layers' concepts are to be found; what they are found in is the inquiry's."""
        return len(self.wanted.keys() - set(there))

    def kept(self) -> set[str]:
        """Keys of all that it rests on and makes."""
        tallies = {key for layer, _ in self.wanted.values() for key in self.survey.keys(layer)}
        return tallies | set(self.wanted)
