"""Networks from strangers: what a file asks for is refused in a line, and none of it is run, read or made."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import keras
import pytest

from generator.config.schema import ModelConfig
from generator.errors import ModelError
from generator.models.zoo import open_model
from tests.hostile import readers
from tests.hostile.measured import growth
from tests.hostile.networks import LINKS, PAYLOADS, WEIGHTS, replaced, save_sound, weights

MOST_MEGABYTES = 400
"""What refusing a network may cost beside what TensorFlow takes; most payloads ask for 4 GB and more."""


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a sound network, and of a module that leaves a mark when it is imported."""
    folder = tmp_path_factory.mktemp("good")
    save_sound(folder)
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by Linux's /proc")
def test_no_payload_gets_in(good: Path, tmp_path: Path) -> None:
    for name, (_, make) in PAYLOADS.items():
        (tmp_path / name).write_bytes(make(good))
    before = sorted(tmp_path.iterdir())
    sound = [good / "good.keras", good / "good.h5"]
    said = growth("tests.hostile.readers:network", *sound, *before, modules=good)
    for path in sound:
        assert said.pop(path.name)[0] == "read: 'pixels conv mean dense'"
    expected = {
        name: f"ModelError: {re.escape(str(tmp_path / name))}: [^\n]*({words})[^\n]*"
        for name, (words, _) in PAYLOADS.items()
    }
    assert {name: said[name] for name in expected if not re.fullmatch(expected[name], said[name][0])} == {}
    assert {name: size for name, (_, size) in said.items() if size > MOST_MEGABYTES} == {}
    assert not (good / "canary").exists() and sorted(tmp_path.iterdir()) == before
    assert not (tmp_path.parent / "up.txt").exists()


def network() -> keras.Model:
    source = keras.Input((16, 16, 3))
    return keras.Model(source, keras.layers.Conv2D(4, 3, name="conv")(source))


def refused(path: Path) -> str:
    """Why a file is refused as the weights of a network that a factory makes."""
    config = {"source": "tests.hostile.test_models:network", "weights": str(path), "layers": "all"}
    with pytest.raises(ModelError) as caught:
        open_model("m", ModelConfig.model_validate(config))
    assert "\n" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize("name", LINKS)
def test_weights_are_looked_at_as_well(good: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "best.weights.h5"
    path.write_bytes(weights(good, replaced(LINKS[name]), WEIGHTS))
    assert re.search("is a link to|lie in another file", refused(path))


def test_weights_that_name_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "best.weights.json"
    path.write_text('{"weight_map": {"/conv/vars": ["../../secret.weights.h5"]}}')
    assert refused(path) == f"{path}: not weights of Keras (a .weights.h5, .h5 or .keras file)"


def test_files_cut_short_are_refused(good: Path, tmp_path: Path) -> None:
    for name in ("good.keras", "good.h5"):
        whole = (good / name).read_bytes()
        for length in range(0, len(whole), len(whole) // 12):
            (tmp_path / name).write_bytes(whole[:length])
            with pytest.raises(ModelError) as caught:
                readers.network(tmp_path / name)
            assert caught.value.message.startswith(f"{tmp_path / name}: not a readable Keras model")
            assert "\n" not in caught.value.message
