"""Every way to name a network: built in, keras.applications, a saved file, a factory; and every mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from generator.config.schema import ModelConfig
from generator.errors import ModelError
from generator.models.zoo import Model, open_model
from tests.conftest import NETWORK, ROOT, environment
from tests.models import edited


def configured(**settings: object) -> ModelConfig:
    return ModelConfig.model_validate({"layers": "all", **settings})


def opened(**settings: object) -> Model:
    return open_model("the model", configured(**settings))


def refused(**settings: object) -> str:
    """Why a network can't be opened: always a single line."""
    with pytest.raises(ModelError) as caught:
        opened(**settings)
    assert "\n" not in caught.value.message
    return caught.value.message


# -- keras.applications ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mobilenet() -> Any:
    """A keras.applications network with weights of our own making."""
    keras.utils.set_random_seed(3)
    return keras.applications.MobileNet(weights=None)


def test_an_application_with_random_weights_is_the_same_each_time() -> None:
    first, second = (opened(source="MobileNet", weights="none").anatomy for _ in range(2))
    assert first == second
    assert first.layer("conv_pw_13").channels == 1024 and first.origin == "random weights"


def test_an_application_with_a_file_of_weights(mobilenet: Any, tmp_path: Path) -> None:
    mobilenet.save_weights(tmp_path / "mine.weights.h5")
    model = opened(source="MobileNet", weights=str(tmp_path / "mine.weights.h5"))
    picture = np.random.default_rng(0).random((1, 224, 224, 3), "float32")
    np.testing.assert_allclose(model.network(picture), mobilenet(picture), atol=1e-6)
    assert model.anatomy.origin == "weights from mine.weights.h5"
    assert model.anatomy.fingerprint != opened(source="MobileNet", weights="none").anatomy.fingerprint


def test_a_file_of_other_weights_is_refused_with_its_name(mobilenet: Any, tmp_path: Path) -> None:
    mobilenet.save_weights(tmp_path / "mine.weights.h5")
    assert refused(source="MobileNetV2", weights=str(tmp_path / "mine.weights.h5")).startswith(
        f"{tmp_path}/mine.weights.h5: not weights for MobileNetV2: "
    )
    assert (
        refused(source="MobileNet", weights=str(tmp_path / "no.h5"))
        == f"{tmp_path}/no.h5: no such weights file"
    )


def test_without_network_imagenet_ends_in_one_line_that_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for name, value in environment().items():
        if name.endswith("_proxy"):
            monkeypatch.setenv(name, value)
    said = refused(source="MobileNetV2", weights="imagenet")
    file = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5"
    assert "could not be fetched from https://" in said and f"/{file};" in said
    assert f"put that file by hand at {tmp_path}/models/{file}" in said
    assert (
        "the built-in networks (efficientnet-lite0, efficientnet-lite1, efficientnet-lite2) need no" in said
    )


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("vgg19", "VGG19"), ("resnet-50", "ResNet50"), ("efficientnet_lite0", "efficientnet-lite0")],
)
def test_unknown_names_get_the_three_nearest(wrong: str, right: str) -> None:
    said = refused(source=wrong)
    nearest = said.removeprefix(f"no network '{wrong}'; the nearest are ").partition(" (")[0].split(", ")
    assert len(nearest) == 3 and nearest[0] == right


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("MobileNetV2", "black becomes -1, white 1"),
        (
            "ResNet50",
            "black becomes -103.9, -116.8, -123.7, white 151.1, 138.2, 131.3, colours in the order BGR",
        ),
        ("DenseNet121", "black becomes -2.118, -2.036, -1.804, white 2.249, 2.429, 2.64"),
        ("MobileNetV3Small", "black becomes 0, white 255"),
    ],
)
def test_input_is_what_the_family_wants(source: str, words: str) -> None:
    assert opened(source=source, weights="none").anatomy.preprocessing.startswith(words)


