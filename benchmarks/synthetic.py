"""Plans and caches without a network: pictures are textures made from a number, so that tests are quick.

Used by the gallery's tests, the browser's tests and benchmarks/gallery.py.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from generator.cache.entries import Cache
from generator.cache.records import Failure, Record
from generator.config.recipes import Recipe
from generator.config.schema import Config
from generator.models.anatomy import Anatomy, Layer
from generator.plan import Job, Plan, make_plan

EVERYTHING = {"receptive_field": None, "stride": None, "bounds": None}
"""What a layer sees that sees all of the input."""


def layer(name: str, channels: int, *inputs: str, kind: str = "Conv2D", **changes: Any) -> Layer:
    """A layer of 14 x 14 positions, unless `changes` say otherwise."""
    values = {
        "shape": (14, 14, channels),
        "parameters": 9 * channels,
        "receptive_field": (35, 35),
        "stride": (8.0, 8.0),
        "bounds": ((-17.0, 17.0), (-17.0, 17.0)),
        "renderable": bool(inputs),
        **changes,
    }
    return Layer(name=name, kind=kind, channels=channels, inputs=inputs, **values)


def anatomy(
    layers: Iterable[Layer], *, name: str = "synthetic", classes: Sequence[str] = (), colours: int = 3
) -> Anatomy:
    """A network of these layers after an input."""
    source = layer("input", colours, kind="InputLayer", shape=(128, 128, colours))
    return Anatomy(
        name=name,
        source=f"{name}.keras",
        weights="random weights",
        origin="Random weights, made for tests",
        fingerprint=hashlib.sha256(name.encode()).hexdigest(),
        input_shape=(128, 128, colours),
        preprocessing="black becomes 0, white 1",
        parameters=12_345,
        layers=(source, *layers),
        classes=tuple(classes),
    )


def branching(channels: int = 24) -> Anatomy:
    """A small network with branches, a skip connection and named classes."""
    return anatomy(
        [
            layer("stem", channels, "input"),
            layer("left_conv", channels, "stem"),
            layer("left_norm", channels, "left_conv", kind="BatchNormalization"),
            layer("left_relu", channels, "left_norm", kind="ReLU"),
            layer("right", channels, "stem"),
            layer("mixed", 2 * channels, "left_relu", "right", kind="Concatenate"),
            layer("block/Add:2", 2 * channels, "mixed", "stem", kind="Add"),
            layer("pool", 2 * channels, "block/Add:2", kind="GlobalAveragePooling2D", shape=(2 * channels,)),
            layer("predictions", 4, "pool", kind="Dense", shape=(4,), **EVERYTHING),
        ],
        name="branching",
        classes=["tabby cat", "espresso", "<b>crash helmet</b>", "moped & friends"],
    )


def config(folder: Path, models: Mapping[str, Any], **settings: Any) -> Config:
    """A config with absolute paths inside `folder`, as reading a file gives it."""
    own = {"cache": folder / "cache", "output": folder / "site", "notes": folder / "notes.yaml"}
    return Config.model_validate({**own, "size": 32, "steps": 16, "models": dict(models), **settings})


def plan_of(
    folder: Path, anatomies: Mapping[str, Anatomy], models: Mapping[str, Any], **settings: Any
) -> Plan:
    """The plan of `models` (as in config.yaml) for networks given as anatomies."""
    return make_plan(config(folder, models, **settings), anatomies)


# -- pictures --------------------------------------------------------------------------------------


def texture(number: int, size: int) -> npt.NDArray[np.uint8]:
    """A colourful picture that differs for every number: two warped gratings, (size, size, 3)."""
    random = np.random.default_rng(number)
    y, x = np.mgrid[0:size, 0:size] / size * 2 * math.pi
    planes = []
    for _ in range(3):
        (a, b), (c, d) = random.integers(-9, 10, (2, 2))
        warp = random.normal() * np.sin(random.integers(1, 4) * x + random.integers(1, 4) * y)
        planes.append(np.sin(a * x + b * y + warp) + 0.5 * np.cos(c * x + d * y + random.normal()))
    picture = np.stack(planes, axis=-1) @ random.normal(0, 0.25, (3, 3)) + random.uniform(0.3, 0.7, 3)
    noise = random.normal(0, 0.05, picture.shape)
    return np.asarray((np.clip(picture + noise, 0, 1) * 255).round(), np.uint8)


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Pixels (height, width, 3) or, with their opacity, (height, width, 4) as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def pixels_of(recipe: Recipe, number: int) -> npt.NDArray[np.uint8]:
    """What a renderer would make by a recipe, as to shape: (height, width, 3), or 4 for MACO's opacity.

    Pictures with a photo are 3:2; several together stand in a grid, as the renderer's do.
    """
    height = recipe.size * 2 // 3 if recipe.image else recipe.size
    one = [texture(number + place, recipe.size)[:height] for place in range(recipe.pictures)]
    columns = math.ceil(math.sqrt(recipe.pictures))
    rows = [np.concatenate(one[at : at + columns], axis=1) for at in range(0, len(one), columns)]
    pixels = np.concatenate(rows)
    if recipe.parameterization != "maco":
        return pixels
    opacity = np.broadcast_to(np.linspace(0, 255, recipe.size), pixels.shape[:2]).astype(np.uint8)
    return np.dstack([pixels, opacity])


def animation(recipe: Recipe, number: int, kind: str) -> bytes:
    """As many frames as the recipe asks for."""
    frames = [Image.fromarray(texture(number + place, recipe.size)) for place in range(recipe.frames)]
    buffer = io.BytesIO()
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], duration=80, loop=0)
    return buffer.getvalue()


def fill(plan: Plan, jobs: Iterable[Job] | None = None, *, dead: Iterable[Job] = ()) -> Cache:
    """Put a picture of every job (or of `jobs`) into the plan's cache."""
    cache = Cache(plan.config.cache)
    lifeless = set(dead)
    for job in plan.jobs if jobs is None else jobs:
        recipe, number = plan.recipes[job.recipe_name], int(job.key[:12], 16)
        kind = ("gif" if recipe.gif else "webp") if recipe.frames else ""
        cache.put(
            record(plan, job, dead=job in lifeless),
            png(pixels_of(recipe, number)),
            animation(recipe, number, kind) if kind else b"",
        )
    return cache


