"""Networks whose filters are known, and how to ask a picture what is in it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from generator.config.cookbook import BUILT_IN
from generator.config.schema import ModelConfig
from tests.rendering import Picture, picture_task, work

SIZE = 48
GABORS = [(0.0, 1 / 6), (30.0, 1 / 6), (60.0, 1 / 8), (90.0, 1 / 8), (120.0, 1 / 6), (150.0, 1 / 5)]
"""Each filter's direction in degrees and frequency in cycles a pixel."""


def gabor(degrees: float, frequency: float, side: int = 15) -> np.ndarray[Any, Any]:
    """A wave under a bell, (side, side, 3), the same in all colours, without mean."""
    y, x = np.mgrid[:side, :side] - side // 2
    angle = np.deg2rad(degrees)
    wave = np.cos(2 * np.pi * frequency * (x * np.cos(angle) + y * np.sin(angle)))
    patch = wave * np.exp(-(x**2 + y**2) / (2 * (side / 5) ** 2))
    return np.repeat((patch - patch.mean())[..., None], 3, axis=2)


def rendered(
    path: Path, layer: str, recipe: str, channels: Sequence[int], **changes: object
) -> list[Picture]:
    """Channels of a planted network by a built-in recipe with changes, at SIZE; none may fail."""
    config = ModelConfig.model_validate({"source": str(path), "layers": "all"})
    changed = BUILT_IN[recipe].changed(changes, {"size": SIZE})
    pictures = work(picture_task("planted", config, layer, changed, channels))
    assert [picture.error for picture in pictures] == [""] * len(channels)
    return pictures


def grey(picture: Picture) -> np.ndarray[Any, Any]:
    """The picture's brightness around its mean, (size, size) in [-1, 1]."""
    pixels = np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB"), "float64") / 255
    return pixels.mean(axis=2) - pixels.mean()


def strongest_wave(image: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Direction (degrees, 0 to 180) and frequency (cycles a pixel) at which a picture has most power."""
    power = np.abs(np.fft.fft2(image * np.outer(np.hanning(len(image)), np.hanning(len(image))))) ** 2
    fy, fx = np.meshgrid(*2 * [np.fft.fftfreq(len(image))], indexing="ij")
    radius, angle = np.hypot(fx, fy), np.arctan2(fy, fx)
    power[radius < 0.06] = 0
    # Squared, so that the harmonics of a wave that has become rectangular don't count.
    power **= 2
    # Opposite directions are one: average on the circle of doubled angles.
    direction = np.angle((power * np.exp(2j * angle)).sum()) / 2
    return float(np.rad2deg(direction) % 180), float((power * radius).sum() / power.sum())


def turn(first: float, second: float) -> float:
    """Degrees between two directions, which are the same after half a turn."""
    return abs((first - second + 90) % 180 - 90)


STILL = {"jitter": 0, "scale": (1.0, 1.0), "rotate": 0.0, "pad": 0}
"""No transforms: a unit that knows its place can't be asked to be anywhere."""
