"""Pictures against planted truth: a network whose filters are known, so that what must appear is known."""

from __future__ import annotations

import io
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from tests.render.planted import GABORS, SIZE, STILL, grey, rendered, strongest_wave, turn
from tests.rendering import Picture


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
    assert border.std() < 0.6 * middle.std()


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
