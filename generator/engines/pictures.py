"""The kind of task that makes pictures: of units of one layer, by one recipe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from generator.config.recipes import Recipe
from generator.config.schema import ModelConfig
from generator.engines.tasks import Bench, Pace, Result
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
    agrees on it with the others.
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

    def title(self, key: str) -> str:
        """`efficientnet-lite0/block5c_add/3 (channel)`."""
        unit = next(one.unit for one in self.wanted if one.key == key)
        return f"{self.model}/{Target(self.layer, unit).name} ({self.recipe_name})"
