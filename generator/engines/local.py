"""This machine's engine: a few worker processes, each with its share of the cores.

Several processes with few threads each render more pictures a second than one process with many threads
(two with one thread each 1.1 to 1.2 times as many as one with two, on 2 cores), and a worker that the
system kills for its memory takes no picture of the others with it. Workers end by themselves when the main
process is gone, however it went.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from generator.engines.tasks import Result, Task, failed
from generator.quiet import import_tensorflow, native_messages_hidden


def default_jobs() -> int:
    """Worker processes that suit this machine: one per two GiB of free memory, at most one a core; a
    single one where there is a graphics card, which they would have to share."""
    if Path("/dev/nvidia0").exists():
        return 1
    return max(1, min(cores(), _memory_available() // (2 << 30)))


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory_available() -> int:
    # Not SC_AVPHYS_PAGES: there, memory that holds files' pages counts as taken, though it is given up.
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return 4 << 30


class LocalEngine:
    """Runs tasks in `jobs` processes (default: as many as suit the machine)."""

    def __init__(self, jobs: int | None = None) -> None:
        self.jobs = jobs or default_jobs()
        self.threads = max(1, cores() // self.jobs)
        self.memory = _memory_available() // self.jobs
        self._stopping = threading.Event()
        self._pool: ProcessPoolExecutor | None = None

    def stop(self) -> None:
        """Start no further task; `run` ends once those under way have finished."""
        self._stopping.set()

    def kill(self) -> None:
        """End the workers at once; what they were rendering is lost."""
        self._stopping.set()
        for child in multiprocessing.active_children():
            child.kill()

    def run(self, tasks: Iterable[Task]) -> Iterator[Result]:
        """Yield each task's result as it comes. A worker that dies is replaced and its task tried once
        more, with half the batch; a task that kills two workers fails."""
        remaining = iter(tasks)
        jobs = self.jobs
        while lost := (yield from self._with_pool(jobs, remaining)):
            # With a worker all tasks under way are lost; each goes alone, so that only the guilty one fails.
            for task in lost:
                yield from self._again(task)
            # Whatever killed a worker, fewer at a time ask for less memory.
            jobs = max(1, jobs // 2)

    def _again(self, task: Task) -> Iterator[Result]:
        smaller = replace(task, batch=max(1, task.batch // 2))
        if (yield from self._with_pool(1, iter([smaller]))):
            yield failed(task, "its worker process died twice, most likely out of memory")

    def _with_pool(self, jobs: int, tasks: Iterator[Task]) -> Generator[Result, None, list[Task]]:
        """Yields results; returns the tasks that were under way when a worker died."""
        threads = max(1, cores() // jobs)
        context = multiprocessing.get_context("spawn")
        running: dict[Future[Result], Task] = {}
        with ProcessPoolExecutor(jobs, context, _start, (threads,)) as pool:
            try:
                while True:
                    self._submit(pool, jobs, tasks, running)
                    if not running:
                        return []
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        result = future.result()
                        del running[future]
                        yield result
            except BrokenProcessPool:
                yield from (f.result() for f in running if f.done() and f.exception() is None)
                return [task for f, task in running.items() if not f.done() or f.exception()]

    def _submit(
        self, pool: ProcessPoolExecutor, jobs: int, tasks: Iterator[Task], running: dict[Future[Result], Task]
    ) -> None:
        from generator.engines.worker import work

        # One more than can run, so that no worker waits for us between two tasks.
        while len(running) <= jobs and not self._stopping.is_set():
            task = next(tasks, None)
            if task is None:
                return
            try:
                with _interrupts_ignored():
                    future = pool.submit(work, task)
            except BrokenProcessPool as error:
                # It broke since we last looked; the task must not get lost between the two.
                future = Future()
                future.set_exception(error)
            running[future] = task


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Processes started within ignore Ctrl-C from their first instruction: stopping is the parent's."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _start(threads: int) -> None:
    """A worker's first act: die with the parent, keep quiet, and share the cores."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with native_messages_hidden():
        import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    import_tensorflow()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
