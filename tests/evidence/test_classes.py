"""What channels do to class scores: planted, and by brute force."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from generator.config.schema import ModelConfig
from generator.evidence.classes import Scorer
from generator.evidence.effects import CONSIDERED, SHOWN, Effects, classes_of
from generator.models.derived import attach
from generator.models.dictionary import from_arrays
from generator.models.layout import pictures_in
from generator.models.taps import tapped
from generator.models.zoo import open_model
from tests.networks import own

Array = NDArray[Any]


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Layers draw their weights' seeds when they are made."""
    keras.utils.set_random_seed(0)


def photos(count: int, side: int = 16) -> Array:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)


def shown(pixels: Array) -> list[tuple[str, Array]]:
    return [(str(number), one) for number, one in enumerate(pixels)]


def read(network: Any, layer: str, scores: str, pixels: Array | None = None) -> Effects:
    scorer = Scorer(network, lambda x: x, [layer], scores)
    found = scorer.read(shown(photos(0) if pixels is None else pixels))
    assert found is not None
    return found[layer]


def headed(*head: Any, channels: int = 6) -> Any:
    """`seen`, a convolution with a ReLU, and what is given behind it."""
    pixels = keras.Input((16, 16, 3))
    x = layers.Conv2D(channels, 3, activation="relu", bias_initializer="ones", name="seen")(pixels)
    for layer in head:
        x = layer(x)
    return keras.Model(pixels, x)


# -- exact -----------------------------------------------------------------------------------------


def wired() -> tuple[Any, Array]:
    """A dense layer in which channel 1 is for class 2 only, channel 4 against class 0, and its weights."""
    weights = np.zeros((6, 3), "float32")
    weights[1, 2], weights[4, 0] = 2.5, -1.5
    dense = layers.Dense(3, activation="softmax", name="end")
    dense.build((None, 6))
    dense.set_weights([weights, np.ones(3, "float32")])
    return dense, weights


@pytest.mark.parametrize("split", [False, True], ids=["fused", "apart"])
def test_a_planted_class_is_found_with_its_sign_and_weight(split: bool) -> None:
    dense, _ = wired()
    head = [layers.GlobalAveragePooling2D(), layers.Dropout(0.5), dense]
    if split:
        plain = layers.Dense(3, name="scores")
        plain.build((None, 6))
        plain.set_weights(dense.get_weights())
        head[-1:] = [plain, layers.Softmax(name="end")]
    found = read(headed(*head), "seen", "end")
    assert found.exact
    one, four = classes_of(found, 1, ("ant", "bee", "cat")), classes_of(found, 4, ("ant",))
    assert one is not None and four is not None and one.exact
    assert [(effect.number, effect.name) for effect in one.raised] == [(2, "cat")] and one.lowered == ()
    assert one.raised[0].effect == pytest.approx(2.5) and one.raised[0].photos == 0
    assert [(effect.number, effect.name) for effect in four.lowered] == [(0, "ant")] and four.raised == ()
    assert four.lowered[0].effect == pytest.approx(-1.5)
    assert classes_of(found, 0, ()) is None, "a channel that does nothing has none"


def test_positions_and_ways_past_the_layer_count() -> None:
    """Behind flattening, and where something goes past the layer and is added."""
    pixels = keras.Input((8, 8, 3))
    side = layers.Conv2D(6, 3, activation="relu", name="side")(pixels)
    seen = layers.Conv2D(6, 3, padding="same", activation="relu", name="seen")(side)
    both = layers.Flatten()(layers.Add()([side, seen]))
    network = keras.Model(pixels, layers.Dense(4, name="end")(both))
    weights = network.get_layer("end").get_weights()[0].reshape(36, 6, 4).sum(axis=0)
    found = read(network, "seen", "end")
    assert found.exact and not Scorer(network, lambda x: x, ["side"], "end").exact
    for channel in range(6):
        told = dict(zip(found.numbers[channel].ravel(), found.effects[channel].ravel(), strict=True))
        assert {k: told[k] for k in range(4)} == pytest.approx(dict(enumerate(weights[channel])), abs=1e-5)


class Halves(layers.Layer):  # type: ignore[misc]
    """Gives the first and the second half of the channels."""

    def call(self, x: Any) -> Any:
        return x[..., :3], x[..., 3:]


def test_layers_used_twice_and_of_two_outputs_are_exact() -> None:
    pixels = keras.Input((8, 8, 3))
    twice = layers.Conv2D(6, 3, padding="same", name="twice")
    seen = twice(layers.Conv2D(6, 3, padding="same")(pixels))
    first, second = Halves(name="halves")(twice(seen))
    both = layers.Concatenate()([layers.GlobalAveragePooling2D()(half) for half in (second, first)])
    ends = [layers.Dense(3, name="end")(both), layers.Dense(2, "tanh", name="aside")(both)]
    network = keras.Model(pixels, ends)
    scorer = Scorer(network, lambda x: x, ["twice:2", "halves", "halves.1", "aside"], "end")
    assert scorer.exact == ("halves", "halves.1")
    found = scorer.read(shown(photos(3, 8)))
    weights = network.get_layer("end").get_weights()[0]
    assert found is not None and (found["aside"].numbers == -1).all() and (found["twice:2"].photos > 0).any()
    for layer, rows in (("halves", weights[3:]), ("halves.1", weights[:3])):
        top = np.take_along_axis(rows, np.maximum(found[layer].numbers[:, 0], 0)[:, :1], axis=1)
        np.testing.assert_allclose(found[layer].effects[:, 0, 0], np.maximum(rows.max(axis=1), 0), rtol=1e-4)
        np.testing.assert_allclose(np.maximum(top[:, 0], 0), np.maximum(rows.max(axis=1), 0), rtol=1e-4)


