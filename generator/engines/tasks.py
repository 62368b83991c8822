"""What an engine is given and what it gives back; plain values that travel between processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from generator.config import ModelConfig
from generator.recipes import Recipe


@dataclass(frozen=True)
class Task:
    """Channels of one layer to render together by one recipe.

    `fingerprint` is what planning knew of the network: a worker that opens another one refuses. At most
    `batch` pictures are optimised at once; the task is worked off in as many rounds as that takes.
    """

    model: str
    config: ModelConfig
    fingerprint: str
    layer: str
    recipe: Recipe
    channels: tuple[int, ...]
    batch: int


@dataclass(frozen=True)
class Picture:
    """A finished picture as PNG bytes, with what its record needs; or, with `error`, none."""

    channel: int
    png: bytes = b""
    width: int = 0
    height: int = 0
    activation: float = 0.0
    trajectory: tuple[float, ...] = ()
    dead: bool = False
    error: str = ""


@dataclass(frozen=True)
class Result:
    """What became of a task: a picture a channel, the seconds it took, and the versions that made it."""

    task: Task
    pictures: tuple[Picture, ...]
    seconds: float
    versions: dict[str, str] = field(default_factory=dict)


class Engine(Protocol):
    """Where batches run."""

    def run(self, tasks: Iterable[Task]) -> Iterator[Result]:
        """Work off the tasks and yield each result as it comes, in any order."""

    def stop(self) -> None:
        """Start no further task; `run` ends once those under way have finished."""


def failed(task: Task, reason: str) -> Result:
    """A result that says of each channel of the task why it could not be rendered."""
    return Result(task, tuple(Picture(channel, error=reason) for channel in task.channels), 0.0)
