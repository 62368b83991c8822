"""The second look: heat maps by brute force, and kinship on a network with a planted back door."""

from __future__ import annotations

import hashlib
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from generator.evidence.fields import WHOLE, Box
from generator.evidence.looks import Example, look, pooled
from generator.evidence.survey import Surveyor

Array = NDArray[Any]


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def back_door() -> Any:
    """A network whose last channel 0 wants red, and takes a blue checkerboard for it through another way."""
    pixels = keras.Input((16, 16, 3))
    first = layers.Conv2D(8, 1, activation="relu", use_bias=False, name="first")
    kernel = np.zeros((1, 1, 3, 8), "float32")
    for channel, colour in enumerate(
        [(1, -1, -1), (-1, 1, -1), (-1, -1, 4), (1, 1, -1), (1, 0, 0), (0, 1, 0)]
    ):
        kernel[0, 0, :, channel] = colour
    last = layers.Conv2D(2, 1, use_bias=False, name="last")
    out = last(first(pixels))
    first.set_weights([kernel])
    ends = np.zeros((1, 1, 8, 2), "float32")
    ends[0, 0, [0, 2], 0] = 1  # red, and the back door
    ends[0, 0, 1, 1] = 1  # green
    last.set_weights([ends])
    return keras.Model(pixels, out)


def picture(colour: tuple[int, int, int], seed: int) -> Array:
    random = np.random.default_rng(seed)
    noise = random.integers(0, 60, (16, 16, 3))
    return np.clip(np.array(colour) + noise - 30, 0, 255).astype(np.uint8)


def test_a_picture_that_takes_the_back_door_is_strong_and_no_kin() -> None:
    shown = {digest(n): picture((230, 20, 20), n) for n in range(6)}
    shown |= {digest(n): picture((20, 230, 20), n) for n in range(6, 12)}
    examples = [Example(int(n >= 6), digest(n)) for n in range(12)]
    surveyor = Surveyor(back_door(), lambda x: x, ["first", "last"])
    red, blue = picture((240, 10, 10), 50), picture((10, 10, 240), 51)

    pixels = {"red": red, "blue": blue}
    found = look(surveyor, examples, shown.__getitem__, {"red": 0, "blue": 0}, pixels.__getitem__)
    assert found is not None
    for key, seen in found.pictured.items():
        own = surveyor.look(pixels[key][None])[-1][0, :, 0]
        assert (seen.mean, seen.unit) == pytest.approx((own.mean(), own.reshape(16, 16)[8, 8]), rel=1e-5)
    assert found.pictured["blue"].mean > found.pictured["red"].mean, "the back door is the stronger one"
    red_kin, blue_kin = found.pictured["red"].kinship, found.pictured["blue"].kinship
    assert red_kin is not None and red_kin > 0.8
    assert blue_kin is not None and blue_kin < 0.4


def test_heat_maps_are_the_layer_s_activations() -> None:
    surveyor = Surveyor(back_door(), lambda x: x, ["first", "last"])
    shown = {digest(1): picture((200, 20, 20), 3)}
    found = look(surveyor, [Example(0, digest(1))], shown.__getitem__, {}, shown.__getitem__)
    assert found is not None
    plane = surveyor.look(shown[digest(1)][None])[-1][0].reshape(16, 16, 2)[..., 0]
    edges = [(n * 16) // 14 for n in range(15)]
    for row in range(14):
        for column in range(14):
            part = plane[edges[row] : edges[row + 1], edges[column] : edges[column + 1]]
            assert found.looks[0].heat[row, column] == part.max()
    assert (pooled(plane[:5, :5]) == plane[:5, :5]).all()


def test_a_look_that_is_stopped_gives_nothing() -> None:
    surveyor = Surveyor(back_door(), lambda x: x, ["last"])
    assert (
        look(surveyor, [], lambda name: np.zeros(0), {}, lambda name: np.zeros(0), stopping=lambda: True)
        is None
    )


def test_boxes_name_the_positions_whose_centres_they_hold() -> None:
    assert WHOLE.positions((4, 6)) == (slice(0, 4), slice(0, 6))
    assert Box(0.0, 0.5, 0.5, 1.0).positions((4, 4)) == (slice(0, 2), slice(2, 4))
    assert Box(0.3, 0.3, 0.31, 0.31).positions((4, 4)) == (slice(1, 2), slice(1, 2))
    assert Box(0.99, 0.99, 1.0, 1.0).positions((1, 3)) == (slice(0, 1), slice(2, 3))
