"""Synthetic evidence on photos of the user's: things are planted in it that their pages tell of."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.synthetic import rich_plan
from generator.cache.entries import Cache
from generator.config.photos import PhotoConfig
from generator.evidence.facts import Evidence, PhotoLayer, PhotoRef
from generator.evidence.lens import Seen, Verdict
from generator.inquiries.surveys import key_of
from generator.plan import Plan

NAME, CAPTION = "cat & <b>dog</b>", "A cat, “<i>Chelsea</i>”."
HERE, LOUD = (2, 3), (7, 5)
"""A cell, (row, column), and the channels that are strongest there, in order."""
CELL = 40
"""Pixels of a cell's picture."""


def lensed_plan(folder: Path) -> Plan:
    """The rich plan with a photo."""
    plan = rich_plan(folder, size=64)
    photo = PhotoConfig(path=folder / "cat.png", caption=CAPTION, licence="CC0 <b>")
    return replace(plan, config=plan.config.model_copy(update={"photos": {NAME: photo}}))


def lensed(plan: Plan) -> Evidence:
    """What two networks see in the photo, put into the cache: `Branch Net` by two layers with a grid and
    by its scores, and `chain`, which has no classes."""
    cache = Cache(plan.config.cache)
    views = [_view("stem", (6, 8), 24, cache), _view("mixed", (3, 4), 48, cache, own=range(40, 48))]
    views.append(_view("predictions", (1, 1), 4, cache))
    shown = _picture("shown", "webp", (64, 48), cache)
    chain = PhotoRef(shown, (64, 48), (_view("deep", (6, 8), 130, cache, classes=0),))
    refs = {(NAME, "Branch Net"): PhotoRef(shown, (64, 48), tuple(views)), (NAME, "chain"): chain}
    return Evidence(photos=refs)


def seen(grid: tuple[int, int], channels: int, classes: int = 4) -> Seen:
    """Channels at random; LOUD ones in HERE, where that is in the grid; nothing at all in the first cell."""
    random = np.random.default_rng(channels)
    cells = random.uniform(0, 1, (*grid, channels)).astype(np.float32)
    if grid > HERE:
        cells[HERE][list(LOUD)] = [9, 8]
        cells[0, 0] = 0
    numbers = np.argsort(-random.uniform(size=classes)).astype(np.int32)
    scores = np.sort(random.normal(size=classes))[::-1]
    shares = np.exp(scores) / np.exp(scores).sum() if classes else np.zeros(0)
    added = random.normal(size=(classes, channels)).astype(np.float32)
    return Seen(cells, cells.mean((0, 1)), Verdict(numbers, scores, shares), added, exact=grid < (6, 8))


def _view(
    layer: str, grid: tuple[int, int], channels: int, cache: Cache, classes: int = 4, own: range = range(0)
) -> PhotoLayer:
    key = key_of("view", layer=layer)
    cache.put_entry(key, {"kind": "photo view"}, {"npz": seen(grid, channels, classes).to_bytes()})
    rows, columns = grid
    places = range(rows * columns if rows > 1 else 0)
    keys = [_picture(f"{layer} {place}", "png", (CELL, CELL), cache) if place else "" for place in places]
    alone = [(channel, _picture(f"{layer}/{channel}", "png", (CELL, CELL), cache)) for channel in own]
    return PhotoLayer(layer, key, tuple(keys), tuple(alone))


def _picture(name: str, kind: str, size: tuple[int, int], cache: Cache) -> str:
    key = key_of("picture", name=name)
    random = np.random.default_rng(int(key[:8], 16))
    stream = io.BytesIO()
    Image.new("RGB", size, tuple(random.integers(0, 256, 3).tolist())).save(stream, kind)
    cache.put_entry(key, {"kind": "picture"}, {kind: stream.getvalue()})
    return key
