"""run(plan): due jobs -> tasks -> engine -> cache, with progress, failures and a clean stop."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from generator.cache import Cache, Failure, Record, write_atomically
from generator.config import Config
from generator.config_file import Problem, read_config
from generator.engines.tasks import Engine, Picture, Result, Task
from generator.errors import CacheError, ModelError
from generator.models.anatomy import Anatomy
from generator.models.identity import known_anatomy, remember
from generator.models.zoo import open_model
from generator.plan import Group, Job, Plan, group, layer_problems, make_plan
from generator.recipes import Recipe

PIXELS_PER_BATCH = 8 * 160 * 160
"""Pictures optimised at once are as many as these pixels hold: what stays in a core's cache."""


# -- from a file to a plan -------------------------------------------------------------------------


def load_plan(path: Path, say: Callable[[str], None] = lambda text: None) -> Plan:
    """The plan of a config file. Networks are opened only if they were never opened before.

    Raises ConfigError with every problem of the file, those of its layers and channels included.
    """
    file = read_config(path)
    # Factories are looked up beside the config first, as the files it names are.
    sys.path.insert(0, str(path.resolve().parent))
    if file.config is None:
        file.check()
    assert file.config is not None
    anatomies, problems = _anatomies(file.config, say)
    problems += layer_problems(file.config, anatomies)
    return make_plan(file.check(problems), anatomies)


def _anatomies(config: Config, say: Callable[[str], None]) -> tuple[dict[str, Anatomy], list[Problem]]:
    cache = Cache(config.cache)
    anatomies: dict[str, Anatomy] = {}
    problems: list[Problem] = []
    for name, model in config.models.items():
        try:
            known = known_anatomy(name, model, cache)
            if known is None:
                say(f"Opening {name} ...")
                known = open_model(name, model).anatomy
                remember(name, model, known, cache)
            anatomies[name] = known
        except ModelError as error:
            problems.append(Problem(("models", name), error.message))
    return anatomies, problems


# -- running it ------------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What a run did: pictures made, failures with their reasons, and jobs it did not come to."""

    done: int = 0
    failures: list[Failure] = field(default_factory=list)
    left: int = 0
    seconds: float = 0.0


class Progress:
    """Told of each finished picture; the default says nothing."""

    def advance(self, pictures: int) -> None:
        """`pictures` more are done or failed."""


def run(
    plan: Plan,
    jobs: Sequence[Job],
    engine: Engine,
    progress: Progress,
    *,
    time_limit: float | None = None,
    stop_at_failure: bool = False,
) -> Outcome:
    """Render `jobs` of the plan into its cache, each picture stored as soon as its batch is done.

    After `time_limit` seconds, or the engine's stop, no further batch is started. Raises CacheError when
    another run holds the cache or the disk is full.
    """
    cache = Cache(plan.config.cache)
    outcome = Outcome(left=len(jobs))
    started = time.monotonic()
    with only_run(cache):
        timings = Timings(cache)
        tasks = _until(_tasks(plan, jobs), started, time_limit)
        wanted = {(job.model, job.layer, plan.recipes[job.recipe_name], job.channel): job for job in jobs}
        for result in engine.run(tasks):
            _store(result, wanted, plan, cache, outcome)
            progress.advance(len(result.pictures))
            timings.add(plan, result, getattr(engine, "jobs", 1))
            if stop_at_failure and outcome.failures:
                engine.stop()
        timings.save()
    outcome.seconds = time.monotonic() - started
    return outcome


@contextmanager
def only_run(cache: Cache) -> Iterator[None]:
    """Be the only one that changes the cache meanwhile; CacheError when another does, or nobody can."""
    try:
        cache.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(cache.lock_path, timeout=0)
        with lock:
            yield
    except Timeout:
        raise CacheError(
            f"{cache.folder}: another build-site renders into this cache; wait until it is done"
        ) from None
    except OSError as error:
        raise CacheError(f"{cache.folder}: can't be used as a cache: {error.strerror or error}") from error


def _until(tasks: Iterable[Task], started: float, limit: float | None) -> Iterator[Task]:
    for task in tasks:
        if limit is not None and time.monotonic() - started >= limit:
            return
        yield task


