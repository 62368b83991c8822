"""Derived layers in networks: features by NumPy's own account, and nothing of the network changed by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy.optimize import nnls

from generator.config.schema import ModelConfig
from generator.errors import ModelError, UserError
from generator.models.anatomy import derived_layer, with_derived
from generator.models.derived import attach
from generator.models.dictionary import Dictionary, from_arrays, from_components
from generator.models.layout import pictures_in
from generator.models.surgery import cut
from generator.models.taps import tapped, way
from generator.models.zoo import open_model

RANDOM = np.random.default_rng(0)
SIDE, CHANNELS, FEATURES = 16, 8, 12
ARRAYS = {
    "encoder": RANDOM.normal(size=(CHANNELS, FEATURES)),
    "decoder": RANDOM.normal(size=(FEATURES, CHANNELS)),
    "encoder_bias": RANDOM.normal(size=FEATURES),
    "decoder_bias": RANDOM.normal(size=CHANNELS),
}
THRESHOLD = np.linspace(-0.5, 1.5, FEATURES)
DICTIONARIES = {
    "relu": from_arrays(ARRAYS),
    "jumprelu": from_arrays({**ARRAYS, "threshold": THRESHOLD}),
    "topk": from_arrays({**ARRAYS, "k": np.array(3)}),
    "nonnegative": from_components(np.abs(RANDOM.normal(size=(5, CHANNELS)))),
}
PICTURES = RANDOM.normal(size=(2, SIDE, SIDE, 3)).astype("float32") * 2


def plain(first: bool = False) -> Any:
    """A network of two convolutions, channels first inside if it is said so."""
    keras.utils.set_random_seed(3)
    order = "channels_first" if first else "channels_last"
    source = keras.Input((3, SIDE, SIDE) if first else (SIDE, SIDE, 3), name="pixels")
    x = layers.Conv2D(CHANNELS, 3, data_format=order, name="conv")(source)
    x = layers.ReLU(name="relu")(x)
    x = layers.Conv2D(4, 3, data_format=order, name="last")(x)
    whole = keras.Model(source, x)
    return pictures_in(whole) if first else whole


def derived(first: bool = False) -> Any:
    """The same with a derived layer of each kind behind its ReLU."""
    whole = plain(first)
    attach(whole, [(f"relu.{name}", "relu", found) for name, found in DICTIONARIES.items()])
    return whole


@pytest.mark.parametrize("first", [False, True], ids=["channels last", "channels first"])
def test_features_are_what_numpy_makes_of_the_layer(first: bool) -> None:
    names = ["relu", *(f"relu.{name}" for name in DICTIONARIES)]
    outputs = tapped(derived(first), names)(PICTURES)
    x, relu, jump, top, nonnegative = (found.numpy() for found in outputs)
    z = (x - ARRAYS["decoder_bias"]) @ ARRAYS["encoder"] + ARRAYS["encoder_bias"]
    np.testing.assert_allclose(relu, np.maximum(z, 0), atol=1e-4)
    np.testing.assert_allclose(jump, np.where(z > np.maximum(THRESHOLD, 0), z, 0), atol=1e-4)
    third = np.sort(z, axis=-1)[..., -3:-2]
    np.testing.assert_allclose(top, np.where(z >= third, np.maximum(z, 0), 0), atol=1e-4)
    assert (top > 0).sum(axis=-1).max() <= 3
    components = DICTIONARIES["nonnegative"].decoder.T.astype("float64")
    rows = x.reshape(-1, CHANNELS)[:100]
    exact = np.stack([nnls(components, row)[0] for row in rows])
    np.testing.assert_allclose(nonnegative.reshape(-1, 5)[:100], exact, atol=0.02 * exact.max())


def test_many_concepts_are_told_apart_too() -> None:
    parts = np.abs(RANDOM.normal(size=(24, 64))) * (RANDOM.random((24, 64)) < 0.3)
    found = from_components(parts / np.linalg.norm(parts, axis=1, keepdims=True))
    rows = (RANDOM.exponential(size=(50, 24)) @ found.decoder + 0.05 * RANDOM.random((50, 64))).astype("f4")
    source = keras.Input((1, 1, 64))
    whole = keras.Model(source, layers.Identity(name="same")(source))
    attach(whole, [("same.concepts", "same", found)])
    codes = tapped(whole, ["same.concepts"])(rows[:, None, None]).numpy().reshape(50, 24)
    exact = np.stack([nnls(found.decoder.T.astype("f8"), row)[0] for row in rows])
    np.testing.assert_allclose(codes, exact, atol=0.01 * exact.max())


@pytest.mark.parametrize("first", [False, True], ids=["channels last", "channels first"])
@pytest.mark.parametrize("name", DICTIONARIES)
def test_a_cut_network_gives_the_features_in_every_mode(name: str, first: bool) -> None:
    whole = derived(first)
    expected = tapped(whole, [f"relu.{name}"])(PICTURES).numpy()
    for relu in ("plain", "open"):
        model = cut(whole, f"relu.{name}", SIDE, relu)  # type: ignore[arg-type]
        np.testing.assert_allclose(model(PICTURES), expected, atol=1e-3)
    linear = cut(whole, f"relu.{name}", SIDE, "linear")(PICTURES).numpy()
    assert linear.min() < 0
    close = cut(whole, f"relu.{name}", SIDE, "open", "bfloat16")(PICTURES).numpy()
    assert np.sqrt(((close - expected) ** 2).mean()) < 0.1 * np.abs(expected).max()


@pytest.mark.parametrize("name", DICTIONARIES)
def test_a_feature_that_is_off_everywhere_has_a_gradient_when_it_is_open(name: str) -> None:
    found = DICTIONARIES[name]
    whole = plain()
    bias = found.bias.copy()
    bias[0] -= 1000
    attach(whole, [("relu.it", "relu", _with(found, bias))])
    for mode, alive in (("plain", False), ("open", True)):
        model = cut(whole, "relu.it", SIDE, mode)  # type: ignore[arg-type]
        pixels = tf.constant(PICTURES)
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            feature = tf.reduce_mean(model(pixels)[..., 0])
        assert float(feature) == pytest.approx(0, abs=1e-5)
        assert bool(np.abs(tape.gradient(feature, pixels)).max() > 1e-8) == alive


def _with(found: Dictionary, bias: Any) -> Dictionary:
    return Dictionary(
        found.encoder, bias, found.decoder, found.centre, found.activation, found.threshold, found.k
    )


def test_nothing_of_the_network_is_changed() -> None:
    own, whole = plain(), derived()
    for layer in ("conv", "relu", "last"):
        expected = cut(own, layer, SIDE)(PICTURES).numpy()
        assert np.array_equal(cut(whole, layer, SIDE)(PICTURES), expected)
    assert len(whole.weights) == len(own.weights)


def test_the_way_into_a_feature_is_the_encoder() -> None:
    found = way(derived(), "relu", "relu.topk")
    assert found.obstacle == "" and found.opened
    pixels = tf.constant(PICTURES[:1])
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        earlier, later = found.model(pixels)
        unit = later[0, 5, 5, 7]
    gradient = tape.gradient(unit, earlier)[0, 5, 5]
    np.testing.assert_allclose(gradient, DICTIONARIES["topk"].encoder[:, 7], rtol=1e-4)


def test_an_opened_network_has_the_layers_of_its_settings(tiny_file: Path, tmp_path: Path) -> None:
    arrays = {"encoder": RANDOM.normal(size=(8, 20)), "decoder": RANDOM.normal(size=(20, 8))}
    np.savez(tmp_path / "sae.npz", **arrays)
    entry = {"name": "second", "dictionary": str(tmp_path / "sae.npz")}
    asked = ModelConfig.model_validate({"source": str(tiny_file), "layers": [entry]})
    without = ModelConfig.model_validate({"source": str(tiny_file), "layers": ["second"]})
    model, own = open_model("tiny", asked), open_model("tiny", without)
    assert model.anatomy.fingerprint == own.anatomy.fingerprint
    assert [layer for layer in model.anatomy.layers if not layer.derived] == list(own.anatomy.layers)
    assert model.anatomy.layer("second.sae").channels == 20
    assert tapped(model.network, ["second.sae"]).output_shape == (None, 16, 16, 20)
    (setting,) = [layer.dictionary for layer in asked.layers]
    assert setting is not None
    changed = asked.model_copy(
        update={"layers": [asked.layers[0].model_copy(update={"dictionary": setting.known("0" * 64)})]}
    )
    with pytest.raises(UserError, match="changed since the plan was made"):
        open_model("tiny", changed)


def test_a_dictionary_of_other_channels_is_refused() -> None:
    whole = plain()
    attach(whole, [("last.it", "last", DICTIONARIES["relu"])])
    with pytest.raises(ModelError, match=r"last\.it: there is no layer last of 8 channels"):
        tapped(whole, ["last.it"])


def test_a_derived_layer_sees_what_its_layer_sees(tiny_file: Path) -> None:
    config = ModelConfig.model_validate({"source": str(tiny_file), "layers": "all"})
    anatomy = open_model("tiny", config).anatomy
    base = anatomy.layer("second")
    layer = derived_layer("second.sae", base, "Dictionary", 20, 340, "d" * 64)
    known = with_derived(anatomy, [layer])
    assert [one.name for one in known.layers].index("second.sae") == 1 + known.layers.index(base)
    assert (layer.shape, layer.inputs) == ((16, 16, 20), ("second",))
    assert layer.box(3, 4) == base.box(3, 4)
    assert layer.identity == f"second through {'d' * 64}" and base.identity == "second"
    assert type(known).from_json(known.to_json()) == known
    assert known.read == anatomy.read
