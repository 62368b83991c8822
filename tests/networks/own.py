"""Networks as users make them: each function is a factory for `source: tests.networks.own:name`."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

FIRST = "channels_first"


def lively(network: Any) -> Any:
    """The network with every weight at random, BatchNorm's statistics included."""
    random = np.random.default_rng(1)
    for weight in network.weights:
        values = random.normal(0, 0.4, weight.shape)
        weight.assign(np.abs(values) + 0.5 if "variance" in weight.path else values)
    return network


def first(side: int | None = 24) -> Any:
    """Channels first throughout: folded BatchNorm, a gate, pooling, classes."""
    source = keras.Input((3, side, side), name="pixels")
    x = layers.Conv2D(6, 3, padding="same", use_bias=False, data_format=FIRST, name="conv")(source)
    x = layers.ReLU(name="relu")(layers.BatchNormalization(axis=1, name="norm")(x))
    gate = layers.GlobalAveragePooling2D(keepdims=True, data_format=FIRST, name="squeeze")(x)
    gate = layers.Conv2D(6, 1, activation="sigmoid", data_format=FIRST, name="gate")(gate)
    x = layers.Multiply(name="gated")([x, gate])
    way = layers.Dense(6, "tanh", name="dense")(layers.GlobalAveragePooling2D(data_format=FIRST)(x))
    way = layers.Activation("relu", name="way")(layers.Reshape((6, 1, 1), name="column")(way))
    x = layers.Add(name="moved")([x, way])
    x = layers.DepthwiseConv2D(3, data_format=FIRST, activation="relu", name="depthwise")(x)
    x = layers.ZeroPadding2D(1, data_format=FIRST, name="padded")(x)
    x = layers.MaxPooling2D(2, data_format=FIRST, name="pooled")(x)
    x = layers.Concatenate(axis=1, name="both")([x, layers.ReLU(name="again")(x)])
    x = layers.GlobalAveragePooling2D(data_format=FIRST, name="mean")(x)
    return lively(keras.Model(source, layers.Dense(4, "softmax", name="classes")(x), name="first"))


def first_of_any_size() -> Any:
    """The same, for pictures of any size."""
    return first(None)


def first_inside() -> Any:
    """Takes channels last and turns them itself for a while."""
    source = keras.Input((24, 24, 3), name="pixels")
    x = layers.Conv2D(4, 3, data_format=FIRST, name="conv")(layers.Permute((3, 1, 2), name="turn")(source))
    back = keras.ops.transpose(x, (0, 2, 3, 1))
    return lively(keras.Model(source, layers.Conv2D(5, 3, name="last")(back)))


def first_outside() -> Any:
    """Takes channels first and turns them at once."""
    source = keras.Input((3, 24, 24), name="pixels")
    x = layers.Rescaling(1 / 255)(source)
    return lively(
        keras.Model(source, layers.Conv2D(5, 3, name="last")(layers.Permute((2, 3, 1), name="turn")(x)))
    )


def first_nested() -> Any:
    """Two models in one, both channels first."""
    part = keras.Sequential(
        [keras.Input((4, 22, 22)), layers.Conv2D(5, 3, data_format=FIRST, name="conv")], name="part"
    )
    source = keras.Input((3, 24, 24), name="pixels")
    x = layers.Conv2D(4, 3, data_format=FIRST, name="conv")(source)
    return lively(keras.Model(source, layers.ReLU(name="last")(part(x))))


def first_flat() -> Any:
    """Nothing but dense layers on (1, 28, 28)."""
    steps = [layers.Flatten(name="flat"), layers.Dense(6, "relu", name="dense")]
    return lively(keras.Sequential([keras.Input((1, 28, 28), name="pixels"), *steps]))


def grey() -> Any:
    """Digits: one colour, 28 px, and a fixed size that its dense layers need."""
    steps = [
        layers.Conv2D(6, 3, activation="relu", name="conv"),
        layers.MaxPooling2D(name="pool"),
        layers.Flatten(name="flat"),
        layers.Dense(8, "relu", name="dense"),
        layers.Dense(10, name="digits"),
    ]
    return lively(keras.Sequential([keras.Input((28, 28, 1), name="pixels"), *steps]))


def many_colours() -> Any:
    """A satellite's seven bands, 32 px."""
    source = keras.Input((32, 32, 7), name="bands")
    x = layers.Conv2D(6, 3, activation="relu", name="conv")(source)
    return lively(keras.Model(source, layers.SeparableConv2D(4, 3, name="last")(x)))


def whole_numbers() -> Any:
    """Says that its pixels are uint8, and scales them itself in an inner model."""
    inside = keras.Sequential([keras.Input((64, 64, 3)), layers.Rescaling(1 / 255, name="scaled")], name="in")
    source = keras.Input((64, 64, 3), dtype="uint8", name="pixels")
    x = inside(keras.ops.cast(source, "float32"))
    return lively(keras.Model(source, layers.Conv2D(4, 3, name="conv")(x)))


def two_outputs() -> Any:
    """Two heads on a trunk that uses one layer twice."""
    source = keras.Input((32, 32, 3), name="pixels")
    conv = layers.Conv2D(3, 3, padding="same", name="conv")
    x = layers.GlobalAveragePooling2D(name="mean")(conv(conv(source)))
    heads = {"kind": layers.Dense(3, name="kind")(x), "place": layers.Dense(2, name="place")(x)}
    return lively(keras.Model(source, heads))


# -- subclassed ------------------------------------------------------------------------------------


