"""Pictures of directions that are found on the way: no plan knows them, the cache keeps them all the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from generator.config.cookbook import CELL
from generator.config.recipes import Recipe
from generator.engines.pictures import PictureTask, Wanted
from generator.inquiries.surveys import There
from generator.plan import Plan, job_key
from generator.schedule import directions_together
from generator.targets import Direction, Target


@dataclass(frozen=True)
class Directions:
    """Pictures of directions of a layer by the recipe of that name, whose objective is `direction`.

    The recipe's own direction, if it has one, plays no part: each picture has its own.
    """

    plan: Plan
    model: str
    layer: str
    recipe_name: str = CELL

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe, the config's changes included. In float32: which format is faster is measured on each
        machine anew, and the pictures of one grid, made at several times, are to be alike."""
        return self.plan.config.recipe(self.recipe_name).model_copy(update={"precision": "float32"})

    @cached_property
    def _identity(self) -> dict[str, Any]:
        return self.recipe.identity()

    def key(self, direction: Direction) -> str:
        """The key of a direction's picture."""
        anatomy = self.plan.models[self.model]
        target = Target(anatomy.layer(self.layer).identity, direction)
        return job_key(anatomy.fingerprint, target, self._identity)

    def tasks(self, directions: Iterable[Direction], there: There) -> Iterator[PictureTask]:
        """The pictures that are due, a batch a task; equal directions have one picture."""
        named = {self.key(direction): direction for direction in directions}
        due = [Wanted(key, direction) for key, direction in named.items() if key not in there]
        batch = directions_together(self.recipe)
        for start in range(0, len(due), batch):
            yield PictureTask(
                model=self.model,
                config=self.plan.config.models[self.model],
                fingerprint=self.plan.models[self.model].fingerprint,
                layer=self.layer,
                recipe_name=self.recipe_name,
                recipe=self.recipe,
                identity=self._identity,
                wanted=tuple(due[start : start + batch]),
                batch=batch,
                share=self.plan.config.memory,
                precision="float32",
                planned=False,
            )
