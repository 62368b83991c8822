"""Planted weights are found again, through everything that lies between two layers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from generator.evidence.circuits import kernels
from generator.evidence.drives import extremes, shares
from generator.models.taps import tapped, way

Array = NDArray[Any]


def network(*between: Any, shape: tuple[int, int, int] = (32, 32, 3)) -> Any:
    """`early`, 4 channels of a convolution, then what is given."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input(shape)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="early")(pixels)
    for layer in between:
        x = layer(x)
    return keras.Model(pixels, x)


def planted(filters: int = 2, size: int = 3) -> tuple[Any, Array]:
    layer = layers.Conv2D(filters, size, padding="same", name="late")
    layer.build((None, None, None, 4))
    kernel = np.random.default_rng(1).normal(size=layer.kernel.shape).astype("float32")
    layer.set_weights([kernel, np.ones(filters, "float32")])
    return layer, kernel


def test_a_convolution_s_own_kernel_is_found() -> None:
    layer, kernel = planted()
    found = kernels(way(network(layer), "early", "late"), [0, 1])
    assert np.allclose(found, kernel.transpose(3, 0, 1, 2), atol=1e-6)


def test_norms_activations_pointwise_and_depthwise_layers_are_expanded() -> None:
    norm = layers.BatchNormalization()
    depthwise = layers.DepthwiseConv2D(3, padding="same", activation="relu", use_bias=False)
    point = layers.Conv2D(5, 1, use_bias=False, name="late")
    net = network(norm, layers.ReLU(6.0), depthwise, point)
    norm.set_weights([np.array(v, "float32") for v in ([2, 1, 1, 1], [0] * 4, [5] * 4, [3] * 4)])
    gain = np.array([2, 1, 1, 1]) / np.sqrt(3 + norm.epsilon)
    spread, mixed = depthwise.get_weights()[0][..., 0], point.get_weights()[0][0, 0]
    expected = np.einsum("yxc,cf,c->fyxc", spread, mixed, gain)
    found = way(net, "early", "late")
    assert found.opened
    assert np.allclose(kernels(found, range(5)), expected, atol=1e-5)


def test_residual_adds_and_concatenations_add_up() -> None:
    keras.utils.set_random_seed(0)
    pixels = keras.Input((32, 32, 3))
    early = layers.Conv2D(4, 3, padding="same", name="early")(pixels)
    side = layers.Conv2D(4, 1, padding="same", name="side")(pixels)
    inner = layers.Conv2D(4, 3, padding="same", use_bias=False, name="inner")
    late = layers.Add(name="late")([early, inner(early), side])
    both = layers.Conv2D(3, 1, use_bias=False, name="both")
    net = keras.Model(pixels, both(layers.Concatenate()([late, side])))
    found = kernels(way(net, "early", "late"), range(4))
    expected = inner.get_weights()[0].transpose(3, 0, 1, 2).copy()
    expected[:, 1, 1] += np.eye(4)
    assert np.allclose(found, expected, atol=1e-6)
    mixed = both.get_weights()[0][0, 0]
    assert np.allclose(
        kernels(way(net, "side", "both"), range(3))[:, 0, 0], (mixed[:4] + mixed[4:]).T, atol=1e-6
    )


def test_pooled_classes_have_their_dense_weights() -> None:
    dense = layers.Dense(3, activation="softmax", name="classes")
    net = network(layers.GlobalAveragePooling2D(name="pool"), dense)
    found = way(net, "early", "pool")
    assert not found.opened, "pooling and a dense layer are exact"
    assert np.allclose(kernels(found, range(4)).sum(axis=(1, 2)), np.eye(4), atol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        layers.LayerNormalization(name="odd"),
        layers.Activation("sigmoid", name="odd"),
        layers.Reshape((1024, 4)),
    ],
)
def test_what_weights_do_not_describe_is_named(layer: Any) -> None:
    late: list[Any] = [layers.Dense(4, name="late")]
    if isinstance(layer, layers.Reshape):
        tokens = layer
        attention = layers.MultiHeadAttention(1, 4, name="odd")
        net = network(tokens, lambda x: attention(x, x), *late)
    else:
        net = network(layer, *late)
    found = way(net, "early", "late")
    assert found.model is None and "odd" in found.obstacle
    with pytest.raises(ValueError, match="odd"):
        kernels(found, [0])


