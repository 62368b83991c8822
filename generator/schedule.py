"""Due jobs -> tasks: what is rendered together, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from generator.config.recipes import Recipe
from generator.engines.opened import stay
from generator.engines.pictures import PictureTask, Wanted
from generator.plan import Group, Job, Plan, group
from generator.timings import Timings

PIXELS_PER_BATCH = 4 * 160 * 160
LARGEST_BATCH = 16
_COPIED = 2 * 4
"""Bytes for each of a network's weights that a compiled layer holds at most: two copies."""
WORTH_TWICE = 32
"""Batches of a layer beside which it costs little to compile it twice."""


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
    """The tasks of jobs, in the order of `queue`; each is told what was learnt until it is drawn, and is as
    large as suits the device that was met."""

    def together(whole: PictureTask) -> int:
        return max(whole.batch, int(timings.learnt(whole.pace).get("batch", 0)))

    for whole, wanted in _lots(plan, jobs, together):
        known = timings.learnt(whole.pace)
        yield replace(whole, wanted=wanted, precision=known.get("precision"), card=known.get("card"))


def queue(plan: Plan, jobs: Iterable[Job]) -> list[str]:
    """The keys of jobs in the order in which they are rendered."""
    return [one.key for _, wanted in _lots(plan, jobs, lambda whole: whole.batch) for one in wanted]


def _lots(
    plan: Plan, jobs: Iterable[Job], suits: Callable[[PictureTask], int]
) -> Iterator[tuple[PictureTask, tuple[Wanted, ...]]]:
    """What is rendered together: some pictures of each layer first, so that all of a gallery can be looked at
    early, then the rest, layer by layer."""
    wholes = [task_of(plan, members) for members in group(jobs)]
    all_stay = stay([_COPIED * plan.models[whole.model].parameters for whole in wholes])
    early = {}
    for place, whole in enumerate(wholes):
        together = plan.config.batch or whole.batch
        if all_stay or len(whole.wanted) > WORTH_TWICE * together:
            early[place] = together
            yield whole, whole.wanted[:together]
    for place, whole in enumerate(wholes):
        start = early.get(place, 0)
        while start < len(whole.wanted):
            together = plan.config.batch or suits(whole)
            yield whole, whole.wanted[start : start + together]
            start += together
