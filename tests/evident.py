"""Facts of layers made from numbers: of every kind that pages and exports tell, without a network."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np

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
from generator.evidence.labels import Preference
from generator.gallery.site import Evidence
from generator.plan import Plan
from generator.targets import WHOLE

FLAGS = {1: ("never on",), 2: ("nearly always on",), 3: ("saturated", "not always a number")}
"""By channel; channels 4 and 5 of each layer are twins."""


def layer_facts(model: str, layer: str, channels: Sequence[int], recipes: Sequence[str]) -> LayerFacts:
    """Facts that differ from channel to channel; the first of `recipes` knows no kinship of channel 0."""
    random = np.random.default_rng(len(channels))
    clusters = random.uniform(0.1, 0.9, (7, 2))
    spots = {c: clusters[c % 7] + random.normal(0, 0.06, 2) for c in channels}
    if {4, 5} <= set(channels):
        spots[5] = spots[4]
    return LayerFacts(
        dataset="photos",
        licence="public domain, see photos/README.md",
        seen=200,
        skipped=3,
        photos=tuple(Photo(f"{n:064x}", f"birds/photo {n}.jpg", "birds") for n in range(12)),
        photo_size=(128, 128),
        channels={c: _facts(model, layer, c, recipes, random) for c in channels},
        places={c: (float(x.clip(0, 1)), float(y.clip(0, 1))) for c, (x, y) in spots.items()},
    )


def _facts(
    model: str, layer: str, channel: int, recipes: Sequence[str], random: np.random.Generator
) -> ChannelFacts:
    strength = random.beta(5, 1, len(recipes))
    kinship = random.normal(0.7, 0.3, len(recipes))
    other = Neighbour(model, layer, 0 if channel else 1, 0.83)
    kernel = ((0.5, -1.0), (0.25, 0.0))
    return ChannelFacts(
        strongest=tuple(Example(n, 9.0 - n, Box(0.1, 0.2, 0.6, 0.9)) for n in range(9)),
        ordinary={0.5: (Example(10, 0.5),), 0.99: (Example(11, 3.5),)},
        density=0.0 if channel == 1 else float(random.uniform(0, 1) ** 3),
        pictures_on=0.0 if channel == 1 else float(random.uniform(0.3, 1)),
        mean=math.nan if channel == 3 else float(random.normal()),
        maximum=float(random.uniform(3, 9)),
        flags=FLAGS.get(channel, ()),
        trust={
            name: Trust(float(s), float(1.5 * s), None if channel == 0 and name == recipes[0] else float(k))
            for name, s, k in zip(recipes, strength, kinship, strict=True)
        },
        labels=(Preference("birds", 0.93, 1.25, 40), Preference("=cmd()", 0.71, 0.5, 12)),
        classes=Classes((ClassEffect(7, "cock", 0.5),), (ClassEffect(8, "-hen", -0.25),), exact=True),
        built_from=(Circuit("stem", (Connection("stem", 2, 0.7, kernel),), ()),),
        relatives=(other,),
        twins={4: (5,), 5: (4,)}.get(channel, ()),
    )


def evidence_of(plan: Plan, layers: Sequence[tuple[str, str]] | None = None) -> Evidence:
    """Facts of all layers of a plan that have channels, or of some, put into its cache."""
    there: dict[tuple[str, str], dict[str, set[int]]] = {}
    for job in plan.jobs:
        if job.channel != WHOLE:
            recipes = there.setdefault((job.model, job.layer), {})
            recipes.setdefault(job.recipe_name, set()).add(job.channel)
    made = {
        place: layer_facts(*place, sorted(set().union(*recipes.values())), list(recipes))
        for place, recipes in there.items()
        if layers is None or place in layers
    }
    return put_facts(plan, made)


def put_facts(plan: Plan, facts: Mapping[tuple[str, str], LayerFacts]) -> Evidence:
    """Put facts into a plan's cache by their content, as evidence for `build_site`."""
    cache = Cache(plan.config.cache)
    found = {}
    for place, one in facts.items():
        data = one.to_json()
        key = hashlib.sha256(data).hexdigest()
        cache.put_entry(key, {"kind": "facts"}, {"facts": data})
        found[place] = FactsRef(key)
    return found
