"""What is read off a network's graph: names, shapes, and what a unit sees, against known values."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import keras
import pytest
from keras import layers

from generator.config.schema import ModelConfig
from generator.models.anatomy import Anatomy, Layer, read_layers
from generator.models.graph import flatten
from generator.models.zoo import open_model


def read(network: Any) -> dict[str, Layer]:
    return {layer.name: layer for layer in read_layers(flatten(network, tuple(network.inputs[0].shape[1:])))}


def chain(*steps: Any, size: int | None = 64) -> Any:
    """A network of these layers one after the other."""
    x = source = keras.Input((size, size, 3), name="pixels")
    for step in steps:
        x = step(x)
    return keras.Model(source, x)


def application(name: str) -> Anatomy:
    config = ModelConfig.model_validate({"weights": "none", "input_size": 96, "layers": "all"})
    return open_model(name, config).anatomy


def test_known_receptive_fields_of_vgg() -> None:
    """Source: Araujo et al. 2019, Computing Receptive Fields of CNNs (VGG-16: 212 at pool5)."""
    found = {layer.name: (layer.receptive_field, layer.stride) for layer in application("VGG16").layers}
    assert found["block1_conv2"] == ((5, 5), (1, 1))
    assert found["block3_conv3"] == ((40, 40), (4, 4))
    assert found["block5_conv3"] == ((196, 196), (16, 16))
    assert found["block5_pool"] == ((212, 212), (32, 32))


def test_known_receptive_field_of_mobilenet() -> None:
    """Same source: MobileNet v1 has 315."""
    last = application("MobileNet").layer("conv_pw_13_relu")
    assert (last.receptive_field, last.stride) == ((315, 315), (32, 32))


def test_shapes_channels_and_parameters() -> None:
    network = chain(
        layers.Conv2D(5, 3, name="conv"), layers.Flatten(name="flat"), layers.Dense(7, name="out"), size=8
    )
    found = read(network)
    assert (found["conv"].shape, found["conv"].channels, found["conv"].parameters) == ((6, 6, 5), 5, 140)
    assert (found["out"].shape, found["out"].channels, found["out"].kind) == ((7,), 7, "Dense")
    assert [layer.name for layer in found.values() if layer.renderable] == ["conv", "flat", "out"]
    assert found["conv"].inputs == ("pixels",)


def test_sizes_that_the_network_leaves_open() -> None:
    conv = read(chain(layers.Conv2D(5, 3, name="conv"), size=None))["conv"]
    assert conv.shape == (None, None, 5) and conv.renderable


def nested() -> Any:
    inner = keras.Sequential([keras.Input((None, None, 4)), layers.Conv2D(6, 3, name="conv")], name="inner")
    return chain(layers.Conv2D(4, 3, name="conv"), inner, layers.ReLU(name="last"))


def sequential() -> Any:
    return keras.Sequential(
        [keras.Input((16, 16, 3), name="pixels"), layers.Conv2D(4, 3, name="conv"), layers.ReLU(name="last")]
    )


def shared() -> Any:
    conv = layers.Conv2D(3, 3, name="conv", padding="same")
    return chain(conv, conv, layers.ReLU(name="last"))


@pytest.mark.parametrize(
    ("build", "names"),
    [
        (nested, ["pixels", "conv", "inner/conv", "last"]),
        (sequential, ["pixels", "conv", "last"]),
        (shared, ["pixels", "conv", "conv:2", "last"]),
    ],
)
def test_layers_inside_models_and_used_again_have_names(build: Callable[[], Any], names: list[str]) -> None:
    found = read(build())
    assert list(found) == names
    assert found["last"].inputs == (names[-2],)


def test_operations_on_tensors_are_layers_too() -> None:
    source = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", name="conv")(source)
    network = keras.Model(source, keras.ops.relu(x * 2.0 + 1.0))
    found = list(read(network).values())
    assert [layer.receptive_field for layer in found[1:]] == [(3, 3)] * 4
    assert all(layer.renderable for layer in found[1:])


def test_an_anatomy_survives_json() -> None:
    anatomy = application("MobileNet")
    assert Anatomy.from_json(json.loads(json.dumps(anatomy.to_json()))) == anatomy
    with pytest.raises(KeyError):
        anatomy.layer("no such layer")
    with pytest.raises((KeyError, TypeError)):
        Anatomy.from_json({"layers": []})
