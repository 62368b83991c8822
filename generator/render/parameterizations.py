"""What is optimised, and how it becomes a picture: Fourier coefficients, pixels or phases.

A parameterization is a pair of functions over float32 tensors: `picture` maps parameters to display space,
(n, height, width, colours) in [0, 1], and `parameters` maps a picture back, so that a photo or the last
octave can be where an optimisation starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from generator.config.recipes import Recipe

Canvas = tuple[int, int]
"""Height and width of a picture, in pixels."""

Array = NDArray[Any]

_COLOR_CORRELATION_SVD_SQRT = np.array(
    [[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], "float32"
)
"""Square root of the covariance of ImageNet's colours. Source: Lucid, `optvis/param/color.py`."""

DARKEST = 1 / 64
"""How near to black or white a picture that is mapped back through a sigmoid may be."""


@dataclass(frozen=True)
class Parameterization:
    """Parameters of `shape` (a picture's, without the batch axis) and the maps from and to pictures.

    `bands` gives the frequency band of each coefficient, (height, width) integers from 0, where parameters
    are Fourier coefficients; `grey` is the parameter of plain grey; `clipped` says that parameters are
    pixels, to be kept in [0, 1].
    """

    shape: tuple[int, ...]
    picture: Callable[[tf.Tensor], tf.Tensor]
    parameters: Callable[[Array], Array]
    bands: Array | None = None
    grey: float = 0.0
    clipped: bool = False


def parameterization(
    recipe: Recipe, canvas: Canvas, colours: int = 3, models: Iterable[Array] = ()
) -> Parameterization:
    """The recipe's parameterization, for pictures of (*canvas, colours).

    `models` are the pictures, (height, width, colours) in [0, 1], whose mean magnitude MACO takes.
    """
    colour_map = _color_map(recipe, colours)
    if recipe.parameterization == "pixels":
        return _pixels(recipe, (*canvas, colours), colour_map)
    if recipe.parameterization == "maco":
        return _maco(recipe, canvas, colours, colour_map, models)
    return _fourier(recipe, canvas, colours, colour_map)


def _color_map(recipe: Recipe, colours: int) -> Array:
    """(colours, colours): what a row of decorrelated colours is multiplied by to become red, green, blue."""
    if not recipe.decorrelate or colours != 3:
        return np.eye(colours, dtype="float32")
    largest = np.linalg.norm(_COLOR_CORRELATION_SVD_SQRT, axis=0).max()
    colour_map: Array = (_COLOR_CORRELATION_SVD_SQRT / largest).T
    return colour_map


def _in_colour(decorrelated: tf.Tensor, colour_map: Array) -> tf.Tensor:
    plain = np.array_equal(colour_map, np.eye(len(colour_map)))
    return decorrelated if plain else _times(decorrelated, tf.constant(colour_map))


