"""Recipes that cover every pair of choices are rendered, and every field that is taken changes something.

Steps run without being compiled, which takes a tenth of the time; the other tests compile theirs.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from pydantic import ValidationError

from generator.config.objectives import OBJECTIVES
from generator.config.recipes import Recipe
from generator.models.surgery import cut
from generator.render.ascent import Renderer, Rendering
from generator.render.objectives import SCORES
from generator.render.parameterizations import Canvas
from generator.render.stage import Materials, Networks
from generator.targets import Channel, Whole

SIDE = 24
"""Large enough for two octaves, which begin at 16, and for tiles."""
LAYERS = {"grid": (8, 8, 4), "tokens": (17, 4), "scores": (3,)}
"""The network's layers and their shapes."""
SPECIAL = {"tokens": 1}
"""How many of a layer's tokens are no patches."""

CHOICES: dict[str, list[dict[str, Any]]] = {
    "objective": [
        {"objective": "channel"},
        {"objective": "negative"},
        {"objective": "neuron", "position": (0.1, 0.9)},
        {"objective": "logit"},
        {"objective": "class-token"},
        {"objective": "diversity", "pictures": 2, "diversity": 1.0},
        {"objective": "interpolation", "pictures": 3, "towards": 1},
        {"objective": "direction", "direction": {0: 1.0, 2: -1.0}, "cossim": 1.0},
        {"objective": "layer"},
        {"objective": "caricature"},
    ],
    "kind": [
        {},
        {"parameterization": "pixels"},
        {"parameterization": "pixels", "squash": "clip"},
        {"parameterization": "maco"},
    ],
    "start": [{}, {"start_from": "grey"}, {"start_from": "black"}, {"start_from": "image"}],
    "ascent": [{"ascent": name} for name in ("normalized", "adam", "plain")],
    "tile": [{}, {"tile": 16}],
    "octaves": [{}, {"octaves": 2, "octave_blur": 1.0}],
    "frames": [{}, {"frames": 2}],
    "views": [{}, {"pad": 4, "noise": 0.1}, {"jitter": 0, "rotate": 0.0, "scale": (1.0, 1.0)}],
    "costs": [{}, {"l1": 0.01, "l2": 0.01, "total_variation": 0.01, "blur": 0.01}],
    "precision": [{"precision": "float32"}, {"precision": "bfloat16"}],
    "layer": [{"layer": name} for name in LAYERS],
    "colours": [{"colours": count} for count in (1, 3, 4)],
}


@pytest.fixture(autouse=True, scope="module")
def eager() -> Iterator[None]:
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@cache
def network(colours: int) -> Any:
    keras.utils.set_random_seed(colours)
    source = keras.Input((SIDE, SIDE, colours))
    grid = layers.Conv2D(4, 5, strides=3, padding="same", activation="relu", name="grid")(source)
    mean = layers.GlobalAveragePooling2D()(grid)
    patches = layers.Reshape((16, 4))(layers.MaxPooling2D(2)(grid))
    tokens = layers.Concatenate(axis=1, name="tokens")([layers.Reshape((1, 4))(mean), patches])
    pooled = layers.GlobalAveragePooling1D()(tokens)
    return keras.Model(source, layers.Dense(3, activation="softmax", name="scores")(pooled))


@cache
def part(layer: str, colours: int, size: Canvas, precision: str, logits: bool) -> Any:
    return cut(network(colours), layer, size, "open", precision, logits)


def recipe_of(row: dict[str, Any]) -> Recipe | None:
    """The recipe of a row of choices; None where its fields don't go together or don't fit the layer."""
    fields = {"size": SIDE, "steps": 2, **row}
    layer = fields.pop("layer")
    del fields["colours"]
    aim = OBJECTIVES[fields["objective"]]
    if aim.photo or fields.get("start_from") == "image":
        fields["image"] = "photo.png"
    try:
        recipe = Recipe().changed(fields)
    except ValidationError:
        return None
    return None if aim.unfit(LAYERS[layer], layer == "scores", SPECIAL.get(layer, 0)) else recipe


def render(recipe: Recipe, layer: str, colours: int) -> Rendering:
    """A picture of channel 1, or of the layer."""
    logits = recipe.aim.logits

    def networks(seen: Canvas, whole: Canvas) -> Networks:
        ascended = part(layer, colours, seen, recipe.precision, logits)
        measured = part(layer, colours, whole, "float32", logits)
        return Networks(ascended, measured, lambda x: x, SPECIAL.get(layer, 0))

    photo = np.random.default_rng(0).random((20, 20, colours), dtype="float32")
    materials = Materials(photo, (photo,) if recipe.magnitude else ())
    renderer = Renderer(networks, recipe, (recipe.size, recipe.size), 1, materials)
    (rendering,) = renderer.render([Whole() if recipe.of_whole_layer else Channel(1)])
    return rendering


