"""Due jobs -> tasks: what is rendered together, and how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from generator.config.recipes import Recipe
from generator.engines.pictures import PictureTask, Wanted
from generator.plan import Group, Job, Plan, group
from generator.timings import Timings

PIXELS_PER_BATCH = 4 * 160 * 160
LARGEST_BATCH = 16


def batch_size(recipe: Recipe) -> int:
    """Pictures optimised in one step: what a core's cache holds, by the pictures' size alone.

    Sums are rounded otherwise at other batch sizes, and gradient ascent makes that a visible difference in
    deep layers; so a key has one batch size, and smaller lots are filled up. It is a power of two: of eleven,
    oneDNN computes eight alike and the rest in another way, and a picture would depend on its place.
    """
    # A layer has one picture that is of all of it.
    return 1 if recipe.of_whole_layer else directions_together(recipe)


def directions_together(recipe: Recipe) -> int:
    """The same for pictures of directions, of which a layer has many."""
    fitting = min(LARGEST_BATCH, max(1, PIXELS_PER_BATCH // (recipe.size**2 * recipe.pictures)))
    return 1 << fitting.bit_length() - 1


def task_of(plan: Plan, members: Group) -> PictureTask:
    """One task of all pictures of a group."""
    recipe = plan.recipes[members.recipe_name]
    return PictureTask(
        model=members.model,
        config=plan.config.models[members.model],
        fingerprint=plan.models[members.model].fingerprint,
        layer=members.layer,
        recipe_name=members.recipe_name,
        recipe=recipe,
        identity=plan.identities[members.recipe_name],
        wanted=tuple(Wanted(job.key, job.target.unit) for job in members.jobs),
        batch=batch_size(recipe),
        group=plan.sizes[members.model, members.layer, members.recipe_name],
        share=plan.config.memory,
    )


def tasks_of(plan: Plan, jobs: Iterable[Job], timings: Timings) -> Iterator[PictureTask]:
    """The tasks of jobs, in their order; each is told what was learnt until it is drawn."""
    for members in group(jobs):
        whole = task_of(plan, members)
        together = plan.config.batch or whole.batch
        for start in range(0, len(whole.wanted), together):
            precision = timings.learnt(whole.pace).get("precision")
            yield replace(whole, wanted=whole.wanted[start : start + together], precision=precision)
