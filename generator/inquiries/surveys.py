"""Data sets and networks -> surveys: which blocks of pictures are to be shown to which, under which keys.

A tally's key is made of the network, the layer, and the block's pictures by content: a larger data set adds
blocks, another layer only its own tallies, and a picture's new name or label nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from generator.cache.entries import Cache
from generator.config.schema import Config, Fit, ModelConfig
from generator.datasets.blocks import blocks
from generator.datasets.sources import DataSet, Item
from generator.engines.surveys import SurveyTask
from generator.evidence.summary import Merger, Summary, sampling_rank
from generator.evidence.tally import Tally
from generator.models.anatomy import Anatomy
from generator.models.deriving import CONCEPTS

There = Collection[str]
"""Keys of what the cache holds."""


def key_of(kind: str, **parts: object) -> str:
    """The SHA-256 (hex) of everything that determines a piece of evidence, as canonical JSON."""
    text = json.dumps({"kind": kind, **parts}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


TALLY_VERSION = 1
"""Raised whenever the same pictures and network give another tally."""


@dataclass(frozen=True)
class Survey:
    """A data set to be shown to a network, some of whose layers are read off.

    `fingerprint` is the network's, `fit` how pictures are brought to its input's size; `identities` says by
    which names derived layers enter keys, `waits_for` which key must be there before a layer is.
    """

    model: str
    config: ModelConfig
    fingerprint: str
    dataset: DataSet
    fit: Fit
    layers: tuple[str, ...]
    identities: Mapping[str, str] = field(default_factory=dict)
    waits_for: Mapping[str, str] = field(default_factory=dict)

    def identity(self, layer: str) -> str:
        """What names a layer in keys."""
        return self.identities.get(layer, layer)

    def ready(self, layer: str, there: There) -> bool:
        """Whether a layer can be looked at, now that so much is there."""
        return layer not in self.waits_for or self.waits_for[layer] in there

    @cached_property
    def blocks(self) -> tuple[tuple[Item, ...], ...]:
        """The data set's pictures, as they are shown together."""
        return tuple(blocks(self.dataset.items))

    def key(self, layer: str, block: Sequence[Item]) -> str:
        """The key of a layer's tally of a block."""
        return key_of(
            "tally",
            version=TALLY_VERSION,
            weights=self.fingerprint,
            layer=self.identity(layer),
            fit=self.fit,
            pictures=[item.digest for item in block],
        )

    def keys(self, layer: str) -> tuple[str, ...]:
        """The keys of all tallies of a layer."""
        return tuple(self.key(layer, block) for block in self.blocks)

    def lot(self, block: Sequence[Item]) -> str:
        """What a shard is chosen by for a block: all its layers come of one pass, whichever they are."""
        pictures = [item.digest for item in block]
        return key_of("block", weights=self.fingerprint, fit=self.fit, pictures=pictures)

    def tasks(self, there: There) -> Iterator[SurveyTask]:
        """What is to be done where `there` are the keys of the tallies that are made already.

        A block is shown once for all layers that lack its tally.
        """
        for block in self.blocks:
            named = ((layer, self.key(layer, block)) for layer in self.layers if self.ready(layer, there))
            due = tuple((layer, key) for layer, key in named if key not in there)
            if due:
                yield SurveyTask(
                    model=self.model,
                    config=self.config,
                    fingerprint=self.fingerprint,
                    dataset=self.dataset.path,
                    fit=self.fit,
                    items=block,
                    layers=due,
                )

    def summary(self, layer: str, cache: Cache) -> Summary | None:
        """The sum of a layer's tallies that the cache holds, read one by one; None if it has none."""
        merger = Merger()
        for key in self.keys(layer):
            tally = read_tally(key, cache)
            if tally is not None:
                merger.add(tally)
        return None if merger.empty else merger.summary()


def survey_of(
    config: Config, model: str, anatomy: Anatomy, dataset: DataSet, layers: Sequence[str]
) -> Survey:
    """The survey of some layers of a config's model, whose data set this is."""
    source = config.dataset_of(model)
    assert source is not None
    return Survey(
        model=model,
        config=config.models[model],
        fingerprint=anatomy.fingerprint,
        dataset=limited(dataset, config.evidence.budget),
        fit=config.datasets[source].fit,
        layers=tuple(layers),
        identities={layer.name: layer.identity for layer in anatomy.layers if layer.derived},
        waits_for={
            layer.name: layer.derived.digest
            for layer in anatomy.layers
            if layer.derived and layer.kind == CONCEPTS
        },
    )


def limited(dataset: DataSet, budget: int | None) -> DataSet:
    """A data set of at most `budget` pictures; of a larger one a sample, always the same."""
    if budget is None or len(dataset.items) <= budget:
        return dataset
    chosen = sorted(dataset.items, key=lambda item: sampling_rank(item.digest))[:budget]
    return replace(dataset, items=tuple(sorted(chosen)))


def read_tally(key: str, cache: Cache) -> Tally | None:
    """A tally from the cache; None when it is not there or of no picture that could be read."""
    data = cache.read(key, "npz")
    try:
        return None if data is None else Tally.from_bytes(data)
    except (ValueError, KeyError, OSError, EOFError):
        return None
