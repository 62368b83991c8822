"""The configs that init writes are right, and name layers that their networks have."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from generator.config import presets
from generator.config.reading import read_config
from generator.config.schema import ModelConfig
from generator.models.zoo import open_model
from generator.plan import matching_layers
from tests.conftest import ROOT, click_run


@pytest.mark.parametrize("name", presets.names())
def test_each_preset_is_written_and_right(tmp_path: Path, name: str) -> None:
    path = tmp_path / "config.yaml"
    assert click_run("init", path, "--preset", name).exit_code == 0
    config = read_config(path).check()
    assert config.models
    assert all(line.isascii() and len(line) <= 110 for line in path.read_text().splitlines())
    again = click_run("init", path, "--preset", name)
    assert again.exit_code == 2 and "exists already" in again.output


@pytest.mark.parametrize("name", ["vgg19", "inception-v3", "resnet50", "mobilenet-v2"])
def test_the_layers_of_a_preset_exist(tmp_path: Path, name: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(presets.text(name))
    ((_, model),) = read_config(path).check().models.items()
    opened = open_model(model.source, ModelConfig(source=model.source, weights="none", layers=model.layers))
    for layer in model.layers:
        assert matching_layers(layer.name, opened.anatomy), layer.name


def test_the_experiments_that_started_the_project_are_there(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(presets.text("vgg19"))
    layers = read_config(path).check().models["vgg19"].layers
    (found,) = [layer for layer in layers if layer.name == "block4_conv1"]
    assert found.channels is not None and found.channels.select(512) == [4, 47]
    path.write_text(presets.text("inception-v3"))
    config = read_config(path).check()
    recipe = config.recipe(config.models["inception-v3"].recipes[0])
    assert recipe.start_from == "black" and recipe.frames > 1


def test_presets_travel_in_the_wheel(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ROOT]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    files = zipfile.ZipFile(wheel).namelist()
    for name in presets.names()[1:]:
        assert f"generator/config/presets/{name}.yaml" in files
    assert "generator/_templates/config.yaml" in files
