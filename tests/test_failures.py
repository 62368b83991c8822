"""What can't be made fails alone, says why wherever one looks, and is tried again where that may help."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from generator.cache.entries import Cache
from generator.pipeline import load_plan
from generator.plan import Plan
from tests.conftest import Ran, click_run, process_run

NETS = '''
"""A sound network, and the same with a channel whose weights are no numbers or an output without gradient."""
import keras
import numpy as np
from keras import layers, ops


class Rounded(layers.Layer):
    def call(self, x):
        return ops.round(x)


def build(weight=None, scale=None):
    keras.utils.set_random_seed(5)
    pixels = keras.Input((32, 32, 3), name="pixels")
    y = layers.Conv2D(16, 3, activation="relu", name="first")(pixels)
    y = layers.Conv2D(4, 3, use_bias=False, name="second")(y)
    y = layers.BatchNormalization(name="norm")(y)
    network = keras.Model(pixels, Rounded(name="rounded")(y))
    if weight is not None:
        kernel = network.get_layer("second").get_weights()[0]
        kernel[0, 0, 0, 2] = weight
        network.get_layer("second").set_weights([kernel])
    if scale is not None:
        norm = network.get_layer("norm")
        gamma, *others = norm.get_weights()
        gamma[2] = scale
        norm.set_weights([gamma, *others])
    return network


def sound():
    return build()


def not_a_number():
    return build(weight=float("nan"))


def infinite():
    return build(weight=float("inf"))


def overflowing():
    return build(scale=3e38)
'''

POISONED = ("not_a_number", "infinite", "overflowing")

CONFIG = """
size: 24
steps: 4
models:
""" + "".join(
    f"  {name}: {{source: 'poisoned_nets:{name}', preprocessing: unit, layers: [{layers}]}}\n"
    for name, layers in [("sound", "norm, rounded"), *((name, "norm") for name in POISONED)]
)


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """A folder in which `build-site` has run once on networks with failures, and what it said."""
    folder = tmp_path_factory.mktemp("poisoned")
    (folder / "poisoned_nets.py").write_text(NETS)
    (folder / "config.yaml").write_text(CONFIG)
    return folder, process_run("--jobs", "1", cwd=folder)


def pictures(plan: Plan, model: str) -> dict[int, bytes]:
    cache = Cache(plan.config.cache)
    jobs = (job for job in plan.jobs if (job.model, job.layer) == (model, "norm"))
    return {job.channel: cache.picture_path(job.key).read_bytes() for job in jobs if job.key in cache}


@pytest.mark.parametrize("name", POISONED)
def test_a_poisoned_channel_takes_nothing_from_those_beside_it(poisoned: tuple[Path, Ran], name: str) -> None:
    plan = load_plan(poisoned[0] / "config.yaml")
    sound, others = pictures(plan, "sound"), pictures(plan, name)
    assert others.keys() == {0, 1, 3} and sound.keys() == {0, 1, 2, 3}
    assert all(others[channel] == sound[channel] for channel in others)
    assert len(set(sound.values())) == 4


def test_failures_are_named_by_the_run_their_pages_and_a_list(poisoned: tuple[Path, Ran]) -> None:
    folder, ran = poisoned
    assert ran.code == 1
    not_finite = "its activation or the gradient became infinite or not a number"
    for name in POISONED:
        assert f"Failed: {name}/norm/2 (channel): {not_finite}" in ran.complaints
    assert any("sound/rounded/3 (channel): its output has no gradient" in line for line in ran.complaints)
    assert ran.complaints[-1] == "Error: 7 pictures failed; their pages say why."
    listed = json.loads((folder / "site/data/failures.json").read_text())["failures"]
    assert [(one["model"], one["layer"], one["channel"]) for one in listed] == [
        *(("sound", "rounded", channel) for channel in range(4)),
        *((name, "norm", 2) for name in POISONED),
    ]
    for one in listed:
        assert one["lasting"] and one["recipe"] == "channel" and one["failed_at"].startswith("20")
        page = (folder / "site" / one["page"]).read_text()
        assert "could not be rendered" in page and one["reason"].split("'")[0] in page


def test_what_would_fail_again_is_not_tried_again_unless_that_is_asked_for(
    poisoned: tuple[Path, Ran], tmp_path: Path
) -> None:
    shutil.copytree(poisoned[0], tmp_path / "again")
    config = tmp_path / "again" / "config.yaml"
    plan = load_plan(config)
    cache = Cache(plan.config.cache)
    before = {key: cache.failure(key) for key in cache.failures()}
    again = click_run("render", config, "--jobs", "1")
    assert again.exit_code == 1
    assert "Nothing to render" in again.output and "7 that would fail again missing." in again.output
    assert "7 of them before, and would again: --retry-failed tries." in again.output
    assert "Failed: infinite/norm/2 (channel): " in again.output
    assert click_run("plan", config).output.splitlines()[-1].startswith("In all 0 of 20 pictures are due")
    stands = [line.split() for line in click_run("status", config).output.splitlines()]
    assert ["infinite/norm", "3", "0", "1", "done", "but", "for", "failures"] in stands
    assert ["In", "all", "13", "0", "7", "done", "but", "for", "failures"] in stands
    assert stands[-1] == ["No", "run", "is", "on."]
    assert {key: cache.failure(key) for key in cache.failures()} == before
    only = "infinite/norm/2"
    retried = click_run("render", config, "--retry-failed", "--only", only, "--jobs", "1")
    assert "Rendering 1 of" in retried.output and "1 picture failed" in retried.output
    assert "would again" not in retried.output
