"""What a unit sees: held against what its value depends on, over many kinds of networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from generator.models.anatomy import Layer, read_layers
from generator.models.graph import flatten

Box = tuple[int, int, int, int]


def last_layer(network: Any) -> Layer:
    return read_layers(flatten(network, tuple(network.inputs[0].shape[1:])))[-1]


def positive(network: Any) -> Any:
    """The network with no weight that is zero or less, so that nothing cancels out."""
    random = np.random.default_rng(0)
    for weight in network.weights:
        biased = any(word in weight.path for word in ("bias", "beta", "moving_mean"))
        weight.assign(np.zeros(weight.shape) if biased else random.uniform(0.5, 1.5, weight.shape))
    return network


def dependence(network: Any) -> tuple[Any, Any]:
    """For rows and for columns, which of the output (second axis) depend on which of the input (first).

    For networks of positive weights, in which that is where an input of one row, or column, is not zero.
    """
    height, width, channels = network.inputs[0].shape[1:]
    lines = np.eye(height, dtype="float32")[:, :, None, None] * np.ones((1, 1, width, channels), "float32")
    posts = np.eye(width, dtype="float32")[:, None, :, None] * np.ones((1, height, 1, channels), "float32")
    return (np.asarray(network(lines)) != 0).any((2, 3)), (np.asarray(network(posts)) != 0).any((1, 3))


def check(network: Any) -> Layer:
    """Each unit's box holds all that its value depends on, no larger than it must, and the widest is said."""
    layer = last_layer(network)
    assert layer.receptive_field is not None
    for axis, depends in enumerate(dependence(network)):
        widths, starts, ends = [], [], []
        for unit in range(depends.shape[1]):
            touched = np.flatnonzero(depends[:, unit])
            box = layer.box(unit, unit)
            assert box is not None
            if touched.size:
                start, end = touched[0] - box[axis], box[axis + 2] - 1 - touched[-1]
                assert start >= 0 and end >= 0
                if box[axis] >= 0 and box[axis + 2] <= depends.shape[0]:
                    widths.append(touched[-1] - touched[0] + 1)
                    starts.append(start)
                    ends.append(end)
        assert widths, "no unit is far from the borders"
        assert max(widths) == layer.receptive_field[axis] and min(starts) == min(ends) == 0
    return layer


# -- networks put together at random ---------------------------------------------------------------


def convolved(random: Any) -> Any:
    strides, dilation = int(random.integers(1, 4)), int(random.integers(1, 3))
    settings = {"padding": str(random.choice(["same", "valid"])), "use_bias": False}
    settings |= {"strides": strides} if random.random() < 0.5 else {"dilation_rate": dilation}
    kernel = tuple(map(int, random.integers(1, 5, 2)))
    kind = [layers.Conv2D, layers.SeparableConv2D][random.integers(2)]
    return kind(2, kernel, **settings)


def depthwise(random: Any) -> Any:
    return layers.DepthwiseConv2D(
        int(random.integers(1, 5)), strides=int(random.integers(1, 3)), use_bias=False
    )


def pooled(random: Any) -> Any:
    size, strides = (tuple(map(int, random.integers(1, 4, 2))) for _ in range(2))
    return layers.AveragePooling2D(size, strides, padding=str(random.choice(["same", "valid"])))


def transposed(random: Any) -> Any:
    strides = int(random.integers(1, 4))
    more = int(random.integers(0, strides)) if random.random() < 0.3 else None
    settings = {"padding": str(random.choice(["same", "valid"])), "output_padding": more, "use_bias": False}
    return layers.Conv2DTranspose(2, tuple(map(int, random.integers(1, 5, 2))), strides=strides, **settings)


def enlarged(random: Any) -> Any:
    kind = str(random.choice(["nearest", "bilinear"]))
    return layers.UpSampling2D(tuple(map(int, random.integers(1, 4, 2))), interpolation=kind)


def bordered(random: Any) -> Any:
    by = [list(map(int, random.integers(0, 3, 2))) for _ in range(2)]
    return [layers.ZeroPadding2D, layers.Cropping2D][random.integers(2)](by)


def pointwise(random: Any) -> Any:
    kinds: list[Callable[[], Any]] = [layers.ReLU, layers.BatchNormalization, lambda: layers.Dense(3)]
    return kinds[random.integers(3)]()


def branched(random: Any) -> Any:
    one, other = (
        layers.Conv2D(2, int(random.integers(1, 6)), padding="same", use_bias=False) for _ in range(2)
    )
    join = [layers.Add, layers.Concatenate][random.integers(2)]()
    return lambda x: join([one(x), layers.ReLU()(other(x))])


def skipped(random: Any) -> Any:
    """Down, a convolution, up again, and beside it what was before, as in a U-Net."""
    by = int(random.integers(2, 4))
    inner = layers.Conv2D(2, 3, padding="same", use_bias=False)
    back = (
        layers.Conv2DTranspose(2, by, by, use_bias=False)
        if random.random() < 0.5
        else layers.UpSampling2D(by)
    )

    def step(x: Any) -> Any:
        x = layers.Cropping2D([(0, x.shape[1] % by), (0, x.shape[2] % by)])(x)
        return layers.Concatenate()([x, back(inner(layers.AveragePooling2D(by)(x)))])

    return step


