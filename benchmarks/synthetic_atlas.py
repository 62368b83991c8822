"""An atlas without a network: cells that are textures, of vectors made from numbers, so that tests are quick.

Used by the gallery's tests, the browser's tests and benchmarks/atlas.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from benchmarks.synthetic import png, record, texture
from benchmarks.synthetic_facts import LABELS, SIZE, photos
from generator.cache.entries import Cache
from generator.evidence.atlas_facts import AtlasCell, AtlasFacts, AtlasLevel, ChannelValue
from generator.evidence.facts import AtlasRef, ClassEffect, Example, Photo
from generator.evidence.fields import Box
from generator.plan import Plan

PIXELS = 32
EMPTY = 0.52
"""Cells of which less is within this of the middle have too few vectors: the corners stay empty."""


def put_atlas(
    plan: Plan, cache: Cache, place: tuple[str, str], sides: Sequence[int] = (3, 6), pixels: int = PIXELS
) -> AtlasRef:
    """Put an atlas of a layer, (model, layer), with levels of so many cells in a row, into a cache.

    Cells on the left have vectors of the first label only.
    """
    shown = photos(cache, 12)
    job = next(one for one in plan.jobs if (one.model, one.layer) == place and one.channel >= 0)
    channels = sorted({one.channel for one in plan.jobs if (one.model, one.layer) == place} - {-1})
    levels = tuple(_level(place, level, side, shown, channels) for level, side in enumerate(sides))
    cells = [cell for level in levels for cell in level.cells]
    for number, cell in enumerate(cells):
        made = record(plan, job, key=cell.key, channel=-1, width=pixels, height=pixels, extra={})
        cache.put(made, png(texture(number, pixels)))
    facts = AtlasFacts(
        dataset="things",
        licence="CC0 <b>",
        pictures=len(shown),
        vectors=sum(cell.count for cell in levels[-1].cells),
        least=4,
        whitened=True,
        labels=tuple(sorted(LABELS)),
        photos=shown,
        photo_size=SIZE,
        levels=levels,
    )
    data = facts.to_json()
    key = hashlib.sha256(data).hexdigest()
    cache.put_entry(key, {"kind": "atlas"}, {"facts": data})
    own = tuple(photo.key for photo in shown)
    return AtlasRef(key, own, tuple(cell.key for cell in cells), tuple(sides))


def _level(
    place: tuple[str, str], level: int, side: int, shown: Sequence[Photo], channels: Sequence[int]
) -> AtlasLevel:
    cells = []
    for row, column in np.ndindex(side, side):
        right, down = ((at + 0.5) / side - 0.5 for at in (column, row))
        if np.hypot(right, down) < EMPTY:
            cells.append(_cell(f"{place} {level} {row} {column}", row, column, right, shown, channels))
    return AtlasLevel(side, tuple(cells))


def _cell(
    name: str, row: int, column: int, right: float, shown: Sequence[Photo], channels: Sequence[int]
) -> AtlasCell:
    key = hashlib.sha256(name.encode()).hexdigest()
    random = np.random.default_rng(int(key[:8], 16))
    labels = (0,) if right < 0 else (1, 2)
    counts = sorted(random.integers(2, 40, len(labels)).tolist(), reverse=True)
    boxes = random.uniform(0, 0.5, (3, 2))
    return AtlasCell(
        row=row,
        column=column,
        count=sum(counts),
        key=key,
        examples=tuple(
            Example(int(photo), 0.0, Box(top, left, top + 0.5, left + 0.5))
            for photo, (top, left) in zip(random.permutation(len(shown))[:3], boxes.tolist(), strict=True)
        ),
        channels=tuple(
            ChannelValue(int(one), 1.5, 2.25) for one in random.permutation(list(channels))[:4].tolist()
        ),
        classes=(ClassEffect(1, "tabby <cat>", 0.75, 12), ClassEffect(7, "class 7", 0.5, 3)),
        labels=tuple(zip(labels, counts, strict=True)),
    )
