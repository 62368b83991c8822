"""Which range a network wants is read off what it does to its input before its first learned layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from generator.config.schema import ModelConfig
from generator.models.graph import flatten
from generator.models.input_range import assumed
from generator.models.preprocessing import Assumed, named
from generator.models.zoo import open_model
from tests.networks import own

SIDE = 16
rescaling = layers.Rescaling(1 / 255)
Front = Callable[[Any], Any]


def learnt(axis: Any, mean: float, deviation: float) -> Any:
    """A Normalization adapted to data."""
    layer = layers.Normalization(axis=axis)
    layer.adapt(np.random.default_rng(0).normal(mean, deviation, (32, SIDE, SIDE, 3)))
    return layer


def trained_norm(mean: float, variance: float) -> Front:
    def front(x: Any) -> Any:
        norm = layers.BatchNormalization()
        output = norm(x)
        norm.moving_mean.assign([mean] * 3)
        norm.moving_variance.assign([variance] * 3)
        return output

    return front


class Prepared(layers.Layer):  # type: ignore[misc]
    """A layer of the user's own that knows mean and deviation."""

    def __init__(self, mean: float, deviation: float) -> None:
        super().__init__()
        self.mean, self.deviation = mean, deviation

    def call(self, x: Any) -> Any:
        """The input, standardised."""
        return (x - self.mean) / self.deviation


def inner(front: Front) -> Any:
    source = keras.Input((SIDE, SIDE, 3))
    return keras.Model(source, front(source))


def in_turn(*steps: Front) -> Front:
    def front(x: Any) -> Any:
        for step in steps:
            x = step(x)
        return x

    return front


def as_caffe(x: Any) -> Any:
    """Blue, green, red, each less its mean."""
    return ops.stack([x[..., 2] - 103.939, x[..., 1] - 116.779, x[..., 0] - 123.68], axis=-1)


def with_places(x: Any) -> Any:
    """The picture and where each pixel is."""
    rows = ops.broadcast_to(ops.reshape(ops.linspace(0.0, 300.0, SIDE), (1, SIDE, 1, 1)), (1, SIDE, SIDE, 1))
    return ops.concatenate([x, ops.zeros_like(x[..., :1]) + rows], axis=-1)


FOUND: dict[str, tuple[str, Front]] = {
    "Rescaling": ("raw", rescaling),
    "Rescaling to [-1, 1]": ("raw", layers.Rescaling(1 / 127.5, offset=-1)),
    "Rescaling by 1/128": ("raw", layers.Rescaling(1 / 128)),
    "Rescaling from [0, 1]": ("unit", layers.Rescaling(2, offset=-1)),
    "Rescaling from [-1, 1]": ("tf", layers.Rescaling(0.5, offset=0.5)),
    "Rescaling up": ("unit", layers.Rescaling(255)),
    "Normalization in [0, 1]": (
        "unit",
        layers.Normalization(mean=[0.485, 0.456, 0.406], variance=[0.0524, 0.0502, 0.0506]),
    ),
    "Normalization in [0, 255]": ("raw", layers.Normalization(mean=[120.0] * 3, variance=[3600.0] * 3)),
    "Normalization of one number": ("raw", layers.Normalization(axis=None, mean=120.0, variance=3600.0)),
    "adapted": ("raw", lambda x: learnt(-1, 118, 60)(x)),
    "adapted in [0, 1]": ("unit", lambda x: learnt(-1, 0.46, 0.22)(x)),
    "adapted to every pixel": ("raw", lambda x: learnt((1, 2, 3), 118, 60)(x)),
    "BatchNormalization": ("raw", trained_norm(120, 3600)),
    "BatchNormalization in [0, 1]": ("unit", trained_norm(0.45, 0.06)),
    "behind Resizing": ("raw", in_turn(layers.Resizing(8, 8), rescaling)),
    "behind CenterCrop": ("raw", in_turn(layers.CenterCrop(8, 8), rescaling)),
    "behind ZeroPadding2D": ("raw", in_turn(layers.ZeroPadding2D(1), rescaling)),
    "behind Dropout": ("raw", in_turn(layers.Dropout(0.5), rescaling)),
    "behind Identity": ("raw", in_turn(layers.Identity(), rescaling)),
    "behind augmentation": (
        "raw",
        in_turn(layers.RandomFlip(), layers.RandomRotation(0.1), layers.RandomZoom(0.1), rescaling),
    ),
    "before padding": ("raw", in_turn(rescaling, layers.ZeroPadding2D(3))),
    "in an inner model": ("raw", lambda x: inner(rescaling)(x)),
    "behind a model that crops": ("raw", lambda x: rescaling(inner(layers.Cropping2D(2))(x))),
    "division": ("raw", lambda x: x / 255.0),
    "multiplication": ("raw", lambda x: x * (1 / 255)),
    "subtraction": ("raw", lambda x: (x - 127.5) / 127.5),
    "subtraction in [0, 1]": ("unit", lambda x: (x - 0.5) * 2.0),
    "centred": ("unit", lambda x: x - 0.5),
    "clipped": ("raw", lambda x: ops.clip(x, 0, 255) / 255.0),
    "clipped to [0, 1]": ("unit", lambda x: ops.clip(x, 0, 1)),
    "whole numbers within": ("raw", lambda x: ops.cast(ops.cast(x, "uint8"), "float32") / 255.0),
    "channels first within": (
        "raw",
        lambda x: ops.transpose(rescaling(layers.Permute((3, 1, 2))(x)), (0, 2, 3, 1)),
    ),
    "Lambda": ("raw", layers.Lambda(lambda x: x / 255.0)),
    "a layer of one's own": ("raw", Prepared(120.0, 60.0)),
    "a layer of one's own in [0, 1]": ("unit", Prepared(0.45, 0.22)),
    "Keras' tf": ("raw", keras.applications.mobilenet_v2.preprocess_input),
    "Keras' torch": ("raw", keras.applications.densenet.preprocess_input),
    "Keras' caffe": ("raw", keras.applications.vgg16.preprocess_input),
    "caffe by hand": ("raw", as_caffe),
    "with places beside": ("raw", in_turn(rescaling, with_places)),
    "two scales": ("raw", lambda x: layers.Concatenate()([x / 255.0, x / 127.5 - 1.0])),
}
UNSAID: dict[str, Front] = {
    "nothing": lambda x: x,
    "padding": layers.ZeroPadding2D(1),
    "augmentation": layers.RandomFlip(),
    "Normalization of nothing": layers.Normalization(),
    "BatchNormalization, untrained": layers.BatchNormalization(),
    "scaled by little": lambda x: x * 0.12,
    "sixteen bits": layers.Rescaling(1 / 65535),
    "each picture by itself": lambda x: x - ops.mean(x, axis=(1, 2, 3), keepdims=True),
}
LEARNED: dict[str, Front] = {
    "convolution": lambda x: layers.Conv2D(4, 3, name="first")(x),
    "depthwise": lambda x: layers.DepthwiseConv2D(3, name="first")(x),
    "dense": lambda x: layers.Dense(4, name="first")(layers.Flatten()(x)),
    "two branches": lambda x: layers.Concatenate()(
        [layers.Conv2D(4, 3, name="first")(x), layers.Conv2D(4, 3, name="second")(x)]
    ),
    "a frozen one": lambda x: layers.Conv2D(4, 3, name="first", trainable=False)(x),
    "none": lambda x: layers.MaxPooling2D()(x),
}