def test_another_input_size() -> None:
    small, large = (opened(source="MobileNet", weights="none", input_size=n).anatomy for n in (64, 96))
    assert large.input_shape == (96, 96, 3) and small.fingerprint != large.fingerprint
    assert opened(source="efficientnet-lite0", input_size=96).anatomy.input_shape == (96, 96, 3)


def test_a_network_of_ones_own_has_its_own_input_size(tiny_file: Path) -> None:
    assert "has an input size of its own" in refused(source=str(tiny_file), input_size=96)


# -- saved models and factories --------------------------------------------------------------------


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with the module `my_nets` of a user's own."""
    (tmp_path / "my_nets.py").write_text(NETWORK + MORE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_nets", raising=False)
    return tmp_path


MORE = """

def raises():
    raise TypeError("not today")


def gives_nothing():
    return None


def two_inputs():
    a, b = keras.Input((8, 8, 3), name="left"), keras.Input((8, 8, 3), name="right")
    return keras.Model([a, b], layers.Add()([a, b]))


def no_pictures():
    words = keras.Input((8,))
    return keras.Model(words, layers.Dense(2)(words))


def unbuilt():
    return keras.Sequential([layers.Conv2D(2, 1)])
"""


@pytest.mark.parametrize("name", ["tiny.keras", "tiny.h5"])
def test_a_saved_model(tiny_file: Path, tmp_path: Path, name: str) -> None:
    network = keras.saving.load_model(tiny_file)
    network.save(tmp_path / name)
    model = opened(source=str(tmp_path / name))
    assert model.anatomy.origin == f"saved model {name}"
    assert [layer.name for layer in model.anatomy.layers if layer.renderable] == [
        "first",
        "first_bn",
        "first_relu",
        "second",
        "pool",
        "classes",
    ]
    assert model.anatomy.fingerprint == opened(source=str(tiny_file)).anatomy.fingerprint


def test_a_factory_gives_the_same_network_as_its_saved_file(tiny_file: Path, nets: Path) -> None:
    made, saved = opened(source="my_nets:build").anatomy, opened(source=str(tiny_file)).anatomy
    assert made.fingerprint == saved.fingerprint
    assert made.origin == "made by my_nets:build"


def test_a_saved_model_or_factory_takes_weights_from_a_file(tiny_file: Path, nets: Path) -> None:
    network = keras.saving.load_model(tiny_file)
    network.set_weights([weight + 1 for weight in network.get_weights()])
    path = nets / "more.weights.h5"
    network.save_weights(path)
    for source in (str(tiny_file), "my_nets:build"):
        model = opened(source=source, weights=str(path))
        np.testing.assert_array_equal(model.network.get_weights()[0], network.get_weights()[0])
        assert model.anatomy.origin.endswith(", weights from more.weights.h5")
    (nets / "bad.weights.h5").write_bytes(b"no weights")
    assert "bad.weights.h5: not weights for tiny: " in refused(
        source="my_nets:build", weights=str(nets / "bad.weights.h5")
    )


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("gives_nothing", "my_nets:gives_nothing: gives NoneType, not a Keras model"),
        ("two_inputs", "has 2 inputs (left, right); only networks with one can be shown"),
        ("no_pictures", "takes input (None, 8), not pictures"),
        ("unbuilt", "not a Keras model with a known input shape"),
    ],
)
def test_what_is_no_network_for_us_is_refused_in_one_line(nets: Path, function: str, words: str) -> None:
    assert words in refused(source=f"my_nets:{function}")


def test_a_module_that_is_not_there(nets: Path) -> None:
    words = "there is no module 'no_nets' beside the config, nor is one installed"
    assert refused(source="no_nets:build") == f"no_nets:build: {words}"


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "bad.keras").write_bytes(b"nothing")
    assert refused(source=str(tmp_path / "bad.keras")).startswith(
        f"{tmp_path}/bad.keras: not a readable Keras model"
    )
    assert refused(source=str(tmp_path / "no.h5")) == f"{tmp_path}/no.h5: no such file"


