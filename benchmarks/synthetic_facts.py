"""Evidence without a network: facts made from numbers, and photos that are textures, so that tests are quick.

Used by the gallery's tests, the browser's tests and benchmarks/gallery.py.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.synthetic import texture
from generator.cache.entries import Cache
from generator.evidence.facts import (
    ChannelFacts,
    Circuit,
    ClassEffect,
    Classes,
    Connection,
    Example,
    FactsRef,
    LayerFacts,
    Neighbour,
    Photo,
    Trust,
)
from generator.evidence.fields import Box
from generator.evidence.gathering import digits
from generator.evidence.histogram import histogram
from generator.evidence.labels import Preference
from generator.evidence.tally import BINS, bins_of
from generator.plan import Plan

LABELS = ("animals/cats", "animals/birds", "food", '<b>tools</b> & "toys"')
SIZE = (160, 160)
VARIETY = 32
"""Channels of a layer that differ in their examples; more than these share them."""

Places = dict[tuple[str, str], FactsRef]


def photos(cache: Cache, count: int, size: tuple[int, int] = SIZE) -> tuple[Photo, ...]:
    """Put that many photos into a cache."""
    found = []
    for number in range(count):
        label = LABELS[number % len(LABELS)]
        digest = hashlib.sha256(f"photo {number}".encode()).hexdigest()
        key = hashlib.sha256(f"shown {number} {size}".encode()).hexdigest()
        image = Image.fromarray(texture(10_000 + number, max(size))[: size[1], : size[0]])
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=70, method=0)
        cache.put_entry(key, {"kind": "photo"}, {"webp": buffer.getvalue()})
        found.append(Photo(digest, f"{label}/{number:03d}.jpg", label, key))
    return tuple(found)


def evidence(plan: Plan, cache: Cache, count: int = 24, size: tuple[int, int] = SIZE) -> Places:
    """Put facts of every channel of the plan into a cache, with `count` photos."""
    shown = photos(cache, count, size)
    channels: dict[tuple[str, str], set[int]] = {}
    for job in plan.jobs:
        if job.channel >= 0:
            channels.setdefault((job.model, job.layer), set()).add(job.channel)
    places: Places = {}
    for (model, layer), chosen in channels.items():
        names = [other for owner, other in channels if owner == model]
        place = names.index(layer)
        around = (names[max(0, place - 1)], names[min(place + 1, len(names) - 1)])
        classes = plan.models[model].classes
        made = layer_facts(model, layer, around, sorted(chosen), shown, size, classes)
        places[model, layer] = put_facts(cache, made)
    return places


def put_facts(cache: Cache, facts: LayerFacts) -> FactsRef:
    """Put a layer's facts into a cache, under a key of their content."""
    data = facts.to_json()
    key = hashlib.sha256(data).hexdigest()
    cache.put_entry(key, {"kind": "facts"}, {"facts": data})
    return FactsRef(key, tuple(photo.key for photo in facts.photos))


def layer_facts(
    model: str,
    layer: str,
    around: tuple[str, str],
    channels: Sequence[int],
    shown: tuple[Photo, ...],
    size: tuple[int, int] = SIZE,
    classes: Sequence[str] = (),
) -> LayerFacts:
    """The facts of a layer's channels; `around` are the layers before and after it."""
    seed = int(hashlib.sha256(f"{model}/{layer}".encode()).hexdigest()[:8], 16)
    varied = [
        channel_facts(seed + number, len(shown), around, classes)
        for number in range(min(VARIETY, len(channels)))
    ]
    made = {}
    for place, channel in enumerate(channels):
        kin = [channels[(place + step) % len(channels)] for step in (1, 2, 3, 5, 8, 13)]
        relatives = tuple(
            Neighbour(model, layer, other, 0.97 - 0.11 * n) for n, other in enumerate(kin) if other != channel
        )
        other = Neighbour(model, around[1], channels[0], 0.31)
        made[channel] = replace(varied[place % VARIETY], relatives=(*relatives, other))
    return LayerFacts(
        dataset="photos",
        licence='CC0 & "others" <see the list>',
        seen=len(shown),
        skipped=1,
        photos=shown,
        photo_size=size,
        channels=made,
    )


