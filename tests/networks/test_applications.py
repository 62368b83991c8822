"""The families of keras.applications with random weights: opened, rendered, and fed as Keras would feed them.

All of their members are tried by `make networks`, see docs/networks.md.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from skimage.data import chelsea

from docs.generate.networks import middle, render
from generator.config.schema import ModelConfig
from generator.engines import rendering
from generator.models.zoo import BUILT_IN, _applications, model_names, open_model

SMALLEST = {
    "convnext": "ConvNeXtTiny",
    "densenet": "DenseNet121",
    "efficientnet": "EfficientNetB0",
    "efficientnet_v2": "EfficientNetV2B0",
    "inception_resnet_v2": "InceptionResNetV2",
    "inception_v3": "InceptionV3",
    "mobilenet": "MobileNet",
    "mobilenet_v2": "MobileNetV2",
    "mobilenet_v3": "MobileNetV3Small",
    "nasnet": "NASNetMobile",
    "resnet": "ResNet50",
    "resnet_v2": "ResNet50V2",
    "vgg16": "VGG16",
    "vgg19": "VGG19",
    "xception": "Xception",
}
"""The smallest network of each family, by the module that it is made in."""

SIDE = 80


def family(name: str) -> Any:
    """The module of keras.applications that makes a network."""
    return sys.modules[inspect.getmodule(_applications()[name]).__name__]  # type: ignore[union-attr]


def test_every_family_is_tried() -> None:
    names = [name for name in model_names() if name not in BUILT_IN]
    assert {family(name).__name__.rpartition(".")[2] for name in names} == set(SMALLEST)


def test_the_page_of_networks_has_them_all() -> None:
    page = (Path(__file__).parents[2] / "docs" / "networks.md").read_text()
    assert all(f"| {name} |" in page for name in model_names() if name not in BUILT_IN)


@pytest.mark.parametrize("name", SMALLEST.values())
def test_a_family_opens_renders_and_sees_a_photo_as_keras_shows_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ModelConfig.model_validate(
        {"source": name, "weights": "none", "input_size": SIDE, "layers": "all"}
    )
    model = open_model(name, config)
    chosen = middle(model.anatomy)
    assert chosen.channels > 0 and len(model.anatomy.layers) > 15

    cat = chelsea()[50 : 50 + SIDE, 100 : 100 + SIDE]
    own = family(name).preprocess_input(cat[None].astype("float32"))
    assert np.ptp(cat[..., 0].astype(int) - cat[..., 2]) > 50, "the order of colours must matter"
    seen = model.preprocessing(cat[None].astype("float32") / 255)
    np.testing.assert_allclose(seen, own, rtol=1e-5, atol=2e-4)
    theirs, ours = logits(model.network, own), logits(model.network, seen)
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4 * np.abs(theirs).max())
    if family(name).__name__.endswith(("resnet", "vgg16", "vgg19")):
        wrong = logits(model.network, seen[..., ::-1])
        assert np.abs(wrong - theirs).max() > 10 * np.abs(ours - theirs).max()

    # The worker would open it again, which takes longer than all the rest.
    monkeypatch.setattr(rendering, "network", lambda *_: model)
    assert render(name, config, model.anatomy, chosen.name) == ""


def logits(network: Any, pixels: Any) -> Any:
    """Ten class scores on top of a network's features, by the same random weights each time."""
    features = keras.ops.mean(network(pixels, training=False), axis=(1, 2))
    weights = np.random.default_rng(0).normal(0, 1, (features.shape[-1], 10)).astype("float32")
    return np.asarray(features) @ weights
