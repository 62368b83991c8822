"""How much of a layer a dictionary's features say: shares of its variance, in all and one by one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.models.dictionary import Dictionary

Array = NDArray[Any]


@dataclass(frozen=True)
class Reconstruction:
    """Of `vectors` activation vectors the share of the variance that is explained, 1 for all of it, and each
    feature's part in it, (features,).

    What features leave unexplained may be more than there was: `explained` is then below 0. The `shares` are
    the covariances of each feature's contribution with the layer; where the error is independent of what is
    reconstructed they add up to `explained`.
    """

    vectors: int
    explained: float
    shares: Array

    def of(self, features: Array) -> Reconstruction:
        """Of these features, in this order."""
        return replace(self, shares=self.shares[features])


def reconstruction(rows: Array, codes: Array, dictionary: Dictionary) -> Reconstruction:
    """Of a layer's vectors (n, channels) and what the features are for them, (n, features).

    Of `nonnegative` dictionaries, which say nothing of what is below zero, by what is above it.
    """
    rows, codes = rows.astype(np.float32), codes.astype(np.float32)
    if dictionary.activation == "nonnegative":
        rows = np.maximum(rows, 0)
    centred = rows - rows.mean(axis=0, dtype=np.float64)
    variance = float((centred**2).sum(dtype=np.float64))
    error = float(((rows - dictionary.reconstructed(codes)) ** 2).sum(dtype=np.float64))
    together = (centred.T.astype(np.float32) @ codes) * dictionary.decoder.T
    scale = variance if variance > 0 else np.inf
    return Reconstruction(len(rows), 1 - error / scale, together.sum(axis=0, dtype=np.float64) / scale)