STEPS = (
    convolved,
    convolved,
    depthwise,
    pooled,
    transposed,
    enlarged,
    bordered,
    pointwise,
    branched,
    skipped,
)


def random_network(seed: int) -> Any:
    """Two to five steps on a picture that leaves room for what they see."""
    random = np.random.default_rng(seed)
    x = source = keras.Input((*map(int, random.integers(60, 90, 2)), 2))
    for _ in range(random.integers(2, 6)):
        step = STEPS[random.integers(len(STEPS))](random)
        if min(x.shape[1:3]) > 24 or step in (pointwise, enlarged):
            x = step(x)
    return positive(keras.Model(source, layers.Identity()(x)))


@pytest.mark.parametrize("seed", range(40))
def test_a_unit_sees_what_it_depends_on(seed: int) -> None:
    check(random_network(seed))


# -- by name ---------------------------------------------------------------------------------------


class Block(layers.Layer):  # type: ignore[misc]
    """Two convolutions and a sum, as users put into a layer of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.first = layers.Conv2D(4, 3, padding="same", activation="relu")
        self.second = layers.Conv2D(3, (3, 1), padding="same")

    def call(self, x: Any) -> Any:
        """x plus what the convolutions make of it."""
        return x + self.second(self.first(x))


class Centred(layers.Layer):  # type: ignore[misc]
    """Subtracts each picture's mean: every unit sees everything."""

    def call(self, x: Any) -> Any:
        """x less its mean."""
        return x - ops.mean(x, axis=(1, 2), keepdims=True)


def lambda_(function: Callable[[Any], Any]) -> Any:
    return layers.Lambda(function)


KERNEL = np.ones((3, 5, 3, 2), "float32")

FIELDS: dict[str, tuple[list[Any], tuple[int, int], tuple[float, float]]] = {
    "lying": ([layers.Conv2D(2, (1, 7))], (1, 7), (1, 1)),
    "lying, then standing": ([layers.Conv2D(2, (1, 7)), layers.Conv2D(2, (3, 1))], (3, 7), (1, 1)),
    "dilated by rows": ([layers.Conv2D(2, 3, dilation_rate=(2, 4))], (5, 9), (1, 1)),
    "pooled by columns": ([layers.MaxPooling2D((1, 3)), layers.Conv2D(2, 2)], (2, 6), (1, 3)),
    "largest of some": ([layers.MaxPooling2D(3, strides=1), layers.Conv2D(2, 3)], (5, 5), (1, 1)),
    "transposed": ([layers.Conv2DTranspose(2, 3, strides=2), layers.Conv2D(2, 3)], (3, 3), (0.5, 0.5)),
    "a block": ([layers.Conv2D(3, 3), Block()], (7, 5), (1, 1)),
    "behind a coarse layer": ([layers.Conv2D(3, 3, strides=3), layers.UpSampling2D(2)], (3, 3), (1.5, 1.5)),
    "depth to space": (
        [layers.Conv2D(4, 3), lambda_(lambda x: tf.nn.depth_to_space(x, 2)), layers.Conv2D(2, 3)],
        (4, 4),
        (0.5, 0.5),
    ),
    "space to depth": ([lambda_(lambda x: tf.nn.space_to_depth(x, 2)), layers.Conv2D(2, 3)], (6, 6), (2, 2)),
    "padded": ([lambda x: ops.pad(x, ((0, 0), (3, 1), (0, 2), (0, 0))), layers.Conv2D(2, 3)], (3, 3), (1, 1)),
    "sliced": ([lambda x: x[:, 3:-2, ::2], layers.Conv2D(2, 3)], (3, 5), (1, 2)),
    "a bare convolution": ([lambda x: ops.conv(x, KERNEL, (2, 1))], (3, 5), (2, 1)),
    "a bare pooling": ([lambda x: ops.average_pool(x, (2, 3), (1, 1))], (2, 3), (1, 1)),
    "rows by themselves": ([layers.TimeDistributed(layers.Conv1D(2, 3))], (1, 3), (1, 1)),
    "wrapped": ([layers.SpectralNormalization(layers.Conv2D(2, 3))], (3, 3), (1, 1)),
    "turned round": (
        [layers.Permute((3, 1, 2)), layers.Conv2D(2, (3, 5), data_format="channels_first")],
        (3, 5),
        (1, 1),
    ),
    "over channels": ([layers.Conv2D(4, 3), layers.LayerNormalization(), layers.Softmax()], (3, 3), (1, 1)),
    "half as large": ([layers.Resizing(20, 40), layers.Conv2D(2, 1)], (2, 1), (2, 1)),
    "a part": ([layers.CenterCrop(20, 24), layers.Conv2D(2, 3)], (3, 3), (1, 1)),
    "augmented": ([layers.RandomFlip(), layers.RandomZoom(0.2), layers.Conv2D(2, 3)], (3, 3), (1, 1)),
}