def _times(x: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """(..., a) @ (a, b) as a product of two matrices.

    Never a batched product: TensorFlow's of (n, 1, a, a) and (a, a) writes past its memory under oneDNN.
    """
    rows = tf.matmul(tf.reshape(x, (-1, x.shape[-1])), matrix)
    return tf.reshape(rows, (*x.shape[:-1], matrix.shape[-1]))


def _logit(pictures: Array, colour_map: Array) -> Array:
    """What a sigmoid makes the pictures of, in decorrelated colours."""
    inside = np.clip(pictures, DARKEST, 1 - DARKEST)
    before: Array = np.log(inside / (1 - inside)) @ np.linalg.inv(colour_map)
    return before


# -- pixels ----------------------------------------------------------------------------------------


def _pixels(recipe: Recipe, shape: tuple[int, ...], colour_map: Array) -> Parameterization:
    if recipe.squash == "clip":
        return Parameterization(shape, lambda x: x, lambda pictures: pictures, grey=0.5, clipped=True)
    return Parameterization(
        shape,
        lambda x: tf.sigmoid(_in_colour(x, colour_map)),
        lambda pictures: _logit(pictures, colour_map),
    )


# -- Fourier ---------------------------------------------------------------------------------------


def fourier_basis(size: int) -> tuple[Array, Array]:
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


def frequency_bands(canvas: Canvas) -> Array:
    """The band, a third of an octave wide, of each coefficient of a (height, width) Fourier basis."""
    radius = _radius(canvas) * max(canvas)
    bands = np.round(np.log2(np.maximum(radius, 0.5)) * BANDS_PER_OCTAVE).astype("int32")
    return np.unique(bands, return_inverse=True)[1].reshape(canvas)


def _radius(canvas: Canvas) -> Array:
    """Cycles a pixel of each coefficient, (height, width)."""
    (_, down), (_, right) = fourier_basis(canvas[0]), fourier_basis(canvas[1])
    return np.hypot(down[:, None], right[None, :])


def _fourier(recipe: Recipe, canvas: Canvas, colours: int, colour_map: Array) -> Parameterization:
    """(n, colours, height, width) coefficients of equal weight, 1/f scaled.

    The scaling is Lucid's (`optvis/param/spatial.py`) carried over to an orthonormal real basis, where
    its complex coefficients' real and imaginary parts are sqrt(2) larger.
    """
    (rows, _), (columns, _) = fourier_basis(canvas[0]), fourier_basis(canvas[1])
    scale = np.sqrt(2) / 4 / np.maximum(_radius(canvas), 1 / max(canvas)) ** recipe.decay
    scale_, rows_, columns_ = (tf.constant(x, tf.float32) for x in (scale, rows.T, columns.T))

    def picture(spectrum: tf.Tensor) -> tf.Tensor:
        along_x = _times(spectrum * scale_, columns_)  # (n, colours, ky, x)
        turned = tf.transpose(along_x, (0, 3, 1, 2))  # (n, x, colours, ky)
        waves = tf.transpose(_times(turned, rows_), (0, 3, 1, 2))  # (n, y, x, colours)
        return tf.sigmoid(_in_colour(waves, colour_map))

    def parameters(pictures: Array) -> Array:
        waves = np.moveaxis(_logit(pictures, colour_map), -1, 1)
        spectrum: Array = (rows.T @ waves @ columns) / scale
        return spectrum

    return Parameterization((colours, *canvas), picture, parameters, frequency_bands(canvas))


# -- MACO ------------------------------------------------------------------------------------------


def _maco(
    recipe: Recipe, canvas: Canvas, colours: int, colour_map: Array, models: Iterable[Array]
) -> Parameterization:
    """Phases (n, colours, height, width // 2 + 1) of a fixed magnitude.

    Source: Fel et al. 2023, Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained
    Optimization (arXiv:2306.06805), and its authors' Xplique: phases and waves are standardised.
    """
    magnitude = tf.constant(_magnitude(recipe, canvas, colours, colour_map, models), tf.float32)

    def picture(phases: tf.Tensor) -> tf.Tensor:
        angle = _standardised(phases)
        spectrum = tf.complex(tf.cos(angle) * magnitude, tf.sin(angle) * magnitude)
        waves = _standardised(tf.signal.irfft2d(spectrum, fft_length=canvas))
        return tf.sigmoid(_in_colour(tf.transpose(waves, (0, 2, 3, 1)), colour_map))

    def parameters(pictures: Array) -> Array:
        waves = np.moveaxis(_logit(pictures, colour_map), -1, 1)
        return np.angle(np.fft.rfft2(waves)).astype("float32")

    return Parameterization((colours, canvas[0], canvas[1] // 2 + 1), picture, parameters)


def _standardised(x: tf.Tensor) -> tf.Tensor:
    mean = tf.reduce_mean(x, axis=(1, 2, 3), keepdims=True)
    deviation = tf.math.reduce_std(x, axis=(1, 2, 3), keepdims=True)
    return (x - mean) / (deviation + 1e-5)


def _magnitude(
    recipe: Recipe, canvas: Canvas, colours: int, colour_map: Array, models: Iterable[Array]
) -> Array:
    """(colours, height, width // 2 + 1): 1/f, or the mean magnitude of pictures in decorrelated colours."""
    decorrelate = np.linalg.inv(colour_map)
    total: Any = 0
    count = 0
    for model in models:  # one at a time, for there may be thousands
        fitted = tf.image.resize(model, canvas, antialias=True).numpy()
        wave = np.moveaxis((fitted - fitted.mean(axis=(0, 1))) @ decorrelate, -1, 0)
        total, count = total + np.abs(np.fft.rfft2(wave)), count + 1
    if not count:
        down, right = np.fft.fftfreq(canvas[0]), np.fft.rfftfreq(canvas[1])
        radius = np.maximum(np.hypot(down[:, None], right[None, :]), 1 / max(canvas))
        return np.repeat(1 / radius[None] ** recipe.decay, colours, axis=0)
    mean: Array = total / count
    return mean
