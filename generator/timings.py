"""What was measured on this machine: how long pictures take, and which setup is fastest."""

from __future__ import annotations

import json
import platform
from typing import Any

from generator.cache.entries import Cache, write_atomically
from generator.config.recipes import Recipe
from generator.engines.tasks import Result, Task
from generator.plan import Group, Plan


class Timings:
    """Measurements by machine, network, layer and recipe, kept in the cache."""

    def __init__(self, cache: Cache) -> None:
        self._path = cache.timings_path
        try:
            self._all: dict[str, dict[str, dict[str, Any]]] = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            self._all = {}
        self._mine = self._all.setdefault(f"{platform.node()} {platform.processor()}", {})

    def add(self, result: Result, jobs: int) -> None:
        """Take a result into account: `jobs` such tasks run at a time."""
        task = result.task
        if result.seconds <= 0:
            return
        known = self._mine.setdefault(_name(task.fingerprint, task.layer, task.recipe), {})
        seconds = result.seconds / len(result.pictures) / jobs
        # A layer's first task includes opening and compiling; the fastest tells the steady speed.
        known["seconds"] = min(seconds, known.get("seconds", seconds))
        known["work"] = task.recipe.steps * task.recipe.size**2
        if result.measured:
            known["precision"] = result.setup.precision

    def save(self) -> None:
        """Write what was measured."""
        write_atomically(self._path, json.dumps(self._all, sort_keys=True).encode())

    def precision(self, task: Task) -> str | None:
        """The precision that was measured to be fastest for a task's layer; None if none was."""
        known = self._mine.get(_name(task.fingerprint, task.layer, task.recipe), {})
        return known.get("precision")

    def estimate(self, plan: Plan, members: Group) -> float | None:
        """Seconds that a group will take, by its own or its network's measured speed; None if unknown."""
        fingerprint = plan.models[members.model].fingerprint
        recipe = plan.recipes[members.recipe_name]
        own = self._mine.get(_name(fingerprint, members.layer, recipe))
        if own is not None:
            return float(own["seconds"]) * len(members.jobs)
        kin = [m["seconds"] / m["work"] for name, m in self._mine.items() if name.startswith(fingerprint)]
        return sum(kin) / len(kin) * recipe.steps * recipe.size**2 * len(members.jobs) if kin else None


def _name(fingerprint: str, layer: str, recipe: Recipe) -> str:
    return f"{fingerprint} {layer} {recipe.size} {recipe.steps} {recipe.objective} {recipe.precision}"