def test_a_product_with_a_constant_is_linear_and_with_itself_is_not() -> None:
    def between(*layer: Any) -> Any:
        return way(network(*layer, layers.Dense(4, name="late")), "early", "late")

    assert between(lambda x: 2 * x / 3).obstacle == ""
    assert "Multiply" in between(lambda x: layers.Multiply(name="square")([x, x])).obstacle
    assert "Multiply" in between(lambda x: x * x).obstacle
    assert "Divide" in between(lambda x: 1 / (x + 1)).obstacle


def test_layers_that_are_not_connected_say_so() -> None:
    pixels = keras.Input((8, 8, 3))
    one, other = (layers.Conv2D(2, 1, name=name)(pixels) for name in ("one", "other"))
    net = keras.Model(pixels, layers.Add()([one, other]))
    assert "not connected" in way(net, "one", "other").obstacle


def test_the_strongest_drives_come_first_and_silent_channels_drive_nothing() -> None:
    weights = np.zeros((1, 1, 1, 4))
    weights[0, 0, 0] = [3, -2, 1, 9]
    (drives,) = shares(weights, np.array([1, 1, 10, 0.0]))
    assert drives == pytest.approx([3 / 15, -2 / 15, 10 / 15, 0])
    assert extremes(drives, 5) == ([2, 0], [1])


def test_too_many_activations_in_a_row_are_an_obstacle() -> None:
    def chain(count: int) -> Any:
        rest = [layers.Conv2D(4, 1, activation="relu") for _ in range(count - 1)]
        return network(*rest, layers.Conv2D(4, 1, activation="relu", name="late"))

    assert way(chain(6), "early", "late").obstacle == ""
    assert "7 activations in a row" in way(chain(7), "early", "late").obstacle


def test_tapped_layers_are_the_network_s_own() -> None:
    net = network(layers.BatchNormalization(name="norm"), layers.ReLU(name="relu"))
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    early, relu = tapped(net, ["early", "relu"])(x)
    assert np.array_equal(relu, net(x)) and early.shape == (2, 32, 32, 4)


def test_layers_that_keep_channels_first_are_read() -> None:
    """A planted kernel, in the order that such layers keep; and an activation behind a reshaped vector."""
    pixels = keras.Input((3, 16, 16))
    early = layers.Conv2D(4, 3, padding="same", data_format="channels_first", name="early")(pixels)
    norm = layers.BatchNormalization(axis=1)(early)
    late = layers.Conv2D(2, 3, padding="same", data_format="channels_first", use_bias=False, name="late")
    column = layers.Reshape((2, 1, 1), name="column")(
        layers.GlobalAveragePooling2D(data_format="channels_first")(late(norm))
    )
    gate = layers.Activation("relu", name="gate")(column)
    net = keras.Model(pixels, layers.Multiply()([late.output, gate]))
    found = kernels(way(net, "early", "late"), [0, 1])
    expected = late.get_weights()[0].transpose(3, 0, 1, 2) / np.sqrt(1 + 1e-3)
    assert np.allclose(found, expected, atol=1e-5)
    assert np.allclose(kernels(way(net, "column", "gate"), [0, 1])[:, 0, 0], np.eye(2))


def test_a_softmax_given_as_a_layer_is_no_activation_to_open() -> None:
    net = network(layers.Dense(5, activation=layers.Softmax(), name="late"))
    assert "late" in way(net, "early", "late").obstacle


def test_kinship_without_examples_is_none() -> None:
    from generator.evidence.trust import kinship

    one = [np.ones(3)]
    assert kinship(one, [np.zeros((0, 3))], [np.ones((2, 3))], ([], ["a", "b"])) is None
