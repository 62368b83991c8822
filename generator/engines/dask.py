"""Dask's engine: the same tasks on the workers of a cluster. Scheduling, retries and deployment are Dask's.

A bounded number of tasks is in the scheduler's hands. What becomes of them comes back here, or stands in the
cache already, where the workers reach it.
"""

from __future__ import annotations

import math
import pickle
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from distributed import Future, KilledWorker, Variable

from generator.cache.entries import Cache
from generator.engines.crew import PER_WORKER, Crew
from generator.engines.dask_cluster import CANCELLED, DEATHS, Cluster
from generator.engines.dask_task import Call, Reply
from generator.engines.dask_worker import PROBE, Run, answers_of, new_run, stop
from generator.engines.local import default_jobs
from generator.engines.tasks import Limit, NamedFile, Result, Results, Task, failed, unlimited
from generator.engines.worker import start_tensorflow
from generator.errors import UserError, typed_cause

MOST = 2000
"""Tasks in the scheduler's hands at most, however many workers there are: its memory stays flat."""
PATIENCE = 10.0
"""Seconds that workers have to finish their step when the engine stops."""
OFTEN = 2.0
"""Seconds after which it is looked who has joined and who has left."""


@dataclass(frozen=True)
class _Given:
    """A task in the scheduler's hands, under its key there. `home` is the worker that it is best done by,
    `only` are those that may do it, if not all may. A suspect is `watched`: the scheduler is told when it
    begins; `deaths` are those of workers in the midst of it."""

    task: Task
    key: str = ""
    home: str = ""
    only: frozenset[str] = frozenset()
    watched: bool = False
    deaths: int = 0

    @property
    def bound(self) -> frozenset[str]:
        """The workers that the scheduler knows it is for."""
        return self.only or frozenset(filter(None, [self.home]))


_Event = tuple[Future, Reply | BaseException]
"""A task has ended, so or so."""


