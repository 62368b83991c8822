"""Surveys through the engine and the cache: killed, resumed, cut otherwise, they find what one pass finds."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from generator.cache.entries import Cache
from generator.config.schema import ModelConfig
from generator.datasets.sources import read_dataset
from generator.engines.local import LocalEngine
from generator.engines.tasks import Bench
from generator.engines.worker import work
from generator.inquiries import surveys
from generator.inquiries.surveys import Survey
from generator.models.zoo import open_model

LAYERS = ("first", "second", "pool", "classes")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 pictures in two folders, of several sizes and kinds, and a file that is none."""
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for number in range(60):
        label = folder / ("odd" if number % 2 else "even")
        label.mkdir(exist_ok=True)
        size = (40, 40 + number) if number % 3 else (32, 32)
        pixels = random.integers(0, 256, (*size, 3), dtype=np.uint8)
        image = Image.fromarray(pixels).convert("L" if number % 5 == 0 else "RGB")
        image.save(label / f"{number:02}.{'png' if number % 4 else 'jpg'}")
    (folder / "odd" / "broken.png").write_bytes(b"\x89PNG no picture")
    return folder


@pytest.fixture(scope="module")
def one(photos: Path, tiny_file: Path) -> Survey:
    config = ModelConfig.model_validate({"source": str(tiny_file), "layers": ["all"]})
    fingerprint = open_model("tiny", config).anatomy.fingerprint
    return Survey("tiny", config, fingerprint, read_dataset(photos), "crop", LAYERS)


def here(one: Survey, cache: Cache) -> Cache:
    """Work off what is due in this process."""
    for task in one.tasks(cache.snapshot().entries):
        for output in work(task, Bench()).outputs:
            assert output.error == "", output.error
            cache.put_entry(output.key, output.record, output.files)
    return cache


def found(one: Survey, cache: Cache) -> dict[str, Any]:
    """All that a survey says, layer by layer."""
    said = {}
    for layer in one.layers:
        summary = one.summary(layer, cache)
        assert summary is not None
        peaks = [summary.highest.of(channel) for channel in range(len(summary.most))]
        arrays = (summary.counts, summary.on, summary.most, summary.means, summary.places)
        said[layer] = (summary.seen, summary.sample, peaks, [array.tolist() for array in arrays])
    return said


@pytest.fixture(scope="module")
def truth(one: Survey, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return found(one, here(one, Cache(tmp_path_factory.mktemp("truth"))))


def test_pictures_that_cannot_be_read_are_skipped_and_named(one: Survey, tmp_path: Path) -> None:
    cache = here(one, Cache(tmp_path))
    skipped: dict[str, str] = {}
    for key in one.keys("first"):
        entry = cache.entry(key)
        assert entry is not None
        skipped |= entry.record["skipped"]
    assert list(skipped) == ["odd/broken.png"] and "picture" in skipped["odd/broken.png"]
    summary = one.summary("first", cache)
    assert summary is not None and summary.seen == 60


def test_the_engine_s_workers_find_the_same(one: Survey, truth: dict[str, Any], tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for result in LocalEngine(2).run(one.tasks(())):
        for output in result.outputs:
            cache.put_entry(output.key, output.record, output.files)
    assert found(one, cache) == truth
    assert not list(one.tasks(cache.snapshot().entries))


def test_other_blocks_change_nothing(
    one: Survey, truth: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        surveys, "blocks", lambda items: (items[at : at + 7] for at in range(0, len(items), 7))
    )
    cut = replace(one)
    assert len(cut.blocks) == 9
    assert found(cut, here(cut, Cache(tmp_path))) == truth


def test_only_what_is_missing_is_done_again(one: Survey, truth: dict[str, Any], tmp_path: Path) -> None:
    first = replace(one, layers=LAYERS[:2])
    cache = here(first, Cache(tmp_path))
    due = list(one.tasks(cache.snapshot().entries))
    assert {layer for task in due for layer, _ in task.layers} == set(LAYERS[2:])
    here(one, cache)
    # A tally that is damaged is no tally: it is due.
    key = one.keys("first")[0]
    (npz,) = tmp_path.rglob(f"{key}.npz")
    npz.write_bytes(npz.read_bytes()[:-9])
    assert [task.keys for task in one.tasks(cache.snapshot().entries)] == [(key,)]
    assert found(one, here(one, cache)) == truth


def test_a_larger_data_set_keeps_what_was_found(one: Survey, photos: Path, tmp_path: Path) -> None:
    cache = here(one, Cache(tmp_path / "cache"))
    shutil.copytree(photos, tmp_path / "more")
    Image.new("RGB", (50, 50), (200, 30, 30)).save(tmp_path / "more" / "zz.png")
    larger = replace(one, dataset=read_dataset(tmp_path / "more"))
    due = [item for task in larger.tasks(cache.snapshot().entries) for item in task.items]
    assert len(due) < len(larger.dataset.items) or len(larger.blocks) == 1
    summary = larger.summary("first", here(larger, cache))
    assert summary is not None and summary.seen == 61


def test_what_stands_under_a_key_is_of_the_pictures_that_it_names(
    one: Survey, photos: Path, tmp_path: Path
) -> None:
    """A picture that changes, or goes, during a run."""
    shutil.copytree(photos, tmp_path / "set")
    planned = replace(one, dataset=read_dataset(tmp_path / "set"))
    Image.new("RGB", (50, 50), (200, 30, 30)).save(tmp_path / "set" / "odd" / "01.png")
    cache = Cache(tmp_path / "cache")
    changed = [output for task in planned.tasks(()) for output in work(task, Bench()).outputs if output.error]
    assert changed and all("odd/01.png: changed since the run began" in output.error for output in changed)
    (tmp_path / "set" / "odd" / "01.png").unlink()
    gone = [
        output.error for task in planned.tasks(()) for output in work(task, Bench()).outputs if output.error
    ]
    assert gone and "can't be read any more" in gone[0]
    anew = replace(one, dataset=read_dataset(tmp_path / "set"))
    summary = anew.summary("first", here(anew, cache))
    assert summary is not None and summary.seen == 59