def covering() -> list[dict[str, Any]]:
    """Rows of choices that hold every pair of choices that any recipe can hold."""
    draw = random.Random(0)
    names = list(CHOICES)
    pairs = {
        frozenset([(a, i), (b, j)])
        for a, b in itertools.combinations(names, 2)
        for i in range(len(CHOICES[a]))
        for j in range(len(CHOICES[b]))
    }
    rows: list[dict[str, Any]] = []
    while pairs:
        best: tuple[int, Any, Any] = (0, None, None)
        goal = dict(draw.choice(sorted(pairs, key=sorted)))
        for _ in range(40):
            numbers = {name: draw.randrange(len(CHOICES[name])) for name in names} | goal
            row = {k: v for name, number in numbers.items() for k, v in CHOICES[name][number].items()}
            if recipe_of(row) is not None:
                held = {frozenset(pair) for pair in itertools.combinations(numbers.items(), 2)} & pairs
                best = max(best, (len(held), row, held), key=lambda found: found[0])
        pairs -= best[2] if best[0] else {frozenset(goal.items())}
        rows += [best[1]] if best[0] else []
    return rows


def test_every_pair_of_choices_is_rendered() -> None:
    for row in covering():
        recipe = recipe_of(row)
        assert recipe is not None
        made = render(recipe, row["layer"], row["colours"])
        assert np.isfinite([made.activation, *made.trajectory]).all(), row
        assert len(made.trajectory) == recipe.steps and 0 <= made.sparsity <= 1.001
        assert made.picture.shape[-1] == row["colours"] and made.picture.shape[0] % SIDE == 0
        assert (made.frames is not None) == bool(recipe.frames)
        assert (made.alpha is not None) == (recipe.parameterization == "maco")


# -- what a field changes --------------------------------------------------------------------------

OTHERS: dict[str, Any] = {
    "position": (0.9, 0.1),
    "direction": {1: 1.0},
    "cossim": 2.0,
    "towards": 2,
    "pictures": 4,
    "diversity": 3.0,
    "parameterization": "pixels",
    "decorrelate": False,
    "decay": 2.0,
    "squash": "sigmoid",
    "start_from": "grey",
    "start": 0.3,
    "size": 32,
    "octaves": 2,
    "octave_scale": 1.2,
    "octave_blur": 2.0,
    "tile": 16,
    "steps": 3,
    "ascent": "adam",
    "equalize": 0.1,
    "learning_rate": 0.5,
    "cooldown": 1.0,
    "momentum": 0.7,
    "weight_decay": 0.5,
    "l1": 0.5,
    "l2": 0.5,
    "total_variation": 0.5,
    "blur": 0.5,
    "pad": 3,
    "jitter": 2,
    "scale": (0.5, 1.5),
    "rotate": 45.0,
    "noise": 0.3,
    "frames": 2,
    "seed": 7,
    "precision": "bfloat16",
}
"""Another value for each field than the bases below have."""

ELSEWHERE = {"objective", "description", "image", "magnitude", "gif", "open_relu"}
"""Fields that the choices above vary, that name files, or that the renderer is not what acts on."""

COMMON = {"size": SIDE, "steps": 2, "start": 0.05, "precision": "float32"}

BASES: list[dict[str, Any]] = [
    {"objective": "caricature", "image": "photo.png", "tile": 20},
    {"objective": "diversity", "pictures": 2, "diversity": 1.0, "tile": 20},
    {"octaves": 2, "start_from": "image", "image": "photo.png"},
    {"ascent": "plain", "parameterization": "pixels", "squash": "clip", "decorrelate": False},
    {"ascent": "adam", "parameterization": "maco", "start": 1.0},
    {"objective": "neuron"},
    {"objective": "interpolation", "pictures": 3, "towards": 3},
    {"objective": "direction", "direction": {0: 1.0}},
    {},
]
"""Recipes in which fields are changed, each in the first that takes it."""


def test_every_field_that_is_taken_changes_something() -> None:
    left = {name: value for name, value in OTHERS.items()}
    assert set(left) | ELSEWHERE == set(Recipe.model_fields)
    for fields in BASES:
        base = Recipe().changed({}, {**COMMON, **fields})
        before = render(base, "grid", 3)
        for name in list(left):
            try:
                recipe = base.changed({name: left[name]})
            except ValidationError:
                continue
            if recipe != base:
                del left[name]
                assert differ(before, render(recipe, "grid", 3)), f"{name} does nothing to {fields}"
    assert not left


def differ(one: Rendering, other: Rendering) -> bool:
    """Whether any of what is kept of a picture is otherwise."""
    if (one.frames is None) != (other.frames is None):
        return True
    return one.picture.shape != other.picture.shape or not np.array_equal(one.picture, other.picture)


def test_every_objective_has_a_score() -> None:
    assert set(OBJECTIVES) == set(SCORES)
