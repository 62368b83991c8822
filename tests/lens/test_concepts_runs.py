"""Concepts through the whole of a run: found first, then rendered, surveyed and shown like any layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from generator.cache.entries import Cache
from generator.engines.inprocess import InProcess
from generator.evidence.facts import LayerFacts
from generator.inquiries.concepts import at_hand
from generator.inquiries.everything import kept, pursuits_of, settled
from generator.models.dictionary_file import read_dictionary
from generator.pipeline import Outcome, Progress, load_plan, run
from generator.plan import Plan
from tests.conftest import click_run
from tests.lens.conftest import Lens

DERIVED = "first.concepts"


def facts_of(plan: Plan, layer: str) -> LayerFacts:
    cache = Cache(plan.config.cache)
    ref = settled(plan, cache).layers["tiny", layer]
    return LayerFacts.from_json(cache.read(ref.key, "facts") or b"")


def test_a_run_finds_them_and_makes_of_them_what_it_makes_of_any_layer(lens: Lens) -> None:
    plan = load_plan(lens.config)
    cache = Cache(plan.config.cache)
    layer = plan.models["tiny"].layer(DERIVED)
    assert (layer.kind, layer.channels, layer.inputs) == ("Concepts", 3, ("first",))
    assert layer.derived is not None
    entry = cache.entry(layer.derived.digest)
    assert entry is not None and sum(entry.record["shares"]) > 0
    (path,) = at_hand(plan, cache).values()
    assert read_dictionary(path).features == 3
    facts = facts_of(plan, DERIVED)
    assert list(facts.channels) == [0, 1, 2]
    assert all(one.classes and not one.classes.exact for one in facts.channels.values())
    assert all(one.built_from[0].layer == "first" for one in facts.channels.values())
    assert (lens.folder / "site" / "models" / "tiny" / DERIVED / "2.html").is_file()
    assert layer.derived.digest in kept(plan, cache)


def test_their_key_holds_all_that_they_depend_on(lens: Lens, tmp_path: Path) -> None:
    def digest(**changes: str) -> str:
        plan = load_plan(lens.rewritten(tmp_path, **changes))
        derived = plan.models["tiny"].layer(DERIVED).derived
        assert derived is not None
        return derived.digest

    own = digest()
    assert digest(**{"concepts: 3": "concepts: {count: 3, recipes: [negative]}"}) == own
    assert digest(**{"concepts: 3": "concepts: 4"}) != own
    assert digest(**{"path: photos": "path: photos, fit: pad"}) != own
    assert digest(**{"datasets:": "evidence: {budget: 16}\ndatasets:"}) != own


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"concepts: 3": "concepts: 7"},
            "layers[0].concepts: layer 'first' has 6 channels, and no more concepts than that",
        ),
        (
            {"datasets: {photos: {path: photos}}\n": ""},
            "layers[0].concepts: concepts are found in a data set; name one under `datasets`",
        ),
    ],
)
def test_what_can_not_be_found_is_told(
    lens: Lens, tmp_path: Path, changes: dict[str, str], said: str
) -> None:
    path = lens.rewritten(tmp_path, **changes)
    ran = click_run("plan", path)
    assert ran.exit_code == 2 and f"models.tiny.{said}" in ran.output


def there(plan: Plan) -> set[str]:
    return Cache(plan.config.cache).keys()


def work(plan: Plan, *, stop_after: int | None = None) -> Outcome:
    """A run in this process, which may be stopped after so many results."""
    engine = InProcess()

    class Stopper(Progress):
        heard_of = 0

        def heard(self, result: object) -> None:
            self.heard_of += 1
            if self.heard_of == stop_after:
                engine.stop()

    cache = Cache(plan.config.cache)
    return run(plan, plan.due(cache), engine, Stopper(), pursuits=pursuits_of(plan))


def test_a_run_that_is_stopped_goes_on_where_it_was(
    configure: Callable[..., Path], lens: Lens, tmp_path: Path
) -> None:
    entry = "[{name: second, channels: none, concepts: 2}]"
    photos = f"{{photos: {{path: {lens.folder / 'photos'}}}}}"
    for name in ("at once", "in pieces"):
        (tmp_path / name).mkdir()
        configure(tmp_path / name, entry, datasets=photos)
    whole = load_plan(tmp_path / "at once" / "config.yaml")
    assert work(whole).failures == []
    plan = load_plan(tmp_path / "in pieces" / "config.yaml")
    while work(plan, stop_after=1).left or any(one.due(there(plan)) for one in pursuits_of(plan)):
        pass
    ours, theirs = (Cache(one.config.cache) for one in (whole, plan))
    assert ours.keys() == theirs.keys() and len(whole.jobs) == 2
    for job in whole.jobs:
        assert ours.read(job.key, "png") == theirs.read(job.key, "png")
    assert {job.layer for job in plan.jobs} == {"second.concepts"}


def test_concepts_of_a_layer_that_is_zero_fail_with_the_reason_and_the_others_are_made(
    lens: Lens, tmp_path: Path
) -> None:
    source = keras.Input((32, 32, 3))
    off = keras.initializers.Constant(-99)
    silent = layers.Conv2D(4, 3, activation="relu", name="silent", bias_initializer=off)
    loud = layers.Conv2D(4, 3, activation="relu", name="loud", bias_initializer="ones")
    keras.Model(source, [silent(source), loud(source)]).save(tmp_path / "net.keras")
    (tmp_path / "config.yaml").write_text(
        f"size: 24\nsteps: 3\ndatasets: {{photos: {{path: {lens.folder / 'photos'}}}}}\n"
        "models:\n  tiny:\n    source: net.keras\n    preprocessing: unit\n"
        "    layers: [{name: silent, channels: 0, concepts: 2}, {name: loud, channels: 0, concepts: 2}]\n"
    )
    plan = load_plan(tmp_path / "config.yaml")
    outcome = work(plan)
    reasons = {failure.title: failure.reason for failure in outcome.failures}
    assert reasons.pop("tiny/silent (concepts)") == (
        "there are no concepts to be found: the layer is nowhere above zero"
    )
    assert set(reasons) == {f"tiny/silent.concepts/{number} (channel)" for number in (0, 1)}
    assert all("its concepts were not found" in reason for reason in reasons.values())
    facts = facts_of(plan, "loud.concepts")
    assert len(facts.channels) == 2
    assert np.isfinite(facts.channels[0].maximum)