def found(front: Front, learned: Front = LEARNED["convolution"], colours: int = 3) -> Assumed:
    source = keras.Input((SIDE, SIDE, colours))
    network = keras.Model(source, learned(front(source)))
    return assumed(flatten(network, (SIDE, SIDE, colours)), colours)


@pytest.mark.parametrize("name", FOUND)
def test_a_range_is_found_by_what_becomes_of_it(name: str) -> None:
    range_, front = FOUND[name]
    taken = found(front)
    assert (taken.mapping, taken.guessed) == (named(range_, 3), False), taken.reason


@pytest.mark.parametrize("name", UNSAID)
def test_where_nothing_shows_it_the_range_is_said_to_be_a_guess(name: str) -> None:
    taken = found(UNSAID[name])
    assert taken.guessed and taken.reason.startswith("a guess")
    if name in ("nothing", "padding", "augmentation"):
        assert taken.mapping == named("unit", 3)
        assert taken.reason == (
            "a guess, since the network does nothing to its input before its first weights, in first"
        )


@pytest.mark.parametrize("learned", LEARNED)
@pytest.mark.parametrize("front", ["Rescaling", "Rescaling from [0, 1]", "adapted", "Keras' caffe"])
def test_whatever_learns_first(front: str, learned: str) -> None:
    range_, make = FOUND[front]
    assert found(make, LEARNED[learned]).mapping == named(range_, 3)


def test_what_comes_after_the_first_weights_says_nothing() -> None:
    taken = found(lambda x: x, in_turn(layers.Conv2D(3, 3, name="first"), rescaling, layers.Conv2D(3, 3)))
    assert taken.guessed and taken.mapping == named("unit", 3)


@pytest.mark.parametrize("colours", [1, 2, 5])
def test_any_number_of_colours(colours: int) -> None:
    assert found(rescaling, colours=colours) == Assumed(named("raw", colours), found(rescaling).reason)
    assert found(lambda x: x, colours=colours).guessed


def test_the_reason_names_what_was_seen() -> None:
    taken = found(in_turn(layers.Resizing(8, 8), rescaling, layers.Dropout(0.1)))
    words = "the network makes that 0 and 1 itself (Rescaling) before its first weights, in first"
    assert taken.describe() == f"black becomes 0, white 255: {words}"


def test_a_layer_that_refuses_such_pictures_leaves_a_guess() -> None:
    class Picky(layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            if hasattr(x, "numpy"):
                raise RuntimeError("no such picture")
            return x

    taken = found(Picky())
    assert taken.guessed and taken.reason == "a guess, since the network can't be asked"


@pytest.mark.parametrize(
    ("name", "settings", "guessed", "words"),
    [
        ("first_outside", {}, False, "black becomes 0, white 255: the network makes that 0 and 1 itself"),
        ("whole_numbers", {}, False, "black becomes 0, white 255: it takes whole numbers"),
        ("many_colours", {}, True, "black becomes 0, white 1: a guess, since"),
        ("many_colours", {"preprocessing": "tf"}, False, "black becomes -1, white 1: as the config says"),
        (
            "many_colours",
            {"preprocessing": {"std": 0.5}},
            False,
            "black becomes 0, white 2: as the config says",
        ),
    ],
)
def test_an_anatomy_says_what_was_taken_and_why(
    name: str, settings: dict[str, Any], guessed: bool, words: str
) -> None:
    assert hasattr(own, name)
    config = {"source": f"tests.networks.own:{name}", "layers": "all", **settings}
    anatomy = open_model(name, ModelConfig.model_validate(config)).anatomy
    assert anatomy.preprocessing.startswith(words) and anatomy.preprocessing_guessed == guessed
