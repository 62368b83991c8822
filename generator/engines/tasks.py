"""What an engine is given and what it gives back; plain values that travel between processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from generator.config.recipes import Recipe
from generator.config.schema import ModelConfig


@dataclass(frozen=True)
class Setup:
    """How a layer is rendered on this machine: the format it computes in and the pictures of a step."""

    precision: str = "float32"
    batch: int = 1


@dataclass(frozen=True)
class Task:
    """Channels of one layer to render together by one recipe.

    `fingerprint` is what planning knew of the network: a worker that opens another one refuses. At most
    `batch` pictures are optimised at once, fewer if they would take more than `memory` bytes; the task is
    worked off in as many rounds as that takes. `precision` is what was measured to be fastest; without it
    the worker measures when the layer, of which `due` pictures are to be made, is long enough.
    """

    model: str
    config: ModelConfig
    fingerprint: str
    layer: str
    recipe: Recipe
    channels: tuple[int, ...]
    batch: int
    due: int = 0
    memory: int | None = None
    precision: str | None = None


@dataclass(frozen=True)
class Picture:
    """A finished picture as PNG bytes, with what its record needs; or, with `error`, none.

    `animation` is a file's bytes, `animation_kind` webp or gif, where the recipe asks for one; `false_colour`
    says that the network's input has colours that no screen shows; `sparsity`, from 0 to 1, how few of the
    layer's channels answer to the picture, None where one of them gives no number.
    """

    channel: int
    png: bytes = b""
    width: int = 0
    height: int = 0
    activation: float = 0.0
    trajectory: tuple[float, ...] = ()
    dead: bool = False
    error: str = ""
    animation: bytes = b""
    animation_kind: str = ""
    false_colour: bool = False
    sparsity: float | None = None


@dataclass(frozen=True)
class Result:
    """What became of a task: a picture a channel, the seconds it took, and the versions that made it.

    `setup` is what it was rendered with, and `measured` says that this is known to be the fastest here.
    """

    task: Task
    pictures: tuple[Picture, ...]
    seconds: float
    setup: Setup = Setup()
    measured: bool = False
    versions: dict[str, str] = field(default_factory=dict)


class Engine(Protocol):
    """Where batches run.

    `jobs` tasks run at a time, each on `threads` cores with `memory` bytes free for it.
    """

    jobs: int
    threads: int
    memory: int

    def run(self, tasks: Iterable[Task]) -> Iterator[Result]:
        """Work off the tasks and yield each result as it comes, in any order."""

    def stop(self) -> None:
        """Start no further task; `run` ends once those under way have finished."""


def failed(task: Task, reason: str) -> Result:
    """A result that says of each channel of the task why it could not be rendered."""
    return Result(task, tuple(Picture(channel, error=reason) for channel in task.channels), 0.0)
