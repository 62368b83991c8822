"""Which ReLUs are opened or left out: those that a layer's value is still the value of, and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from skimage.data import chelsea

from generator.config.schema import ModelConfig
from generator.models.probing import difference
from generator.models.surgery import cut
from generator.models.zoo import open_model

SIDE = 12


class Identity(layers.Layer):  # type: ignore[misc]
    """A layer of the user's own that bears a name of Keras'."""

    def call(self, x: Any) -> Any:
        """The square."""
        return ops.square(x)


class Add(layers.Conv2D):  # type: ignore[misc]
    """A convolution under the name of a sum, with a ReLU of its own."""


def gated(x: Any) -> Any:
    """Squeeze and excitation as MobileNetV3 has it: the gate ends in a ReLU6."""
    gate = layers.Conv2D(4, 1)(layers.GlobalAveragePooling2D(keepdims=True)(x))
    return layers.Multiply()([x, layers.ReLU(6.0)(gate + 3.0) * (1 / 6)])


def residual(x: Any) -> Any:
    return layers.Add()([x, layers.Conv2D(4, 1)(x)])


def attended(x: Any) -> Any:
    tokens = layers.Reshape((SIDE * SIDE, 4))(x)
    return layers.MultiHeadAttention(2, 2)(tokens, tokens)


MAKES_SOMETHING_ELSE: dict[str, Callable[[Any], Any]] = {
    "depthwise": layers.DepthwiseConv2D(3),
    "depthwise, norm": lambda x: layers.BatchNormalization()(layers.DepthwiseConv2D(3)(x)),
    "convolution": layers.Conv2D(3, 3),
    "gate": gated,
    "itself times itself": lambda x: x * x,
    "product of branches": lambda x: layers.Multiply()([x, layers.Activation("sigmoid")(x)]),
    "difference of branches": lambda x: layers.Subtract()([x, layers.Conv2D(4, 1)(x)]),
    "residual block": residual,
    "pooled before a residual block": lambda x: residual(layers.MaxPooling2D(1)(x)),
    "layer norm": layers.LayerNormalization(),
    "group norm": layers.GroupNormalization(2),
    "unit norm": layers.UnitNormalization(),
    "attention": attended,
    "softmax": layers.Softmax(),
    "softmax activation": layers.Activation("softmax"),
    "square": ops.square,
    "mean over channels": lambda x: ops.mean(x, axis=-1, keepdims=True),
    "lambda": layers.Lambda(lambda x: 3 * x),
    "own layer": Identity(),
    "own convolution": Add(4, 3, activation="relu"),
    "turned round": lambda x: 1.0 - x,
    "made negative": lambda x: x * -2.0,
    "rescaled below nothing": layers.Rescaling(-1.0, 2.0),
}
KEEPS: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda x: x,
    "pooled": layers.MaxPooling2D(),
    "averaged": layers.GlobalAveragePooling2D(),
    "mean over places": lambda x: ops.mean(x, axis=(1, 2)),
    "norm": layers.BatchNormalization(),
    "flat": layers.Flatten(),
    "larger": layers.UpSampling2D(),
    "bordered": layers.ZeroPadding2D(),
    "sigmoid": layers.Activation("sigmoid"),
    "line": lambda x: x * 2.0 / 3.0 - 1.0,
    "rescaled": layers.Rescaling(2.0, -1.0),
    "sum": lambda x: layers.Add()([x, layers.MaxPooling2D(3, 1, padding="same")(x)]),
    "beside": lambda x: layers.Concatenate()([x, 2.0 * x]),
    "dropped": layers.Dropout(0.5),
}


def network(tail: Callable[[Any], Any], relu: Any) -> Any:
    """A convolution, a ReLU, and what follows; weights at random, so that many values are off."""
    keras.utils.set_random_seed(5)
    source = keras.Input((SIDE, SIDE, 3))
    trunk = layers.Conv2D(4, 3, padding="same", name="trunk")(source)
    output = tail(relu(trunk) if relu is not None else trunk)
    whole = keras.Model(source, layers.Activation("linear", name="out")(output))
    random = np.random.default_rng(1)
    for weight in whole.weights:
        values = random.normal(0, 0.6, weight.shape)
        weight.assign(np.abs(values) + 0.3 if "variance" in weight.path else values)
    return whole


def picture(batch: int = 2, scale: float = 3.0) -> Any:
    return tf.constant(np.random.default_rng(0).normal(0, scale, (batch, SIDE, SIDE, 3)), tf.float32)


@pytest.mark.parametrize("mode", ["open", "linear"])
@pytest.mark.parametrize("name", MAKES_SOMETHING_ELSE)
def test_a_relu_that_is_part_of_what_is_computed_stays(name: str, mode: str) -> None:
    whole = network(MAKES_SOMETHING_ELSE[name], layers.ReLU())
    found = cut(whole, "out", SIDE, mode)(picture())  # type: ignore[arg-type]
    np.testing.assert_allclose(found, whole(picture(), training=False), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["gate", "product of branches", "layer norm", "own layer", "attention"])
def test_so_does_its_cap(name: str) -> None:
    whole = network(MAKES_SOMETHING_ELSE[name], layers.ReLU(6.0))
    for mode in ("open", "linear"):
        found = cut(whole, "out", SIDE, mode)(picture(scale=20.0))  # type: ignore[arg-type]
        np.testing.assert_allclose(found, whole(picture(scale=20.0), training=False), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", KEEPS)
def test_a_relu_whose_values_are_the_layers_is_left_out(name: str) -> None:
    whole, without = network(KEEPS[name], layers.ReLU()), network(KEEPS[name], None)
    for weight, other in zip(without.weights, whole.weights, strict=True):
        weight.assign(other)
    expected = without(picture(), training=False)
    assert np.abs(expected - whole(picture(), training=False)).max() > 0.1
    np.testing.assert_allclose(cut(whole, "out", SIDE, "linear")(picture()), expected, rtol=1e-4, atol=1e-4)


def test_on_the_shipped_weights_negative_sees_the_networks_own_values() -> None:
    model = open_model("efficientnet-lite0", ModelConfig.model_validate({"layers": "all"}))
    photo = model.preprocessing(keras.ops.image.resize(chelsea()[None] / 255.0, (96, 96)))
    for layer in ("block2a_dwconv", "block5c_bn"):
        own = cut(model.network, layer, 96)(photo)
        seen = cut(model.network, layer, 96, "linear", preprocess=model.preprocessing)(photo)
        np.testing.assert_allclose(seen, own, rtol=1e-3, atol=1e-3 * float(np.abs(own).max()))


# -- in a layer's own argument ---------------------------------------------------------------------

FUSED: dict[str, Callable[[Any], Any]] = {
    "convolution": lambda relu: layers.Conv2D(5, 3, activation=relu),
    "depthwise": lambda relu: layers.DepthwiseConv2D(3, activation=relu),
    "separable": lambda relu: layers.SeparableConv2D(5, 3, activation=relu),
    "transposed": lambda relu: layers.Conv2DTranspose(5, 3, activation=relu),
    "dense": lambda relu: layers.Dense(5, activation=relu),
}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", FUSED)
def test_of_a_relu_in_a_layers_argument_the_value_is_the_networks_own(name: str, precision: str) -> None:
    """As it is, opened, and before it: what the same layer gives without an activation."""
    whole, without = network(FUSED[name]("relu"), None), network(FUSED[name](None), None)
    for mode, expected in (("plain", whole), ("open", whole), ("linear", without)):
        found = tf.cast(cut(whole, "out", SIDE, mode, precision)(picture()), "float32")  # type: ignore[arg-type]
        off = difference(found, expected(picture(), training=False))
        assert off <= {"float32": 1e-6, "bfloat16": 0.02}[precision], mode


def test_so_it_is_in_a_network_of_such_layers() -> None:
    model = open_model(
        "VGG16", ModelConfig.model_validate({"weights": "none", "input_size": 32, "layers": "all"})
    )
    photo = model.preprocessing(keras.ops.image.resize(chelsea()[None] / 255.0, (32, 32)))
    for name in ("block1_conv1", "block3_conv3"):
        conv = model.network.get_layer(name)
        kernel, bias = conv.kernel, conv.bias
        before = ops.conv(
            cut(model.network, conv.input._keras_history.operation.name, 32)(photo), kernel, padding="same"
        )
        for precision, most in (("float32", 1e-6), ("bfloat16", 0.02)):
            seen = cut(model.network, name, 32, "linear", precision, preprocess=model.preprocessing)(photo)
            assert difference(tf.cast(seen, "float32"), before + bias) < most


@pytest.mark.parametrize("mode", ["open", "linear"])
@pytest.mark.parametrize("relu", [layers.ReLU, lambda: layers.ReLU(6.0)])
@pytest.mark.parametrize("name", ["depthwise", "depthwise, norm", "product of branches"])
def test_behind_it_a_dead_channel_still_gets_a_gradient(name: str, relu: Any, mode: str) -> None:
    whole = network(MAKES_SOMETHING_ELSE[name], relu())
    whole.get_layer("trunk").bias.assign([-500.0] * 4)
    for layer in whole.layers:
        if isinstance(layer, layers.DepthwiseConv2D):
            layer.kernel.assign(np.abs(layer.kernel))
        if isinstance(layer, layers.BatchNormalization):
            layer.gamma.assign(np.abs(layer.gamma))
    for chosen, alive in (("plain", False), (mode, True)):
        part = cut(whole, "out", SIDE, chosen)  # type: ignore[arg-type]
        with tf.GradientTape() as tape:
            tape.watch(pixels := picture(1))
            score = tf.reduce_sum(part(pixels)[..., 1])
        assert bool(np.abs(tape.gradient(score, pixels)).max() > 0) == alive
