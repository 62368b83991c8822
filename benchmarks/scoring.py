"""The one judge of all tools: a picture's robust activation, by the network as published.

Robust activation is the channel's mean activation over positions on the finished 8-bit picture, averaged
over 16 random views: shifted by up to 8 px, scaled by 0.9 to 1.1, turned by up to 5 degrees, on grey. The
views are the same for every tool and channel.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from benchmarks.network import cut
from benchmarks.tools.common import OFFSET, SCALE

VIEWS, SHIFT, ZOOM, TURN = 16, 8.0, (0.9, 1.1), 5.0


class Scorer:
    """Scores pictures of one layer and size."""

    def __init__(self, layer: str, size: int) -> None:
        self._network = cut(layer, size)
        self._transforms = tf.constant(draw_transforms(size), tf.float32)
        self._size = size

    def score(self, picture: Path, channel: int) -> float:
        """The picture's robust activation. Raises ValueError when it has another size."""
        pixels = np.asarray(Image.open(picture).convert("RGB"), "float32") / 255
        if pixels.shape[:2] != (self._size, self._size):
            raise ValueError(f"{picture}: {pixels.shape[:2]} instead of {self._size} px")
        output = self._network(self._views(pixels) * SCALE + OFFSET, training=False)
        return float(tf.reduce_mean(output[..., channel]))

    def _views(self, pixels: Any) -> tf.Tensor:
        # Grey is taken for zero, so that the filling is grey.
        views = tf.raw_ops.ImageProjectiveTransformV3(
            images=tf.repeat(pixels[None] - 0.5, VIEWS, axis=0),
            transforms=self._transforms,
            output_shape=[self._size, self._size],
            fill_value=0.0,
            interpolation="BILINEAR",
        )
        return views + 0.5


def draw_transforms(size: int, seed: int = 2021) -> Any:
    """(VIEWS, 8) projective transforms from output to input positions, about the picture's centre."""
    rng = np.random.default_rng(seed)
    shift = rng.uniform(-SHIFT, SHIFT, (2, VIEWS))
    zoom, angle = rng.uniform(*ZOOM, VIEWS), np.radians(rng.uniform(-TURN, TURN, VIEWS))
    cos, sin, middle = np.cos(angle) / zoom, np.sin(angle) / zoom, (size - 1) / 2
    x = middle + shift[0] - cos * middle + sin * middle
    y = middle + shift[1] - sin * middle - cos * middle
    zero = np.zeros(VIEWS)
    return np.stack([cos, -sin, x, sin, cos, y, zero, zero], axis=1)
