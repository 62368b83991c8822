"""Cutting a network changes nothing of what it computes; opening ReLUs gives dead channels a gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from generator.errors import ModelError
from generator.models.surgery import cut

SIZE = 12


def lively(network: Any) -> Any:
    """The network with every weight at random, BatchNorm's statistics included."""
    random = np.random.default_rng(1)
    for weight in network.weights:
        values = random.normal(0, 0.5, weight.shape)
        weight.assign(np.abs(values) + 0.1 if "variance" in weight.path else values)
    return network


def pixels(colours: int = 3) -> Any:
    return keras.Input((SIZE, SIZE, colours), name="pixels")


def network(source: Any, output: Any) -> Any:
    return lively(keras.Model(source, output))


def conv_bn() -> Any:
    x = layers.Conv2D(5, 3, name="conv")(source := pixels())
    return network(source, layers.BatchNormalization(name="out")(x))


def conv_bn_without_bias_scale_or_centre() -> Any:
    x = layers.Conv2D(5, 3, use_bias=False)(source := pixels())
    return network(source, layers.BatchNormalization(scale=False, center=False, epsilon=0.1, name="out")(x))


def depthwise_bn() -> Any:
    x = layers.DepthwiseConv2D(3, depth_multiplier=2)(source := pixels())
    return network(source, layers.BatchNormalization(name="out")(x))


def dense_bn() -> Any:
    x = layers.Dense(7)(layers.Flatten()(source := pixels()))
    return network(source, layers.BatchNormalization(name="out")(x))


def grouped_bn() -> Any:
    x = layers.Conv2D(8, 3, groups=2)(layers.Conv2D(4, 1)(source := pixels()))
    return network(source, layers.BatchNormalization(name="out")(x))


def dilated_strided_bn() -> Any:
    x = layers.Conv2D(4, 3, dilation_rate=2)(
        layers.Conv2D(4, 3, strides=2, padding="same")(source := pixels())
    )
    return network(source, layers.BatchNormalization(name="out")(x))


def separable_and_transposed_bn() -> Any:
    x = layers.BatchNormalization()(layers.SeparableConv2D(4, 3)(source := pixels()))
    x = layers.Conv2DTranspose(4, 3)(x)
    return network(source, layers.BatchNormalization(name="out")(x))


def conv_with_activation_bn() -> Any:
    x = layers.Conv2D(5, 3, activation="tanh")(source := pixels())
    return network(source, layers.BatchNormalization(name="out")(x))


def bn_read_by_two_from_conv_read_by_two() -> Any:
    x = layers.Conv2D(5, 3, padding="same")(source := pixels())
    normal = layers.BatchNormalization()(x)
    return network(source, layers.Add(name="out")([x, normal, layers.ReLU()(normal)]))


def conv_shared() -> Any:
    conv = layers.Conv2D(3, 3, padding="same", name="conv")
    first = layers.BatchNormalization()(conv(source := pixels()))
    return network(source, layers.BatchNormalization(name="out")(conv(first)))


def bn_shared() -> Any:
    norm = layers.BatchNormalization()
    first = norm(layers.Conv2D(3, 3, padding="same")(source := pixels()))
    second = norm(layers.Conv2D(3, 3, padding="same")(first))
    return network(source, layers.Add(name="out")([first, second]))


def bn_before_conv() -> Any:
    x = layers.BatchNormalization()(source := pixels())
    return network(source, layers.Conv2D(4, 3, name="out")(x))


def bn_on_another_axis() -> Any:
    x = layers.Conv2D(4, 3, padding="same")(source := pixels())
    return network(source, layers.BatchNormalization(axis=1, name="out")(x))


def bn_twice() -> Any:
    x = layers.BatchNormalization()(layers.Conv2D(4, 3)(source := pixels()))
    return network(source, layers.BatchNormalization(name="out")(x))


def nested() -> Any:
    part = keras.Sequential(
        [keras.Input((SIZE, SIZE, 4)), layers.Conv2D(5, 3, use_bias=False), layers.BatchNormalization()]
    )
    x = part(layers.Conv2D(4, 1)(source := pixels()))
    return network(source, layers.ReLU(name="out")(x))


def sequential() -> Any:
    steps = [layers.Conv2D(5, 3), layers.BatchNormalization(), layers.Activation("relu", name="out")]
    return lively(keras.Sequential([keras.Input((SIZE, SIZE, 3)), *steps]))


