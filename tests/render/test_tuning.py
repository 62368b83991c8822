"""Precision, batch and memory: what changes speed must not change what a picture shows."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from PIL import Image

from generator.cache.entries import Cache
from generator.config.cookbook import BUILT_IN
from generator.config.schema import ModelConfig
from generator.engines import card, memory
from generator.engines.card import Setup
from generator.engines.memory import Card
from generator.engines.opened import reserve
from generator.engines.pictures import PictureTask
from generator.engines.rendering import footprint_of
from generator.engines.tasks import Bench, Result
from generator.models.surgery import cut
from generator.models.zoo import open_model
from generator.render import tuning
from generator.render.climbing import Climber
from generator.render.parameterizations import parameterization
from generator.timings import Timings
from tests.rendering import Picture, picture_task, work


class Clock:
    """A clock that goes on only when a renderer works."""

    now = 0.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(tuning.time, "perf_counter", lambda: made.now)
    return made


@dataclass
class Rehearsed:
    """A renderer that takes `pause` seconds a step, or fails; `load` makes its first rehearsals longer."""

    clock: Clock
    pause: float
    broken: bool = False
    batch: int = 1
    load: tuple[float, ...] = ()
    steps: list[int] = field(default_factory=list)

    def rehearse(self, steps: int) -> None:
        if self.broken:
            raise MemoryError
        slowed = dict(enumerate(self.load)).get(len(self.steps), 1.0)
        self.steps.append(steps)
        self.clock.now += self.pause * steps * slowed


def test_a_long_layer_gets_the_fastest_setup_that_works(clock: Clock) -> None:
    known = {
        "sure": Rehearsed(clock, 0.05),
        "broken": Rehearsed(clock, 0.0, broken=True),
        "fast": Rehearsed(clock, 0.04),
        "faster by the picture": Rehearsed(clock, 0.06, batch=2),
    }
    assert tuning.fastest(list(known), known.__getitem__, steps=10**6) == ("faster by the picture", True)


@pytest.mark.parametrize("when", range(1, 4))
@pytest.mark.parametrize(("other", "chosen"), [(0.05, "sure"), (0.02, "other")])
def test_what_else_the_machine_does_meanwhile_decides_nothing(
    clock: Clock, when: int, other: float, chosen: str
) -> None:
    """Whichever of its timings is disturbed, or all of the other's but one."""
    load = (1.0,) * when + (7.0,)
    for slow_sure, slow_other in ((load, ()), ((), load), ((7.0,) * when, (7.0,) * when)):
        known = {
            "sure": Rehearsed(clock, 0.04, load=slow_sure),
            "other": Rehearsed(clock, other, load=slow_other),
        }
        assert tuning.fastest(list(known), known.__getitem__, steps=10**6) == (chosen, True)


def test_what_is_hardly_faster_is_not_preferred(clock: Clock) -> None:
    """The sure setup computes exactly as the network does; the clock's own error must not be what decides."""
    known = {"sure": Rehearsed(clock, 0.05), "fast": Rehearsed(clock, 0.047)}
    assert tuning.fastest(list(known), known.__getitem__, steps=10**6) == ("sure", True)


def test_a_short_layer_is_not_measured_further(clock: Clock) -> None:
    known = {"sure": Rehearsed(clock, 0.01), "fast": Rehearsed(clock, 0.0)}
    assert tuning.fastest(list(known), known.__getitem__, steps=3) == ("sure", False)
    assert known["fast"].steps == []


# -- on a graphics card, of which the clock and the memory are stood in for -------------------------


@dataclass
class Carded:
    """A card on which a step takes `fixed` seconds and `each` more a picture; renderers by setup."""

    clock: Clock
    fixed: float = 1.0
    each: float = 0.001
    times: dict[str, float] = field(default_factory=dict)
    broken: tuple[str, ...] = ()

    def __call__(self, setup: Setup) -> Rehearsed:
        words = [setup.precision, *(["xla"] if setup.compiled else [])]
        pause = (self.fixed + self.each * setup.batch) * math.prod(
            self.times.get(word, 1.0) for word in words
        )
        return Rehearsed(self.clock, pause, any(word in self.broken for word in words), setup.batch)

    def choose(self, room: int) -> Setup:
        def others(best: Setup) -> list[Setup]:
            return [replace(best, compiled=True), replace(best, precision="bfloat16")]

        return tuning.suited(
            Setup("float32", 4),
            lambda setup: replace(setup, batch=2 * setup.batch),
            others,
            self,
            lambda setup: setup.batch <= room,
        )


def test_on_a_card_the_batch_grows_while_that_pays(clock: Clock) -> None:
    """A step of 10 ms and 1 more a picture takes 1.078 ms a picture for 128 of them, 1.039 for 256."""
    assert Carded(clock, fixed=0.01).choose(room=10**6).batch == 128
    assert Carded(clock, fixed=0.0).choose(room=10**6).batch == 4


def test_on_a_card_memory_bounds_the_batch(clock: Clock) -> None:
    assert Carded(clock).choose(room=100).batch == 64
    assert Carded(clock).choose(room=3).batch == 4


