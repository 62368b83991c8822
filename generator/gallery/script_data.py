"""What the script knows of the site beyond the page it is on: names, addresses, states, orders.

Search data do not list channels one by one: their addresses follow from their layer's, so that the data
of a gallery with 20,000 channels stay small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from generator.evidence.facts import LayerFacts
from generator.gallery.cells import Cell, Summary
from generator.gallery.pages import LayerView, ModelView, Note, RecipeView, SiteView
from generator.gallery.trusting import script_facts


def search_data(site: SiteView, summaries: Mapping[str, Summary]) -> dict[str, Any]:
    """Plain JSON values; static/microscope.js reads them."""
    return {
        "models": [_model(model, summaries) for model in site.models],
        "families": [[family.tag, family.path, len(family.members)] for family in site.families],
        "photos": [[photo.name, photo.model, photo.path, photo.caption] for photo in site.photos],
    }


def _model(model: ModelView, summaries: Mapping[str, Summary]) -> dict[str, Any]:
    return {
        "name": model.name,
        "path": model.path,
        **_note(model.note),
        "layers": [_layer(layer, summaries[layer.folder]) for layer in model.layers],
    }


def _layer(layer: LayerView, summary: Summary) -> dict[str, Any]:
    return {
        "name": layer.name,
        "folder": layer.folder,
        "channels": ranges(layer.channels),
        "recipes": [[recipe.name, recipe.slug] for recipe in layer.recipes],
        "wholes": [[recipe.name, recipe.slug] for recipe in layer.wholes if recipe.slug in summary.wholes],
        "without": {slug: ranges(channels) for slug, channels in summary.without.items()},
        **_note(layer.note),
        "notes": {str(channel): _note(note) for channel, note in layer.notes},
        "classes": [layer.classes[c] for c in layer.channels] if layer.classes else [],
    }


def _note(note: Note) -> dict[str, Any]:
    named = {"label": note.label, "text": note.text, "tags": list(note.tags)}
    return {name: value for name, value in named.items() if value}


def ranges(channels: tuple[int, ...]) -> list[list[int]]:
    """Sorted numbers as inclusive ranges."""
    found: list[list[int]] = []
    for channel in channels:
        if found and found[-1][1] == channel - 1:
            found[-1][1] = channel
        else:
            found.append([channel, channel])
    return found


# -- a layer's page --------------------------------------------------------------------------------

LETTERS = {"shown": "s", "dead": "d", "failed": "f", "missing": "m"}


def layer_data(
    layer: LayerView,
    cells: Sequence[Cell],
    orders: Mapping[str, Sequence[int]],
    facts: LayerFacts | None,
) -> dict[str, Any]:
    """What the script needs to show a layer's grid by another recipe, and to sort, colour and filter it."""
    known = script_facts(layer, facts)
    of_recipe = known.pop("recipes")
    recipes = [{**_recipe(recipe, cells), **of_recipe.get(recipe.slug, {})} for recipe in layer.recipes]
    return {"recipes": recipes, "orders": dict(orders), **known}


def _recipe(recipe: RecipeView, cells: Sequence[Cell]) -> dict[str, Any]:
    shots = [cell.shot(recipe) for cell in cells]
    records = [shot.record if shot else None for shot in shots]
    data: dict[str, Any] = {
        "name": recipe.name,
        "slug": recipe.slug,
        "sign": int(recipe.recipe.aim.sign),
        "states": "".join(LETTERS[shot.state] if shot else "n" for shot in shots),
        "activation": [_short(record.activation) if record else None for record in records],
    }
    sparsity = [record.extra.get("sparsity") if record else None for record in records]
    return data if None in sparsity else {**data, "sparsity": sparsity}


def _short(value: float) -> float:
    return float(f"{value:.4g}")
