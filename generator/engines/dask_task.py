"""A task on its way through a Dask cluster: sent, worked off where it lands, its outputs stored there."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import distributed

from generator.engines import depot, refusals
from generator.engines.dask_worker import Here, Run, ends_if_it_takes_longer
from generator.engines.tasks import Bench, NamedFile, Output, Result, Task
from generator.engines.worker import work
from generator.errors import CacheError


@dataclass(frozen=True)
class Reply:
    """What a worker says of a task: what became of it, or why nothing did.

    `refusal` says in a line why this worker can't take part; `missing` are files that it has to be sent.
    """

    worker: str
    outputs: tuple[Output, ...] = ()
    seconds: float = 0.0
    learnt: Mapping[str, str] = field(default_factory=dict)
    refusal: str = ""
    missing: tuple[NamedFile, ...] = ()


class Call:
    """A task as it is sent: to read it is to work it off. So the scheduler needs no package of ours.

    A worker that takes longer than so many `seconds` ends itself. `announce` is the topic under which the
    scheduler is told that the task begins, before it does.
    """

    def __init__(self, run: Run, task: Task, seconds: float, announce: str = "") -> None:
        files = tuple(task.files())
        self._arguments = (run, pickle.dumps(task), tuple(task.modules()), files, seconds, announce)

    def __reduce__(self) -> tuple[Any, ...]:
        return work_off, self._arguments


@cache
def _lane(worker: str) -> ThreadPoolExecutor:
    """One thread: Keras keeps some of its state by thread, and memory and cores are one task's at a time."""
    return ThreadPoolExecutor(1, thread_name_prefix="pocket-microscope")


def work_off(
    run: Run,
    task: bytes,
    modules: Sequence[str],
    files: Sequence[NamedFile],
    seconds: float,
    announce: str,
) -> Reply:
    """Work a pickled task off, on the worker that this is called on; see Call."""
    worker = distributed.get_worker()
    here = Here(worker, worker.get_current_task(), run)
    return _lane(here.address).submit(_in_lane, here, task, modules, files, seconds, announce).result()


def _in_lane(
    here: Here,
    task: bytes,
    modules: Sequence[str],
    files: Sequence[NamedFile],
    seconds: float,
    announce: str,
) -> Reply:
    reply = Reply(here.address)
    here.enter()
    if refusal := refusals.refusal(here.address, here.run.versions, _versions(), modules):
        return replace(reply, refusal=refusal)
    places, missing = depot.places_of(files, here.folder)
    if missing:
        return replace(reply, missing=tuple(missing))
    if announce:
        here.ask_scheduler("log_event", topic=announce, msg=here.key)
    if here.is_stopping():
        return reply
    here.prepare()
    given: Task = pickle.loads(task)
    bench = Bench(here.memory(), here.is_stopping, here.agree)
    with ends_if_it_takes_longer(seconds):
        result = work(given.moved(places) if places else given, bench)
    outputs = _stored(result, here)
    return replace(reply, outputs=outputs, seconds=result.seconds, learnt=dict(result.learnt))


_versions = cache(refusals.versions)


def _stored(result: Result, here: Here) -> tuple[Output, ...]:
    """The outputs; what this worker can put into the client's cache is there then, and is not sent."""
    made = {one.key: (one.record, one.files) for one in result.outputs if not one.error}
    # Of a task that was given to another worker meanwhile, two would write the files of one entry.
    if here.cache is None or here.is_given_up():
        return result.outputs
    try:
        here.cache.put_entries(made)
    except (CacheError, ValueError):
        return result.outputs  # the client tries, and says what is wrong
    return tuple(Output(one.key, stored=True) if one.key in made else one for one in result.outputs)