class Block(keras.Model):  # type: ignore[misc]
    """A residual block as a model of its own."""

    def __init__(self, channels: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.conv = layers.Conv2D(channels, 3, padding="same")

    def call(self, x: Any) -> Any:
        """The input plus what a convolution makes of it."""
        return keras.ops.relu(x + self.conv(x))


@keras.saving.register_keras_serializable("tests")
class Written(keras.Model):  # type: ignore[misc]
    """Layers, a block that is a model, a functional part, dropout, and a variable of its own."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.conv = layers.Conv2D(4, 3, padding="same", name="conv")
        self.block = Block(4, name="block")
        inner = keras.Input((None, None, 4))
        self.part = keras.Model(inner, layers.Conv2D(5, 3, name="conv")(inner), name="part")
        self.drop = layers.Dropout(0.5, name="drop")
        self.shift = self.add_weight(shape=(5,), initializer="zeros", name="shift")

    def call(self, x: Any, training: bool) -> Any:
        """Features (n, height - 2, width - 2, 5)."""
        x = self.block(self.conv(x))
        return self.drop(self.part(x) + self.shift, training=training)


def written() -> Any:
    """A subclassed model that was called on a picture."""
    network = Written(name="written")
    network(keras.ops.zeros((1, 32, 32, 3)), training=False)
    return lively(network)


class Plain(keras.Model):  # type: ignore[misc]
    """A subclassed model that is only built."""

    def __init__(self) -> None:
        super().__init__(name="plain")
        self.conv = layers.Conv2D(4, 3, data_format=FIRST, name="conv")

    def build(self, shape: Any) -> None:
        """Its layer's weights."""
        self.conv.build(shape)
        self.built = True

    def call(self, x: Any) -> Any:
        """A convolution, channels first."""
        return self.conv(x)


def only_built() -> Any:
    """A subclassed model of any size, channels first."""
    network = Plain()
    network.build((None, 3, None, None))
    return lively(network)


class Unsure(keras.Model):  # type: ignore[misc]
    """Dropout that is always on, as for telling how sure a network is."""

    def __init__(self) -> None:
        super().__init__(name="unsure")
        self.conv = layers.Conv2D(4, 3, name="conv")
        self.drop = layers.Dropout(0.5, name="drop")

    def build(self, shape: Any) -> None:
        """Its layer's weights."""
        self.conv.build(shape)
        self.built = True

    def call(self, x: Any) -> Any:
        """Other features each time."""
        return self.drop(self.conv(x), training=True)


def unsure() -> Any:
    """A model that never gives the same twice."""
    network = Unsure()
    network.build((None, 32, 32, 3))
    return lively(network)


class Noisy(layers.Layer):  # type: ignore[misc]
    """Adds noise, whether anything is learnt or not."""

    def call(self, x: Any) -> Any:
        """The input, and noise."""
        return x + keras.random.normal(keras.ops.shape(x))


def noisy() -> Any:
    """A network that never gives the same twice, and whose layers are folded and opened."""
    source = keras.Input((32, 32, 3), name="pixels")
    x = layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3, name="conv")(Noisy(name="noise")(source)))
    return lively(keras.Model(source, layers.Conv2D(4, 3, activation="relu", name="last")(x)))


class Twice(keras.Model):  # type: ignore[misc]
    """Has a graph, and a `call` that does more."""

    def __init__(self) -> None:
        pixels = keras.Input((8, 8, 3), name="pixels")
        super().__init__(pixels, layers.Conv2D(2, 3, name="conv")(pixels), name="twice")

    def call(self, x: Any, training: bool = False) -> Any:
        """What the graph gives, twice."""
        return 2.0 * super().call(x, training=training)


def more_than_its_graph() -> Any:
    """A functional model of a class that does more."""
    return lively(Twice())


# -- what is refused -------------------------------------------------------------------------------


class Untraceable(keras.Model):  # type: ignore[misc]
    """Uses TensorFlow where Keras' own operations are needed."""

    def call(self, x: Any) -> Any:
        """The largest of each picture."""
        return tf.reduce_max(x, axis=(1, 2))


def untraceable() -> Any:
    """A model that only runs on numbers."""
    network = Untraceable()
    network(keras.ops.zeros((1, 8, 8, 3)))
    return network


class TwoFaced(keras.Model):  # type: ignore[misc]
    """Computes something else when it is traced."""

    def call(self, x: Any) -> Any:
        """More of numbers than of symbols."""
        return x * (3.0 if hasattr(x, "numpy") else 2.0)


def two_faced() -> Any:
    """A model whose graph is not what it computes."""
    network = TwoFaced()
    network.build((None, 8, 8, 3))
    return network


class Pair(keras.Model):  # type: ignore[misc]
    """Compares two pictures."""

    def call(self, pair: Any) -> Any:
        """Their difference."""
        return pair[0] - pair[1]


def subclassed_pair() -> Any:
    """A subclassed model of two pictures."""
    network = Pair()
    network([keras.ops.zeros((1, 8, 8, 3)), keras.ops.zeros((1, 8, 8, 3))])
    return network


def pair() -> Any:
    """A functional model of two pictures."""
    left, right = keras.Input((8, 8, 3), name="left"), keras.Input((8, 8, 3), name="right")
    return keras.Model([left, right], layers.Add()([left, right]))


def never_called() -> Any:
    """A subclassed model whose input nobody knows."""
    return Untraceable()


def unknown_colours() -> Any:
    """A model that leaves open how many colours it takes."""
    source = keras.Input((8, 8, None))
    return keras.Model(source, layers.MaxPooling2D()(source))