def test_preprocessing_is_guessed_or_said(tiny_file: Path, tmp_path: Path) -> None:
    assert opened(source=str(tiny_file)).anatomy.preprocessing.startswith("black becomes 0, white 1: a guess")
    source = keras.Input((8, 8, 3))
    keras.Model(source, layers.Rescaling(1 / 255)(source)).save(tmp_path / "raw.keras")
    raw = opened(source=str(tmp_path / "raw.keras")).anatomy
    assert raw.preprocessing.startswith("black becomes 0, white 255: ") and not raw.preprocessing_guessed
    said = {"range": [0, 255], "mean": [1, 2, 3], "std": 2.0, "bgr": True}
    exact = opened(source=str(tiny_file), preprocessing=said)
    red = np.array([[[[1.0, 0.0, 0.0]]]], "float32")
    np.testing.assert_allclose(exact.preprocessing(red)[0, 0, 0], [-0.5, -1.0, 126.0])
    assert "mean has 2 numbers; the network has 3 colours" in refused(
        source=str(tiny_file), preprocessing={"mean": [1, 2]}
    )
    assert "std must not be 0" in refused(source=str(tiny_file), preprocessing={"std": 0})


def test_class_names_come_from_a_file(tiny_file: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("ant\nbee\n")
    assert opened(source=str(tiny_file), classes=tmp_path / "names.txt").anatomy.classes == ("ant", "bee")
    assert "none.txt: can't read class names" in refused(source=str(tiny_file), classes=tmp_path / "none.txt")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    assert "latin.txt: can't read class names" in refused(
        source=str(tiny_file), classes=tmp_path / "latin.txt"
    )


# -- identity --------------------------------------------------------------------------------------

PRINT = """
import sys
from generator.config.schema import ModelConfig
from generator.models.zoo import open_model
config = ModelConfig(layers=[{"name": "all"}], weights="none")
print([open_model(name, config).anatomy.fingerprint for name in sys.argv[1:]])
"""


def test_a_fingerprint_is_the_same_in_every_process_and_order(tiny_file: Path, tmp_path: Path) -> None:
    names = [str(tiny_file), "MobileNet", "efficientnet-lite0"]
    names += [f"edited_nets:{factory}" for factory in edited.ACTING]
    with edited.importable(tmp_path / "own"):
        here = [opened(source=name, weights="none").anatomy.fingerprint for name in names]
    words = [sys.executable, "-c", PRINT, *names[::-1]]
    other = environment({"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path / 'own'}", "PYTHONHASHSEED": "7"})
    done = subprocess.run(words, env=other, capture_output=True, text=True, check=True)
    there = json.loads(done.stdout.splitlines()[-1].replace("'", '"'))
    assert there[::-1] == here


def test_a_fingerprint_changes_with_whatever_changes_the_network(tiny_file: Path, tmp_path: Path) -> None:
    def fingerprint(change: str) -> str:
        network = keras.saving.load_model(tiny_file)
        if change == "a weight":
            kernel = network.get_layer("second").kernel
            values = kernel.numpy()
            values[0, 0, 0, 0] += 1e-6
            kernel.assign(values)
        if change == "stride":
            network.get_layer("second").strides = (1, 1)
        if change == "moving mean":
            network.get_layer("first_bn").moving_mean.assign(np.ones(6))
        network.save(tmp_path / "net.keras")
        return opened(source=str(tmp_path / "net.keras")).anatomy.fingerprint

    changes = ["nothing", "a weight", "moving mean", "stride"]
    prints = {change: fingerprint(change) for change in changes}
    assert len(set(prints.values())) == len(changes)
    assert prints["nothing"] == opened(source=str(tiny_file)).anatomy.fingerprint
    prints["input"] = opened(source=str(tiny_file), preprocessing="tf").anatomy.fingerprint
    assert prints["input"] != prints["nothing"]
