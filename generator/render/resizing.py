"""Pictures made larger, smaller and softer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from generator.render.parameterizations import Canvas

Array = NDArray[Any]


def resized(pictures: Array, canvas: Canvas) -> Array:
    """Pictures (n, height, width, colours) in [0, 1] at another size, smoothed where they shrink."""
    smaller = canvas[0] < pictures.shape[1] or canvas[1] < pictures.shape[2]
    fitted = tf.image.resize(pictures, canvas, "bicubic", antialias=smaller)
    clipped: Array = tf.clip_by_value(fitted, 0, 1).numpy()
    return clipped


def blurred(pictures: Array, deviation: float) -> Array:
    """Pictures (n, height, width, colours) under a normal blur of that many pixels."""
    if not deviation:
        return pictures
    reach = math.ceil(3 * deviation)
    bell = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * deviation**2))
    kernel = np.repeat((bell / bell.sum())[:, None, None, None], pictures.shape[-1], axis=2)
    padded: Any = np.pad(pictures, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="edge")
    for axis in (kernel, kernel.swapaxes(0, 1)):
        padded = tf.nn.depthwise_conv2d(padded, axis.astype("float32"), [1, 1, 1, 1], "VALID")
    smooth: Array = padded.numpy()
    return smooth
