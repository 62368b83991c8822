"""Composite layers are looked into: what is inside has a name and is what it was; or they stay one."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from generator.config.schema import ModelConfig
from generator.models.anatomy import read_layers
from generator.models.graph import Step, flatten
from generator.models.own import live
from generator.models.surgery import cut
from generator.models.zoo import live_model
from tests.networks.vit import Places

SIDE, FEATURES = 12, 6


class Hidden(layers.Layer):  # type: ignore[misc]
    """Two dense layers, the first with an activation, and dropout that is used twice."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.up = layers.Dense(8, activation="gelu", name="up")
        self.down = layers.Dense(FEATURES, name="down")
        self.drop = layers.Dropout(0.5, name="drop")

    def call(self, x: Any, training: Any = None) -> Any:
        """(n, tokens, features) again."""
        x = self.drop(self.up(x), training=training)
        return self.drop(self.down(x), training=training)


class Block(layers.Layer):  # type: ignore[misc]
    """Attention and two dense layers on a residual stream; gives its attention's scores, or None, too."""

    def __init__(self, scores: bool = False, **settings: Any) -> None:
        super().__init__(**settings)
        self.norm = layers.LayerNormalization(name="norm")
        self.attention = layers.MultiHeadAttention(2, 3, name="attention")
        self.hidden = Hidden(name="hidden")
        self.scores = scores

    def call(self, x: Any) -> Any:
        """The stream, and nothing."""
        normal = self.norm(x)
        x = x + self.attention(query=normal, value=normal, use_causal_mask=False)
        shape = ops.shape(x)
        stream = ops.reshape(x + self.hidden(x), (shape[0], -1, shape[-1]))
        return (stream, None) if self.scores else stream


