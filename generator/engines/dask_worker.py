"""A worker process of a Dask cluster as tasks find it: what was prepared in it, what it offers, whom it asks.

A task is worked off in one thread, one after the other, whatever number of threads Dask gives the worker:
TensorFlow fills the cores by itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from distributed import Lock, Variable
from distributed.comm import get_address_host
from distributed.utils import sync

from generator.cache.entries import Cache
from generator.engines import memory
from generator.engines.local import cores, search_path
from generator.engines.refusals import versions
from generator.engines.timer import after
from generator.errors import MicroscopeError

PROBE = "probe"
"""What the client leaves in its cache meanwhile, for workers to find out whether they reach it."""


@dataclass(frozen=True)
class Run:
    """What all tasks of a run have in common.

    `versions` are the client's, `path` is where it looks modules up, `place` where its cache is, if workers
    may store there. `threads` and `memory` are each worker's share, 0 where that is the worker's own affair.
    `prepare` is called once in each worker process, with its number of threads. Unless `loud`, what workers
    print is dropped.
    """

    id: str
    versions: Mapping[str, str]
    path: Sequence[str]
    prepare: Callable[[int], None]
    place: Any = None
    threads: int = 0
    memory: int = 0
    loud: bool = True


def new_run(name: str, prepare: Callable[[int], None], place: Any, jobs: int | None) -> Run:
    """A run of this process; `jobs` is the number of workers of this machine if they are our own."""
    return Run(
        id=name,
        versions=versions(),
        path=search_path(),
        prepare=prepare,
        place=place,
        threads=max(1, cores() // jobs) if jobs else 0,
        memory=memory.available() // jobs if jobs else 0,
        # What networks print belongs into a cluster's logs, but not among our own words.
        loud=not jobs or os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0",
    )


_stopped: set[str] = set()
_prepared: list[str] = []
_caches: dict[str, Cache | None] = {}
"""By run: the client's cache, where this worker reaches it."""


def stop(run: str) -> None:
    """Let a run's tasks end after the step that they are in; those that come later end at once."""
    _stopped.add(run)


@dataclass(frozen=True)
class Here:
    """The worker that a task of a run, by its key, was given to."""

    worker: Any
    key: str
    run: Run

    @property
    def address(self) -> str:
        """The worker's address."""
        return str(self.worker.address)

    @property
    def folder(self) -> Path:
        """Where it keeps files, for as long as it is there."""
        return Path(self.worker.local_directory)

    # -- once in a process, or in a run --------------------------------------------------------------

    def enter(self) -> None:
        """The first time that a run comes here: look modules up where its client does, but last."""
        if self.run.id in _caches:
            return
        sys.path += [place for place in self.run.path if place not in sys.path and Path(place).exists()]
        if not self.run.loud:
            _print_nothing()
        _caches[self.run.id] = self._reached()

    def prepare(self) -> None:
        """The first time that a task is worked off here: start TensorFlow."""
        if not _prepared:
            self.run.prepare(self.run.threads or self._threads())
            _prepared.append(self.run.id)

    @property
    def cache(self) -> Cache | None:
        """The client's cache, where this worker reaches it."""
        return _caches[self.run.id]

    def _reached(self) -> Cache | None:
        """A cache that holds what the client has left there for this run is the client's."""
        if self.run.place is None:
            return None
        try:
            cache = Cache(self.run.place)
            return cache if cache.recall(PROBE) == self.run.id else None
        except (MicroscopeError, OSError, ImportError):
            return None

    # -- its share of the machine ----------------------------------------------------------------------

    def _threads(self) -> int:
        """What Dask gives it; where that is less than its share of the cores, that share."""
        return max(int(self.worker.state.nthreads), cores() // self._neighbours())

    def memory(self) -> int:
        """Bytes that a task may take: of the graphics card if TensorFlow sees one, else of the machine."""
        if (card := memory.of_graphics_card()) is not None:
            return card
        limit = self.run.memory or self.worker.memory_manager.memory_limit
        share = int(limit or memory.available() // self._neighbours())
        return max(0, share - int(memory.resident()))

    def _neighbours(self) -> int:
        """Workers on this host, itself included."""
        host = get_address_host(self.address)
        workers = self.ask_scheduler("identity", n_workers=-1)["workers"]
        return max(1, [get_address_host(address) for address in workers].count(host))

    # -- what others want ------------------------------------------------------------------------------

    def is_given_up(self) -> bool:
        """Whether nobody waits for the task any more: its client has gone, or has cancelled it."""
        task = self.worker.state.tasks.get(self.key)
        return task is None or task.state == "cancelled"

    def is_stopping(self) -> bool:
        """Whether the task is to end after its step."""
        return self.run.id in _stopped or self.is_given_up()

    def agree(self, question: str, answer: str) -> str:
        """The answer of whichever worker of the run was first to find one."""
        name, scheduler = answers_of(self.run.id), self.worker.scheduler
        with Lock(name, scheduler_rpc=scheduler, loop=self.worker.loop):
            # Dask's own get_client is for threads of Dask's own.
            known = Variable(name, client=self.worker._get_client())
            try:
                answers = dict(known.get(timeout=0.1))
            except TimeoutError:
                answers = {}
            if question not in answers:
                known.set({**answers, question: answer})
            return str(answers.get(question, answer))

    def ask_scheduler(self, what: str, **arguments: Any) -> Any:
        """What the scheduler answers, waited for."""
        return sync(self.worker.loop, getattr(self.worker.scheduler, what), **arguments)


def answers_of(run: str) -> str:
    """The name under which the scheduler keeps what a run's workers agreed on."""
    return f"pocket-microscope {run}"


def ends_if_it_takes_longer(seconds: float) -> AbstractContextManager[None]:
    """End this process when what is done within hangs; others try the task then."""
    return after(seconds, partial(os._exit, 1))


def _print_nothing() -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    os.close(nothing)