def record(plan: Plan, job: Job, *, dead: bool = False, **changes: Any) -> Record:
    """A record as a renderer would write it, the same for the same job."""
    recipe = plan.recipes[job.recipe_name]
    reached = 0.0 if dead else 1 + int(job.key[:4], 16) / 4096
    reached *= -1 if recipe.objective == "negative" else 1
    columns = math.ceil(math.sqrt(recipe.pictures))
    height = recipe.size * 2 // 3 if recipe.image else recipe.size
    extra: dict[str, Any] = {"pictures": recipe.pictures} if recipe.pictures > 1 else {}
    if recipe.frames:
        extra["animation"] = "gif" if recipe.gif else "webp"
    if plan.models[job.model].input_shape[-1] not in (1, 3):
        extra["false_colour"] = True
    values: dict[str, Any] = {
        "key": job.key,
        "model": job.model,
        "layer": job.layer,
        "channel": job.channel,
        "recipe_name": job.recipe_name,
        "recipe": recipe.identity(),
        "fingerprint": plan.models[job.model].fingerprint,
        "activation": reached,
        "trajectory": tuple(round(reached * (1 - math.exp(-step / 6)), 4) for step in range(32)),
        "dead": dead,
        "width": columns * recipe.size,
        "height": math.ceil(recipe.pictures / columns) * height,
        "seconds": 1.5,
        "rendered_at": "2026-11-23T22:25:39+00:00",
        "versions": {"keras": "3.15.1", "pocket-microscope": "0.1.0", "renderer": "1"},
        "extra": extra,
    }
    return Record(**{**values, **changes})


def fail(plan: Plan, job: Job, reason: str = "ResourceExhaustedError: out of memory") -> None:
    """Say in the plan's cache that a job's picture could not be made."""
    failure = Failure(job.key, job.title, reason, "2026-11-23T22:25:39+00:00")
    Cache(plan.config.cache).put_failure(failure)


