"""Layers of tokens: what is read off a transformer, and pictures of its channels, units and class token."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from generator.config.schema import ModelConfig
from generator.models.surgery import cut
from generator.models.zoo import open_model
from tests.networks.vit import FEATURES, SIDE, TOKENS, vit
from tests.render.planted import STILL, rendered


@pytest.fixture(scope="module")
def network() -> Any:
    return vit()


@pytest.fixture(scope="module")
def saved(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vit") / "vit.keras"
    network.save(path)
    return path


def test_layers_of_tokens_are_known_by_their_features(saved: Path) -> None:
    config = ModelConfig.model_validate({"source": str(saved), "layers": "all"})
    anatomy = open_model("vit", config).anatomy
    for name in ("places", "block1_attention", "block2_out", "norm"):
        layer = anatomy.layer(name)
        assert layer.shape == (TOKENS, FEATURES) and layer.channels == FEATURES and layer.renderable
        assert layer.receptive_field is None and layer.stride is None
    assert anatomy.layer("places").parameters == (TOKENS + 1) * FEATURES
    assert (anatomy.layer("patches").receptive_field, anatomy.layer("patches").stride) == ((8, 8), (8, 8))
    assert anatomy.layer("block2_out").inputs == ("block2_seen", "block2_back")


@pytest.mark.parametrize("layer", ["places", "block1_attention", "block2_hidden", "block2_out", "classes"])
@pytest.mark.parametrize(("precision", "error"), [("float32", 1e-5), ("bfloat16", 0.1)])
def test_a_cut_transformer_computes_what_the_whole_one_does(
    network: Any, layer: str, precision: str, error: float
) -> None:
    picture = np.random.default_rng(0).random((2, SIDE, SIDE, 3), "float32")
    expected = keras.Model(network.input, network.get_layer(layer).output)(picture)
    found = keras.ops.cast(cut(network, layer, SIDE, precision=precision)(picture), "float32")
    np.testing.assert_allclose(found, expected, atol=error * np.abs(expected).max())


def test_another_size_is_resized_to_the_networks_own(network: Any) -> None:
    assert cut(network, "block1_out", 64).output.shape == (None, TOKENS, FEATURES)


@pytest.mark.parametrize("recipe", ["channel", "neuron", "class-token"])
def test_a_layer_of_tokens_renders(saved: Path, recipe: str) -> None:
    first, second = rendered(saved, "block2_out", recipe, [0, 7], steps=24, **STILL)
    assert first.trajectory[-1] > first.trajectory[0] and second.trajectory[-1] > second.trajectory[0]
    shown = [np.asarray(Image.open(io.BytesIO(picture.png)), "float64") for picture in (first, second)]
    assert shown[0].shape == (SIDE, SIDE, 3) and np.abs(shown[0] - shown[1]).mean() > 1
