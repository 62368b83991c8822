"""What a channel is built from: the weights between it and the channels of a layer that feeds it.

Source: Olah et al. 2020, Zoom In (Distill), and Voss et al. 2021, Visualizing Weights (Distill), whose
expanded weights these are: what several linear layers in a row make of one another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from generator.models.taps import Way

Array = NDArray[Any]

TOGETHER = 16
"""Channels whose weights are computed at once."""
NOTHING = 1e-5
"""Weights below this share of the largest are rounding."""


def kernels(way: Way, channels: Sequence[int], stopping: Callable[[], bool] = lambda: False) -> Array | None:
    """The expanded weights into channels of a way's later layer: (channels, rows, columns, earlier channels).

    By the gradient, which of a linear map is the map itself; around the unit at the centre. Layers without
    positions have kernels of one. None when it was stopped; ValueError for a way that is no linear map.
    """
    if way.model is None:
        raise ValueError(f"weights alone do not describe {way.obstacle}")
    found = []
    for start in range(0, len(channels), TOGETHER):
        if stopping():
            return None
        found.append(_gradients(way, channels[start : start + TOGETHER]))
    whole = np.concatenate(found)
    whole[np.abs(whole) < NOTHING * np.abs(whole).max(initial=0)] = 0
    return _trimmed(whole)


def _gradients(way: Way, channels: Sequence[int]) -> Array:
    model = way.model
    pictures = tf.zeros((len(channels), *model.inputs[0].shape[1:]))
    with tf.GradientTape() as tape:
        tape.watch(pictures)
        earlier, later = model(pictures, training=False)
        places = tf.reshape(later, (len(channels), -1, later.shape[-1]))
        unit = places[:, _centre(later.shape[1:-1])]
        wanted = tf.reduce_sum(tf.gather(unit, tf.constant(channels), axis=1, batch_dims=1))
    gradient = tape.gradient(wanted, earlier, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    if way.first:
        gradient = tf.experimental.numpy.moveaxis(gradient, 1, -1)
    shape = (len(channels), *_plane(gradient.shape[1:-1]), gradient.shape[-1])
    weights: Array = tf.reshape(gradient, shape).numpy()
    return weights


def _plane(places: Sequence[int]) -> tuple[int, int]:
    if len(places) == 2:
        return places[0], places[1]
    return 1, int(np.prod(places, dtype=int))


def _centre(places: Sequence[int]) -> int:
    rows, columns = _plane(places)
    return rows // 2 * columns + columns // 2


def _trimmed(weights: Array) -> Array:
    """Without the rows and columns in which no channel has a weight."""
    used = np.abs(weights).max(axis=(0, 3))
    if not used.any():
        return weights[:, :1, :1]
    rows, columns = np.flatnonzero(used.any(axis=1)), np.flatnonzero(used.any(axis=0))
    return weights[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
