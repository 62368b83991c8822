"""This machine's engine: a few worker processes, each with its share of the cores.

Several processes with few threads each render more pictures a second than one process with many threads
(two with one thread each 1.1 to 1.2 times as many as one with two, on 2 cores), and a worker that dies
takes no picture of the others with it.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue

from generator.engines import memory
from generator.engines.process import Ended, Events, Process
from generator.engines.tasks import Limit, Result, Results, Task, failed, unlimited
from generator.engines.worker import READY, STOP, Answer, Question, Start
from generator.errors import WorkerError

KILLED = -9
"""The exit code after SIGKILL."""

PATIENCE = 5.0
"""Seconds that a worker has to finish its step when the engine stops; then it is ended."""


def default_jobs(parameters: int = 0) -> int:
    """Worker processes that suit this machine, for networks of at most so many parameters.

    One per two GiB of free memory, or per what opening a large network takes; at most one a core; a single
    one where there is a graphics card, which they would have to share.
    """
    if has_graphics_card():
        return 1
    # While a network is opened, its weights are there up to four times (VGG19: 548 MB of 1.9 GB and more).
    each = max(2 << 30, (1 << 30) + 4 * 4 * parameters)
    return max(1, min(cores(), memory.available() // each))


def has_graphics_card() -> bool:
    """Whether TensorFlow would find one."""
    return Path("/dev/nvidia0").exists()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class _Attempt:
    """A task, as it was given, and as it is tried for the first or second time."""

    given: Task
    tried: Task
    second: bool = False


@dataclass
class _Worker:
    """A process, whether it has started up, what it is at, and when that is taken to hang; `hung` says that
    it was ended for that."""

    process: Process
    ready: bool = False
    attempt: _Attempt | None = None
    until: float = math.inf
    hung: bool = False


class LocalEngine:
    """Runs tasks in `jobs` processes (default: as many as suit the machine and networks of so many
    `parameters`); for one `run`.

    A worker that dies, or is ended because it hangs, is replaced and its task tried once more, with less
    memory and nothing beside it; a task that costs two workers fails.
    """

    def __init__(self, jobs: int | None = None, parameters: int = 0) -> None:
        self.jobs = jobs or default_jobs(parameters)
        self._limit = self.jobs
        self._start = Start(search_path(), max(1, cores() // self.jobs), memory.available() // self.jobs)
        self._kills = memory.kills()
        self._workers: dict[Process, _Worker] = {}
        self._events: Events = SimpleQueue()
        self._agreed: dict[str, str] = {}
        self._again: deque[_Attempt] = deque()
        self._stopping = False
        self._deadline = math.inf
        self._allowed: Limit = unlimited

    # -- what others may do meanwhile, in signal handlers and threads too ------------------------------

    def stop(self) -> None:
        """Begin nothing further; tasks under way end after the step that they are in."""
        self._stopping = True
        self._events.put(None)

    def kill(self) -> None:
        """End the workers at once; what they were working on is lost."""
        self.stop()
        for process in list(self._workers):
            process.kill()

    # -- the run -----------------------------------------------------------------------------------

    def run(self, tasks: Iterable[Task | None], limit: Limit = unlimited) -> Results:
        """Yield each task's result as it comes; see Engine."""
        remaining, self._allowed = iter(tasks), limit
        try:
            self._hand_out(remaining)
            while self._busy():
                result = self._next_result()
                # Before others store the result, so that no worker waits for that.
                self._hand_out(remaining)
                if result is not None:
                    yield result
                    # Some may have waited for just this one.
                    self._hand_out(remaining)
        finally:
            for process in self._workers:
                process.close()
            self._workers.clear()

    def _busy(self) -> list[_Worker]:
        return [worker for worker in self._workers.values() if worker.attempt is not None]

    def _hand_out(self, remaining: Iterator[Task | None]) -> None:
        """Give a task to each worker that has none, and start workers as long as there is more to do."""
        self._dismiss_surplus()
        while not self._stopping and len(self._busy()) < self._limit:
            attempt = self._draw(remaining)
            if attempt is None:
                return
            idle = (worker for worker in self._workers.values() if worker.attempt is None)
            worker = next(idle, None) or self._new_worker()
            worker.attempt, worker.until = attempt, time.monotonic() + self._allowed(attempt.given)
            worker.process.give(attempt.tried)

    def _draw(self, remaining: Iterator[Task | None]) -> _Attempt | None:
        busy = self._busy()
        if any(worker.attempt and worker.attempt.second for worker in busy):
            return None
        if self._again:
            return None if busy else self._again.popleft()
        task = next(remaining, None)
        return None if task is None else _Attempt(task, task)

    def _new_worker(self) -> _Worker:
        worker = _Worker(Process(self._start, self._events))
        self._workers[worker.process] = worker
        return worker

    def _dismiss_surplus(self) -> None:
        free = [process for process, worker in self._workers.items() if worker.attempt is None]
        for process in free[: max(0, len(self._workers) - self._limit)]:
            process.close()
            del self._workers[process]

    # -- what comes from the workers -----------------------------------------------------------------

    def _next_result(self) -> Result | None:
        """Wait for something to happen; returns the result if it is one."""
        try:
            event = self._events.get(timeout=self._patience())
        except Empty:
            self._end_overdue()
            return None
        if event is None:
            self._end_steps()
            return None
        process, message = event
        if process not in self._workers:
            return None  # it was dismissed
        if isinstance(message, Ended):
            return self._ended(self._workers[process], message)
        return self._heard(self._workers[process], message)

    def _patience(self) -> float | None:
        """Seconds until something has taken too long; None if nothing can."""
        first = min([self._deadline, *(worker.until for worker in self._busy())])
        return None if first == math.inf else min(max(0.0, first - time.monotonic()), threading.TIMEOUT_MAX)

    def _end_overdue(self) -> None:
        """End those workers that take too long, all of them when the engine has stopped."""
        now = time.monotonic()
        for worker in self._busy():
            if now >= min(worker.until, self._deadline):
                worker.hung, worker.until = worker.until <= now, math.inf
                worker.process.kill()
        if now >= self._deadline:
            self._deadline = math.inf

    def _end_steps(self) -> None:
        """Tell the workers that we stop; those that are still starting up have nothing to finish."""
        self._deadline = time.monotonic() + PATIENCE
        for worker in self._busy():
            if worker.ready:
                worker.process.send(STOP)
            else:
                worker.process.kill()

    def _heard(self, worker: _Worker, message: object) -> Result | None:
        if message == READY:
            worker.ready = True
            return None
        if isinstance(message, Question):
            worker.process.send(Answer(self._agreed.setdefault(message.name, message.answer)))
            return None
        assert isinstance(message, Result) and worker.attempt is not None
        given, worker.attempt = worker.attempt.given, None
        return replace(message, task=given)

    def _ended(self, worker: _Worker, end: Ended) -> Result | None:
        del self._workers[worker.process]
        attempt = worker.attempt
        if attempt is None or self._stopping:
            return None
        if not worker.ready:
            self._again.append(attempt)
            self._not_started(end)
            return None
        if end.code == KILLED and not worker.hung:
            # If it was for its memory, fewer at a time ask for less.
            self._limit = max(1, self._limit // 2)
        if not attempt.second:
            self._again.append(_Attempt(attempt.given, attempt.tried.smaller(), second=True))
            return None
        if worker.hung:
            allowed = f"{self._allowed(attempt.given):,.0f} s"
            return failed(attempt.given, f"it had not come to an end after {allowed}, twice tried")
        return failed(attempt.given, f"its worker process died twice: it {end}{self._hint(end)}")

    def _not_started(self, end: Ended) -> None:
        if not self._workers:
            raise WorkerError(f"a worker process could not start: it {end}{self._hint(end)}")
        self._limit = len(self._workers)

    def _hint(self, end: Ended) -> str:
        """What speaks for a want of memory, if anything does."""
        now = memory.kills()
        if end.code != KILLED:
            return ""
        if now is None or self._kills is None:
            return "; the system does so when memory runs out"
        if now == self._kills:
            return ""
        return f"; meanwhile the system ended {now - self._kills} processes because memory ran out"


def search_path() -> list[str]:
    """Where this process looks modules up; a worker looks there last."""
    return [str(Path(folder or ".").absolute()) for folder in sys.path]
