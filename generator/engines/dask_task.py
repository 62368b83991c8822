"""A task on its way through a Dask cluster: sent, worked off where it lands, its outputs stored there."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple

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


class Call(NamedTuple):
    """A task as it is sent, pickled, with what is asked of a worker before it reads that.

    To read a call is to work its task off, so the scheduler needs no package of ours. A worker that takes
    longer than so many `seconds` ends itself. `announce` is the topic under which the scheduler is told that
    the task begins, before it does.
    """

    run: Run
    task: bytes
    modules: tuple[str, ...]
    files: tuple[NamedFile, ...]
    seconds: float
    announce: str

    @classmethod
    def of(cls, run: Run, task: Task, seconds: float, announce: str = "") -> Call:
        """The call of a task."""
        return cls(run, pickle.dumps(task), tuple(task.modules()), tuple(task.files()), seconds, announce)

    def __reduce__(self) -> tuple[Any, ...]:
        return work_off, tuple(self)


@cache
def _lane(worker: str) -> ThreadPoolExecutor:
    """One thread: Keras keeps some of its state by thread, and memory and cores are one task's at a time."""
    return ThreadPoolExecutor(1, thread_name_prefix="pocket-microscope")


def work_off(*sent: Any) -> Reply:
    """Work a call's task off, on the worker that this is called on."""
    call, worker = Call(*sent), distributed.get_worker()
    here = Here(worker, worker.get_current_task(), call.run)
    return _lane(here.address).submit(_in_lane, here, call).result()


def _in_lane(here: Here, call: Call) -> Reply:
    reply = Reply(here.address)
    here.enter()
    if refusal := refusals.refusal(here.address, here.run.versions, _versions(), call.modules):
        return replace(reply, refusal=refusal)
    places, missing = depot.places_of(call.files, here.folder)
    if missing:
        return replace(reply, missing=tuple(missing))
    if call.announce:
        here.ask_scheduler("log_event", topic=call.announce, msg=here.key)
    if here.is_stopping():
        return reply
    here.prepare()
    task: Task = pickle.loads(call.task)
    bench = Bench(here.memory(), here.is_stopping, here.agree)
    with ends_if_it_takes_longer(call.seconds):
        result = work(task.moved(places) if places else task, bench)
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
