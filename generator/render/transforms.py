"""Random views of a picture: what survives a shift, a zoom and a turn is a feature, not a trick.

Each picture draws its views from its own stream, so that no other picture in the batch and no order of
rendering changes what it sees.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from generator.config.recipes import Recipe

DRAWS = 6
"""Uniform numbers in [0, 1) that one view of one picture takes: shift, zoom, turn, shift of tiles."""


def random_view(pictures: tf.Tensor, draws: tf.Tensor, recipe: Recipe) -> tf.Tensor:
    """Each picture jittered, zoomed and turned, on a grey ground, as the recipe's ranges say.

    `pictures` (n, height, width, colours) in [0, 1]; `draws` (n, DRAWS) in [0, 1). The result has `pad`
    more pixels on each side.
    """
    if not (recipe.jitter or recipe.rotate or recipe.pad or recipe.scale != (1.0, 1.0)):
        return pictures
    low, high = recipe.scale
    shift = (draws[:, :2] * 2 - 1) * recipe.jitter
    zoom = low + draws[:, 2] * (high - low)
    angle = (draws[:, 3] * 2 - 1) * (recipe.rotate * np.pi / 180)
    return _affine(pictures, shift, zoom, angle, recipe.pad)


def _affine(pictures: tf.Tensor, shift: tf.Tensor, zoom: tf.Tensor, angle: tf.Tensor, pad: int) -> tf.Tensor:
    """Bilinear resampling about the centre; output positions are mapped back to the picture's."""
    height, width = pictures.shape[1:3]
    cos, sin = tf.cos(angle) / zoom, tf.sin(angle) / zoom
    down, right = (height - 1) / 2, (width - 1) / 2
    x = right + shift[:, 0] - cos * (right + pad) + sin * (down + pad)
    y = down + shift[:, 1] - sin * (right + pad) - cos * (down + pad)
    zero = tf.zeros_like(x)
    rows = tf.stack([cos, -sin, x, sin, cos, y, zero, zero], axis=1)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=pictures,
        transforms=rows,
        output_shape=tf.constant([height + 2 * pad, width + 2 * pad]),
        fill_value=0.5,
        interpolation="BILINEAR",
    )


def rolled(pictures: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
    """Each picture shifted round its edges by a share of its height and width: `shares` (n, 2) in [0, 1)."""
    for axis in (1, 2):
        length = pictures.shape[axis]
        start = tf.cast(shares[:, axis - 1] * length, tf.int32)
        places = (tf.range(length)[None] + start[:, None]) % length
        pictures = tf.gather(pictures, places, axis=axis, batch_dims=1)
    return pictures


def with_noise(pictures: tf.Tensor, seeds: tf.Tensor, deviation: float) -> tf.Tensor:
    """Pictures with normal noise added, each from its own seed: `seeds` (n, 2) integers."""
    if not deviation:
        return pictures
    shape = pictures.shape[1:]
    own = [tf.random.stateless_normal(shape, seed) for seed in tf.unstack(seeds)]
    return pictures + deviation * tf.stack(own)


# -- a picture's own random numbers ----------------------------------------------------------------

_START, _VIEWS, _NOISE = 0, 1, 2


def draw_start(seed: int, stream: int, shape: tuple[int, ...], variant: int = 0) -> NDArray[Any]:
    """Standard normal noise of that shape, a picture's own."""
    return _stream(seed, stream, _START, variant).standard_normal(shape, dtype="float32")


def draw_views(seed: int, stream: int, steps: int, variant: int = 0) -> NDArray[Any]:
    """The uniform numbers of all views of one picture: (steps, DRAWS) float32 in [0, 1)."""
    return _stream(seed, stream, _VIEWS, variant).random((steps, DRAWS), dtype="float32")


def draw_seeds(seed: int, stream: int, steps: int, variant: int = 0) -> NDArray[Any]:
    """Seeds for the noise of all views of one picture: (steps, 2) int32."""
    return _stream(seed, stream, _NOISE, variant).integers(2**31, size=(steps, 2), dtype="int32")


def _stream(seed: int, stream: int, purpose: int, variant: int) -> np.random.Generator:
    return np.random.default_rng([seed, stream, purpose, variant])