def branches() -> Any:
    source = pixels()
    one = layers.BatchNormalization()(layers.Conv2D(4, 1)(source))
    two = layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same", depth_multiplier=1)(one))
    both = layers.Concatenate()([one, two, layers.MaxPooling2D(3, 1, padding="same")(source)])
    return network(source, layers.Conv2D(3, 1, activation="relu", name="out")(both))


SHAPES = [
    conv_bn,
    conv_bn_without_bias_scale_or_centre,
    depthwise_bn,
    dense_bn,
    grouped_bn,
    dilated_strided_bn,
    separable_and_transposed_bn,
    conv_with_activation_bn,
    bn_read_by_two_from_conv_read_by_two,
    conv_shared,
    bn_shared,
    bn_before_conv,
    bn_on_another_axis,
    bn_twice,
    nested,
    sequential,
    branches,
]


@pytest.mark.parametrize("build", SHAPES, ids=lambda build: build.__name__)
@pytest.mark.parametrize("relu", ["plain", "open"])
def test_a_cut_network_computes_what_the_whole_one_does(build: Callable[[], Any], relu: str) -> None:
    whole = build()
    before = [weight.numpy() for weight in whole.weights]
    picture = np.random.default_rng(0).normal(0, 1, (2, SIZE, SIZE, 3)).astype("float32")
    part = cut(whole, "out", SIZE, relu)  # type: ignore[arg-type]
    np.testing.assert_allclose(part(picture), whole(picture, training=False), rtol=1e-4, atol=1e-4)
    for weight, value in zip(whole.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


@pytest.mark.parametrize("build", [conv_bn, depthwise_bn, dense_bn, grouped_bn, nested, sequential])
def test_batch_norm_is_folded_away_where_it_can_be(build: Callable[[], Any]) -> None:
    part = cut(build(), "out", SIZE)
    assert not any(isinstance(layer, layers.BatchNormalization) for layer in part.layers)


def test_the_layer_before_the_norm_can_be_the_cut_itself() -> None:
    whole = conv_bn()
    picture = np.ones((1, SIZE, SIZE, 3), "float32")
    expected = keras.Model(whole.input, whole.get_layer("conv").output)(picture)
    np.testing.assert_allclose(cut(whole, "conv", SIZE)(picture), expected, rtol=1e-5)


def test_pictures_of_another_size_are_taken_or_resized() -> None:
    assert cut(conv_bn(), "out", 20).output.shape == (None, 18, 18, 5)
    fixed = cut(dense_bn(), "out", 20)
    assert fixed.input.shape == (None, 20, 20, 3) and fixed.output.shape == (None, 7)
    picture = np.full((1, 20, 20, 3), 0.3, "float32")
    np.testing.assert_allclose(fixed(picture), dense_bn()(picture[:, :SIZE, :SIZE]), rtol=1e-3, atol=1e-4)


def unet(side: int | None) -> Any:
    """Halves its maps twice, doubles them again, and joins what it gets with what it had on the way."""
    wide = layers.Conv2D(3, 3, padding="same")(source := keras.Input((side, side, 3)))
    half = layers.Conv2D(4, 3, padding="same")(layers.MaxPooling2D()(wide))
    x = layers.Conv2DTranspose(4, 2, strides=2)(layers.MaxPooling2D()(half))
    x = layers.UpSampling2D()(layers.Concatenate(name="skip")([x, half]))
    return keras.Model(source, layers.Conv2D(2, 1, name="out")(layers.Concatenate()([x, wide])))


@pytest.mark.parametrize(
    ("side", "canvas", "seen"),
    [
        (16, (16, 16), (16, 16)),
        (16, (12, 20), (12, 20)),  # another size, but one that fits
        (16, (13, 13), (16, 16)),
        (None, (16, 20), (16, 20)),
        (None, (13, 13), (16, 16)),
        (None, (18, 23), (20, 24)),
    ],
)
def test_maps_that_are_joined_get_pictures_of_a_size_that_fits(
    side: int | None, canvas: tuple[int, int], seen: tuple[int, int]
) -> None:
    network, anew = unet(side), unet(None)
    anew.set_weights(network.get_weights())
    picture = np.random.default_rng(0).random((1, *canvas, 3)).astype("float32")
    np.testing.assert_allclose(
        cut(network, "out", canvas)(picture), anew(layers.Resizing(*seen)(picture)), rtol=1e-4, atol=1e-5
    )


def test_a_layer_that_is_not_there() -> None:
    with pytest.raises(ModelError, match="no layer 'nowhere'"):
        cut(conv_bn(), "nowhere", SIZE)


# -- ReLUs that are off ----------------------------------------------------------------------------


def fused(activation: Any) -> Callable[[], Any]:
    def build() -> Any:
        source = pixels()
        return keras.Model(source, layers.Conv2D(4, 3, activation=activation, name="out")(source))

    return build


def own_layer(make: Callable[[], Any]) -> Callable[[], Any]:
    def build() -> Any:
        source = pixels()
        x = layers.BatchNormalization()(layers.Conv2D(4, 3, name="conv")(source))
        return keras.Model(source, make()(x))

    return build


def relu_in_a_nested_model() -> Any:
    source = pixels()
    inner = keras.Sequential([keras.Input((10, 10, 4)), layers.ReLU(name="relu")], name="inner")
    return keras.Model(source, layers.MaxPooling2D(name="out")(inner(layers.Conv2D(4, 3)(source))))


def relu_before_a_sum() -> Any:
    source = pixels()
    parts = [layers.ReLU()(layers.Conv2D(4, 3)(source)) for _ in range(2)]
    return keras.Model(source, layers.Add(name="out")(parts))


RELUS = {
    "fused": fused("relu"),
    "fused relu6": fused("relu6"),
    "fused, TensorFlow's": fused(tf.nn.relu),
    "fused, TensorFlow's relu6": fused(tf.nn.relu6),
    "fused, of ops": fused(keras.ops.relu),
    "fused layer": fused(layers.ReLU()),
    "fused layer with a cap": fused(layers.ReLU(4.0)),
    "Activation of TensorFlow's": own_layer(lambda: layers.Activation(tf.nn.relu, name="out")),
    "ReLU": own_layer(lambda: layers.ReLU(name="out")),
    "ReLU6": own_layer(lambda: layers.ReLU(6.0, name="out")),
    "Activation": own_layer(lambda: layers.Activation("relu", name="out")),
    "function": own_layer(lambda: lambda x: layers.Identity(name="out")(keras.ops.relu(x))),
    "nested": relu_in_a_nested_model,
    "two branches": relu_before_a_sum,
    "dense": lambda: keras.Model(
        source := pixels(), layers.Dense(4, activation="relu", name="out")(layers.Flatten()(source))
    ),
}


def dead(build: Callable[[], Any]) -> Any:
    """The network with a bias so low that every channel is off for every picture."""
    whole = lively(build())
    for layer in whole.layers:
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(np.full(layer.bias.shape, -1000.0))
    return whole


def gradient(model: Any, channel: int = 1) -> Any:
    picture = tf.constant(np.random.default_rng(0).random((1, SIZE, SIZE, 3)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(picture)
        output = model(picture, training=False)
        score = tf.reduce_sum(output[..., channel])
    return float(score), tape.gradient(score, picture).numpy()


@pytest.mark.parametrize("name", RELUS)
def test_a_dead_channel_gets_a_gradient_and_keeps_its_value(name: str) -> None:
    whole = dead(RELUS[name])
    value, plain = gradient(cut(whole, "out", SIZE, "plain"))
    assert value == 0 and not plain.any()
    value, opened = gradient(cut(whole, "out", SIZE, "open"))
    assert value == 0 and np.abs(opened).max() > 0.01


@pytest.mark.parametrize("name", RELUS)
def test_without_its_relu_a_dead_channel_shows_its_own_value(name: str) -> None:
    value, linear = gradient(cut(dead(RELUS[name]), "out", SIZE, "linear"))
    assert value < -500 and np.abs(linear).max() > 0.01


@pytest.mark.parametrize("name", RELUS)
def test_a_channel_that_is_on_keeps_its_gradient(name: str) -> None:
    whole = lively(RELUS[name]())
    for layer in whole.layers:
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(np.full(layer.bias.shape, 0.5))
        if isinstance(layer, layers.Conv2D | layers.Dense):
            layer.kernel.assign(layer.kernel * 0.01)
    _, plain = gradient(cut(whole, "out", SIZE, "plain"))
    _, opened = gradient(cut(whole, "out", SIZE, "open"))
    assert np.abs(plain).max() > 0
    np.testing.assert_allclose(opened, plain, rtol=1e-4, atol=1e-7)


def test_leaky_and_thresholded_relus_stay_as_they_are() -> None:
    for make in (lambda: layers.LeakyReLU(name="out"), lambda: layers.ReLU(threshold=0.2, name="out")):
        whole = lively(own_layer(make)())
        picture = np.random.default_rng(0).normal(0, 1, (1, SIZE, SIZE, 3)).astype("float32")
        np.testing.assert_allclose(
            cut(whole, "out", SIZE, "linear")(picture), whole(picture), rtol=1e-4, atol=1e-5
        )