def test_on_a_card_compiler_and_format_are_taken_where_they_are_faster(clock: Clock) -> None:
    fast = {"xla": 0.5, "bfloat16": 0.6}
    assert Carded(clock, times=fast).choose(room=64) == Setup("bfloat16", 64, compiled=True)
    assert Carded(clock, times={"xla": 1.5, "bfloat16": 0.6}).choose(room=64) == Setup("bfloat16", 64)
    assert Carded(clock, times=fast, broken=("xla",)).choose(room=64) == Setup("bfloat16", 64)
    assert Carded(clock, times=fast, broken=("xla", "bfloat16")).choose(room=64) == Setup("float32", 64)


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> PictureTask:
    keras.utils.set_random_seed(1)
    source = keras.Input((32, 32, 3))
    x = layers.BatchNormalization()(layers.Conv2D(8, 5, use_bias=False)(source))
    x = layers.DepthwiseConv2D(3, activation="relu")(x)
    x = layers.Add()([layers.Conv2D(8, 1, activation="relu")(x), x])
    path = tmp_path_factory.mktemp("tuning") / "net.keras"
    keras.Model(source, layers.Activation("relu", name="out")(x)).save(path)
    config = ModelConfig.model_validate({"source": str(path), "layers": "all"})
    recipe = BUILT_IN["channel"].model_copy(update={"size": 32, "steps": 24})
    return picture_task("net", config, "out", recipe, (0, 1, 2, 3), group=4)


def pixels(pictures: list[Picture]) -> np.ndarray:
    assert [picture.error for picture in pictures] == [""] * len(pictures)
    return np.stack([np.asarray(Image.open(io.BytesIO(p.png)), "float64") for p in pictures])


def made_with(pictures: list[Picture], what: str) -> object:
    """The precision or batch that pictures were all made with."""
    (value,) = {picture.record.extra[what] for picture in pictures}
    return value


def test_bfloat16_shows_the_same_features(task: PictureTask) -> None:
    exact = work(replace(task, precision="float32"))
    rough = work(replace(task, precision="bfloat16"))
    assert (made_with(exact, "precision"), made_with(rough, "precision")) == ("float32", "bfloat16")
    for full, half in zip(exact, rough, strict=True):
        assert half.activation == pytest.approx(full.activation, rel=0.1)
    assert np.abs(pixels(exact) - pixels(rough)).mean() < 16


def test_a_recipe_can_fix_the_precision(task: PictureTask) -> None:
    recipe = task.recipe.model_copy(update={"precision": "bfloat16"})
    fixed = replace(task, recipe=recipe, identity=recipe.identity())
    assert made_with(work(fixed), "precision") == "bfloat16"


def test_a_worker_does_what_all_agreed_on_whatever_it_measured(task: PictureTask) -> None:
    asked = []

    def agree(question: str, own: str) -> str:
        asked.append((question, own))
        return "bfloat16"

    other = replace(task, identity={**task.identity, "seed": 77})  # not met before in this process
    for _ in range(2):
        assert made_with(work(other, Bench(agree=agree)), "precision") == "bfloat16"
    assert len(asked) == 1 and task.fingerprint in asked[0][0]


def test_a_cut_network_computes_nearly_the_same_in_bfloat16(task: PictureTask) -> None:
    network = open_model("net", task.config).network
    seen = np.random.default_rng(0).random((2, 32, 32, 3), "float32")
    rough = keras.ops.convert_to_numpy(
        keras.ops.cast(cut(network, "out", 32, "open", "bfloat16")(seen), "float32")
    )
    np.testing.assert_allclose(rough, cut(network, "out", 32)(seen), atol=0.05, rtol=0.1)


def test_batches_are_cut_down_to_the_memory(task: PictureTask) -> None:
    needs = footprint_of(task)
    each, kept = needs.each, needs.weights + reserve(needs.copies)
    assert made_with(work(replace(task, share=0.5), Bench(memory=4 * each)), "batch") == 2
    assert made_with(work(task, Bench(memory=3 * each + kept)), "batch") == 3
    small = work(task, Bench(memory=1))
    assert made_with(small, "batch") == 1
    assert np.abs(pixels(small) - pixels(work(task))).mean() < 2


def test_a_key_has_one_batch_size_on_a_card_and_is_measured_once(
    task: PictureTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worked(task: PictureTask) -> tuple[list[Picture], dict[str, str]]:
        result = task.work(Bench())
        return [Picture(output) for output in result.outputs], dict(result.learnt)

    needs = footprint_of(task)
    room = needs.weights + reserve(needs.copies) + 16 * needs.each
    monkeypatch.setattr(memory, "graphics_card", lambda: Card("Stand-in 9000: X", room))
    monkeypatch.setattr(card, "_agreed", {})
    first, learnt = worked(task)
    assert learnt["card"].startswith("Stand-in 9000: X: ")
    assert made_with(first, "batch") == int(learnt["batch"]) and int(learnt["batch"]) in (4, 8, 16)
    monkeypatch.setattr(card, "_agreed", {})
    monkeypatch.setattr(tuning, "suited", None)  # it is not asked again
    again, told = worked(replace(task, wanted=task.wanted[:1], card=learnt["card"]))
    assert told == learnt
    np.testing.assert_array_equal(pixels(again), pixels(first)[:1])


def test_the_compiled_step_holds_no_copy_of_what_evens_out_its_bands() -> None:
    """A matrix of coefficients x bands; as a constant of the graph it was copied, 1.5 GB at 1,024 px."""
    space = parameterization(BUILT_IN["channel"], (64, 64))
    climber = Climber(BUILT_IN["channel"], space, 1, stride=32)
    parameters = tf.Variable(tf.zeros((1, *space.shape)))
    step = tf.function(climber.climb, autograph=False)
    traced = step.get_concrete_function(
        parameters, tf.zeros_like(parameters), tf.constant(0.0), tf.constant(1.0)
    )
    assert space.bands is not None
    matrix = space.bands.size * (space.bands.max() + 1) * 4
    assert traced.graph.as_graph_def().ByteSize() < matrix / 4


def test_what_was_learnt_is_known_in_the_next_run(task: PictureTask, tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    Timings(cache).add(Result(task, (), 0.0, {"precision": "bfloat16"}), jobs=2)
    assert Timings(cache).learnt(task.pace) == {"precision": "bfloat16"}
    assert Timings(cache).learnt(replace(task, layer="another").pace) == {}
