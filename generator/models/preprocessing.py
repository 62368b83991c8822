"""From display space to what a network takes: one affine map per colour, the same for every family.

Pictures are optimised and shown in display space: red, green, blue in [0, 1]. Every preprocessing in use
is `x * scale + offset` per colour, perhaps with the colours in another order; so that is all we keep.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.config.schema import Preprocessing as PreprocessingConfig
from generator.errors import ModelError, cause

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
_CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)


@dataclass(frozen=True)
class Preprocessing:
    """Display pixels (..., colours) in [0, 1] -> network input: reorder, then `x * scale + offset`."""

    scale: tuple[float, ...]
    offset: tuple[float, ...]
    bgr: bool = False

    def __call__(self, display: Any) -> Any:
        """Network input for display pixels; works on NumPy arrays and on tensors."""
        if self.bgr:
            display = display[..., ::-1]
        return display * _shared(self.scale) + _shared(self.offset)

    def describe(self) -> str:
        """In words: what black and white become, and the order of colours."""
        black = _listing(self.offset)
        white = _listing(tuple(s + o for s, o in zip(self.scale, self.offset, strict=True)))
        return f"black becomes {black}, white {white}" + (", colours in the order BGR" if self.bgr else "")


@dataclass(frozen=True)
class Assumed:
    """What a network is taken to want, why, and whether that is a guess that a user should look at."""

    mapping: Preprocessing
    reason: str
    guessed: bool = False

    def describe(self) -> str:
        """In words: what black and white become, and why so."""
        return f"{self.mapping.describe()}: {self.reason}"


def _shared(values: tuple[float, ...]) -> Any:
    """One number where all colours share it: TensorFlow multiplies by that in half the time."""
    return np.float32(values[0]) if len(set(values)) == 1 else np.asarray(values, "float32")


def _listing(values: tuple[float, ...]) -> str:
    shown = values[:1] if len(set(values)) == 1 else values
    return ", ".join(f"{value:.4g}" for value in shown)


def from_config(config: PreprocessingConfig, colours: int) -> Preprocessing:
    """The map that a config's range, mean, std and bgr describe; ModelError if their lengths don't fit."""
    mean, std = _per_colour(config.mean, colours, "mean"), _per_colour(config.std, colours, "std")
    low, high = config.range
    if (std == 0).any():
        raise ModelError("preprocessing: std must not be 0")
    return _affine((high - low) / std, (low - mean) / std, config.bgr)


def named(name: str, colours: int) -> Preprocessing:
    """One of Keras' modes: `unit` [0, 1], `raw` [0, 255], `tf` [-1, 1], `caffe`, `torch`.

    Source of the values: keras.applications.imagenet_utils.preprocess_input.
    """
    ones, zeros = np.ones(colours), np.zeros(colours)
    if name in ("caffe", "torch") and colours != 3:
        raise ModelError(f"preprocessing `{name}` is for 3 colours; this network takes {colours}")
    if name == "caffe":
        return _affine(255 * ones, -np.array(_CAFFE_MEAN_BGR), bgr=True)
    if name == "torch":
        return _affine(1 / np.array(_IMAGENET_STD), -np.array(_IMAGENET_MEAN) / np.array(_IMAGENET_STD))
    scale, offset = {"unit": (1, 0), "raw": (255, 0), "tf": (2, -1)}[name]
    return _affine(scale * ones, offset + zeros)


def from_function(preprocess_input: Callable[[NDArray[Any]], Any]) -> Preprocessing:
    """The map that a family's own `preprocess_input` makes of pixels in [0, 255], found by asking it.

    Black gives the offset, white the scale, and pure red tells whether colours are reversed.
    """
    probes = np.zeros((3, 1, 1, 3), "float32")
    probes[1], probes[2, ..., 0] = 255.0, 255.0
    black, white, red = np.asarray(preprocess_input(probes), "float64").reshape(3, 3)
    bgr = bool(abs(red - black)[0] < abs(red - black)[2])
    return _affine(white - black, black, bgr)


def of_converter(converter: Callable[[NDArray[Any]], Any], source: str) -> Preprocessing:
    """The map that a layer which prepares pictures of [0, 255] makes, such as KerasHub's ImageConverter.

    Raises ModelError when it is more than a scale and an offset a colour: what it gives for grey and for a
    colour tells.
    """

    def one_place(pixels: NDArray[Any]) -> Any:
        given = np.moveaxis(np.asarray(converter(pixels)), 1, -1) if first else np.asarray(converter(pixels))
        return given[:, :1, :1]

    first = getattr(converter, "data_format", None) == "channels_first"
    colours = np.array([[[[128, 128, 128]]], [[[200, 30, 90]]]], "float32")
    try:
        mapping, given = from_function(one_place), one_place(colours)
    except Exception as error:  # its settings may be anything
        raise ModelError(
            f"{source}: its {type(converter).__name__} can't be asked: {cause(error)}"
        ) from error
    if not np.allclose(given, mapping(colours / 255), rtol=1e-3, atol=1e-3):
        raise ModelError(
            f"{source}: its {type(converter).__name__} does more than to scale and shift colours; say with "
            "`preprocessing:` what it makes of black and white"
        )
    return mapping


def _affine(scale: NDArray[Any], offset: NDArray[Any], bgr: bool = False) -> Preprocessing:
    return Preprocessing(tuple(map(float, scale)), tuple(map(float, offset)), bgr)


def _per_colour(value: list[float] | float, colours: int, field: str) -> NDArray[Any]:
    values = np.asarray(value, "float64").reshape(-1)
    if values.size not in (1, colours):
        raise ModelError(
            f"preprocessing: {field} has {values.size} numbers; the network has {colours} colours"
        )
    return np.broadcast_to(values, (colours,))
