"""Families of small networks: the members of each differ in one thing that changes what they give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

Build = Callable[[Any], Any]
"""From an input (n, 6, 6, 3) to an output."""


def varied(make: Callable[..., Build], *options: dict[str, Any]) -> list[Build]:
    return [make(**option) for option in options]


def layer(kind: Any, *options: dict[str, Any], **shared: Any) -> list[Build]:
    """Members that are one layer each, with these settings."""
    return [lambda x, option=option: kind(**shared, **option)(x) for option in options]


def both(x: Any) -> list[Any]:
    return [x, layers.ReLU()(x)]


def attended(**settings: Any) -> Build:
    attention = layers.MultiHeadAttention(1, 3)
    return lambda x: attention(t := layers.Reshape((36, 3))(x), t, **settings)


def nested(*inner: Any) -> Build:
    return lambda x: keras.Sequential([keras.Input((6, 6, 3)), *inner])(x)


def functional(swap: bool) -> Build:
    a, b = keras.Input((6, 6, 3)), keras.Input((6, 6, 3))
    model = keras.Model([a, b], layers.Subtract()([a, b]))
    return lambda x: model(both(x)[::-1] if swap else both(x))


def wrapped(x: Any, **settings: Any) -> Any:
    return layers.TimeDistributed(layers.Conv1D(3, 3, padding="same", **settings))(x)


def adapted(scale: float) -> Build:
    norm = layers.Normalization()
    norm.adapt(np.random.default_rng(0).normal(0, scale, (8, 6, 6, 3)))
    return norm


def masked(value: float) -> Build:
    def build(x: Any) -> Any:
        rows = layers.Masking(mask_value=value)(ops.relu(layers.Reshape((36, 3))(x)))
        return layers.GlobalAveragePooling1D()(rows)

    return build


def heads(turned: bool) -> Build:
    first, second = layers.Dense(2), layers.Dense(2)
    return lambda x: (second if turned else first)(x)


BORDER = ((0, 0), (1, 1), (1, 1), (0, 0))
ONE = np.float32([1, 2, 3])

FAMILIES: dict[str, list[Build]] = {
    "a number": [lambda x: x * 2.0, lambda x: x * -300.0, lambda x: x + 2.0, lambda x: 2.0 - x],
    "a number before": [lambda x: 2.0 / x, lambda x: x / 2.0, lambda x: x**2.0, lambda x: 2.0**x],
    "an array": [lambda x: x * ONE, lambda x: x * (ONE + 1), lambda x: x * ONE[::-1]],
    "a tensor": [lambda x: x * tf.constant(ONE), lambda x: x * tf.constant(ONE + 1)],
    "a type": [
        lambda x: ops.cast(x, "float16"),
        lambda x: ops.cast(x, "bfloat16"),
        lambda x: ops.cast(x, "int32"),
    ],
    "a slice": [lambda x: x[..., :2], lambda x: x[..., 1:], lambda x: x[:, ::-1], lambda x: x[:, :, ::-1]],
    "an index": [lambda x: ops.take(x, [0, 1], axis=-1), lambda x: ops.take(x, [1, 0], axis=-1)],
    "an axis": [lambda x: ops.softmax(x, axis=1), lambda x: ops.softmax(x, axis=2), lambda x: ops.softmax(x)],
    "a border": [
        lambda x: ops.pad(x, ((0, 0), (1, 0), (0, 1), (0, 0))),
        lambda x: ops.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0))),
    ],
    "what a border holds": [
        lambda x: ops.pad(x, BORDER, constant_values=1.0),
        lambda x: ops.pad(x, BORDER, "reflect"),
        lambda x: ops.pad(x, BORDER),
    ],
    "a limit": [
        lambda x: ops.clip(x, 0.0, 1.0),
        lambda x: ops.clip(x, 0.0, 1.1),
        lambda x: ops.clip(x, 0.1, 1.0),
    ],
    "an equation": [
        lambda x: ops.einsum("nhwc,c->nhw", x, ONE),
        lambda x: ops.einsum("nhwc,w->nhc", x, np.ones(6, "float32")),
    ],
    "an order": [lambda x: layers.Subtract()(both(x)), lambda x: layers.Subtract()(both(x)[::-1])],
    "an order of ops": [lambda x: x - ops.relu(x), lambda x: ops.relu(x) - x],
    "an order in a list": [
        lambda x: ops.concatenate(both(x), -1),
        lambda x: ops.concatenate(both(x)[::-1], -1),
    ],
    "an axis of a layer": layer(layers.Softmax, {"axis": 1}, {"axis": 2}, {"axis": -1}),
    "an order in a model": [functional(False), functional(True)],
    "a keyword": [attended(), attended(use_causal_mask=True)],
    "a mask": [masked(0.0), masked(-1.0)],
    "what a keyword holds": [
        lambda x: layers.UnitNormalization()(ops.moveaxis(x, source=1, destination=2)),
        lambda x: layers.UnitNormalization()(ops.moveaxis(x, source=1, destination=3)),
    ],
    "a convolution": layer(
        layers.Conv2D,
        {},
        {"strides": 2},
        {"dilation_rate": 2},
        {"padding": "same"},
        {"activation": "relu"},
        {"activation": layers.ReLU(max_value=0.5)},
        {"activation": layers.ReLU(max_value=0.4)},
        {"dtype": "float16"},
        {"groups": 3},
        {"data_format": "channels_first"},
        filters=3,
        kernel_size=3,
    ),
    "an activation": layer(layers.Activation, *({"activation": f} for f in ("relu", "tanh", "gelu"))),
    "a slope": layer(layers.LeakyReLU, {"negative_slope": 0.1}, {"negative_slope": 0.2}),
    "a norm": layer(layers.LayerNormalization, {}, {"epsilon": 0.1}, {"axis": 1}),
    "groups": layer(layers.GroupNormalization, {"groups": 3}, {"groups": 1}),
    "state": [adapted(1.0), adapted(2.0)],
    "constants of a norm": layer(layers.Normalization, {"mean": 1.0}, {"mean": 2.0}, variance=2.0),
    "pooling": [
        *layer(layers.MaxPooling2D, {}, {"strides": 1}),
        *layer(layers.AveragePooling2D, {"pool_size": 2}),
    ],
    "larger": layer(layers.UpSampling2D, {}, {"interpolation": "bilinear"}, {"size": (2, 1)}),
    "another size": layer(
        layers.Resizing, {}, {"interpolation": "nearest"}, {"pad_to_aspect_ratio": True}, height=5, width=9
    ),
    "a wrapped layer": [
        wrapped,
        lambda x: wrapped(x, dilation_rate=2),
        lambda x: wrapped(x, activation="tanh"),
    ],
    "an inner model": [
        nested(layers.ReLU()),
        nested(layers.ReLU(max_value=0.5)),
        nested(layers.Rescaling(2.0)),
    ],
    "depth": [nested(layers.Rescaling(2.0)), nested(layers.Rescaling(2.0), layers.Rescaling(2.0))],
    "a dropout that acts": [lambda x: layers.Dropout(0.5, seed=1)(x, training=True), lambda x: x * 1.0],
}
"""By what their members differ in."""

IDLE: dict[str, list[Build]] = {
    "names": [lambda x: layers.ReLU(name="a")(x), lambda x: layers.ReLU(name="b")(x)],
    "an inner name": [
        lambda x: layers.TimeDistributed(layers.ReLU(name="a"))(x),
        lambda x: layers.TimeDistributed(layers.ReLU(name="b"))(x),
    ],
    "initializers": layer(
        layers.PReLU, {"alpha_initializer": "zeros"}, {"alpha_initializer": keras.initializers.Constant(0)}
    ),
    "penalties": layer(
        layers.Conv2D,
        {},
        {"kernel_regularizer": "l2"},
        {"kernel_constraint": "non_neg"},
        filters=3,
        kernel_size=3,
    ),
    "seeds that don't act": layer(layers.Dropout, {"seed": 1}, {"seed": 2}, {}, rate=0.5),
    "training": layer(layers.BatchNormalization, {"trainable": True}, {"trainable": False}),
    "a list for a tuple": [lambda x: ops.sum(x, axis=(1, 2)), lambda x: ops.sum(x, axis=[1, 2])],
}
"""Members that give the same."""
