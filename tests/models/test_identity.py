"""The fingerprint: whatever changes what a network gives changes it, and nothing else does."""

from __future__ import annotations

import importlib
import itertools
import logging
import shutil
import threading
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from generator.models.canonical import Canon, digest
from tests.models import edited, families

PICTURE = np.random.default_rng(0).normal(size=(1, 4, 4, 3)).astype("float32") * 3


def content(network: Any) -> str:
    """What the fingerprint is made of, apart from names and preprocessing."""
    return digest(Canon(network).of(network))


# -- code ------------------------------------------------------------------------------------------


class Modules:
    """The networks of the text in `edited`, each time as if that were there alone."""

    def __init__(self, folder: Path) -> None:
        self._folders = (folder / str(number) for number in itertools.count())

    def seen(self, factory: str, edit: tuple[str, str] = ("", "")) -> tuple[str, Any]:
        """A network's content and what it gives for the picture, with `edit` made in the text."""
        with edited.importable(next(self._folders), edit):
            network = getattr(importlib.import_module("edited_nets"), factory)()
            return content(network), np.asarray(network(PICTURE))

    @cache  # noqa: B019
    def unedited(self, factory: str) -> tuple[str, Any]:
        """The same without an edit."""
        return self.seen(factory)


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Modules:
    return Modules(tmp_path_factory.mktemp("modules"))


def edits(by_factory: dict[str, list[tuple[str, str]]]) -> list[Any]:
    return [
        pytest.param(factory, edit, id=f"{factory}: {edit[1]}")
        for factory, its in by_factory.items()
        for edit in its
    ]


@pytest.mark.parametrize(("factory", "edit"), edits(edited.ACTING))
def test_an_edit_that_acts_is_seen(modules: Modules, factory: str, edit: tuple[str, str]) -> None:
    fingerprint, output = modules.seen(factory, edit)
    before, output_before = modules.unedited(factory)
    assert not np.array_equal(output, output_before), "the edit should change what the network gives"
    assert fingerprint != before


@pytest.mark.parametrize(("factory", "edit"), edits(edited.IDLE))
def test_an_edit_that_does_nothing_is_not(modules: Modules, factory: str, edit: tuple[str, str]) -> None:
    fingerprint, output = modules.seen(factory, edit)
    before, output_before = modules.unedited(factory)
    np.testing.assert_array_equal(output, output_before)
    assert fingerprint == before


@pytest.mark.parametrize("factory", edited.ACTING)
def test_the_same_text_is_the_same_network(modules: Modules, factory: str) -> None:
    assert modules.seen(factory)[0] == modules.unedited(factory)[0]


# -- settings and arguments ------------------------------------------------------------------------


def built(build: families.Build, shape: tuple[int | None, ...] = (6, 6, 3)) -> Any:
    """A network with weights that depend on their shapes and order only."""
    pixels = keras.Input(shape)
    network = keras.Model(pixels, build(pixels))
    random = np.random.default_rng(5)
    for weight in network.weights:
        if "normalization" not in weight.path:
            weight.assign(random.normal(0, 0.5, weight.shape))
    return network


def given(network: Any) -> Any:
    random = np.random.default_rng(1)
    return np.asarray(network(random.normal(size=(2, 6, 6, 3)).astype("float32")))


@pytest.mark.parametrize("family", families.FAMILIES)
def test_what_changes_the_output_changes_the_content(family: str, tmp_path: Path) -> None:
    members = [built(build) for build in families.FAMILIES[family]]
    contents, outputs = [content(network) for network in members], [given(network) for network in members]
    for one, other in itertools.combinations(range(len(members)), 2):
        same = outputs[one].dtype == outputs[other].dtype and np.array_equal(outputs[one], outputs[other])
        assert not same, "members should differ"
        assert contents[one] != contents[other], (one, other)
    for network, found in zip(members, contents, strict=True):
        network.save(tmp_path / "net.keras")
        assert content(keras.saving.load_model(tmp_path / "net.keras")) == found


@pytest.mark.parametrize("family", families.IDLE)
def test_what_never_acts_is_no_content(family: str) -> None:
    assert len({content(built(build)) for build in families.IDLE[family]}) == 1


def test_the_input_is_part_of_the_content() -> None:
    shapes: list[tuple[int | None, ...]] = [(6, 6, 3), (12, 12, 3), (6, 12, 3), (None, None, 3), (6, 6, 1)]
    assert len({content(built(lambda x: x * 2.0, shape)) for shape in shapes}) == len(shapes)


@pytest.mark.filterwarnings("ignore:.*not decorated with.*")
def test_the_graph_of_a_saved_model_inside_is_content(tmp_path: Path) -> None:
    contents = []
    for activation in ("relu", "tanh"):
        path = tmp_path / activation
        built(keras.layers.Conv2D(2, 3, activation=activation)).export(path, verbose=False)
        part = keras.layers.TFSMLayer(path, call_endpoint="serve")
        shutil.copytree(path, tmp_path / "part", dirs_exist_ok=True)
        part.filepath = str(tmp_path / "part")
        contents.append(content(keras.Model(x := keras.Input((6, 6, 3)), part(x))))
    assert contents[0] != contents[1]


class Table(keras.layers.Layer):  # type: ignore[misc]
    """Holds what has names of its own in each process, and is used by its own code."""

    def __init__(self) -> None:
        super().__init__()
        self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([1], [2]), 0)
        self.lock = threading.Lock()
        self.random = keras.random.SeedGenerator()
        self.started = logging.getLogger("some name")

    @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
    def call(self, x: Any) -> Any:
        """x, whatever the table says."""
        return x * 2.0


def test_what_differs_from_one_making_to_the_next_is_no_content() -> None:
    contents = {content(built(lambda x: Table()(x))) for _ in range(2)}
    assert len(contents) == 1
