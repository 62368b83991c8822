"""An atlas as a user gets it: configured, planned, made, shown, exported, resumed, kept and pruned."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator.cache.entries import Cache
from generator.engines.inprocess import InProcess
from generator.engines.tasks import Result
from generator.evidence.atlas_facts import AtlasFacts
from generator.gallery.site import build_site
from generator.inquiries import everything
from generator.inquiries.atlases import AtlasInquiry
from generator.inquiries.everything import atlases_of, pursuits_of, settled
from generator.models.zoo import open_model
from generator.pipeline import Outcome, Progress, load_plan, run
from tests.conftest import click_run
from tests.test_evidence import SETS, draw

ATLAS = "recipes: {cell: {size: 16, steps: 2}}\n"
WANTED = "[{name: second, atlas: {cells: 6, levels: 2, least: 3}}]"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, configure: Callable[..., Path]) -> Path:
    """The config of a run with an atlas that has come to its end."""
    folder = tmp_path_factory.mktemp("atlas")
    draw(folder / "shapes")
    config = configure(folder, WANTED)
    config.write_text(SETS + ATLAS + config.read_text())
    build(config)
    return config


def build(config: Path) -> Outcome:
    """All that `build-site` does, in this process."""
    plan = load_plan(config)
    cache = Cache(plan.config.cache)
    done = run(plan, plan.due(cache), InProcess(), Progress(), pursuits=pursuits_of(plan))
    assert done.failures == []
    build_site(plan, cache, settled(plan, cache))
    return done


def read(config: Path) -> tuple[AtlasInquiry, AtlasFacts, Cache]:
    plan = load_plan(config)
    cache = Cache(plan.config.cache)
    (one,) = atlases_of(plan)
    ref = settled(plan, cache).atlases[one.model, one.layer]
    return one, AtlasFacts.from_json(cache.read(ref.key, "facts") or b""), cache


def test_every_cell_has_its_picture_and_says_what_it_is_of(made: Path) -> None:
    one, facts, cache = read(made)
    assert [level.side for level in facts.levels] == [3, 6]
    assert facts.pictures == 24 and 24 < facts.vectors <= 24 * 8
    assert facts.labels == ("blue", "red")
    cells = [cell for level in facts.levels for cell in level.cells]
    assert sum(cell.count for cell in facts.levels[0].cells) <= facts.vectors
    for cell in cells:
        assert cell.count >= 3 and cell.key in cache
        assert sum(count for _, count in cell.labels) == cell.count
        assert cell.examples and all(facts.photos[e.photo].key in cache for e in cell.examples)
        effects = [effect.effect for effect in cell.classes]
        assert effects == sorted(effects, reverse=True) and all(effect > 0 for effect in effects)
    assert any(cell.classes for cell in cells) and any(cell.channels for cell in cells)
    assert one.due(cache.snapshot().entries) == 0
    assert "atlas: 0 pieces due" in click_run("plan", made).output


def test_what_vectors_add_to_scores_is_gradient_times_activation(made: Path) -> None:
    """By brute force, on one picture: the sum over all positions, of what each adds, too."""
    import tensorflow as tf

    from generator.evidence.raising import Raiser

    one, _, _ = read(made)
    model = open_model(one.model, one.inquiry.survey.config)
    raiser = Raiser(model.network, model.preprocessing, one.layer, one.inquiry.classes.scores)
    pixels = np.random.default_rng(0).integers(0, 255, (1, *raiser.canvas, 3), dtype=np.uint8)
    numbers, added, grid = raiser.look(pixels)
    shown = model.preprocessing(tf.constant(pixels, tf.float32) / 255)
    with tf.GradientTape() as tape:
        tape.watch(shown)
        output, scores = raiser._scored.model(shown)
        score = scores[0, int(numbers[0, 0])]
    gradient = tape.gradient(score, output)
    expected = tf.reduce_sum(output * gradient, axis=-1).numpy().reshape(-1)
    np.testing.assert_allclose(added[0, 0], expected, rtol=1e-3, atol=1e-6)
    assert grid == tuple(output.shape[1:3])


def test_page_tiles_and_export_are_there(made: Path) -> None:
    _, facts, _ = read(made)
    site = made.parent / "site"
    (page,) = site.glob("models/*/*/atlas.html")
    html = page.read_text()
    assert f"{facts.vectors}".replace(",", "") in html.replace(" ", "").replace("\u202f", "")
    first = Image.open(page.parent / "atlas" / "level-0-0-0.webp")
    assert first.size == (96, 96)  # 3 cells of the network's own 32 pixels
    data = json.loads(next(site.glob("data/*/atlas/*.json")).read_text())
    assert data["vectors"] == facts.vectors and len(data["levels"][1]["cells"]) == len(facts.levels[1].cells)
    assert sum(data["levels"][0]["cells"][0]["labels"].values()) == data["levels"][0]["cells"][0]["vectors"]
    layer = (page.parent / "index.html").read_text()
    assert 'href="atlas.html"' in layer
    # Nothing is written again where nothing has changed.
    before = page.stat().st_mtime_ns, (page.parent / "atlas.js").stat().st_mtime_ns
    assert click_run("html", made).exit_code == 0
    assert (page.stat().st_mtime_ns, (page.parent / "atlas.js").stat().st_mtime_ns) == before


def test_what_is_lost_is_made_again_and_alike_and_nothing_else(made: Path) -> None:
    one, facts, cache = read(made)
    there = cache.snapshot().entries
    cell, chart = facts.levels[1].cells[0].key, one.chart_key(there)
    before = {key: cache.read(key, kind) for key, kind in ((cell, "png"), (chart, "npz"))}
    untouched = cache.record_path(facts.levels[1].cells[1].key).stat().st_mtime_ns
    cache.remove(cell)
    assert one.due(cache.snapshot().entries) == 1
    cache.remove(chart)
    assert build(made).evidence == 2
    for (key, kind), data in zip(((cell, "png"), (chart, "npz")), before.values(), strict=True):
        assert cache.read(key, kind) == data
    assert cache.record_path(facts.levels[1].cells[1].key).stat().st_mtime_ns == untouched


def test_a_run_that_is_stopped_goes_on_where_it_was(
    made: Path, tmp_path: Path, configure: Callable[..., Path]
) -> None:
    """Stopped again and again until the vectors are placed: nothing is made twice, and the end is the
    same as without a stop."""
    draw(tmp_path / "shapes")
    config = configure(tmp_path, WANTED)
    config.write_text(SETS + ATLAS + config.read_text())
    plan = load_plan(config)
    seen: list[str] = []

    def part(most: int) -> int:
        engine, cache = InProcess(), Cache(plan.config.cache)

        class Stopping(Progress):
            def heard(self, result: Result) -> None:
                seen.extend(output.key for output in result.outputs)
                if len(seen) >= most:
                    engine.stop()

        run(plan, plan.due(cache), engine, Stopping(), pursuits=pursuits_of(plan))
        return len(seen)

    whole, _, there = read(made)
    placed = part(1) and next(n for n in range(2, 60) if part(n) and whole.chart_key(there.keys()) in seen)
    total = part(10_000)
    assert placed < total and len(set(seen)) == total
    _, facts, _ = read(config)
    assert facts.levels == read(made)[1].levels


def test_pruning_keeps_an_atlas_and_forgets_one_that_is_no_longer_asked_for(made: Path) -> None:
    _, facts, cache = read(made)
    assert click_run("prune", made).exit_code == 0
    assert all(cell.key in cache for level in facts.levels for cell in level.cells)
    assert "atlas: 0 pieces due" in click_run("plan", made).output
    other = made.with_name("other.yaml")
    other.write_text(made.read_text().replace("atlas: {cells: 6, levels: 2, least: 3}", "atlas: false"))
    plan = load_plan(other)
    kept = everything.kept(plan, cache)
    assert not kept & {cell.key for level in facts.levels for cell in level.cells}


def test_an_atlas_without_a_data_set_is_a_mistake(tmp_path: Path, configure: Callable[..., Path]) -> None:
    config = configure(tmp_path, WANTED)
    ran = click_run("plan", config)
    assert ran.exit_code == 2
    assert "atlas" in ran.output and "`datasets`" in ran.output
    config = configure(tmp_path, "[{name: second, atlas: {cells: 1}}]")
    draw(tmp_path / "shapes", 4)
    config.write_text(SETS + config.read_text())
    ran = click_run("plan", config)
    assert ran.exit_code == 2 and "cells" in ran.output


@pytest.mark.parametrize(
    ("layers", "recipes", "words"),
    [
        (
            "[{name: second, channels: none, atlas: true, concepts: 3}]",
            "",
            "beside a layer's channels",
        ),
        (WANTED, "recipes: {cell: {objective: channel, cossim: 0}}\n", "an atlas's cells are of directions"),
    ],
)
def test_what_keeps_an_atlas_from_being_made_is_said(
    tmp_path: Path, configure: Callable[..., Path], layers: str, recipes: str, words: str
) -> None:
    draw(tmp_path / "shapes", 4)
    config = configure(tmp_path, layers)
    config.write_text(SETS + recipes + config.read_text())
    ran = click_run("plan", config)
    assert ran.exit_code == 2 and words in ran.output, ran.output


def test_too_few_vectors_make_no_atlas_and_are_not_due_for_good(
    tmp_path: Path, configure: Callable[..., Path]
) -> None:
    draw(tmp_path / "shapes", 2)
    config = configure(tmp_path, "[{name: classes, atlas: true}]")
    config.write_text(SETS + ATLAS + config.read_text())
    build(config)
    assert "atlas: 0 pieces due" in click_run("plan", config).output
    assert not list((tmp_path / "site").rglob("atlas.html"))