def test_efficientnet_s_head_is_its_dense_layer() -> None:
    network = open_model("efficientnet-lite0", ModelConfig.model_validate({"layers": "all"})).network
    weights = network.get_layer("logits").get_weights()[0]
    scorer = Scorer(network, lambda x: x, ["head", "avg_pool", "head_bn"], "predictions")
    assert scorer.exact == ("head", "avg_pool"), "there is a ReLU behind head_bn"
    found = scorer.read([])
    assert found is not None and set(found) == {"head", "avg_pool"}
    for effects in found.values():
        for side, sign in enumerate((1, -1)):
            expected = np.sort(sign * weights, axis=1)[:, ::-1][:, :SHOWN] * sign
            np.testing.assert_allclose(effects.effects[:, side], expected, atol=2e-6)
            named = np.take_along_axis(weights, effects.numbers[:, side], axis=1)
            np.testing.assert_allclose(named, expected, atol=2e-6)


# -- by gradient -----------------------------------------------------------------------------------


def deep(**end: Any) -> Any:
    return headed(
        layers.Conv2D(8, 3, activation="relu", name="later"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(7, name="end", **end),
    )


def brute(network: Any, pixels: Array, step: float = 1e-3) -> dict[int, list[Array]]:
    """By class, of each photo that has it among the likeliest: what `seen`'s channels add to its score.

    By differences: each channel a little more, and a little less, where it is on. Here and there a ReLU turns
    off on the way.
    """
    seen = network.get_layer("seen")
    rest = keras.Sequential(network.layers[network.layers.index(seen) + 1 :])
    rest.layers[-1].activation = keras.activations.linear
    found: dict[int, list[Array]] = {}
    for one in pixels:
        output = np.asarray(seen(one[None].astype("float32") / 255), np.float64)
        scores = np.asarray(rest(output))[0]
        for k in np.argsort(-scores)[:CONSIDERED]:
            added = []
            for channel in range(output.shape[-1]):
                change = np.zeros_like(output)
                change[..., channel] = np.maximum(output[..., channel], 0) * step
                more, less = (np.asarray(rest(output + sign * change))[0, k] for sign in (1, -1))
                added.append((more - less) / (2 * step))
            found.setdefault(int(k), []).append(np.array(added))
    return found


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "linear"])
def test_gradient_times_activation_is_what_differences_give(activation: str) -> None:
    network, pixels = deep(activation=activation), photos(11)
    effects = read(network, "seen", "end", pixels)
    assert not effects.exact
    added = brute(network, pixels)
    for channel in range(6):
        weight = {k: sum(one[channel] for one in ones) / (len(ones) + 2) for k, ones in added.items()}
        for side, sign in enumerate((1, -1)):
            told = effects.numbers[channel, side][effects.numbers[channel, side] >= 0]
            ranked = sorted((sign * value for value in weight.values()), reverse=True)[: len(told)]
            np.testing.assert_allclose([sign * weight[k] for k in told], ranked, atol=0.01)
            assert len(told) == SHOWN or sorted(sign * v for v in weight.values())[-len(told) - 1] < 0.01
            means = [np.mean([one[channel] for one in added[k]]) for k in told]
            np.testing.assert_allclose(effects.effects[channel, side, : len(told)], means, atol=0.01)
            assert list(effects.photos[channel, side, : len(told)]) == [len(added[k]) for k in told]
    assert np.abs(effects.effects).max() > 0.05


def test_effects_are_the_same_in_any_batches_and_order() -> None:
    network, pixels = deep(), photos(19)
    one, other = read(network, "seen", "end", pixels), read(network, "seen", "end", pixels[::-1])
    assert np.array_equal(one.numbers, other.numbers) and np.array_equal(one.photos, other.photos)
    np.testing.assert_allclose(one.effects, other.effects, rtol=1e-5)


