"""Layers may be called anything: they are shown under their own names, none meet, and all render."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from generator.config.cookbook import BUILT_IN
from generator.config.schema import ModelConfig
from generator.models.surgery import cut
from generator.models.zoo import Model, open_model
from tests.networks import odd
from tests.rendering import Picture, picture_task, work

RECIPE = BUILT_IN["channel"].model_copy(update={"size": 24, "steps": 2})


def configured(source: str) -> ModelConfig:
    return ModelConfig.model_validate({"source": source, "layers": "all"})


def opened(name: str) -> Model:
    return open_model("odd", configured(f"tests.networks.odd:{name}"))


def rendered(source: str, layer: str) -> Picture:
    config = configured(source)
    return work(picture_task("odd", config, layer, RECIPE, [0]))[0]


def test_names_are_shown_as_they_are_and_none_meet() -> None:
    anatomy = opened("odd").anatomy
    names = [layer.name for layer in anatomy.layers]
    assert len(set(names)) == len(names) and anatomy.name == "odd names"
    assert names[: 1 + len(odd.NAMES)] == ["my pixels", *odd.NAMES]
    rest = ["two times", "two times:2", "block/relu", "my part/my layer", "lstm", "lstm.1:2", "the sum"]
    assert names[1 + len(odd.NAMES) :] == rest
    assert anatomy.layer("the sum").inputs == ("lstm", "lstm.1:2")


def test_a_channels_first_network_keeps_its_name_too(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = keras.Input((3, 8, 8), name="the pixels")
    conv = keras.layers.Conv2D(2, 3, data_format="channels_first", name="première")
    network = keras.Model(pixels, conv(pixels), name="un réseau")
    monkeypatch.setattr(odd, "odd", lambda: network)
    anatomy = opened("odd").anatomy
    assert (anatomy.name, [layer.name for layer in anatomy.layers]) == (
        "un réseau",
        ["the pixels", "première"],
    )


def test_each_layer_of_an_oddly_named_network_is_cut_as_it_is() -> None:
    whole, model = odd.odd(), opened("odd")
    pixels = np.random.default_rng(0).random((1, 12, 12, 2), "float32")
    for name in odd.NAMES:
        inner = keras.Model(whole.input, whole.get_layer(name).output)
        np.testing.assert_allclose(cut(model.network, name, 12)(pixels), inner(pixels), atol=1e-5)


@pytest.mark.parametrize(
    ("network", "layer"), [("odd", "the sum"), ("odd", "lstm.1"), ("written", "a pair.1")]
)
def test_an_oddly_named_layer_renders(network: str, layer: str) -> None:
    picture = rendered(f"tests.networks.odd:{network}", layer)
    assert picture.error == "" and picture.png


def test_an_oddly_named_network_keeps_names_and_weights_in_a_file(tmp_path: Path) -> None:
    steps = [keras.layers.Conv2D(2, 1, name=name) for name in odd.NAMES]
    named = keras.Sequential([keras.Input((12, 12, 2)), *steps])
    named.save(tmp_path / "odd.keras")
    named.save_weights(tmp_path / "odd.weights.h5")
    anatomy = open_model("odd", configured(str(tmp_path / "odd.keras"))).anatomy
    assert [layer.name for layer in anatomy.layers][1:] == list(odd.NAMES)
    changes = {"weights": str(tmp_path / "odd.weights.h5")}
    config = configured(str(tmp_path / "odd.keras")).model_copy(update=changes)
    assert open_model("odd", config).anatomy.fingerprint == anatomy.fingerprint
