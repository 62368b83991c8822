"""Which channels behave alike: correlation of activations at the same places of the same pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.evidence.summary import Summary

Array = NDArray[Any]

REDUNDANT = 0.95
"""Correlation from which on two channels of a layer say the same."""
FEWEST = 30
"""Places below which a correlation means nothing."""


def correlations(
    one: Summary, other: Summary, of: Sequence[int] | None = None, among: Sequence[int] | None = None
) -> Array | None:
    """Pearson correlations of two layers' channels, (C, D) float32, over the places both were read off at.

    They may be of different networks. A channel that never changes correlates with nothing (0); so do those
    that are not in `of` and `among`, where these are given: of thousands of channels few may be shown. None
    when the layers share fewer than FEWEST places.
    """
    shared = sorted(set(one.sample) & set(other.sample))
    a, b = (_rows(summary, shared) for summary in (one, other))
    if len(a) < FEWEST:
        return None
    rows, columns = (
        np.arange(count) if some is None else np.asarray(some, int)
        for some, count in ((of, a.shape[1]), (among, b.shape[1]))
    )
    found = np.zeros((a.shape[1], b.shape[1]), np.float32)
    product = standardised(a[:, rows]).T @ standardised(b[:, columns])
    found[np.ix_(rows, columns)] = np.clip(product, -1, 1)
    return found


def _rows(summary: Summary, shared: list[str]) -> Array:
    """(places, C) of those pictures."""
    index = {digest: row for row, digest in enumerate(summary.sample)}
    chosen = summary.places[[index[digest] for digest in shared]]
    return chosen.reshape(-1, summary.places.shape[-1])


def standardised(values: Array) -> Array:
    """Columns of mean 0 and length 1, or 0 where they are constant."""
    centred = values - values.mean(axis=0, dtype="float64")
    length = np.sqrt((centred**2).sum(axis=0))
    # What is left of a constant after rounding is no variation.
    floor = 1e-6 * np.abs(values).max(axis=0) * np.sqrt(len(values))
    scaled: Array = np.where(length > floor, centred / np.maximum(length, 1e-30), 0.0)
    return scaled


def nearest(table: Array, channel: int, among: Sequence[int], count: int) -> list[tuple[int, float]]:
    """A channel's nearest by a table of correlations, among some columns: (column, correlation) each."""
    columns = np.asarray(among, int)
    row = table[channel, columns]
    order = np.argsort(-row, kind="stable")[:count]
    return [(int(columns[place]), float(row[place])) for place in order if row[place] > 0]


def redundant(table: Array) -> list[tuple[int, int, float]]:
    """Pairs of a layer's channels above REDUNDANT, the most alike first, from its own correlations."""
    firsts, seconds = np.nonzero(np.triu(table, 1) > REDUNDANT)
    pairs = [(int(a), int(b), float(table[a, b])) for a, b in zip(firsts, seconds, strict=True)]
    return sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1]))
