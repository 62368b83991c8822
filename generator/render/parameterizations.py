"""What is optimised, and how it becomes a picture: Fourier coefficients or pixels, colours decorrelated.

A parameterization is a pair of functions over float32 tensors: `start` draws parameters from normal
noise, `picture` maps parameters to display space, (n, size, size, 3) in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from generator.recipes import Recipe

_COLOR_CORRELATION_SVD_SQRT = np.array(
    [[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], "float32"
)
"""Square root of the covariance of ImageNet's colours. Source: Lucid, `optvis/param/color.py`."""


@dataclass(frozen=True)
class Parameterization:
    """Parameters of `shape` (a picture's, without the batch axis) and the map from them to pictures.

    `bands` gives the frequency band of each coefficient, (size, size) integers from 0, where parameters
    are Fourier coefficients.
    """

    shape: tuple[int, ...]
    picture: Callable[[tf.Tensor], tf.Tensor]
    bands: NDArray[Any] | None = None


def parameterization(recipe: Recipe, colours: int = 3) -> Parameterization:
    """The recipe's parameterization, for pictures of (size, size, colours)."""
    to_rgb = _color_map(recipe, colours)
    if recipe.parameterization == "pixels":
        shape: tuple[int, ...] = (recipe.size, recipe.size, colours)
        return Parameterization(shape, lambda pixels: tf.sigmoid(to_rgb(pixels)))
    inverse = _inverse_fourier(recipe.size, recipe.decay)
    shape = (colours, recipe.size, recipe.size)
    return Parameterization(
        shape, lambda spectrum: tf.sigmoid(to_rgb(inverse(spectrum))), frequency_bands(recipe.size)
    )


def _color_map(recipe: Recipe, colours: int) -> Callable[[tf.Tensor], tf.Tensor]:
    if not recipe.decorrelate or colours != 3:
        return lambda x: x
    largest = np.linalg.norm(_COLOR_CORRELATION_SVD_SQRT, axis=0).max()
    matrix = tf.constant((_COLOR_CORRELATION_SVD_SQRT / largest).T)
    return lambda x: tf.matmul(x, matrix)


def fourier_basis(size: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The real orthonormal Fourier basis of `size` points: (size, size) columns, and their frequencies.

    Columns are 1, cos, sin, cos, sin ...; frequencies are in cycles a pixel. Products of two such bases
    span each frequency's plane waves, so a transform along both axes is two matrix products and exact.
    """
    positions = np.arange(size)
    order = (np.arange(size) + 1) // 2
    angles = 2 * np.pi * np.outer(positions, order) / size
    basis = np.where(np.arange(size) % 2 == 1, np.cos(angles), np.sin(angles))
    basis[:, 0] = 1
    basis /= np.linalg.norm(basis, axis=0)
    return basis.astype("float32"), (order / size).astype("float32")


BANDS_PER_OCTAVE = 3


def frequency_bands(size: int) -> NDArray[Any]:
    """The band, a third of an octave wide, of each coefficient of a (size, size) Fourier basis."""
    _, frequencies = fourier_basis(size)
    radius = np.hypot(frequencies[:, None], frequencies[None, :]) * size
    bands = np.round(np.log2(np.maximum(radius, 0.5)) * BANDS_PER_OCTAVE).astype("int32")
    return np.unique(bands, return_inverse=True)[1].reshape(size, size)


def _inverse_fourier(size: int, decay: float) -> Callable[[tf.Tensor], tf.Tensor]:
    """(n, colours, size, size) coefficients of equal weight -> (n, size, size, colours), 1/f scaled.

    The scaling is Lucid's (`optvis/param/spatial.py`) carried over to an orthonormal real basis, where
    its complex coefficients' real and imaginary parts are sqrt(2) larger.
    """
    basis, frequencies = fourier_basis(size)
    radius = np.hypot(frequencies[:, None], frequencies[None, :])
    scale = tf.constant(np.sqrt(2) / 4 / np.maximum(radius, 1 / size) ** decay, tf.float32)
    columns = tf.constant(basis.T)

    def inverse(spectrum: tf.Tensor) -> tf.Tensor:
        along_x = tf.matmul(spectrum * scale, columns)  # (n, colours, ky, x)
        rows = tf.transpose(along_x, (0, 3, 1, 2))  # (n, x, colours, ky)
        return tf.transpose(tf.matmul(rows, columns), (0, 3, 1, 2))  # (n, y, x, colours)

    return inverse
