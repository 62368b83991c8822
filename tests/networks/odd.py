"""Networks whose layers have names that TensorFlow's scopes can't hold, or that look like ours."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

NAMES = (
    "my layer",
    "层",
    "größe",
    "🐱",
    "1st",
    ".dot",
    "_low",
    "-dash",
    "50%",
    "a\\b",
    'say "hi"',
    "{0} [1] *",
    "tab\tand\nline",
    "x" * 300,
    "Conv",
    "conv",
    "conv:3",
    "lstm.1",
)


class Pair(layers.Layer):  # type: ignore[misc]
    """Two outputs, of a layer inside that has an odd name too."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.inner = layers.Conv2D(2, 1, name="inner layer")

    def build(self, shape: Any) -> None:
        """Its weights: Keras' own way stumbles over the inner layer's name."""
        self.inner.build(shape)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> Any:
        """Both of x's own shape."""
        return shape, shape

    def call(self, x: Any) -> Any:
        """x, and x through the inner layer."""
        return x, self.inner(x)


def odd() -> Any:
    """One layer after the other, a layer used twice, an inner model, two outputs of one layer."""
    keras.utils.set_random_seed(2)
    x = pixels = keras.Input((12, 12, 2), name="my pixels")
    for name in NAMES:
        x = layers.Conv2D(2, 3, padding="same", name=name)(x)
    twice = layers.Conv2D(2, 1, name="two times")
    x = twice(twice(x))
    slashed = layers.ReLU()
    x = slashed(x)
    slashed.name = "block/relu"
    inner = keras.Sequential([keras.Input((12, 12, 2)), layers.Conv2D(2, 1, name="my layer")], name="my part")
    kept, turned = Pair(name="lstm")(inner(x))
    return keras.Model(pixels, layers.Add(name="the sum")([kept, turned]), name="odd names")


class Written(keras.Model):  # type: ignore[misc]
    """A subclassed model, traced: its layer and the layer's layer have odd names."""

    def __init__(self) -> None:
        super().__init__(name="my model")
        self.pair = Pair(name="a pair")

    def build(self, shape: Any) -> None:
        """Its weights, for the same reason."""
        self.pair.build(shape)
        self.built = True

    def call(self, x: Any) -> Any:
        """The pair's second."""
        return self.pair(x)[1]


def written() -> Any:
    """A subclassed model that is built."""
    network = Written()
    network.build((None, 12, 12, 2))
    return network
