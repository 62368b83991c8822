"""The configs that init writes are right, and name layers that their networks have."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.config import presets
from generator.config.reading import read_config
from generator.engines.local import LocalEngine
from generator.pipeline import Progress, load_plan, run
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


TRANSFORMER = """
import keras
from tests.networks.vit import vit


def build():
    \"\"\"A transformer whose sums have the names that Keras gives them.\"\"\"
    names = iter(["add", "add_1", "add_2", "add_3"])

    def named(layer):
        config = layer.get_config()
        if isinstance(layer, keras.layers.Add):
            config["name"] = next(names)
        return type(layer).from_config(config)

    return keras.models.clone_model(vit(), clone_function=named)
"""


@pytest.fixture(scope="module")
def all_presets(tmp_path_factory: pytest.TempPathFactory, tiny_file: Path) -> Path:
    """A config of all presets together, with random weights: only one process has to be started."""
    folder = tmp_path_factory.mktemp("presets")
    (folder / "my_vit.py").write_text(TRANSFORMER)
    shutil.copy(tiny_file, folder / "my-network.keras")
    given = {"my-vit.keras": {"source": "my_vit:build"}, "my-network.keras": {}}
    together: dict[str, Any] = {"models": {}, "recipes": {}}
    for name in presets.names():
        preset = yaml.safe_load(presets.text(name))
        for model in preset["models"].values():
            together["models"][name] = {**model, **given.get(model.get("source"), {"weights": "none"})}
            together["models"][name].setdefault("source", *preset["models"])
        together["recipes"] |= preset.get("recipes", {})
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(together, sort_keys=False))
    return path


@pytest.mark.long
def test_every_preset_is_planned_and_its_pictures_are_made(all_presets: Path) -> None:
    """The whole plan of every preset, and one channel of its first layer, small and after two steps."""
    planned = load_plan(all_presets)
    assert set(planned.models) == set(presets.names())
    text = yaml.safe_load(all_presets.read_text())
    for name in planned.recipes:
        own = text["recipes"].setdefault(name, {})
        text["recipes"][name] = {**own, "size": 32, "steps": 2, "octaves": 1, "precision": "float32"}
    all_presets.write_text(yaml.safe_dump(text, sort_keys=False))
    plan = load_plan(all_presets)
    first = {job.model: job for job in reversed(plan.jobs)}
    outcome = run(plan, list(first.values()), LocalEngine(1), Progress())
    assert outcome.failures == [] and outcome.done == len(first)


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
