"""Which channels behave alike: correlation of activations at the same places of the same pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.evidence.summary import Summary

Array = NDArray[Any]

REDUNDANT = 0.95
"""Correlation from which on two channels of a layer say the same."""
FEWEST = 30
"""Places below which a correlation means nothing."""


@dataclass(frozen=True)
class Relative:
    """A channel of some layer (by its place in a list of layers) and its correlation, from -1 to 1."""

    layer: int
    channel: int
    correlation: float


def correlations(one: Summary, other: Summary) -> Array | None:
    """Pearson correlations of two layers' channels, (C, D) float32, over the places both were read off at.

    They may be of different networks. A channel that never changes correlates with nothing (0). None when
    the layers share fewer than FEWEST places.
    """
    shared = sorted(set(one.sample) & set(other.sample))
    a, b = (_rows(summary, shared) for summary in (one, other))
    if len(a) < FEWEST:
        return None
    product: Array = (_standardised(a).T @ _standardised(b)).astype("float32")
    return np.clip(product, -1, 1)


def _rows(summary: Summary, shared: list[str]) -> Array:
    """(places, C) of those pictures."""
    index = {digest: row for row, digest in enumerate(summary.sample)}
    chosen = summary.places[[index[digest] for digest in shared]]
    return chosen.reshape(-1, summary.places.shape[-1])


def _standardised(values: Array) -> Array:
    """Columns of mean 0 and length 1, or 0 where they are constant."""
    centred = values - values.mean(axis=0, dtype="float64")
    length = np.sqrt((centred**2).sum(axis=0))
    # What is left of a constant after rounding is no variation.
    floor = 1e-6 * np.abs(values).max(axis=0) * np.sqrt(len(values))
    scaled: Array = np.where(length > floor, centred / np.maximum(length, 1e-30), 0.0)
    return scaled


def nearest(tables: list[Array | None], own: int, channel: int, count: int) -> list[Relative]:
    """A channel's nearest among several layers, itself left out, the most alike first.

    `tables` hold the correlations of its layer (which is number `own`) with each of the layers.
    """
    found: list[Relative] = []
    for layer, table in enumerate(tables):
        if table is None:
            continue
        row = table[channel].copy()
        if layer == own:
            row[channel] = -2
        for best in np.argsort(-row, kind="stable")[:count]:
            if row[best] > 0:
                found.append(Relative(layer, int(best), float(row[best])))
    return sorted(found, key=lambda relative: (-relative.correlation, relative.layer, relative.channel))[
        :count
    ]


def redundant(table: Array) -> list[tuple[int, int, float]]:
    """Pairs of a layer's channels above REDUNDANT, the most alike first, from its own correlations."""
    firsts, seconds = np.nonzero(np.triu(table, 1) > REDUNDANT)
    pairs = [(int(a), int(b), float(table[a, b])) for a, b in zip(firsts, seconds, strict=True)]
    return sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1]))
