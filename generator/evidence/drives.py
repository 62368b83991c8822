"""Weights between two layers -> which channels excite another most, and which inhibit it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def shares(kernels: Array, activity: Array | float = 1.0) -> Array:
    """What each earlier channel brings to a channel, as a share of all that is brought: (channels, earlier).

    `kernels` (channels, rows, columns, earlier) are what `circuits.kernels` gives; `activity` (earlier,) is
    how far from zero those usually are: what is always silent drives nothing. Sizes add up to 1.
    """
    drives: Array = kernels.sum(axis=(1, 2), dtype="float64") * activity
    found: Array = drives / np.maximum(np.abs(drives).sum(axis=1, keepdims=True), 1e-30)
    return found


def extremes(values: Array, count: int) -> tuple[list[int], list[int]]:
    """Where the `count` largest values above zero are, and the lowest below it, the most extreme first."""
    order = np.argsort(-values, kind="stable")
    above = [int(place) for place in order[:count] if values[place] > 0]
    below = [int(place) for place in order[::-1][:count] if values[place] < 0]
    return above, below