ALL: dict[str, list[Any]] = {
    "mean": [layers.GlobalAveragePooling2D(keepdims=True), layers.Conv2D(2, 1)],
    "gate": [lambda x: x * layers.Dense(3)(layers.GlobalAveragePooling2D(keepdims=True)(x))],
    "statistics": [layers.GroupNormalization(1), layers.Conv2D(2, 3)],
    "over rows": [layers.Softmax(axis=1)],
    "a norm over columns": [layers.LayerNormalization(axis=2)],
    "an activation over columns": [layers.Conv2D(2, 3, activation=lambda x: ops.softmax(x, axis=2))],
    "mirrored": [lambda x: x[:, ::-1]],
    "rows for columns": [layers.Permute((2, 1, 3))],
    "beside each other": [lambda x: ops.concatenate([x, layers.ReLU()(x)], axis=1)],
    "another shape": [layers.Reshape((20, 80, 3)), layers.Conv2D(2, 3)],
    "a user's own": [Centred()],
    "flat": [layers.Flatten(), layers.Dense(3)],
    "attention": [layers.Reshape((-1, 3)), lambda x: layers.MultiHeadAttention(1, 3)(x, x)],
}


def chain(steps: list[Any], side: int | None = 40) -> Any:
    x = source = keras.Input((side, side, 3))
    for step in steps:
        x = step(x)
    return keras.Model(source, x)


def reached(network: Any, row: int, column: int) -> tuple[Any, Any]:
    """The rows and columns of the input that the gradient of a unit reaches, over several pictures."""
    pictures = tf.constant(np.random.default_rng(1).normal(size=(16, 40, 40, 3)), "float32")
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(pictures)
        output = network(pictures, training=False)
        first = "first" in str(getattr(network.layers[-1], "data_format", ""))
        unit = output[:, :, row, column] if first else output[:, row, column]
        value = tf.reduce_sum(unit * np.random.default_rng(2).normal(size=unit.shape))
    touched = np.asarray(tape.gradient(value, pictures)) != 0
    return np.flatnonzero(touched.any((0, 2, 3))), np.flatnonzero(touched.any((0, 1, 3)))


@pytest.mark.parametrize("name", FIELDS)
def test_fields_of_many_kinds(name: str) -> None:
    steps, field, stride = FIELDS[name]
    network = chain(steps)
    layer = last_layer(network)
    assert (layer.receptive_field, layer.stride) == (field, stride)
    widest = (0, 0)
    for row, column in ((8, 8), (9, 9)):
        box = layer.box(row, column)
        assert box is not None
        rows, columns = reached(network, row, column)
        assert box[0] <= rows[0] <= rows[-1] < box[2] and box[1] <= columns[0] <= columns[-1] < box[3]
        widest = (max(widest[0], np.ptp(rows) + 1), max(widest[1], np.ptp(columns) + 1))
    assert widest == field


@pytest.mark.parametrize("name", ALL)
def test_what_sees_everything_or_no_box_says_so(name: str) -> None:
    layer = last_layer(chain(ALL[name]))
    assert layer.receptive_field is layer.stride is layer.bounds is layer.box(3, 3) is None


@pytest.mark.parametrize("name", ["lying", "a block", "depth to space", "sliced", "transposed"])
def test_fields_where_the_size_is_left_open(name: str) -> None:
    steps, field, stride = FIELDS[name]
    layer = last_layer(chain(steps, side=None))
    assert (layer.receptive_field, layer.stride) == (field, stride)


def test_a_sum_sees_what_its_widest_branch_sees() -> None:
    source = keras.Input((16, 16, 3))
    wide, narrow = (
        layers.Conv2D(4, (7, 1), padding="same")(source),
        layers.Conv2D(4, 3, padding="same")(source),
    )
    layer = last_layer(keras.Model(source, layers.Add()([narrow, wide])))
    assert layer.receptive_field == (7, 3) and len(layer.inputs) == 2


def test_a_u_net_sees_no_more_than_its_gradient() -> None:
    """Behind upsampling and transposed convolutions a field is still a field."""
    x = source = keras.Input((64, 64, 1))
    before = layers.Conv2D(2, 3, padding="same", use_bias=False)(x)
    x = layers.Conv2D(2, 3, padding="same", use_bias=False)(layers.AveragePooling2D(2)(before))
    x = layers.UpSampling2D()(layers.Conv2D(2, 3, padding="same", use_bias=False)(x))
    x = layers.Conv2D(2, 3, padding="same", use_bias=False)(layers.Concatenate()([before, x]))
    x = layers.Conv2DTranspose(2, 4, strides=2, padding="same", use_bias=False)(x)
    assert check(positive(keras.Model(source, x))).receptive_field == (16, 16)
