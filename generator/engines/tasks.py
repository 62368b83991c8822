"""What an engine is given and what it gives back; plain values that travel between processes.

Tasks are of several kinds, each a class of its own that knows how it is worked off. Engines and workers
know only what stands here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol


@dataclass(frozen=True)
class Bench:
    """What a worker offers a task.

    `memory` are the bytes that it may take, None for as much as it likes. `stopping` is to be asked between
    steps: when true, the task hands back what is finished. `agree(question, answer)` is for what must be the
    same in all workers: it gives back the answer of whoever was first to find one.
    """

    memory: int | None = None
    stopping: Callable[[], bool] = lambda: False
    agree: Callable[[str, str], str] = lambda question, answer: answer


class Pace(NamedTuple):
    """What a task's measured speed is kept under: the network, what is done with it, and the effort that
    one output takes beside others of the same network."""

    network: str
    what: str
    effort: float


@dataclass(frozen=True)
class Output:
    """What became of one job: the record and the files, by kind, to store under its key; or why there are
    none, and whether that would be so each time it is tried (`lasting`). When `stored` is true the worker has
    put them into the cache, and they are not here."""

    key: str
    record: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    error: str = ""
    stored: bool = False
    lasting: bool = False


@dataclass(frozen=True)
class Result:
    """What became of a task: an output for each of its keys, fewer if it was stopped midway; and the seconds
    that took.

    `learnt` is what workers agreed on for all tasks of that pace, to be told to later ones.
    """

    task: Task
    outputs: tuple[Output, ...]
    seconds: float = 0.0
    learnt: Mapping[str, str] = field(default_factory=dict)


class NamedFile(NamedTuple):
    """A file or folder that a task names, for workers that may not see it.

    `digest` is the SHA-256 (hex) of what is in it, empty where being there is enough. It can be sent if it
    `travels`. Where it is one of many in a folder, that is its `root`: a worker that sees the folder needs
    nothing, another gets the folder with the files that its tasks name.
    """

    path: Path
    digest: str = ""
    root: Path | None = None
    travels: bool = True


class Task(Protocol):
    """Work that one process does in one go. It is pickled, so it names things rather than holding them."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the jobs that it works off."""

    @property
    def pace(self) -> Pace:
        """What its measured speed is kept under."""

    def work(self, bench: Bench) -> Result:
        """Do it. What goes wrong with one job is in its output; what goes wrong with all may be raised."""

    def smaller(self) -> Task:
        """The same in less memory, if there is a way."""

    def parts(self) -> Sequence[Task]:
        """The same as several tasks that don't share a fate; one only, where it can't be taken apart."""

    def modules(self) -> Sequence[str]:
        """The modules, as Python imports them, that have to be installed or lie where we look."""

    def files(self) -> Sequence[NamedFile]:
        """The files that it reads. OSError when one can't be read any more."""

    def moved(self, places: Mapping[Path, Path]) -> Task:
        """The same with files, and roots of files, at other places; those that are not named stay."""

    def title(self, key: str) -> str:
        """How messages name what is made under one of its keys."""


Results = Generator[Result, None, None]
"""Results as they come; to be closed, which ends what is still under way."""


Limit = Callable[[Task], float]
"""Seconds after which a task that has not come to its end is taken to hang."""


def unlimited(task: Task) -> float:
    """A Limit that lets every task take as long as it does."""
    return math.inf


class Engine(Protocol):
    """Where tasks run, `jobs` at a time."""

    @property
    def jobs(self) -> int:
        """How many."""

    def run(self, tasks: Iterable[Task | None], limit: Limit = unlimited) -> Results:
        """Work off the tasks, each drawn when there is a worker for it, and yield the results as they come.

        None instead of a task says that further ones depend on results that were not taken yet. A worker that
        takes longer than `limit` allows its task is ended, where an engine can do that. Raises WorkerError
        when no worker can be started.
        """

    def stop(self) -> None:
        """Begin nothing further; `run` ends once tasks under way have finished the step they are in."""

    def kill(self) -> None:
        """End all workers at once; what they were working on is lost."""


def failed(task: Task, reason: str, *, lasting: bool = False) -> Result:
    """A result that says of each of the task's jobs why it could not be done; see Output."""
    return Result(task, tuple(Output(key, error=reason, lasting=lasting) for key in task.keys))
