"""Plan and notes -> the site: which models, layers and channels there are, at which addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from generator.gallery.names import safe_names
from generator.gallery.pages import (
    OWN_IDS,
    Family,
    LayerView,
    Link,
    Member,
    ModelView,
    Note,
    RecipeView,
    SiteView,
)
from generator.gallery.settings import settings_of
from generator.models.anatomy import Anatomy, Layer
from generator.plan import Plan
from generator.targets import WHOLE

Keys = Mapping[tuple[str, int], str]
"""The keys of a layer's pictures by (recipe's name, channel)."""


@dataclass(frozen=True)
class Gathered:
    """The site and, for each layer's folder, the keys of its pictures."""

    site: SiteView
    keys: Mapping[str, Keys]


@dataclass(frozen=True)
class _Known:
    """What layers are put together from: keys by (model, layer), recipes by name, notes by address, families
    by tag."""

    keys: Mapping[tuple[str, str], Keys]
    recipes: Mapping[str, RecipeView]
    notes: Mapping[str, Note]
    families: Mapping[str, Link]


def gather(plan: Plan, notes: Mapping[str, Note]) -> Gathered:
    """The site of a plan; reads no picture and no record."""
    keys: dict[tuple[str, str], dict[tuple[str, int], str]] = {}
    for job in plan.jobs:
        keys.setdefault((job.model, job.layer), {})[job.recipe_name, job.channel] = job.key
    known = _Known(keys, _recipes(plan), notes, _family_links(keys, notes))
    folders = safe_names(plan.models)
    models = tuple(
        _model(name, f"models/{folders[name]}", anatomy, known) for name, anatomy in plan.models.items()
    )
    site = SiteView(
        title=plan.config.title,
        description=plan.config.description,
        url=(plan.config.url or "").rstrip("/"),
        has_families=bool(known.families),
        has_photos=False,
        models=models,
        recipes=tuple(known.recipes.values()),
        families=_families(models, known.families),
    )
    return Gathered(site, {layer.folder: keys[layer.model, layer.name] for layer in site.layers})


def _recipes(plan: Plan) -> dict[str, RecipeView]:
    slugs = safe_names(plan.recipes, OWN_IDS)
    return {
        name: RecipeView(name, slugs[name], recipe, settings_of(recipe))
        for name, recipe in plan.recipes.items()
    }


def _fitted(view: RecipeView, anatomy: Anatomy) -> RecipeView:
    """A recipe as it was used on a network: on one of small pictures with their size."""
    if anatomy.own_side is None:
        return view
    recipe = view.recipe.fitted(anatomy.own_side)
    return replace(view, recipe=recipe, settings=settings_of(recipe))


def _model(name: str, folder: str, anatomy: Anatomy, known: _Known) -> ModelView:
    # All layers of the network take part, so that a layer's address does not depend on the plan.
    folders = safe_names(layer.name for layer in anatomy.layers)
    known = replace(known, recipes={key: _fitted(view, anatomy) for key, view in known.recipes.items()})
    layers = tuple(
        _layer(name, f"{folder}/{folders[layer.name]}", layer, anatomy, known)
        for layer in anatomy.layers
        if (name, layer.name) in known.keys
    )
    return ModelView(name, folder, anatomy, layers, known.notes.get(name, Note()))


def _layer(model: str, folder: str, layer: Layer, anatomy: Anatomy, known: _Known) -> LayerView:
    keys, address = known.keys[model, layer.name], f"{model}/{layer.name}"
    channels = tuple(sorted({channel for _, channel in keys} - {WHOLE}))
    used = {name for name, _ in keys}
    recipes = [view for name, view in known.recipes.items() if name in used]
    notes = tuple((c, known.notes[f"{address}/{c}"]) for c in channels if f"{address}/{c}" in known.notes)
    tags = {tag for _, note in notes for tag in note.tags}
    return LayerView(
        model=model,
        name=layer.name,
        folder=folder,
        layer=layer,
        channels=channels,
        recipes=tuple(view for view in recipes if not view.whole),
        wholes=tuple(view for view in recipes if view.whole),
        note=known.notes.get(address, Note()),
        notes=notes,
        classes=anatomy.classes if _names_classes(layer, anatomy) else (),
        families=tuple(link for tag, link in known.families.items() if tag in tags),
    )


def _names_classes(layer: Layer, anatomy: Anatomy) -> bool:
    return len(layer.shape) == 1 and layer.channels == len(anatomy.classes)


def _family_links(keys: Mapping[tuple[str, str], Keys], notes: Mapping[str, Note]) -> dict[str, Link]:
    """The page of every tag that a channel of the plan has, in the order of the alphabet."""
    channels = {
        f"{model}/{layer}/{channel}"
        for (model, layer), pictures in keys.items()
        for _, channel in pictures
        if channel != WHOLE
    }
    tags = dict.fromkeys(tag for address, note in notes.items() if address in channels for tag in note.tags)
    slugs = safe_names(tags)
    return {tag: Link(tag, f"families/{slugs[tag]}.html") for tag in sorted(tags, key=_alphabetically)}


def _alphabetically(tag: str) -> tuple[str, str]:
    return tag.casefold(), tag


def _families(models: Iterable[ModelView], links: Mapping[str, Link]) -> tuple[Family, ...]:
    members: dict[str, list[Member]] = {tag: [] for tag in links}
    for layer in (layer for model in models for layer in model.layers):
        for channel, note in layer.notes:
            for tag in note.tags:
                members[tag].append(Member(layer, channel, note))
    return tuple(Family(tag, link.path, tuple(members[tag])) for tag, link in links.items())
