"""A worker process: takes tasks from standard input, works them off one by one, hands back the results.

What goes over the pipes are pickled values, one after the other. In: a Start, then tasks, each pickled once
more, then perhaps STOP. Out: READY once TensorFlow is there, then a Result for each task. A Question may come
before a result; it gets an Answer. The end of the input is the end of the worker, so that none outlives the
process that started it, however that ended.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import pickle
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import BinaryIO, NamedTuple

from generator.engines import memory
from generator.engines.tasks import Bench, Result, Task, failed
from generator.errors import NotRenderable, UserError, typed_cause

READY, STOP = "ready", "stop"

NEW_TASK = "\x1e"
"""Begins what a task says on standard error; the character that separates records."""


@dataclass(frozen=True)
class Start:
    """What a worker is told first: where modules are looked up besides, its cores and bytes of memory."""

    path: Sequence[str]
    threads: int
    memory: int


class Question(NamedTuple):
    """Something to agree on with other workers, and what this one would answer."""

    name: str
    answer: str


class Answer(NamedTuple):
    """What all workers agree on."""

    answer: str


def work(task: Task, bench: Bench) -> Result:
    """Work off a task. Anything that goes wrong is in the result, never raised."""
    try:
        return task.work(bench)
    except UserError as error:
        return failed(task, error.message, lasting=isinstance(error, NotRenderable))
    except BaseException as error:  # one bad layer must not end a night's run, nor a network that exits
        return failed(task, typed_cause(error))


# -- the process -----------------------------------------------------------------------------------


def main() -> None:
    """Be a worker until the input ends."""
    given, results = _pipes()
    # Stopping is the parent's: a terminal sends Ctrl-C to all processes of the group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    faulthandler.enable()
    start: Start = pickle.load(given)
    # Last, so that no file beside a config takes the place of a module of ours or of a library's.
    sys.path += [folder for folder in start.path if folder not in sys.path]
    tasks: SimpleQueue[bytes] = SimpleQueue()
    answers: SimpleQueue[Answer] = SimpleQueue()
    stop = threading.Event()
    threading.Thread(target=_listen, args=(given, tasks, answers, stop), daemon=True).start()
    start_tensorflow(start.threads)
    _send(READY, results)

    def agree(name: str, answer: str) -> str:
        _send(Question(name, answer), results)
        return answers.get().answer

    # What TensorFlow takes by itself is not for tasks.
    bench = Bench(max(0, start.memory - memory.resident()), stop.is_set, agree)
    while True:
        task = _task(tasks.get())
        os.write(2, NEW_TASK.encode())
        _send(Result(task, ()) if stop.is_set() else work(task, bench), results)


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Input and output for ourselves; what networks and libraries print goes to standard error."""
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    given = os.fdopen(os.dup(0), "rb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return given, results


def _send(message: object, results: BinaryIO) -> None:
    pickle.dump(message, results, pickle.HIGHEST_PROTOCOL)
    results.flush()


def _task(pickled: bytes) -> Task:
    """A task, read where TensorFlow was imported.

    Reading it imports modules; in the listening thread, beside TensorFlow's import, that has ended in a
    deadlock of Python's import locks.
    """
    try:
        task: Task = pickle.loads(pickled)
    except BaseException as error:  # a task that can't be read is our bug; waiting for it would hang
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)
    return task


def _listen(
    given: BinaryIO, tasks: SimpleQueue[bytes], answers: SimpleQueue[Answer], stop: threading.Event
) -> None:
    while True:
        try:
            message = pickle.load(given)
        except (EOFError, pickle.UnpicklingError):  # the end, or half a value of one who is gone
            os._exit(0)
        if message == STOP:
            stop.set()
        elif isinstance(message, Answer):
            answers.put(message)
        else:
            tasks.put(message)


def start_tensorflow(threads: int) -> None:
    """Import TensorFlow, to use so many threads; once in a process, before anything else uses it."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.list_physical_devices()
    # It warns of repeated tracing by a function's name: ours is traced once a layer, size and recipe.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
