"""Networks in other number types, quantised ones and such with LoRA: shown as what they are, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from generator.config.cookbook import BUILT_IN
from generator.config.schema import ModelConfig
from generator.errors import ModelError
from generator.models.own import live
from generator.models.surgery import cut
from generator.models.zoo import open_model
from tests.rendering import picture_task, work

SIDE = 24


def network(policy: str = "float32", attention: bool = True) -> Any:
    """A convolution, attention and dense layers: the same weights, computing in another number type."""

    def made(policy: str) -> Any:
        pixels = keras.Input((SIDE, SIDE, 3), name="pixels", dtype="float32")
        x = layers.Conv2D(8, 3, 2, activation="relu", dtype=policy, name="conv")(pixels)
        x = layers.BatchNormalization(dtype=policy, name="norm")(x)
        x = layers.Reshape((121, 8), dtype=policy, name="row")(x)
        if attention:
            seen = layers.MultiHeadAttention(2, 4, dtype=policy, name="attention")(x, x)
            x = layers.Add(dtype=policy, name="seen")([x, seen])
        x = layers.Dense(16, activation="relu", dtype=policy, name="hidden")(x)
        x = layers.GlobalAveragePooling1D(dtype=policy, name="mean")(x)
        return keras.Model(pixels, layers.Dense(4, activation="softmax", dtype=policy, name="classes")(x))

    keras.utils.set_random_seed(3)
    usual = made("float32")
    usual.get_layer("norm").set_weights([np.linspace(0.5, 2, 8)] * 4)
    network = made(policy)
    network.set_weights(usual.get_weights())
    return network


def quantised() -> Any:
    """With weights of eight bits."""
    whole = network(attention=False)
    whole.quantize("int8")
    return whole


def adapted() -> Any:
    """With LoRA on its convolution and a dense layer, neither of which does nothing."""
    whole = network()
    for name in ("conv", "hidden"):
        layer = whole.get_layer(name)
        layer.enable_lora(2)
        random = np.random.default_rng(0)
        layer.lora_kernel_b.assign(random.normal(size=layer.lora_kernel_b.shape) * 0.3)
    return whole


MADE: dict[str, Callable[[], Any]] = {
    **{
        policy: lambda policy=policy: network(policy)  # type: ignore[misc]
        for policy in ("float16", "mixed_float16", "bfloat16", "mixed_bfloat16", "float64")
    },
    "int8": quantised,
    "LoRA": adapted,
}
ROUNDING = {"float64": 1e-5, "LoRA": 1e-5, "int8": 0.1}


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
@pytest.mark.parametrize("name", MADE)
def test_its_pictures_are_those_of_what_it_computes(name: str, tmp_path: Path) -> None:
    whole = MADE[name]()
    whole.save(tmp_path / "net.keras")
    config = ModelConfig.model_validate({"source": str(tmp_path / "net.keras"), "layers": "all"})
    model = open_model("net", config)
    shown = np.random.default_rng(0).random((2, SIDE, SIDE, 3), "float32")
    error = ROUNDING.get(name, 0.05)
    for layer in ("norm", "hidden", "classes"):
        own = keras.Model(whole.input, whole.get_layer(layer).output)(shown, training=False)
        own = np.asarray(keras.ops.cast(own, "float32"))
        for precision in ("float32", "bfloat16"):
            found = keras.ops.cast(cut(model.network, layer, SIDE, precision=precision)(shown), "float32")
            apart = np.abs(found - own).max() / np.abs(own).max()
            assert apart < (error if precision == "float32" else max(error, 0.05)), (layer, precision)
    recipe = BUILT_IN["channel"].model_copy(update={"size": SIDE, "steps": 12})
    fingerprint = model.anatomy.fingerprint
    (picture,) = work(picture_task("net", config, "hidden", recipe, [1], fingerprint=fingerprint))
    assert picture.error == "" and picture.trajectory[-1] > picture.trajectory[0]


@pytest.mark.parametrize("policy", ["float16", "bfloat16", "float64"])
def test_a_number_type_makes_the_same_picture_within_reason(policy: str) -> None:
    usual, other = (live(network(one), "live:n").network for one in ("float32", policy))
    shown = np.random.default_rng(0).random((2, SIDE, SIDE, 3), "float32")
    expected, found = (
        np.asarray(keras.ops.cast(cut(one, "hidden", SIDE, "open")(shown), "float32"))
        for one in (usual, other)
    )
    assert np.abs(found - expected).max() < 0.02 * np.abs(expected).max()


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
def test_what_keras_can_not_read_back_is_refused_in_a_line_that_says_so(tmp_path: Path) -> None:
    whole = network()
    whole.quantize("int8")
    assert live(whole, "live:n").network
    whole.save(tmp_path / "net.keras")
    config = ModelConfig.model_validate({"source": str(tmp_path / "net.keras"), "layers": "all"})
    with pytest.raises(ModelError) as caught:
        open_model("net", config)
    said = caught.value.message
    assert "Layer 'key' expected 2 variables, but received 0" in said and "\n" not in said
    assert said.endswith("; it is quantised: save it before that, and quantise it in a factory")
