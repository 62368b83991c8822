"""Concepts of a layer: directions of which its activations are sums, none less than none.

Found by non-negative matrix factorisation of activation vectors, those of places that a survey has kept; the
implementation is scikit-learn's. Source: Olah et al. 2018, The building blocks of interpretability (Distill);
Fel et al. 2023, CRAFT (arXiv:2211.10154).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.errors import NotRenderable
from generator.evidence.reconstruction import Reconstruction, reconstruction
from generator.models.dictionary import Dictionary, from_components

Array = NDArray[Any]

VERSION = 1
"""Raised whenever the same vectors give other concepts."""
SEED = 0
ITERATIONS = 400


@dataclass(frozen=True)
class Concepts:
    """The dictionary of a layer's concepts, the one that explains most first, and how well they explain."""

    dictionary: Dictionary
    reconstruction: Reconstruction


def concepts(places: Array, count: int) -> Concepts:
    """So many concepts of a layer from its values at places, (..., channels); what is below 0 counts as 0.

    Each is of length 1. Raises NotRenderable where there are too few vectors, or the layer is zero.
    """
    rows = np.asarray(places, np.float32).reshape(-1, places.shape[-1])
    rows = rows[np.isfinite(rows).all(axis=1)]
    if len(rows) < count:
        raise NotRenderable(f"{count} concepts can't be found in {len(rows)} vectors; show it more pictures")
    positive = np.maximum(rows, 0)
    if not positive.any():
        raise NotRenderable("there are no concepts to be found: the layer is nowhere above zero")
    parts, codes = _factors(positive, count)
    length = np.linalg.norm(parts, axis=1)
    unit = parts / np.where(length > 0, length, 1)[:, None]
    found = reconstruction(rows, codes * length, from_components(unit))
    order = np.argsort(-found.shares, kind="stable")
    return Concepts(from_components(unit[order]), found.of(order))


def _factors(rows: Array, count: int) -> tuple[Array, Array]:
    """Parts (count, channels) and how much of each is in every row, (rows, count)."""
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    model = NMF(count, init="nndsvda", random_state=SEED, max_iter=ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what is nearly there shows the same
        codes = model.fit_transform(rows)
    return np.asarray(model.components_, np.float32), np.asarray(codes, np.float32)
