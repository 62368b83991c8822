"""What a picture may be of: channels, places, directions, a batch of each; and what is refused."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from generator.config.cookbook import BUILT_IN
from generator.config.recipes import Recipe
from generator.evidence.atlas import whitening
from generator.models.surgery import cut
from generator.render.ascent import Renderer, Rendering
from generator.render.objectives import score
from generator.render.parameterizations import Canvas
from generator.render.stage import Networks
from generator.render.wanted import wanted
from generator.targets import Channel, Direction, Place, Unit, Whole
from tests.render.planted import GABORS, SIZE, STILL, strongest_wave, turn

CHANNEL = BUILT_IN["channel"].changed({"size": SIZE, "steps": 48})


@pytest.fixture(scope="module")
def mixed(planted: Path) -> tuple[Any, np.ndarray[Any, Any]]:
    """The planted waves behind a rotation, layer `mixed`: no channel of it is a wave; and the rotation."""
    rotation, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(len(GABORS), len(GABORS))))
    network = keras.saving.load_model(planted)
    rotated = layers.Conv2D(len(GABORS), 1, use_bias=False, name="mixed")
    output = rotated(network.get_layer("rectified").output)
    rotated.kernel.assign(rotation[None, None])
    return keras.Model(network.input, output), rotation


def renderer(network: Any, layer: str, recipe: Recipe, batch: int) -> Renderer:
    def networks(seen: Canvas, whole: Canvas) -> Networks:
        return Networks(cut(network, layer, seen, "open"), cut(network, layer, whole), lambda x: x)

    return Renderer(networks, recipe, (SIZE, SIZE), batch)


def bright(made: Rendering) -> np.ndarray[Any, Any]:
    """The picture's brightness around its mean."""
    shown = made.picture.astype("float64").mean(axis=2) / 255
    return shown - shown.mean()


def test_a_batch_of_directions_finds_what_was_mixed(mixed: tuple[Any, np.ndarray[Any, Any]]) -> None:
    network, rotation = mixed
    directions = [Direction(tuple(map(float, row))) for row in rotation]
    made = renderer(network, "mixed", CHANNEL, len(directions)).render(directions)
    for rendering, (degrees, cycles) in zip(made, GABORS, strict=True):
        direction, frequency = strongest_wave(bright(rendering))
        assert turn(direction, degrees) < 15 and frequency == pytest.approx(cycles, rel=0.25)
    seen = np.stack([rendering.picture for rendering in made]).astype("float32") / 255
    waves = network(seen).numpy().mean(axis=(1, 2)) @ rotation.T
    np.testing.assert_allclose(np.diag(waves), [r.activation for r in made], rtol=1e-3)
    assert list(waves.argmax(axis=1)) == list(range(len(GABORS)))


def test_each_picture_of_a_direction_recipe_may_have_its_own(mixed: tuple[Any, np.ndarray[Any, Any]]) -> None:
    network, rotation = mixed
    recipe = BUILT_IN["direction"].changed({"cossim": 1.0}, {"size": SIZE, "steps": 48})
    directions = [Direction(tuple(map(float, rotation[n]))) for n in (1, 4)]
    for rendering, wave in zip(renderer(network, "mixed", recipe, 2).render(directions), (1, 4), strict=True):
        assert turn(strongest_wave(bright(rendering))[0], GABORS[wave][0]) < 15


def test_the_direction_of_a_mixture_gives_that_mixture(planted: Path) -> None:
    network = keras.saving.load_model(planted)
    mixture = np.zeros(len(GABORS))
    mixture[[1, 4]] = 1.0
    recipe = BUILT_IN["cell"].changed({"size": SIZE})
    (made,) = renderer(network, "rectified", recipe, 1).render([Direction(tuple(mixture))])
    rectified = keras.Model(network.input, network.get_layer("rectified").output)
    seen = rectified(made.picture[None].astype("float32") / 255).numpy().mean(axis=(0, 1, 2))
    both, others = seen[[1, 4]], np.delete(seen, [1, 4])
    assert both.min() > 0.5 * both.max() and both.min() > 1.5 * others.max()


