"""Plan and cache -> page data: which models, layers and channels there are, and what is known of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from generator.cache.entries import Cache, Stamp
from generator.config.recipes import WHOLE
from generator.gallery.cells import Cell, Shot, State, Summary
from generator.gallery.pages import (
    OWN_IDS,
    Family,
    LayerView,
    Member,
    ModelView,
    Note,
    RecipeView,
    SiteView,
    safe_names,
)
from generator.models.anatomy import Anatomy, Layer
from generator.plan import Plan

Keys = Mapping[tuple[str, int], str]
"""The keys of a layer's pictures by (recipe's name, channel)."""

BEST = 24
"""How many of a layer's most active channels a summary names."""


@dataclass(frozen=True)
class Gathered:
    """The site and, for each layer's folder, the keys of its pictures."""

    site: SiteView
    keys: Mapping[str, Keys]


def gather(plan: Plan, notes: Mapping[str, Note]) -> Gathered:
    """The site of a plan; reads no picture and no record."""
    slugs = safe_names(plan.recipes, OWN_IDS)
    recipes = {name: RecipeView(name, slugs[name], recipe) for name, recipe in plan.recipes.items()}
    pictures: dict[tuple[str, str], dict[tuple[str, int], str]] = {}
    for job in plan.jobs:
        pictures.setdefault((job.model, job.layer), {})[job.recipe_name, job.channel] = job.key
    folders = safe_names(plan.models)
    models = tuple(
        _model(name, f"models/{folders[name]}", anatomy, pictures, recipes, notes)
        for name, anatomy in plan.models.items()
    )
    config = plan.config
    site = SiteView(
        title=config.title,
        description=config.description,
        url=(config.url or "").rstrip("/"),
        models=models,
        recipes=tuple(recipes.values()),
        families=_families(models),
    )
    return Gathered(site, {layer.folder: pictures[layer.model, layer.name] for layer in site.layers})


def _model(
    name: str,
    folder: str,
    anatomy: Anatomy,
    pictures: Mapping[tuple[str, str], Keys],
    recipes: Mapping[str, RecipeView],
    notes: Mapping[str, Note],
) -> ModelView:
    # All layers of the network take part, so that a layer's address does not depend on the plan.
    folders = safe_names(layer.name for layer in anatomy.layers)
    layers = tuple(
        _layer(name, f"{folder}/{folders[layer.name]}", layer, anatomy, keys, recipes, notes)
        for layer in anatomy.layers
        if (keys := pictures.get((name, layer.name)))
    )
    return ModelView(name, folder, anatomy, layers, notes.get(name, Note()))


def _layer(
    model: str,
    folder: str,
    layer: Layer,
    anatomy: Anatomy,
    keys: Keys,
    recipes: Mapping[str, RecipeView],
    notes: Mapping[str, Note],
) -> LayerView:
    channels = tuple(sorted({channel for _, channel in keys} - {WHOLE}))
    used = {name for name, _ in keys}
    views = [view for name, view in recipes.items() if name in used]
    names = anatomy.classes if _names_classes(layer, anatomy) else ()
    address = f"{model}/{layer.name}"
    return LayerView(
        model=model,
        name=layer.name,
        folder=folder,
        layer=layer,
        channels=channels,
        recipes=tuple(view for view in views if not view.whole),
        wholes=tuple(view for view in views if view.whole),
        note=notes.get(address, Note()),
        notes=tuple((c, notes[f"{address}/{c}"]) for c in channels if f"{address}/{c}" in notes),
        classes=names,
    )


def _names_classes(layer: Layer, anatomy: Anatomy) -> bool:
    return len(layer.shape) == 1 and layer.channels == len(anatomy.classes)


def _families(models: Iterable[ModelView]) -> tuple[Family, ...]:
    members: dict[str, list[Member]] = {}
    for layer in (layer for model in models for layer in model.layers):
        for channel, note in layer.notes:
            for tag in note.tags:
                members.setdefault(tag, []).append(Member(layer, channel, note))
    slugs = safe_names(members)
    return tuple(
        Family(tag, f"families/{slugs[tag]}.html", tuple(members[tag]))
        for tag in sorted(members, key=str.casefold)
    )