def _tasks(plan: Plan, jobs: Iterable[Job]) -> Iterator[Task]:
    for members in group(jobs):
        recipe = plan.recipes[members.recipe_name]
        batch = plan.config.batch or max(1, PIXELS_PER_BATCH // recipe.size**2)
        for start in range(0, len(members.jobs), batch):
            yield _task(plan, members, recipe, members.jobs[start : start + batch], batch)


def _task(plan: Plan, members: Group, recipe: Recipe, jobs: Sequence[Job], batch: int) -> Task:
    return Task(
        model=members.model,
        config=plan.config.models[members.model],
        fingerprint=plan.models[members.model].fingerprint,
        layer=members.layer,
        recipe=recipe,
        channels=tuple(job.channel for job in jobs),
        batch=batch,
    )


Wanted = dict[tuple[str, str, Recipe, int], Job]


def _store(result: Result, wanted: Wanted, plan: Plan, cache: Cache, outcome: Outcome) -> None:
    task = result.task
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for picture in result.pictures:
        job = wanted[task.model, task.layer, task.recipe, picture.channel]
        outcome.left -= 1
        if picture.error:
            failure = Failure(job.key, job.model, job.layer, job.channel, job.recipe_name, picture.error, now)
            cache.put_failure(failure)
            outcome.failures.append(failure)
        else:
            cache.put(_record(job, picture, result, now), picture.png)
            outcome.done += 1


def _record(job: Job, picture: Picture, result: Result, now: str) -> Record:
    return Record(
        key=job.key,
        model=job.model,
        layer=job.layer,
        channel=job.channel,
        recipe_name=job.recipe_name,
        recipe=result.task.recipe.identity(),
        fingerprint=result.task.fingerprint,
        activation=picture.activation,
        trajectory=picture.trajectory,
        dead=picture.dead,
        width=picture.width,
        height=picture.height,
        seconds=result.seconds / len(result.pictures),
        rendered_at=now,
        versions=result.versions,
    )


# -- measured speed --------------------------------------------------------------------------------


class Timings:
    """Measured seconds per picture on this machine, by network, layer and recipe, kept in the cache."""

    def __init__(self, cache: Cache) -> None:
        self._path = cache.timings_path
        self._host = platform.node()
        try:
            self._all: dict[str, dict[str, float]] = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            self._all = {}
        self._mine = self._all.setdefault(self._host, {})

    def add(self, plan: Plan, result: Result, jobs: int) -> None:
        """Take a result into account: `jobs` such tasks run at a time."""
        task = result.task
        if result.seconds > 0:
            name = _timing_name(task.fingerprint, task.layer, task.recipe)
            measured = result.seconds / len(result.pictures) / jobs
            # A layer's first task includes opening and compiling; the fastest tells the steady speed.
            self._mine[name] = min(measured, self._mine.get(name, measured))

    def save(self) -> None:
        """Write what was measured."""
        write_atomically(self._path, json.dumps(self._all, sort_keys=True).encode())

    def estimate(self, plan: Plan, members: Group) -> float | None:
        """Seconds that a group will take, from its own or its network's measured speed; None if unknown."""
        fingerprint = plan.models[members.model].fingerprint
        recipe = plan.recipes[members.recipe_name]
        own = self._mine.get(_timing_name(fingerprint, members.layer, recipe))
        if own is not None:
            return own * len(members.jobs)
        kin = [
            seconds / (steps * size**2)
            for name, seconds in self._mine.items()
            for print_, _, steps, size in [_parse_timing_name(name)]
            if print_ == fingerprint
        ]
        return sum(kin) / len(kin) * recipe.steps * recipe.size**2 * len(members.jobs) if kin else None


def _timing_name(fingerprint: str, layer: str, recipe: Recipe) -> str:
    return f"{fingerprint} {recipe.steps} {recipe.size} {recipe.objective} {layer}"


def _parse_timing_name(name: str) -> tuple[str, str, int, int]:
    fingerprint, steps, size, _, layer = name.split(" ", 4)
    return fingerprint, layer, int(steps), int(size)