def channel_facts(
    seed: int, count: int, around: tuple[str, str], classes: Sequence[str] = ()
) -> ChannelFacts:
    """Facts that differ for every number, of `count` photos."""
    random = np.random.default_rng(seed)
    values = np.maximum(random.normal(-1.5, 1.2, 4000), 0) * 2
    counts = np.bincount(bins_of(values.astype(np.float32)), minlength=BINS)
    largest, reached = float(values.max()), float(values.max() * random.uniform(0.4, 2))
    plot = histogram(counts, {"strongest": largest, "channel": reached})
    assert plot
    heats = [digits(_heat(random) * largest, largest) for _ in range(count)]

    def examples(number: int, low: float, high: float, looked_at: bool = True) -> tuple[Example, ...]:
        chosen = random.permutation(count)[:number]
        found = sorted(random.uniform(low, high, len(chosen)), reverse=True)
        return tuple(
            Example(int(photo), float(value), _box(random), heats[photo] if looked_at else ())
            for photo, value in zip(chosen, found, strict=True)
        )

    return ChannelFacts(
        strongest=examples(9, 0.7 * largest, largest),
        ordinary={q: examples(3, 0.4 * q * largest, 0.5 * q * largest) for q in (0.99, 0.9, 0.5)},
        lowest=examples(3, -2, -1) if seed % 5 == 0 else (),
        intervals={
            number: examples(3, bar.low, bar.high, looked_at=False)
            for number, bar in enumerate(plot.bars)
            if bar.count
        },
        histogram=plot,
        density=float((values > 0).mean()),
        pictures_on=float(random.uniform(0.1, 1)),
        mean=float(values.mean()),
        maximum=largest,
        flags=("nearly always on",) if seed % 7 == 0 else (),
        trust={"channel": _trust(random, reached, largest)},
        labels=tuple(
            Preference(label, 0.95 - 0.1 * n, largest / (n + 2), 3 + n) for n, label in enumerate(LABELS)
        ),
        classes=_classes(random, classes),
        built_from=(_circuit(random, around[0], opened=True),) if around[0] else (),
        feeds=(_circuit(random, around[1], obstacle="LayerNormalization"),) if around[1] else (),
        twins=(int(random.integers(0, 9)),) if seed % 3 == 0 else (),
    )


def _heat(random: Any, side: int = 14) -> Any:
    y, x = np.mgrid[0:side, 0:side]
    row, column = random.integers(0, side, 2)
    return np.exp(-((x - column) ** 2 + (y - row) ** 2) / 8)


def _box(random: Any) -> Box:
    top, left = random.uniform(-0.15, 0.75, 2)
    edges = (max(0.0, top), max(0.0, left), min(1.0, top + 0.4), min(1.0, left + 0.4))
    return Box(*(float(edge) for edge in edges))


def _trust(random: Any, reached: float, largest: float) -> Trust:
    return Trust(float(min(1.0, reached / largest)), reached / largest, float(random.uniform(0, 1.1)))


def _classes(random: Any, names: Sequence[str]) -> Classes | None:
    if not names:
        return None
    effects = [ClassEffect(number, name, float(random.normal())) for number, name in enumerate(names)]
    ordered = sorted(effects, key=lambda one: -one.effect)
    return Classes(
        tuple(one for one in ordered if one.effect > 0)[:5],
        tuple(one for one in reversed(ordered) if one.effect < 0)[:5],
        exact=True,
    )


def _circuit(random: Any, layer: str, *, opened: bool = False, obstacle: str = "") -> Circuit:
    def connections(sign: int) -> tuple[Connection, ...]:
        strengths = sorted(random.uniform(0.1, 1, 4), reverse=True)
        return tuple(
            Connection(layer, place, sign * float(strength), () if obstacle else _kernel(random))
            for place, strength in enumerate(strengths)
        )

    return Circuit(layer, connections(1), connections(-1), obstacle, opened)


def _kernel(random: Any, side: int = 3) -> tuple[tuple[float, ...], ...]:
    values = random.uniform(-1, 1, (side, side)).round(3)
    return tuple(tuple(float(value) for value in row) for row in values)