class Encoder(layers.Layer):  # type: ignore[misc]
    """Two blocks, one of which says more than its stream."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.first, self.second = Block(name="first"), Block(scores=True, name="second")

    def call(self, x: Any) -> Any:
        """The stream after both."""
        stream, _ = self.second(self.first(x))
        return stream


def transformer(encoder: Any = None, again: bool = False) -> Any:
    """Patches, a class token and an encoder; with `again` it is used twice."""
    keras.utils.set_random_seed(3)
    encoder = encoder or Encoder(name="encoder")
    pixels = keras.Input((SIDE, SIDE, 3), name="pixels")
    patches = layers.Conv2D(FEATURES, 4, strides=4, name="patches")(pixels)
    x = encoder(Places(name="places")(layers.Reshape((9, FEATURES), name="row")(patches)))
    return keras.Model(pixels, encoder(x) if again else x, name="transformer")


def steps_of(network: Any) -> list[Step]:
    return flatten(live(network, "live:t").network, (SIDE, SIDE, 3))


def pictures() -> Any:
    return np.random.default_rng(0).random((2, SIDE, SIDE, 3), "float32")


INSIDE = [
    "first/norm", "first/attention", "first/add", "first/hidden/up/linear", "first/hidden/up",
    "first/hidden/drop", "first/hidden/down", "first/hidden", "first/add:2", "first",
]  # fmt: skip


def test_what_is_inside_is_named_by_its_place() -> None:
    listed = read_layers(steps_of(transformer()))
    assert [layer.name for layer in listed] == [
        *("pixels", "patches", "row", "places"),
        *(f"encoder/{name}" for name in INSIDE),
        *(f"encoder/{name.replace('first', 'second')}" for name in INSIDE[:-1]),
        "encoder",
    ]
    kinds = {layer.name: layer.kind for layer in listed}
    assert kinds["encoder"] == "Encoder" and kinds["encoder/first"] == "Block"
    assert kinds["encoder/first/hidden"] == "Hidden" and kinds["encoder/first/hidden/up"] == "Dense"
    assert kinds["encoder/first/add"] == "Add"
    parameters = {layer.name: layer.parameters for layer in listed}
    assert parameters["encoder/first/hidden"] == 6 * 8 + 8 + 8 * 6 + 6
    assert [layer.special for layer in listed if len(layer.shape) == 2] == [0, *[1] * 21]


def test_each_part_gives_what_it_gives_inside_the_layer() -> None:
    network, shown = transformer(), pictures()
    encoder = network.get_layer("encoder")
    stream = keras.Model(network.input, network.get_layer("places").output)(shown)
    block = encoder.first
    normal = block.norm(stream)
    attended = block.attention(query=normal, value=normal)
    middle = stream + attended
    up = ops.matmul(middle, block.hidden.up.kernel) + block.hidden.up.bias
    expected = {
        "attention": attended,
        "add": middle,
        "hidden/up/linear": up,
        "hidden/up": keras.activations.gelu(up),
        "hidden": block.hidden.down(keras.activations.gelu(up)),
    }
    opened = live(network, "live:t").network
    for name, output in expected.items():
        found = cut(opened, f"encoder/first/{name}", SIDE, "open")(shown)
        np.testing.assert_allclose(found, output, atol=1e-5 * np.abs(output).max())
    np.testing.assert_allclose(cut(opened, "encoder", SIDE)(shown), network(shown), atol=1e-5)


@pytest.mark.parametrize("name", ["first/attention", "second/attention", "second/hidden/up"])
def test_parts_can_compute_in_half_precision(name: str) -> None:
    opened, shown = live(transformer(), "live:t").network, pictures()
    expected = cut(opened, f"encoder/{name}", SIDE)(shown)
    found = ops.cast(cut(opened, f"encoder/{name}", SIDE, precision="bfloat16")(shown), "float32")
    assert 0 < np.abs(found - expected).max() < 0.05 * np.abs(expected).max()


def test_a_composite_used_again_is_numbered_as_a_whole() -> None:
    network = transformer(again=True)
    names = [step.name for step in steps_of(network)]
    assert "encoder/second/hidden" in names and "encoder:2/second/hidden" in names
    assert names[-1] == "encoder:2"
    opened = live(network, "live:t").network
    np.testing.assert_allclose(cut(opened, "encoder:2", SIDE)(pictures()), network(pictures()), atol=1e-5)


def test_looking_inside_leaves_no_trace_in_keras_or_in_the_weights() -> None:
    before = keras.layers.Layer.__call__, keras.Operation.symbolic_call
    network = transformer()
    weights = network.get_weights()
    assert live_model(network, "t", ModelConfig.model_validate({"layers": "all"})).anatomy.layers
    assert before == (keras.layers.Layer.__call__, keras.Operation.symbolic_call)
    assert all((old == new).all() for old, new in zip(weights, network.get_weights(), strict=True))
    assert network.get_layer("encoder").first.hidden.up.activation is keras.activations.gelu


class Windows(layers.Layer):  # type: ignore[misc]
    """Mixes places within windows of 2 x 2, as Swin does: multiplies and divides the number of pictures."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.mix = layers.Dense(4, name="mix")
        self.after = layers.Dense(FEATURES, name="after")

    def call(self, x: Any) -> Any:
        """(n, height, width, features) again."""
        count, height, width, features = ops.shape(x)
        down, right = height // 2, width // 2
        x = ops.reshape(x, (count, down, 2, right, 2, features))
        x = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, 4, features))
        x = self.mix(x)
        heads = ops.reshape(x, (ops.shape(x)[0], 4, 2, -1))
        heads = ops.reshape(ops.transpose(heads, (2, 0, 1, 3)), (2, count * (down * right), -1))
        heads = ops.reshape(heads, (2, ops.shape(x)[0], 4, 2))
        x = self.after(ops.reshape(ops.transpose(heads, (1, 2, 0, 3)), (-1, 4, 4)))
        x = ops.reshape(x, (ops.shape(x)[0] // (down * right), down, right, 2, 2, features))
        return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, height, width, features))


def test_code_that_cuts_into_windows_is_followed() -> None:
    keras.utils.set_random_seed(3)
    pixels = keras.Input((SIDE, SIDE, 3), name="pixels")
    x = layers.Conv2D(FEATURES, 3, strides=3, name="patches")(pixels)
    network, shown = keras.Model(pixels, Windows(name="windows")(x)), pictures()
    opened = live(network, "live:w").network
    listed = {layer.name: layer for layer in read_layers(flatten(opened, (SIDE, SIDE, 3)))}
    assert list(listed)[-1] == "windows" and listed["windows"].renderable
    # What has several rows for each picture is listed, but which are a picture's nobody says.
    assert not listed["windows/mix"].renderable and not listed["windows/after"].renderable
    assert not any(layer.renderable for name, layer in listed.items() if name.startswith("windows/transpose"))
    np.testing.assert_allclose(cut(opened, "windows", SIDE)(shown), network(shown), atol=1e-6)
    mixed = cut(opened, "windows/mix", SIDE)(shown)
    assert mixed.shape == (2 * 4, 4, 4)


