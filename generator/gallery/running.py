"""What open pages may know of a run that goes on while they are read: how far it is, and what comes when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.gallery.pages import SiteView
from generator.plan import Job


@dataclass(frozen=True)
class Running:
    """A run at the moment at which pages are written: pictures that are `done`, and those that are `due`,
    next ones first.

    `at` is when that was, in seconds since 1970; `left` are the seconds until all is done, None where that is
    not known yet.
    """

    at: float
    done: int
    due: Sequence[Job]
    left: float | None = None


def run_data(running: Running | None, site: SiteView) -> dict[str, Any] | None:
    """Plain JSON values, or nothing where no run is on; static/microscope.js reads them."""
    if running is None:
        return None
    return {
        "at": round(1000 * running.at),
        "done": running.done,
        "due": len(running.due),
        "left": None if running.left is None else round(running.left),
        "queue": _ranges(running.due, _addresses(site)),
    }


def _addresses(site: SiteView) -> Mapping[tuple[str, str, str], tuple[str, str]]:
    """A layer's folder and a recipe's, by the names of model, layer and recipe."""
    return {
        (model.name, layer.name, recipe.name): (layer.folder, recipe.slug)
        for model in site.models
        for layer in model.layers
        for recipe in (*layer.recipes, *layer.wholes)
    }


def _ranges(
    due: Iterable[Job], addresses: Mapping[tuple[str, str, str], tuple[str, str]]
) -> list[list[str | int]]:
    """[folder, recipe, first channel, last channel, place of the first in the queue, counted from 1]."""
    found: list[list[Any]] = []
    for place, job in enumerate(due, 1):
        where = addresses.get((job.model, job.layer, job.recipe_name))
        if where is None:
            continue
        if found and found[-1][:2] == [*where] and found[-1][3] == job.channel - 1:
            found[-1][3] = job.channel
        else:
            found.append([*where, job.channel, job.channel, place])
    return found
