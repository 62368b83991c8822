"""Pictures against planted truth: a network whose filters are known, so that what must appear is known."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from generator.config import ModelConfig
from generator.engines.tasks import Picture, Task
from generator.engines.worker import work
from generator.models.zoo import open_model
from generator.recipes import BUILT_IN, Recipe

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


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Layers: gabors (6 linear channels), rectified, dead (off for every picture at the start), logits."""
    source = keras.Input((SIZE, SIZE, 3), name="pixels")
    filters = layers.Conv2D(len(GABORS), 15, name="gabors", use_bias=False)
    x = filters(source)
    layers.ReLU(name="rectified")(x)
    asleep = layers.Conv2D(2, 15, activation="relu", name="dead")
    both = layers.Concatenate()([layers.ReLU(name="rectified")(x), asleep(source)])
    network = keras.Model(source, layers.Dense(2, name="logits")(layers.GlobalAveragePooling2D()(both)))
    filters.kernel.assign(np.stack([gabor(*known) for known in GABORS], axis=3))
    asleep.kernel.assign(np.stack([gabor(45.0, 1 / 6), gabor(135.0, 1 / 6)], axis=3))
    asleep.bias.assign([-8.0, -8.0])
    path = tmp_path_factory.mktemp("planted") / "planted.keras"
    network.save(path)
    return path


def rendered(path: Path, layer: str, recipe: str, channels: range, **changes: object) -> list[Picture]:
    config = ModelConfig.model_validate({"source": str(path), "layers": "all"})
    fingerprint = open_model("planted", config).anatomy.fingerprint
    fields = {**BUILT_IN[recipe].model_dump(), "size": SIZE, **changes}
    task = Task(
        "planted", config, fingerprint, layer, Recipe.model_validate(fields), tuple(channels), len(channels)
    )
    pictures = work(task).pictures
    assert [picture.error for picture in pictures] == [""] * len(channels)
    return list(pictures)


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


@pytest.fixture(scope="module")
def favourites(planted: Path) -> list[Picture]:
    return rendered(planted, "rectified", "channel", range(len(GABORS)))


@pytest.mark.parametrize("channel", range(len(GABORS)))
def test_a_channel_that_looks_for_a_wave_fills_the_picture_with_it(
    favourites: list[Picture], channel: int
) -> None:
    direction, frequency = strongest_wave(grey(favourites[channel]))
    degrees, cycles = GABORS[channel]
    assert turn(direction, degrees) < 15
    assert frequency == pytest.approx(cycles, rel=0.25)
    assert not favourites[channel].dead


def test_a_picture_excites_its_own_channel_most(planted: Path, favourites: list[Picture]) -> None:
    network = keras.saving.load_model(planted)
    pictures = np.stack([np.asarray(Image.open(io.BytesIO(p.png)), "float32") / 255 for p in favourites])
    layer = keras.Model(network.input, network.get_layer("gabors").output)
    reached = np.maximum(layer(pictures).numpy(), 0).mean(axis=(1, 2))
    assert list(reached.argmax(axis=1)) == list(range(len(GABORS)))
    told = [picture.activation for picture in favourites]
    np.testing.assert_allclose(np.diag(reached), told, rtol=1e-3)


def test_the_trajectory_rises(favourites: list[Picture]) -> None:
    for picture in favourites:
        assert picture.trajectory[-1] > 2 * abs(picture.trajectory[0])


@pytest.mark.parametrize("channel", range(len(GABORS)))
def test_a_unit_gets_its_wave_in_its_own_field(planted: Path, channel: int) -> None:
    (picture,) = rendered(planted, "gabors", "neuron", range(channel, channel + 1), **STILL)
    image = grey(picture)
    middle = image[SIZE // 2 - 9 : SIZE // 2 + 9, SIZE // 2 - 9 : SIZE // 2 + 9]
    direction, frequency = strongest_wave(middle)
    assert turn(direction, GABORS[channel][0]) < 15
    assert frequency == pytest.approx(GABORS[channel][1], rel=0.3)
    # What lies outside of what it sees is left alone, but for the ripples of smooth waves.
    border = np.concatenate([image[:8].ravel(), image[-8:].ravel(), image[:, :8].ravel()])
    assert border.std() < 0.5 * middle.std()


def test_the_negative_drives_the_activation_down(planted: Path) -> None:
    up = rendered(planted, "logits", "channel", range(2))
    down = rendered(planted, "logits", "negative", range(2))
    for high, low in zip(up, down, strict=True):
        assert low.activation < low.trajectory[0] < high.activation
        assert low.trajectory[-1] < low.trajectory[0]


def test_a_dead_channel_comes_alive(planted: Path) -> None:
    pictures = rendered(planted, "dead", "channel", range(2))
    for picture, degrees in zip(pictures, (45.0, 135.0), strict=True):
        assert picture.trajectory[0] == 0, "it was to be dead at the start"
        assert picture.activation > 0 and not picture.dead
        assert turn(strongest_wave(grey(picture))[0], degrees) < 15


def test_a_dead_channel_stays_dead_without_help_and_says_so(planted: Path) -> None:
    (picture,) = rendered(planted, "dead", "channel", range(1), open_relu=False)
    assert picture.dead and picture.activation == 0


def test_another_seed_gives_another_picture_of_the_same(planted: Path, favourites: list[Picture]) -> None:
    (other,) = rendered(planted, "rectified", "channel", range(1), seed=1)
    assert np.abs(grey(other) - grey(favourites[0])).mean() > 0.02
    assert turn(strongest_wave(grey(other))[0], GABORS[0][0]) < 15


def test_pixels_can_be_optimised_too(planted: Path) -> None:
    fields = {"parameterization": "pixels", "decorrelate": False, "steps": 64}
    (picture,) = rendered(planted, "rectified", "channel", range(1), **fields)
    assert picture.activation > 3 * picture.trajectory[0]


def test_a_picture_is_the_same_when_rendered_again(planted: Path, favourites: list[Picture]) -> None:
    """Within 2/255, whatever the batch and the order: the promise that a key makes."""
    again = rendered(planted, "rectified", "channel", range(2, 5))
    for picture in again:
        assert np.abs(grey(picture) - grey(favourites[picture.channel])).mean() < 2 / 255