class DaskEngine:
    """Runs tasks on the workers of a Dask scheduler, for one `run`: of the one at an `address`, or whose
    `file` tells its address, or one with `jobs` worker processes of this machine (default: as many as suit
    it and networks of so many `parameters`).

    Workers that reach the cache at `place` store there what they make. `prepare` is what a worker process
    does first, given its number of threads. `say` is told, in a line, what the user may want to know.

    A worker that dies loses the task that it is at, which others try. Tasks that were there when as many
    workers died as Dask allows are taken apart; of the parts, those fail in whose midst DEATHS more die.
    """

    def __init__(
        self,
        address: str | None = None,
        jobs: int | None = None,
        *,
        file: Path | None = None,
        parameters: int = 0,
        place: Any = None,
        prepare: Callable[[int], None] = start_tensorflow,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._where = address, file, jobs or default_jobs(parameters)
        self._place, self._prepare, self._say = place, prepare, say
        self._id = secrets.token_hex(8)
        self._topic = answers_of(self._id)
        self._opened: tuple[Cluster, Crew, Run] | None = None
        self._events: SimpleQueue[_Event | None] = SimpleQueue()
        self._under_way: dict[Future, _Given] = {}
        self._done: deque[Result] = deque()
        self._begun: Counter[str] = Counter()
        self._numbers = 0
        self._looked = 0.0
        self._stopping = False
        self._deadline: float | None = None
        self._allowed: Limit = unlimited

    @property
    def jobs(self) -> int:
        """Workers that there are; at least one, which may still have to come."""
        return max(1, len(self._connected()[1].usable))

    def _connected(self) -> tuple[Cluster, Crew, Run]:
        if self._opened is None:
            cluster = Cluster(*self._where)
            own = self._where[-1] if cluster.is_local else None
            run = new_run(self._id, self._prepare, self._place, own)
            cluster.client.subscribe_topic(self._topic, lambda event: self._begun.update([event[1]]))
            self._opened = cluster, Crew(cluster, run.versions, self._say), run
        return self._opened

    # -- what others may do meanwhile, in signal handlers and threads too ------------------------------

    def stop(self) -> None:
        """Begin nothing further; tasks under way end after the step that they are in."""
        self._stopping = True
        self._events.put(None)

    def kill(self) -> None:
        """End our own workers at once; tasks on those of others end after their step, as we are gone."""
        self.stop()
        if self._opened is not None:
            self._opened[0].kill()

    # -- the run -----------------------------------------------------------------------------------

    def run(self, tasks: Iterable[Task | None], limit: Limit = unlimited) -> Results:
        """Yield each task's result as it comes; see Engine. Raises UserError when no scheduler answers, or
        none of its workers can take part."""
        remaining, self._allowed = iter(tasks), limit
        self._connected()
        try:
            if self._place is not None:
                Cache(self._place).remember(PROBE, self._id)
            self._hand_out(remaining)
            while self._under_way or self._done:
                for future, reply in self._heard():
                    if given := self._under_way.pop(future, None):
                        future.release()  # or Dask does it again when a worker dies that holds the result
                        self._take(given, reply)
                # Before others store the results, so that no worker waits for that.
                self._hand_out(remaining)
                while self._done:
                    yield self._done.popleft()
                # Some may have waited for just these.
                self._hand_out(remaining)
        finally:
            self._close()

    def _close(self) -> None:
        cluster, *_ = self._connected()
        if self._place is not None:
            with suppress(UserError):
                Cache(self._place).store.delete([f"{PROBE}.json"])
        with suppress(Exception):  # the scheduler may be gone
            Variable(self._topic, client=cluster.client).delete()
        cluster.close()
        self._opened = None

    def _hand_out(self, remaining: Iterator[Task | None]) -> None:
        while not self._stopping and len(self._under_way) < min(MOST, PER_WORKER * self.jobs):
            task = next(remaining, None)
            if task is None:
                return
            self._submit(_Given(task))

    def _submit(self, given: _Given) -> None:
        """Hand a task to the scheduler, perhaps once more."""
        if self._stopping:
            return
        cluster, crew, run = self._connected()
        try:
            topic = self._topic if given.watched else ""
            call = pickle.dumps(Call.of(run, given.task, self._allowed(given.task), topic))
        except OSError as error:
            self._done.append(failed(given.task, f"{error.filename}: can't be read any more; run again"))
            return
        self._numbers += 1
        key = f"{type(given.task).__name__}-{self._numbers}-{self._id}"
        # No home where the others have to be named; nor where cards are asked for: Dask moves what is only
        # advised to workers without one, which it breaks.
        anywhere = crew.only or crew.resources or given.watched
        home = "" if anywhere else crew.home_of(" ".join(given.task.pace[:2]))
        future = cluster.client.submit(
            pickle.loads,
            call,
            key=key,
            workers=[home] if home else sorted(crew.only) or None,
            allow_other_workers=bool(home),
            resources=crew.resources,
            pure=False,
        )
        self._under_way[future] = replace(given, key=key, home=home, only=crew.only)
        cluster.client.loop.add_callback(self._follow, future)

    async def _follow(self, future: Future) -> None:
        """In the client's own thread: wait for what becomes of a task. It may come to nothing and begin anew,
        when a worker dies with what it has finished."""
        try:
            self._events.put((future, await future))
        except (Exception, *CANCELLED) as error:
            self._events.put((future, error))

    # -- what comes of it ----------------------------------------------------------------------------

    def _heard(self) -> list[_Event]:
        """Wait for tasks to end, but not for long, and give those that did."""
        heard: list[_Event | None] = []
        with suppress(Empty):
            heard.append(self._events.get(timeout=0 if self._done else OFTEN / 2))
            while True:
                heard.append(self._events.get_nowait())
        now = time.monotonic()
        if None in heard and self._deadline is None:
            self._end_steps()
        if self._deadline is not None and now > self._deadline:
            self._under_way.clear()
        elif now - self._looked > OFTEN:
            self._look_around()
        return [event for event in heard if event is not None]

    def _look_around(self) -> None:
        """See who is there; hand out again what the scheduler keeps for good for workers that have gone."""
        cluster, crew, _ = self._connected()
        crew.look()
        self._looked = time.monotonic()
        orphans = [(f, given) for f, given in self._under_way.items() if not given.bound <= crew.usable]
        at_work = cluster.at_work() if orphans and crew.usable else None
        for future, given in orphans:
            if at_work is None or given.key in at_work or given.bound & crew.usable:
                continue
            del self._under_way[future]
            crew.leave(given.home)
            cluster.client.cancel([future])
            self._submit(replace(given, watched=True))

    def _end_steps(self) -> None:
        """Tell the workers that we stop."""
        self._deadline = time.monotonic() + PATIENCE
        client = self._connected()[0].client
        options = {"on_error": "ignore"}
        # Not waited for: one of them may not answer.
        threading.Thread(target=client.run, args=(stop, self._id), kwargs=options, daemon=True).start()

    def _take(self, given: _Given, reply: Reply | BaseException) -> None:
        _, crew, _ = self._connected()
        crew.leave(given.home)
        if isinstance(reply, BaseException):
            self._take_error(given, reply)
        elif reply.refusal:
            crew.refuse(reply.worker, reply.refusal)
            self._submit(given)
        elif reply.missing:
            self._send(given, reply.worker, reply.missing)
        else:
            crew.accept(reply.worker)
            self._done.append(Result(given.task, reply.outputs, reply.seconds, reply.learnt))

    def _take_error(self, given: _Given, error: BaseException) -> None:
        if isinstance(error, KilledWorker):
            self._blame(given)
        elif isinstance(error, CANCELLED) or self._connected()[1].met_strangers(given.only):
            self._submit(given)
        else:
            self._done.append(failed(given.task, typed_cause(error)))

    def _blame(self, given: _Given) -> None:
        """Of a task that was in the hands of workers that died: watch its parts, and fail the guilty one."""
        parts = given.task.parts()
        if len(parts) > 1 or not given.watched:
            for part in parts:
                self._submit(_Given(part.smaller(), watched=True))
            return
        # Dask counts all that a worker had in its hands when it died, not only what it was at.
        deaths = given.deaths + self._begun.pop(given.key, 0)
        if deaths < DEATHS:
            self._submit(replace(given, deaths=deaths))
            return
        allowed = self._allowed(given.task)
        hint = "" if allowed == math.inf else f" (a worker that takes over {allowed:,.0f} s ends itself)"
        self._done.append(failed(given.task, f"{deaths} workers died in the midst of it, tried alone{hint}"))

    def _send(self, given: _Given, worker: str, files: Sequence[NamedFile]) -> None:
        """Send a worker the files that it lacks, and hand the task out again."""
        cluster, crew, _ = self._connected()
        fixed = [file.root or file.path for file in files if not file.travels]
        if fixed:
            crew.refuse(worker, f"the Dask worker at {worker} doesn't see {fixed[0]}, as this process does")
        elif wrong := cluster.send(worker, files):
            self._done.append(failed(given.task, wrong))
            return
        self._submit(given)
