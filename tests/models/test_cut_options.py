"""What the renderer asks of a network beside its layers: linear logits, sizes that are not square, tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from generator.models.anatomy import own_side
from generator.models.surgery import cut

HEADS: dict[str, Callable[[Any], Any]] = {
    "dense": layers.Dense(4, "softmax", name="dense"),
    "dense, TensorFlow's": layers.Dense(4, tf.nn.softmax, name="dense"),
    "dense with a layer": layers.Dense(4, layers.Softmax(), name="dense"),
    "convolution": layers.Conv2D(4, 3, activation="sigmoid", name="convolution"),
    "transposed": layers.Conv2DTranspose(4, 3, activation="sigmoid", name="transposed"),
    "separable": layers.SeparableConv2D(4, 3, activation="softmax", name="separable"),
    "einsum": layers.EinsumDense("abcd,de->abce", (None, None, 4), activation="softmax", name="einsum"),
    "activation": layers.Activation("sigmoid", name="activation"),
    "softmax": layers.Softmax(name="softmax"),
    "operation": keras.ops.softmax,
    "sigmoid": keras.ops.sigmoid,
}


def headed(head: Callable[[Any], Any]) -> Any:
    pixels = keras.Input((None, None, 3), name="pixels")
    return keras.Model(pixels, head(layers.Conv2D(4, 3, name="trunk")(pixels)))


def pictures(height: int, width: int) -> Any:
    return np.random.default_rng(0).random((2, height, width, 3), "float32")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", HEADS)
def test_logits_are_what_the_squashing_is_made_of(name: str, precision: str) -> None:
    network, pixels = headed(HEADS[name]), pictures(12, 12)
    layer = network.operations[-1].name
    found = np.asarray(
        keras.ops.cast(cut(network, layer, 12, precision=precision, logits=True)(pixels), "float32")
    )
    whole = np.asarray(network(pixels))
    summed = np.allclose(whole.sum(-1), 1)
    squashed = keras.ops.softmax(found) if summed else keras.ops.sigmoid(found)
    tolerance = 1e-5 if precision == "float32" else 0.02
    np.testing.assert_allclose(squashed, whole, atol=tolerance)
    assert found.min() < 0, "squashed values are never below 0"
    np.testing.assert_allclose(network(pixels), whole, err_msg="the network itself must not change")
    np.testing.assert_allclose(cut(network, layer, 12)(pixels), whole, atol=1e-5)


def test_only_the_layer_itself_is_made_linear() -> None:
    network, pixels = headed(lambda x: layers.Dense(2, name="after")(layers.Softmax()(x))), pictures(8, 8)
    np.testing.assert_allclose(cut(network, "after", 8, logits=True)(pixels), network(pixels), atol=1e-5)


def test_a_size_may_be_height_and_width() -> None:
    network = headed(HEADS["dense"])
    found = cut(network, "trunk", (10, 16))
    assert found.input.shape[1:] == (10, 16, 3) and found.output.shape[1:] == (8, 14, 4)
    dense = layers.Dense(2, name="dense")
    fixed = keras.Sequential([keras.Input((12, 9, 3)), layers.Flatten(name="flat"), dense])
    assert cut(fixed, "flat", (6, 20))(pictures(6, 20)).shape == (2, 12 * 9 * 3)


@pytest.mark.parametrize(
    ("shape", "side"),
    [((28, 28), 28), ((96, 96), 96), ((97, 97), None), ((28, 32), None), ((None, None), None)],
)
def test_only_a_small_fixed_square_is_a_networks_own_side(
    shape: tuple[int | None, ...], side: int | None
) -> None:
    assert own_side((*shape, 1)) == side