def test_networks_that_keep_channels_first_are_read() -> None:
    """Against a gradient of the same, through gates, of a layer in the middle."""
    network, pixels = own.first(), photos(3, 24)
    scorer = Scorer(pictures_in(network), lambda x: x, ["gated", "mean"], "classes")
    assert scorer.exact == ("mean",)
    numbers, (effects,) = scorer.effects(pixels)
    weights, bias = network.get_layer("classes").get_weights()
    names = ("gated", "mean")
    both = keras.Model(network.inputs, [network.get_layer(name).output for name in names])
    with tf.GradientTape() as tape:
        source = tf.constant(pixels.transpose(0, 3, 1, 2) / 255, tf.float32)
        tape.watch(source)
        gated, mean = both(source, training=False)
        scores = mean @ weights + bias
        best = tf.reduce_sum(tf.reduce_max(scores, axis=1))
    assert np.array_equal(numbers[:, 0], scores.numpy().argmax(axis=1))
    expected = (tf.nn.relu(gated) * tape.gradient(best, gated)).numpy().sum(axis=(2, 3))
    np.testing.assert_allclose(effects[:, 0], expected, rtol=1e-4, atol=1e-6)


def test_what_comes_of_few_classes_few_photos_and_none() -> None:
    network = headed(layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(1, name="end"))
    found = read(network, "seen", "end", photos(2))
    told = [classes_of(found, channel, ("yes",)) for channel in range(6)]
    effects = [effect for one in told if one is not None for effect in (*one.raised, *one.lowered)]
    assert effects and {(effect.name, effect.photos) for effect in effects} == {("yes", 2)}
    scorer = Scorer(network, lambda x: x, ["seen"], "end")
    assert scorer.read([]) == {}
    assert scorer.read(shown(photos(2)), stopping=lambda: True) is None


def test_a_channel_that_leads_nowhere_has_no_effect() -> None:
    pixels = keras.Input((8, 8, 3))
    classes = layers.Dense(3, "softmax", name="end")(
        layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu", name="seen")(pixels))
    )
    aside = layers.Conv2D(2, 3, name="aside")(pixels)
    network = keras.Model(pixels, [classes, aside])
    found = read(network, "aside", "end", photos(2, 8))
    assert (found.numbers == -1).all()


def test_effects_are_stored_whole() -> None:
    effects = read(deep(), "seen", "end", photos(5))
    again = Effects.from_bytes(effects.to_bytes())
    assert again.exact == effects.exact
    for name in ("numbers", "effects", "photos"):
        assert np.array_equal(getattr(again, name), getattr(effects, name))
    with pytest.raises((ValueError, KeyError, OSError)):
        Effects.from_bytes(b"no archive")


# -- derived layers --------------------------------------------------------------------------------

DICTIONARY = from_arrays(
    {
        "encoder": np.random.default_rng(1).normal(size=(6, 10)),
        "decoder": np.random.default_rng(2).normal(size=(10, 6)),
        "k": np.array(4),
    }
)


def test_features_do_exactly_what_their_directions_do() -> None:
    dense, weights = wired()
    network = headed(layers.GlobalAveragePooling2D(), dense)
    attach(network, [("seen.sae", "seen", DICTIONARY)])
    found = read(network, "seen.sae", "end")
    expected = DICTIONARY.decoder @ weights
    assert found.exact
    for feature in range(10):
        told = classes_of(found, feature, ())
        raised = {effect.number: effect.effect for effect in told.raised} if told else {}
        assert raised == pytest.approx({n: e for n, e in enumerate(expected[feature]) if e > 0}, rel=1e-4)


def two_layers(first: bool) -> Any:
    """`seen`, a convolution with a ReLU, and another, bent, behind it; channels first inside if so said."""
    order = {"data_format": "channels_first"} if first else {}
    pixels = keras.Input((3, 16, 16) if first else (16, 16, 3))
    seen = layers.Conv2D(6, 3, activation="relu", name="seen", **order)(pixels)
    x = layers.Conv2D(5, 3, activation="tanh", **order)(seen)
    whole = keras.Model(pixels, layers.Dense(CONSIDERED, name="end")(layers.Flatten()(x)))
    return pictures_in(whole) if first else whole


def test_elsewhere_it_is_the_gradient_along_them_times_what_they_do() -> None:
    network = two_layers(first=False)
    attach(network, [("seen.sae", "seen", DICTIONARY)])
    numbers, (_, effects) = Scorer(network, lambda x: x, ["seen", "seen.sae"], "end").effects(photos(2))
    model = tapped(network, ["seen", "seen.sae", "end"])
    pixels = tf.constant(photos(2) / 255, tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(pixels)
        base, features, scores = model(pixels)
        each = [tf.gather(scores, numbers[:, place], axis=1, batch_dims=1) for place in range(CONSIDERED)]
    for place, score in enumerate(each):
        gradient = tape.gradient(score, base)
        expected = (features * tf.tensordot(gradient, DICTIONARY.decoder.T, 1)).numpy().sum(axis=(1, 2))
        np.testing.assert_allclose(effects[:, place], expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("first", [False, True], ids=["channels last", "channels first"])
def test_features_that_are_the_channels_do_what_these_do(first: bool) -> None:
    network = two_layers(first)
    same = from_arrays({"encoder": np.eye(6), "decoder": np.eye(6)})
    attach(network, [("seen.same", "seen", same)])
    _, (features, channels) = Scorer(network, lambda x: x, ["seen.same", "seen"], "end").effects(photos(2))
    assert np.abs(channels).max() > 0
    np.testing.assert_allclose(features, channels, rtol=1e-4, atol=1e-7)
