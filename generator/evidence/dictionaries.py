"""What a data set tells of a dictionary as a whole: how well it says a layer, how often features are on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.evidence.facts import DensityBar, DictionaryFacts
from generator.evidence.reconstruction import reconstruction
from generator.evidence.summary import Summary
from generator.models.dictionary import Dictionary

Array = NDArray[Any]

PER_DECADE = 2
"""Bars of the histogram of densities, for each power of ten."""


@dataclass(frozen=True)
class Judged:
    """The facts of a dictionary, and by feature its share of the layer's variance, if that is known."""

    facts: DictionaryFacts
    shares: Array | None


def judged(base: str, dictionary: Dictionary, features: Summary, layer: Summary | None) -> Judged:
    """A dictionary by the survey of its features, and of the layer `base` behind which it stands."""
    rows, codes = _together(features, layer)
    found = reconstruction(rows, codes, dictionary) if len(rows) else None
    shown = features.density
    facts = DictionaryFacts(
        base=base,
        activation=dictionary.activation,
        features=dictionary.features,
        dead=int((features.on == 0).sum()),
        active=float(f"{shown.sum():.4g}"),
        densities=densities(shown),
        explained=None if found is None else float(f"{found.explained:.5g}"),
        vectors=len(rows),
    )
    return Judged(facts, None if found is None else found.shares)


def _together(features: Summary, layer: Summary | None) -> tuple[Array, Array]:
    """What the layer and its features are at the same places, (n, channels) and (n, features)."""
    if layer is None:
        return np.zeros((0, 0)), np.zeros((0, 0))
    shared = sorted(set(features.sample) & set(layer.sample))
    rows, codes = (_at(summary, shared) for summary in (layer, features))
    finite = np.isfinite(rows).all(axis=1) & np.isfinite(codes).all(axis=1)
    return rows[finite], codes[finite]


def _at(summary: Summary, shared: list[str]) -> Array:
    index = {digest: row for row, digest in enumerate(summary.sample)}
    places: Array = summary.places[[index[digest] for digest in shared]]
    return places.reshape(-1, places.shape[-1])


def densities(found: Array) -> tuple[DensityBar, ...]:
    """How many features are on so often: bars of half a power of ten, those never on left out."""
    alive = found[found > 0]
    if not len(alive):
        return ()
    place = np.floor(np.log10(alive) * PER_DECADE + 1e-9).astype(int).clip(max=-1)
    counts = np.bincount(place - place.min(), minlength=-place.min())
    lows = 10.0 ** (np.arange(place.min(), place.min() + len(counts)) / PER_DECADE)
    step = 10 ** (1 / PER_DECADE)
    return tuple(
        DensityBar(float(f"{low:.3g}"), float(f"{low * step:.3g}"), int(count))
        for low, count in zip(lows, counts, strict=True)
    )
