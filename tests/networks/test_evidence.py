"""Evidence on networks of every kind: whatever can be opened can be surveyed, looked at and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator.cache.entries import Cache
from generator.engines.tasks import Bench
from generator.engines.worker import work
from generator.evidence.facts import LayerFacts
from generator.inquiries.everything import inquiries_of
from generator.inquiries.inquiry import Inquiry
from generator.inquiries.settling import settle
from generator.pipeline import load_plan

KINDS = ["own:first", "own:first_of_any_size", "own:first_inside", "own:grey", "own:many_colours", "vit:vit"]
"""Channels first, of any size, turned inside; one colour and many; tokens."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for number in range(8):
        pixels = random.integers(0, 256, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def collect(inquiry: Inquiry, cache: Cache) -> None:
    """Work off what is due in this process; no pictures are needed for it."""
    for task in inquiry.first(()):
        keep(task, cache)
    for task in inquiry.second(cache.snapshot().entries, cache):
        keep(task, cache)


def keep(task: object, cache: Cache) -> None:
    for output in work(task, Bench()).outputs:  # type: ignore[arg-type]
        assert output.error == "", output.error
        cache.put_entry(output.key, output.record, output.files)


@pytest.mark.parametrize("kind", KINDS)
def test_every_layer_of_it_has_facts(kind: str, photos: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        f"datasets:\n  noise: {{path: {photos}}}\nmodels:\n  net:\n    source: tests.networks.{kind}\n"
        "    preprocessing: unit\n    layers: all\n    channels: first 2\n"
    )
    plan = load_plan(config)
    (inquiry,) = inquiries_of(plan)
    cache = Cache(plan.config.cache)
    collect(inquiry, cache)
    told = settle([inquiry], cache)
    assert {layer for _, layer in told} == set(inquiry.layers)
    for ref in told.values():
        facts = LayerFacts.from_json(cache.read(ref.key, "facts") or b"")
        assert facts.seen == 8 and len(ref.photos) > 0
        assert all(channel.histogram for channel in facts.channels.values())
    assert cache.snapshot().entries.keys() >= inquiry.kept(cache.snapshot().entries)
