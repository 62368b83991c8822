"""How far to trust an optimised picture: two figures that the data set gives.

Strength says whether the picture excites its channel as real pictures do. Kinship says whether the network
gets there as it does for them. Source: Geirhos et al. 2023, Don't trust your eyes (arXiv:2306.04719), whose
path similarity it is, normalised by what natural pictures have among themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

CLOSEST_SCALE = 0.05
"""The least distance between the two ends of the scale of kinship, on the mean over layers: nearer ends tell
nothing apart."""


_NO_SPREAD = 1e-6
"""Added to standard deviations, in shares of the layer's largest value: what never changes says nothing."""


def strength(reached: float, found: Array) -> float:
    """The share of `found` (n,), the data set's activations, that a picture's `reached` exceeds, 0 to 1."""
    below, same = (found < reached).sum(), (found == reached).sum()
    return float((below + same / 2) / max(1, len(found)))


def kinship(
    picture: Sequence[Array],
    examples: Sequence[Array],
    others: Sequence[Array],
    photos: tuple[Sequence[str], Sequence[str]] | None = None,
) -> float | None:
    """How alike the way through the network is for a picture and for its channel's examples.

    The first three have one array per layer, from the input up to the channel's own: `picture` (C,), what the
    layer's channels do on the picture; `examples` (n, C), on the channel's own examples; `others` (m, C), on
    examples of other channels. How each channel differs from what it usually is on those others, in standard
    deviations, is correlated: the picture's mean correlation with the examples is put on a scale on which 0
    is the examples' with those of other channels, and 1 their own among themselves; all layers together make
    one scale. (Of the activations themselves any two photos correlate by 0.9 in most layers: no scale.)
    `photos` names the photos that examples and others are of: parts of one photo are alike anyway
    and not compared. None when the scale has no extent: examples no more alike than any others.
    """
    kin, strangers = photos or (
        [f"kin {row}" for row in range(len(examples[0]))],
        [f"stranger {row}" for row in range(len(others[0]))],
    )
    among = np.not_equal.outer(np.array(kin, str), np.array(kin, str))
    across = np.not_equal.outer(np.array(kin, str), np.array(strangers, str))
    if not among.any() or not across.any():
        return None
    reached = extent = 0.0
    for own, alike, strange in zip(picture, examples, others, strict=True):
        usual, spread = strange.mean(axis=0), strange.std(axis=0)
        spread = spread + _NO_SPREAD * max(1e-30, float(np.abs(strange).max()))
        own, alike, strange = ((found - usual) / spread for found in (own, alike, strange))
        top = float(correlation(alike, alike)[among].mean())
        bottom = float(correlation(alike, strange)[across].mean())
        reached += float(correlation(own[None], alike).mean()) - bottom
        extent += top - bottom
    return reached / extent if extent > CLOSEST_SCALE * len(picture) else None


def correlation(one: Array, other: Array) -> Array:
    """Pearson correlation of each row of (n, C) with each of (m, C): (n, m), 0 where a row is constant."""
    a, b = (_centred(rows) for rows in (one, other))
    table: Array = a @ b.T
    return table


def _centred(rows: Array) -> Array:
    centred = rows - rows.mean(axis=1, keepdims=True, dtype="float64")
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    scaled: Array = np.where(length > 1e-12, centred / np.maximum(length, 1e-30), 0.0)
    return scaled
