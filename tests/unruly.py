"""A gallery of names and texts as life has them: long, unbroken, of other scripts, with markup, reserved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.synthetic import anatomy, fail, fill, layer, plan_of, png, record
from generator.gallery.names import safe_names
from generator.plan import Plan

LONG = "encoder/stage_3/block_12/attention/output/DenseProjectionWithAVeryLongNameThatNothingBreaks:3"
HAN = "视觉网络第三阶段注意力输出投影层" * 3
ARABIC = "طبقة الالتفاف الثالثة في الشبكة العصبية"
QUOTES = "</script><b>\"quotes\" & 'marks'`"
ADDRESS = "https://example.org/" + "a-path-that-goes-on-and-on/" * 9 + "?and=" + "more" * 40

RECIPES: dict[str, Any] = {
    "channel": {},
    "a recipe whose name is a whole sentence of its own": {"seed": 5},
    "Überraschung": {"seed": 1},
    "مقلوب": {"base": "negative"},
    "反向": {"base": "negative", "seed": 1},
    "__proto__": {"seed": 2},
    "constructor": {"seed": 3},
    "white": {"seed": 4, "description": f"White, and all that {ADDRESS} says."},
}
LAYERS = (LONG, HAN, ARABIC, QUOTES, "__proto__", "last")
NETWORK = "a network"

NOTES: dict[str, Any] = {
    NETWORK: {"label": "a label", "text": f"Read {ADDRESS} first."},
    f"{NETWORK}/{LONG}": {"text": ADDRESS},
    f"{NETWORK}/{LONG}/0": {"label": HAN, "text": f"See {ADDRESS}.", "tags": [HAN, "x" * 120, "café"]},
    f"{NETWORK}/{LONG}/1": {"label": ADDRESS, "text": QUOTES, "tags": [QUOTES]},
    f"{NETWORK}/{HAN}/15": {"label": "Łódź à la crème brûlée", "tags": ["café", "__proto__"]},
    f"{NETWORK}/{HAN}/3": {"text": "ﬁne lines"},
}

FOLDER = f"models/{safe_names([NETWORK])[NETWORK]}"
"""Where the network is in the gallery."""


def folder_of(name: str) -> str:
    """Where a layer of it is."""
    return f"{FOLDER}/{safe_names(['input', *LAYERS])[name]}"


def unruly_plan(folder: Path, **settings: Any) -> Plan:
    """A filled plan: channel 2 of every layer is white, 3 black; of the first layer 4 is dead by one recipe,
    5 has failed and 6 is missing.

    How sparse pictures are is known of the recipe `__proto__` only.
    """
    folder.mkdir(exist_ok=True)
    (folder / "notes.yaml").write_text(yaml.safe_dump(NOTES, allow_unicode=True), encoding="utf-8")
    plan = _plan(folder, **settings)
    first = {job.channel: job for job in reversed(plan.jobs) if job.layer == LONG and job.model == NETWORK}
    cache = fill(plan, set(plan.jobs) - {first[5], first[6]}, dead=[first[4]])
    for job in plan.jobs:
        size = plan.recipes[job.recipe_name].size
        if job.channel in (2, 3):
            shade = 255 if job.channel == 2 else 0
            cache.put(record(plan, job), png(np.full((size, size, 3), shade, np.uint8)))
        if job.recipe_name == "__proto__":
            sparse = record(plan, job, extra={"sparsity": (7 * job.channel % 5) / 5})
            cache.put(sparse, cache.picture_path(job.key).read_bytes())
    fail(plan, first[5], f"ValueError: {ADDRESS} is not {QUOTES}")
    return plan


def _plan(folder: Path, **settings: Any) -> Plan:
    layers, before = [], "input"
    for name in LAYERS:
        layers.append(layer(name, 16 if name == HAN else 8, before))
        before = name
    networks = {
        NETWORK: anatomy(layers, name="net", classes=[HAN] * 8),
        "__proto__": anatomy(layers[:1], name="other"),
        LONG: anatomy(layers[:1], name="long"),
        QUOTES: anatomy(layers[:1], name="quotes"),
    }
    models: dict[str, Any] = {name: {"layers": ["all"]} for name in networks}
    every = {"name": LONG, "recipes": list(RECIPES)}
    models[NETWORK] = {"layers": [every, *LAYERS[1:]], "recipes": ["channel", "__proto__"]}
    words = {"title": f"A gallery of {LONG} and {HAN}", "description": f"As {ADDRESS} says."}
    return plan_of(folder, networks, models, recipes=RECIPES, **{**words, **settings})
