"""The kind of task that makes pictures: of units of one layer, by one recipe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from generator.config.recipes import RECIPE_FILES, Recipe
from generator.config.schema import ModelConfig
from generator.engines.belongings import model_files, model_modules, moved_model
from generator.engines.tasks import Bench, NamedFile, Pace, Result, Task
from generator.targets import Target, Unit


@dataclass(frozen=True)
class Wanted:
    """One picture to make: its key, and the unit of the layer that it is of."""

    key: str
    unit: Unit


@dataclass(frozen=True)
class PictureTask:
    """Units of one layer, all of a kind, to render together by one recipe.

    `fingerprint` is what planning knew of the network, and `identity` of the recipe, with the digests of its
    files: a worker that finds another network or other files refuses. At most `batch` pictures are optimised
    at once, fewer if they would take more than `share` of the worker's memory; the task is worked off in as
    many rounds as that takes. `precision` is what was found to be fastest; without it the worker measures
    when the layer, of which the plan has `group` pictures by this recipe, is long enough for that, and
    agrees on it with the others. `card` is what was found so for a graphics card, its name included: there
    a batch is as large as suits the card. `planned` says that they are pictures of the plan, and not of
    directions that were found on the way, which count as evidence.
    """

    model: str
    config: ModelConfig
    fingerprint: str
    layer: str
    recipe_name: str
    recipe: Recipe
    identity: Mapping[str, Any]
    wanted: tuple[Wanted, ...]
    batch: int
    group: int = 0
    share: float = 1.0
    precision: str | None = None
    card: str | None = None
    planned: bool = True

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of its pictures."""
        return tuple(one.key for one in self.wanted)

    @property
    def pace(self) -> Pace:
        """By network, layer and all of the recipe that costs time; effort in pixels and steps."""
        settings = {name: value for name, value in self.identity.items() if name != "seed"}
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
        effort = self.recipe.steps * self.recipe.size**2 * self.recipe.pictures
        return Pace(self.fingerprint, f"{self.layer} {digest}", effort)

    def work(self, bench: Bench) -> Result:
        """Render them."""
        from generator.engines.rendering import render  # TensorFlow is where the worker is

        return render(self, bench)

    def smaller(self) -> PictureTask:
        """With half the batch."""
        return replace(self, batch=max(1, self.batch // 2))

    def parts(self) -> Sequence[PictureTask]:
        """A task for each picture."""
        return [replace(self, wanted=(one,)) for one in self.wanted]

    def modules(self) -> Sequence[str]:
        """Those of the network."""
        return model_modules(self.model, self.config)

    def files(self) -> Sequence[NamedFile]:
        """Those of the network, and the photos that the recipe names, as they were planned."""
        named = [(getattr(self.recipe, field), field) for field in RECIPE_FILES]
        photos = [NamedFile(path, self.identity[field]) for path, field in named if path is not None]
        return [*model_files(self.model, self.config), *photos]

    def moved(self, places: Mapping[Path, Path]) -> PictureTask:
        """With files at other places."""
        named = {field: places.get(getattr(self.recipe, field)) for field in RECIPE_FILES}
        photos = {field: path for field, path in named.items() if path is not None}
        recipe = self.recipe.model_copy(update=photos) if photos else self.recipe
        return replace(self, config=moved_model(self.config, places), recipe=recipe)

    def title(self, key: str) -> str:
        """`efficientnet-lite0/block5c_add/3 (channel)`."""
        unit = next(one.unit for one in self.wanted if one.key == key)
        return f"{self.model}/{Target(self.layer, unit).name} ({self.recipe_name})"


def is_planned(task: Task) -> bool:
    """Whether a task makes pictures of the plan."""
    return isinstance(task, PictureTask) and task.planned
