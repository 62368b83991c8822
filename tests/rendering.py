"""Pictures straight from a task, as a worker makes them, without plan, engine or cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from generator.cache.records import Record
from generator.config.recipes import Recipe
from generator.config.schema import ModelConfig
from generator.engines import worker
from generator.engines.pictures import PictureTask, Wanted
from generator.engines.tasks import Bench, Output, Task
from generator.models.zoo import open_model
from generator.targets import WHOLE, Channel, Unit, Whole


@dataclass(frozen=True)
class Picture:
    """What a worker hands back of one picture, or why there is none."""

    output: Output

    @property
    def error(self) -> str:
        return self.output.error

    @property
    def record(self) -> Record:
        assert self.error == ""
        return Record.from_json(self.output.record)

    @property
    def channel(self) -> int:
        return self.record.channel

    @property
    def width(self) -> int:
        return self.record.width

    @property
    def height(self) -> int:
        return self.record.height

    @property
    def activation(self) -> float:
        return self.record.activation

    @property
    def trajectory(self) -> tuple[float, ...]:
        return self.record.trajectory

    @property
    def dead(self) -> bool:
        return self.record.dead

    @property
    def sparsity(self) -> float | None:
        return self.record.extra.get("sparsity")

    @property
    def false_colour(self) -> bool:
        return self.record.extra.get("false_colour", False)

    @property
    def png(self) -> bytes:
        return self.output.files.get("png", b"")

    @property
    def animation_kind(self) -> str:
        return self.record.extra.get("animation", "")

    @property
    def animation(self) -> bytes:
        return self.output.files.get(self.animation_kind, b"")


def unit_of(unit: int | Unit) -> Unit:
    """A unit, or the one that a channel's number, or WHOLE, stands for."""
    if isinstance(unit, int):
        return Whole() if unit == WHOLE else Channel(unit)
    return unit


def picture_task(
    model: str, config: ModelConfig, layer: str, recipe: Recipe, units: Sequence[int | Unit], **more: Any
) -> PictureTask:
    """A task of these channels or other units; the network is opened for its fingerprint; keys are names."""
    if "fingerprint" not in more:
        more["fingerprint"] = open_model(model, config).anatomy.fingerprint
    given_units = [unit_of(unit) for unit in units]
    wanted = tuple(Wanted(unit.name, unit) for unit in given_units)
    given = {"model": model, "config": config, "layer": layer, "recipe": recipe, "wanted": wanted}
    usual = {"recipe_name": "recipe", "identity": recipe.identity(), "batch": len(units)}
    return PictureTask(**{**usual, **given, **more})


def work(task: Task, bench: Bench = Bench()) -> list[Picture]:  # noqa: B008  # it is frozen
    """The pictures of a task, worked off in this process."""
    return [Picture(output) for output in worker.work(task, bench).outputs]