def test_in_whitened_space_a_direction_gives_its_source_alone(planted: Path) -> None:
    """A layer that mixes the waves, all with a share of one of them: the mean of vectors that one wave has
    made is a mixture, and its picture too; by the covariance of all vectors it is that wave again."""
    random = np.random.default_rng(5)
    mixing = np.eye(len(GABORS)) + np.outer(np.ones(len(GABORS)), np.eye(len(GABORS))[3]) * 1.5
    network = keras.saving.load_model(planted)
    mixed = layers.Conv2D(len(GABORS), 1, use_bias=False, name="mixed")
    output = mixed(network.get_layer("rectified").output)
    mixed.kernel.assign(mixing.T[None, None])
    network = keras.Model(network.input, output)
    vectors = random.exponential(size=(4000, len(GABORS))) * (random.random((4000, 1)) < 0.9) @ mixing.T
    raw = mixing @ (np.eye(len(GABORS))[1] + 0.3 * np.eye(len(GABORS))[3])
    ways = [raw, raw @ whitening(vectors, shrinkage=1e-3)]
    recipe = BUILT_IN["cell"].changed({"size": SIZE, "cossim": 0.0})
    plain, whitened = renderer(network, "mixed", recipe, 2).render([Direction(tuple(way)) for way in ways])
    assert turn(strongest_wave(bright(plain))[0], GABORS[3][0]) < 15
    assert turn(strongest_wave(bright(whitened))[0], GABORS[1][0]) < 15


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        *itertools.product(("channel", "neuron", "interpolation"), [(2, 5, 5, 4), (2, 26, 4), (2, 4)]),
        ("class-token", (2, 26, 4)),
    ],
)
def test_a_direction_along_one_channel_scores_as_the_channel(name: str, shape: tuple[int, ...]) -> None:
    recipe = BUILT_IN[name].changed({}, {"pictures": 2, "towards": 1} if name == "interpolation" else {})
    output = tf.random.stateless_normal(shape, (1, 2))
    scored, special = score(recipe), int(len(shape) == 3)
    channel = scored(output, wanted([Channel(3)] * 2, shape, special), None)
    along = scored(output, wanted([Direction((0.0, 0.0, 0.0, 1.0))] * 2, shape, special), None)
    np.testing.assert_allclose(channel, along, rtol=1e-6)


def test_a_batch_may_have_a_place_each(planted: Path) -> None:
    network = keras.saving.load_model(planted)
    places = [(0.1, 0.8), (0.5, 0.5)]
    fields = {"parameterization": "pixels", "start_from": "grey", **STILL}
    recipe = CHANNEL.changed({"steps": 8, **fields})
    made = renderer(network, "gabors", recipe, 2).render([Place(0, *place) for place in places])
    for rendering, (down, right) in zip(made, places, strict=True):
        own = recipe.changed({"objective": "neuron", "position": (down, right)})
        (alone,) = renderer(network, "gabors", own, 1).render([Channel(0)])
        assert np.abs(rendering.picture.astype(int) - alone.picture).max() <= 1
        assert rendering.activation == pytest.approx(alone.activation, rel=1e-3)


def test_rehearsing_compiles_the_step_that_renders(planted: Path) -> None:
    traced: list[object] = []
    network = cut(keras.saving.load_model(planted), "gabors", SIZE)
    networks = Networks(network, network, lambda pixels: traced.append(pixels) or pixels)
    made = Renderer(lambda seen, whole: networks, CHANNEL.changed({"steps": 2}), (SIZE, SIZE), 2)
    made.rehearse(1)
    assert len(traced) == 1
    made.render([Channel(1)])
    made.render([Channel(2), Channel(3)])
    assert len(traced) == 2, "the step again, or more than it and the measurement"


@pytest.mark.parametrize(
    ("recipe", "units", "words"),
    [
        ("channel", [Whole()], "a part of a layer"),
        ("deepdream", [Channel(0)], "a whole layer"),
        ("channel", [Channel(0), Direction((1.0,) * 6)], "a batch each"),
        ("channel", [Direction((1.0, 2.0))], "2 weights in a layer of 6 channels"),
        ("channel", [Channel(0)] * 3, "between 1 and 2"),
        ("channel", [], "between 1 and 2"),
    ],
)
def test_units_that_can_not_be_pursued_are_refused(
    planted: Path, recipe: str, units: list[Unit], words: str
) -> None:
    made = renderer(keras.saving.load_model(planted), "gabors", BUILT_IN[recipe].changed({"steps": 1}), 2)
    with pytest.raises(ValueError, match=words):
        made.render(units)
