"""Synthetic evidence in which things are planted that a layer's page, its map and the exports tell of."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from benchmarks.synthetic_atlas import put_atlas
from benchmarks.synthetic_facts import evidence, put_facts
from generator.cache.entries import Cache
from generator.evidence.facts import ChannelFacts, Evidence, LayerFacts, Trust
from generator.evidence.labels import Preference
from generator.plan import Plan

FLAGS = {1: ("never on",), 2: ("nearly always on",), 3: ("saturated", "not always a number")}
"""By channel; channels 4 and 5 of each layer are twins, and stand at the same place."""
ATLASES = ("stem", "mixed")
"""Layers that have an atlas."""
FORMULA = "=cmd|' /C calc'!A0"
"""A label that a spreadsheet must not work out."""


def evidence_of(plan: Plan, layers: Collection[tuple[str, str]] | None = None) -> Evidence:
    """Facts of all layers of a plan that have channels, or of some, put into its cache; of all, and atlases
    of ATLASES."""
    cache = Cache(plan.config.cache)
    recipes: dict[tuple[str, str], dict[str, None]] = {}
    for job in plan.jobs:
        recipes.setdefault((job.model, job.layer), {})[job.recipe_name] = None
    found = {}
    for place, ref in evidence(plan, cache).items():
        if layers is None or place in layers:
            facts = LayerFacts.from_json(cache.read(ref.key, "facts") or b"")
            found[place] = put_facts(cache, planted(facts, list(recipes[place])))
    atlases = [place for place in found if place[1] in ATLASES and layers is None]
    return Evidence(found, atlases={place: put_atlas(plan, cache, place) for place in atlases})


def planted(facts: LayerFacts, recipes: Sequence[str]) -> LayerFacts:
    """Facts with flags, twins, trust and places; the first of `recipes` knows no kinship of channel 0."""
    random = np.random.default_rng(len(facts.channels))
    groups = random.uniform(0.1, 0.9, (7, 2))
    spots = {channel: groups[channel % 7] + random.normal(0, 0.06, 2) for channel in facts.channels}
    if {4, 5} <= set(spots):
        spots[5] = spots[4]
    return replace(
        facts,
        channels={c: _planted(c, one, recipes, random) for c, one in facts.channels.items()},
        places={c: (float(x.clip(0, 1)), float(y.clip(0, 1))) for c, (x, y) in spots.items()},
    )


def _planted(
    channel: int, one: ChannelFacts, recipes: Sequence[str], random: np.random.Generator
) -> ChannelFacts:
    strength = random.beta(5, 1, len(recipes))
    kinship = random.normal(0.7, 0.3, len(recipes))
    labels = (Preference(FORMULA, 0.99, 1.5, 12), *one.labels) if channel == 0 else one.labels
    return replace(
        one,
        density=0.0 if channel == 1 else float(random.uniform(0, 1) ** 3),
        mean=math.nan if channel == 3 else one.mean,
        flags=FLAGS.get(channel, ()),
        twins={4: (5,), 5: (4,)}.get(channel, ()),
        trust={
            name: Trust(float(s), float(1.5 * s), None if channel == 0 and name == recipes[0] else float(k))
            for name, s, k in zip(recipes, strength, kinship, strict=True)
        },
        labels=labels,
    )