# -- what stays one layer --------------------------------------------------------------------------


class Opaque(Encoder):
    """Asks how many pictures there are, which symbols don't know."""

    def call(self, x: Any) -> Any:
        """The stream after both blocks."""
        count = ops.shape(x)[0]
        return super().call(x) * ops.cast(count // count, x.dtype)


class TwoFaced(Encoder):
    """Does something else when it is given symbols."""

    def call(self, x: Any) -> Any:
        """The stream after one block, or both."""
        return self.first(x) if isinstance(x, keras.KerasTensor) else super().call(x)


class HalfOpaque(Encoder):
    """Its second block can't be run on symbols."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.second = OpaqueBlock(scores=True, name="second")


class OpaqueBlock(Block):
    """Uses numbers of its own class's making."""

    def call(self, x: Any) -> Any:
        """The stream, twice as large, and once more."""
        if isinstance(x, keras.KerasTensor):
            raise TypeError("no symbols")
        stream, _ = super().call(x)
        return stream, stream


@pytest.mark.parametrize("kind", [Opaque, TwoFaced])
def test_what_can_not_be_seen_truly_stays_one_layer(kind: Any) -> None:
    network = transformer(kind(name="encoder"))
    assert [step.name for step in steps_of(network)] == ["pixels", "patches", "row", "places", "encoder"]
    opened = live(network, "live:t").network
    np.testing.assert_allclose(cut(opened, "encoder", SIDE)(pictures()), network(pictures()), atol=1e-5)


def test_a_part_that_can_not_be_seen_is_one_layer_inside() -> None:
    network = transformer(HalfOpaque(name="encoder"))
    names = [step.name for step in steps_of(network)]
    assert names[4:] == [*(f"encoder/{name}" for name in INSIDE), "encoder", "encoder.1"]
    opened = live(network, "live:t").network
    np.testing.assert_allclose(cut(opened, "encoder", SIDE)(pictures()), network(pictures()), atol=1e-5)


def test_keras_own_composites_and_layers_outside_of_any_stay_as_they_were() -> None:
    pixels = keras.Input((SIDE, SIDE, 3), name="pixels")
    x = layers.Dense(4, activation="gelu", name="dense")(layers.Reshape((144, 3), name="row")(pixels))
    x = layers.MultiHeadAttention(2, 3, name="attention")(x, x)
    names = [step.name for step in steps_of(keras.Model(pixels, x))]
    assert names == ["pixels", "row", "dense", "attention"]


# -- tokens ----------------------------------------------------------------------------------------


class Registers(layers.Layer):  # type: ignore[misc]
    """Puts tokens of its own in front: a class token with a place, and registers without."""

    def __init__(self, count: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.count = count

    def build(self, shape: Any) -> None:
        """The tokens."""
        self.own = self.add_weight(shape=(1, self.count, shape[-1]), initializer="random_normal")

    def call(self, x: Any) -> Any:
        """Own tokens first."""
        return ops.concatenate([ops.repeat(self.own, ops.shape(x)[0], axis=0), x], axis=1)


@pytest.mark.parametrize("count", [1, 2, 5, 7])
def test_special_tokens_are_asked_for_and_not_counted(count: int) -> None:
    pixels = keras.Input((SIDE, SIDE, 3), name="pixels")
    x = layers.Conv2D(FEATURES, 4, strides=4, name="patches")(pixels)
    x = Registers(count, name="tokens")(layers.Reshape((9, FEATURES), name="row")(x))
    x = layers.MultiHeadAttention(2, 3, name="mixed")(x, x)
    later = layers.Dense(4, name="later")(x)
    patches = later[:, count:]
    pooled = layers.Dense(3, name="pooled")(ops.transpose(patches, (0, 2, 1)))
    network = keras.Model(pixels, [later[:, 1:], patches, pooled])
    found = {layer.name: layer.special for layer in read_layers(steps_of(network))}
    assert (found["row"], found["tokens"], found["mixed"], found["later"]) == (0, count, count, count)
    assert sorted(found[name] for name in found if name.startswith("get_item")) == [0, count - 1]
    assert found["pooled"] == 0