# -- a gallery with everything in it ---------------------------------------------------------------

NOTES = """\
Branch Net/stem/3: {label: curve, text: "Arcs open to the right & <upwards>.", tags: [curve detectors, early]}
Branch Net/stem/5: {label: counter-curve, tags: [curve detectors]}
Branch Net/mixed/7: just a label
Branch Net/block/Add:2: {label: where both ways meet}
Branch Net: {text: A network of two ways.}
"""

MODELS: dict[str, Any] = {
    "Branch Net": {
        "layers": [
            {"name": "stem", "recipes": ["channel", "negative", "neuron"]},
            {"name": "mixed", "channels": "0-39"},
            {"name": "block/Add:2", "channels": "0-9"},
            "predictions",
        ]
    },
    "chain": {"layers": [{"name": "deep", "channels": "0-99"}]},
}


def rich_plan(folder: Path, **settings: Any) -> Plan:
    """A filled plan of two networks with notes, several recipes, and dead, failed and missing pictures."""
    chain = anatomy([layer("deep", 130, "input")], name="chain")
    plan = plan_of(folder, {"Branch Net": branching(), "chain": chain}, MODELS, **settings)
    folder.mkdir(exist_ok=True)
    (folder / "notes.yaml").write_text(NOTES, encoding="utf-8")
    stem = [job for job in plan.jobs if job.layer == "stem"]
    fill(plan, set(plan.jobs) - set(stem[1:3]), dead=stem[4:5])
    fail(plan, stem[1])
    return plan


# -- a gallery of every kind of picture ------------------------------------------------------------

KINDS: dict[str, Any] = {
    "moving": {"base": "channel", "frames": 4, "size": 160},
    "facets": {"base": "diversity", "size": 128},
    "between": {"base": "interpolation", "towards": 3, "size": 96},
    "phases": {"base": "maco", "size": 128},
    "tiny": {"base": "channel", "size": 28},
    "dream": {"base": "deepdream", "size": 160, "frames": 4, "gif": True},
    "photo": {"base": "dream-photo", "image": "photo.png", "size": 300},
    "sketch": {"base": "caricature", "image": "photo.png", "size": 96},
    "blend": {"base": "direction", "direction": {"1": 1.0, "3": -0.5}},
}
"""Recipes for every shape a picture may have."""

VARIED: dict[str, Any] = {
    "net": {
        "layers": [
            {
                "name": "stem",
                "channels": "0-5",
                "recipes": ["moving", "facets", "between", "phases", "dream", "photo", "sketch", "blend"],
            },
            {"name": "right", "channels": "0-9", "recipes": ["tiny"]},
            {"name": "mixed", "recipes": ["dream", "photo"]},
        ]
    },
    "many colours": {"layers": [{"name": "deep", "channels": "0-3", "recipes": ["channel", "dream"]}]},
    "as a whole": {"layers": [{"name": "deep", "recipes": ["dream"]}]},
}


def varied_plan(folder: Path, **settings: Any) -> Plan:
    """A filled plan of pictures of whole layers, animations, several together, small and transparent ones.

    Of the first layer as a whole, `sketch` has failed and `blend` is missing.
    """
    folder.mkdir(exist_ok=True)
    (folder / "photo.png").write_bytes(png(texture(7, 96)[:64]))
    files = {name: {**kind} for name, kind in KINDS.items()}
    for kind in files.values():
        if "image" in kind:
            kind["image"] = folder / kind["image"]
    networks = {
        "net": branching(8),
        "many colours": anatomy([layer("deep", 4, "input")], name="colours", colours=5),
        "as a whole": anatomy([layer("deep", 4, "input")], name="whole"),
    }
    plan = plan_of(folder, networks, VARIED, recipes=files, **settings)
    job_of = {job.recipe_name: job for job in plan.jobs}
    sketch, blend = job_of["sketch"], job_of["blend"]
    fill(plan, [job for job in plan.jobs if job not in (sketch, blend)])
    fail(plan, sketch)
    return plan
