"""Random views of a picture: what survives a shift, a zoom and a turn is a feature, not a trick.

Each picture draws its views from its own stream, so that no other picture in the batch and no order of
rendering changes what it sees.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from generator.recipes import Recipe

DRAWS = 4
"""Uniform numbers in [0, 1) that one view of one picture takes."""


def random_view(pictures: tf.Tensor, draws: tf.Tensor, recipe: Recipe) -> tf.Tensor:
    """Each picture jittered, zoomed and turned, on a grey ground, as the recipe's ranges say.

    `pictures` (n, size, size, colours) in [0, 1]; `draws` (n, DRAWS) in [0, 1). The result has `pad`
    more pixels on each side.
    """
    low, high = recipe.scale
    shift = (draws[:, :2] * 2 - 1) * recipe.jitter
    zoom = low + draws[:, 2] * (high - low)
    angle = (draws[:, 3] * 2 - 1) * (recipe.rotate * np.pi / 180)
    side = recipe.size + 2 * recipe.pad
    return _affine(pictures, shift, zoom, angle, side)


def _affine(pictures: tf.Tensor, shift: tf.Tensor, zoom: tf.Tensor, angle: tf.Tensor, side: int) -> tf.Tensor:
    """Bilinear resampling about the centre; output positions are mapped back to the picture's."""
    cos, sin = tf.cos(angle) / zoom, tf.sin(angle) / zoom
    old, new = (pictures.shape[1] - 1) / 2, (side - 1) / 2
    x = old + shift[:, 0] - cos * new + sin * new
    y = old + shift[:, 1] - sin * new - cos * new
    zero = tf.zeros_like(x)
    rows = tf.stack([cos, -sin, x, sin, cos, y, zero, zero], axis=1)
    size = tf.constant([side, side])
    return (
        tf.raw_ops.ImageProjectiveTransformV3(
            images=pictures - 0.5,
            transforms=rows,
            output_shape=size,
            fill_value=0.0,
            interpolation="BILINEAR",
        )
        + 0.5
    )


def draw_views(seed: int, channel: int, steps: int) -> NDArray[Any]:
    """The uniform numbers of all views of one picture: (steps, DRAWS) float32 in [0, 1)."""
    return np.random.default_rng([seed, channel, 1]).random((steps, DRAWS), dtype="float32")


def draw_start(seed: int, channel: int, shape: tuple[int, ...]) -> NDArray[Any]:
    """Standard normal noise of that shape, a picture's own."""
    return np.random.default_rng([seed, channel, 0]).standard_normal(shape, dtype="float32")