# -- one layer's channels --------------------------------------------------------------------------


def read_cells(layer: LayerView, keys: Keys, cache: Cache, broken: Mapping[str, str]) -> tuple[Cell, ...]:
    """A layer's channels with what the cache knows of their pictures; `broken` are reasons by key."""
    return tuple(
        _cell(layer, channel, index, layer.recipes, keys, cache, broken)
        for index, channel in enumerate(layer.channels)
    )


def read_whole(layer: LayerView, keys: Keys, cache: Cache, broken: Mapping[str, str]) -> Cell:
    """A layer as a whole, likewise; it may have no shots."""
    return _cell(layer, WHOLE, 0, layer.wholes, keys, cache, broken)


def _cell(
    layer: LayerView,
    channel: int,
    index: int,
    recipes: Sequence[RecipeView],
    keys: Keys,
    cache: Cache,
    broken: Mapping[str, str],
) -> Cell:
    shots = (
        _shot(layer, recipe, channel, keys[recipe.name, channel], cache, broken)
        for recipe in recipes
        if (recipe.name, channel) in keys
    )
    return Cell(layer, channel, index, tuple(shots))


def _shot(
    layer: LayerView, recipe: RecipeView, channel: int, key: str, cache: Cache, broken: Mapping[str, str]
) -> Shot:
    path = layer.picture(recipe, channel)
    if key in broken:
        return Shot(recipe, "failed", path, reason=broken[key])
    record = cache.get(key)
    if record is not None:
        state: State = "dead" if record.dead else "shown"
        moving = layer.animation(recipe, channel) if animation_file(recipe, key, cache) else ""
        return Shot(recipe, state, path, record, animation=moving)
    failure = cache.failure(key)
    if failure is not None:
        return Shot(recipe, "failed", path, reason=failure.reason)
    return Shot(recipe, "missing", path)


def animation_file(recipe: RecipeView, key: str, cache: Cache) -> Path | None:
    """Where the cache has the animation of a picture, if it has one."""
    path = cache.animation_path(key, recipe.animation_kind) if recipe.animation_kind else None
    return path if path is not None and path.exists() else None


def summarize(layer: LayerView, cells: Sequence[Cell], whole: Cell) -> Summary:
    """A layer in numbers; its best channels are the most active ones by its first recipe."""
    states = [shot.state for cell in (*cells, whole) for shot in cell.shots]
    return Summary(
        shown=states.count("shown") + states.count("dead"),
        failed=states.count("failed"),
        missing=states.count("missing"),
        dead=states.count("dead"),
        best=tuple(_best(layer.face, cells or (whole,))),
        bare={
            recipe.slug: tuple(cell.channel for cell in cells if not cell.visible(recipe))
            for recipe in layer.recipes
        },
        wholes=tuple(shot.recipe.slug for shot in whole.shots if shot.visible),
    )


def _best(recipe: RecipeView, cells: Sequence[Cell]) -> list[int]:
    shots = [(cell.index, cell.shot(recipe)) for cell in cells]
    alive = [
        (abs(shot.record.activation), -index)
        for index, shot in shots
        if shot and shot.record and not shot.record.dead
    ]
    return [-index for _, index in sorted(alive, reverse=True)[:BEST]]


def source_of(*parts: object) -> str:
    """A short digest of what something is made from: equal digests, equal results."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:20]


def stamps_of(layer: LayerView, keys: Keys, stamps: Mapping[str, Stamp]) -> list[Stamp | None]:
    """The cache's stamps of all pictures of a layer, in the layer's own order."""
    return [
        stamps.get(keys.get((recipe.name, channel), ""))
        for recipe in (*layer.recipes, *layer.wholes)
        for channel in layer.channels_of(recipe)
    ]
