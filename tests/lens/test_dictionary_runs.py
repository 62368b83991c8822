"""A dictionary through the whole of a run: pictures, evidence, pages, resuming, and keys."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from generator.cache.entries import Cache
from generator.engines.belongings import model_files, moved_model
from generator.evidence.facts import LayerFacts
from generator.inquiries.everything import kept, settled
from generator.pipeline import load_plan
from generator.plan import Plan
from tests.conftest import click_run
from tests.lens.conftest import Lens, dictionary

DERIVED = "second.sae"


def keys(plan: Plan, layer: str) -> list[str]:
    return [job.key for job in plan.jobs if job.layer == layer]


def test_a_run_makes_of_it_what_it_makes_of_any_layer(lens: Lens) -> None:
    assert (lens.ran.code, lens.ran.complaints) == (0, []), lens.ran.err
    plan = load_plan(lens.config)
    cache = Cache(plan.config.cache)
    assert not plan.due(cache)
    facts = LayerFacts.from_json(cache.read(settled(plan, cache).layers["tiny", DERIVED].key, "facts") or b"")
    assert list(facts.channels) == [2, 3, 4, 5]
    assert facts.channels[3].flags == ("never on",)
    other = facts.channels[4]
    assert other.strongest and other.trust and other.classes and other.classes.exact
    assert [circuit.layer for circuit in other.built_from] == ["second"]
    arrays = np.load(lens.folder / "sae.npz")
    strongest = other.built_from[0].exciting[0]
    assert arrays["encoder"][strongest.channel, 4] > 0
    pages = lens.folder / "site" / "models" / "tiny" / DERIVED
    assert {path.name for path in pages.glob("*.html")} >= {"index.html", "2.html", "5.html"}
    told = json.loads((lens.folder / "site" / "data" / "tiny" / f"{DERIVED}.json").read_text())
    assert told["layer"] == DERIVED


def test_another_run_has_nothing_to_do_and_nothing_is_pruned(lens: Lens) -> None:
    assert "pictures are due: nothing to do" in click_run("plan", lens.config).output
    assert "0 pieces due" in click_run("plan", lens.config).output
    plan = load_plan(lens.config)
    cache = Cache(plan.config.cache)
    for key in cache.keys() - plan.keys - kept(plan, cache):
        entry = cache.entry(key)
        # Pages that are written meanwhile tell less than those at the end.
        assert entry is not None and entry.record["kind"] == "facts"


def test_keys_hold_what_the_dictionary_is_and_not_where_it_lies(lens: Lens, tmp_path: Path) -> None:
    plan = load_plan(lens.config)
    shutil.copy(lens.folder / "sae.npz", tmp_path / "other.npz")
    renamed = load_plan(lens.rewritten(tmp_path, **{"sae.npz": "other.npz"}))
    assert keys(renamed, "second.other") == keys(plan, DERIVED)
    dictionary(tmp_path / "other.npz", seed=1)
    changed = load_plan(tmp_path / "config.yaml")
    assert not set(keys(changed, "second.other")) & set(keys(plan, DERIVED))
    without = load_plan(lens.rewritten(tmp_path, **{", dictionary: {file: sae.npz, channels: 2-5}": ""}))
    for layer in ("first", "second"):
        assert keys(without, layer) == keys(plan, layer) == keys(changed, layer)
    assert without.models["tiny"].fingerprint == plan.models["tiny"].fingerprint


def test_workers_elsewhere_get_the_file(lens: Lens, tmp_path: Path) -> None:
    config = load_plan(lens.config).config.models["tiny"]
    named = {file.path.name: file for file in model_files("tiny", config)}
    assert {"tiny.keras", "sae.npz"} == set(named) and named["sae.npz"].digest
    moved = moved_model(config, {lens.folder / "sae.npz": tmp_path / "there.npz"})
    (setting,) = [layer.dictionary for layer in moved.layers if layer.dictionary]
    assert setting.file == tmp_path / "there.npz"
    assert setting.digest == load_plan(lens.config).models["tiny"].layer(DERIVED).identity.split()[-1]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{name: second, dictionary: none.npz}", "dictionary: no such file: {folder}/none.npz"),
        (
            "{name: first, dictionary: sae.npz}",
            "dictionary: {folder}/sae.npz: is of 8 channels, as its `decoder` (20, 8) is (features, "
            "channels), but layer 'first' has 6",
        ),
        (
            "{name: second, dictionary: {file: sae.npz, name: a/b}}",
            "dictionary.name: should be a name without",
        ),
        (
            "{name: second, channels: none}",
            "channels: is `none`, and there are no `concepts` and no `dictionary`",
        ),
        (
            "{name: second, dictionary: {file: sae.npz, channels: 30}}",
            "dictionary.channels: channels 30: layer 'second.sae' has 20, 0 to 19",
        ),
        (
            "{name: second, dictionary: {file: sae.npz, recipes: [nosuch]}}",
            "dictionary.recipes[0]: no recipe 'nosuch'",
        ),
        ("{name: second, dictionary: {fil: sae.npz}}", "dictionary.fil: unknown key; did you mean `file`?"),
        (
            "{name: second, dictionary: broken.npz}",
            "dictionary: {folder}/broken.npz: is no .npz that can be read",
        ),
        ("{name: second, concepts: 1}", "concepts: should be at least 2, not 1"),
    ],
)
def test_mistakes_are_told_with_line_and_field(lens: Lens, entry: str, said: str) -> None:
    (lens.folder / "broken.npz").write_bytes(b"no")
    path = lens.folder / "wrong.yaml"
    path.write_text(
        lens.config.read_text().replace("{name: second, dictionary: {file: sae.npz, channels: 2-5}}", entry)
    )
    ran = click_run("plan", path)
    assert ran.exit_code == 2
    assert f"models.tiny.layers[1].{said.format(folder=lens.folder)}" in ran.output


def test_names_that_are_taken_and_dictionaries_that_are_there_twice_are_told(lens: Lens) -> None:
    (lens.folder / "more").mkdir()
    dictionary(lens.folder / "more" / "sae.npz", seed=1)
    path = lens.folder / "twice.yaml"
    whole = lens.config.read_text()
    for entry, said in (
        ("{name: second, dictionary: more/sae.npz}", "'second.sae' is asked for twice and not alike"),
        ("{name: second, dictionary: {file: sae.npz, name: b}}", "'second.b' is the same as 'second.sae'"),
    ):
        path.write_text(whole.replace("2-5}}]", f"2-5}}}}, {entry}]"))
        ran = click_run("plan", path)
        assert ran.exit_code == 2 and f"layers[2].dictionary: {said}" in ran.output
