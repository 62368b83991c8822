"""Precision, batch and memory: what changes speed must not change what a picture shows."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from generator.cache.entries import Cache
from generator.config.cookbook import BUILT_IN
from generator.config.schema import ModelConfig
from generator.engines.tasks import Result, Setup, Task
from generator.engines.worker import work
from generator.models.surgery import bytes_per_picture, cut
from generator.models.zoo import open_model
from generator.render import tuning
from generator.timings import Timings


@dataclass
class Rehearsed:
    """A renderer that takes `pause` seconds a step, or fails."""

    pause: float
    broken: bool = False
    batch: int = 1
    steps: list[int] = field(default_factory=list)

    def rehearse(self, steps: int) -> None:
        if self.broken:
            raise MemoryError
        self.steps.append(steps)
        time.sleep(self.pause * steps)


def test_a_long_layer_gets_the_fastest_setup_that_works() -> None:
    known = {"sure": Rehearsed(0.05), "broken": Rehearsed(0.0, broken=True), "fast": Rehearsed(0.001)}
    assert tuning.fastest(list(known), known.__getitem__, steps=10**6) == ("fast", True)


def test_a_short_layer_is_not_measured_further() -> None:
    known = {"sure": Rehearsed(0.01), "fast": Rehearsed(0.0)}
    assert tuning.fastest(list(known), known.__getitem__, steps=3) == ("sure", False)
    assert known["fast"].steps == []


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    keras.utils.set_random_seed(1)
    source = keras.Input((32, 32, 3))
    x = layers.BatchNormalization()(layers.Conv2D(8, 5, use_bias=False)(source))
    x = layers.DepthwiseConv2D(3, activation="relu")(x)
    x = layers.Add()([layers.Conv2D(8, 1, activation="relu")(x), x])
    path = tmp_path_factory.mktemp("tuning") / "net.keras"
    keras.Model(source, layers.Activation("relu", name="out")(x)).save(path)
    config = ModelConfig.model_validate({"source": str(path), "layers": "all"})
    fingerprint = open_model("net", config).anatomy.fingerprint
    recipe = BUILT_IN["channel"].model_copy(update={"size": 32, "steps": 24})
    return Task("net", config, fingerprint, "out", recipe, (0, 1, 2, 3), batch=4, due=4)


def pictures(result: Result) -> np.ndarray:
    assert [picture.error for picture in result.pictures] == [""] * len(result.pictures)
    return np.stack([np.asarray(Image.open(io.BytesIO(p.png)), "float64") for p in result.pictures])


def test_bfloat16_shows_the_same_features(task: Task) -> None:
    exact = work(task)
    rough = work(replace(task, precision="bfloat16"))
    assert (exact.setup.precision, rough.setup.precision) == ("float32", "bfloat16")
    reached = [(a.activation, b.activation) for a, b in zip(exact.pictures, rough.pictures, strict=True)]
    for full, half in reached:
        assert half == pytest.approx(full, rel=0.1)
    assert np.abs(pictures(exact) - pictures(rough)).mean() < 16


def test_a_recipe_can_fix_the_precision(task: Task) -> None:
    fixed = task.recipe.model_copy(update={"precision": "bfloat16"})
    assert work(replace(task, recipe=fixed)).setup.precision == "bfloat16"


def test_a_cut_network_computes_nearly_the_same_in_bfloat16(task: Task) -> None:
    network = open_model("net", task.config).network
    seen = np.random.default_rng(0).random((2, 32, 32, 3), "float32")
    rough = keras.ops.convert_to_numpy(
        keras.ops.cast(cut(network, "out", 32, "open", "bfloat16")(seen), "float32")
    )
    np.testing.assert_allclose(rough, cut(network, "out", 32)(seen), atol=0.05, rtol=0.1)


def test_batches_are_cut_down_to_the_memory(task: Task) -> None:
    network = open_model("net", task.config).network
    each = bytes_per_picture(cut(network, "out", 32))
    assert each > 4 * 28 * 28 * 8
    assert work(replace(task, memory=2 * each)).setup.batch == 2
    small = work(replace(task, memory=1))
    assert small.setup.batch == 1
    assert np.abs(pictures(small) - pictures(work(task))).mean() < 2


def test_what_was_measured_is_known_in_the_next_run(task: Task, tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    result = replace(work(task), setup=Setup("bfloat16", 2), measured=True)
    timings = Timings(cache)
    timings.add(result, jobs=2)
    timings.save()
    assert Timings(cache).precision(task) == "bfloat16"
    assert Timings(cache).precision(replace(task, layer="another")) is None
