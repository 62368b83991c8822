"""run(plan): due jobs -> tasks -> engine -> cache, with progress, failures and a clean stop."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from generator.cache.entries import Cache, Failure, Record
from generator.config.problems import Problem
from generator.config.reading import ConfigFile, read_config
from generator.config.recipes import Recipe
from generator.engines.tasks import Engine, Picture, Result, Task
from generator.errors import CacheError, ModelError
from generator.models.anatomy import Anatomy
from generator.models.identity import known_anatomy, remember, spec_digest
from generator.models.zoo import open_model
from generator.plan import Job, Plan, group, layer_problems, make_plan
from generator.timings import Timings

PIXELS_PER_BATCH = 4 * 160 * 160
LARGEST_BATCH = 16


# -- from a file to a plan -------------------------------------------------------------------------


def load_plan(path: Path, say: Callable[[str], None] = lambda text: None) -> Plan:
    """The plan of a config file. Networks are opened only if they were never opened before.

    Raises ConfigError with every problem of the file, those of its layers and channels included.
    """
    file = read_config(path)
    # Factories are looked up beside the config first, as the files it names are.
    sys.path.insert(0, str(path.resolve().parent))
    anatomies, problems = _anatomies(file, say)
    problems += layer_problems(file.config, anatomies)
    return make_plan(file.check(problems), anatomies)


def _anatomies(file: ConfigFile, say: Callable[[str], None]) -> tuple[dict[str, Anatomy], list[Problem]]:
    """The networks of a config file, and why some can't be opened."""
    cache = Cache(file.config.cache)
    anatomies: dict[str, Anatomy] = {}
    problems: list[Problem] = []
    for name, model in file.config.models.items():
        if file.is_wrong("models", name, "source"):
            continue
        if file.is_wrong("models", name, "weights"):
            # Layers can be looked at without them, and nothing is rendered before they are right.
            model = model.model_copy(update={"weights": "none"})
        try:
            digest = spec_digest(name, model)
            known = known_anatomy(digest, cache)
            if known is None:
                say(f"Opening {name} ...")
                known = open_model(name, model).anatomy
                # A file that was changed meanwhile is not the one that was opened.
                if not file.problems and digest == spec_digest(name, model):
                    remember(digest, known, cache)
            anatomies[name] = known
        except ModelError as error:
            if not _explained(name, file):
                problems.append(Problem(("models", name), error.message))
    return anatomies, problems


def _explained(name: str, file: ConfigFile) -> bool:
    """Whether a model can't be opened because a setting that says how is wrong, or misspelt."""
    said = {
        p.location[2] for p in file.problems if p.location[:2] == ("models", name) and len(p.location) > 2
    }
    return not said <= {"layers", "channels", "recipes", "preprocessing", "classes"}


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
        tasks = _until(_tasks(plan, jobs, engine, timings), started, time_limit)
        wanted = {(job.model, job.layer, plan.recipes[job.recipe_name], job.channel): job for job in jobs}
        for result in engine.run(tasks):
            _store(result, wanted, plan, cache, outcome)
            progress.advance(len(result.pictures))
            timings.add(result, engine.jobs)
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


def _tasks(plan: Plan, jobs: Iterable[Job], engine: Engine, timings: Timings) -> Iterator[Task]:
    for members in group(jobs):
        recipe = plan.recipes[members.recipe_name]
        batch = batch_size(recipe)
        whole = Task(
            model=members.model,
            config=plan.config.models[members.model],
            fingerprint=plan.models[members.model].fingerprint,
            layer=members.layer,
            recipe=recipe,
            channels=tuple(job.channel for job in members.jobs),
            batch=batch,
            due=len(members.jobs),
            memory=int(engine.memory * plan.config.memory),
        )
        whole = replace(whole, precision=timings.precision(whole))
        together = plan.config.batch or batch
        for start in range(0, whole.due, together):
            yield replace(whole, channels=whole.channels[start : start + together])


def batch_size(recipe: Recipe) -> int:
    """Pictures optimised in one step: what a core's cache holds, by the pictures' size alone.

    Sums are rounded otherwise at other batch sizes, and gradient ascent makes that a visible difference in
    deep layers; so a key has one batch size, and smaller lots are filled up.
    """
    if recipe.of_whole_layer:
        return 1  # a layer has one such picture
    return min(LARGEST_BATCH, max(1, PIXELS_PER_BATCH // (recipe.size**2 * recipe.pictures)))


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
            cache.put(_record(job, picture, result, now), picture.png, picture.animation)
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
        extra=_extra(picture, result),
    )


def _extra(picture: Picture, result: Result) -> dict[str, Any]:
    extra: dict[str, Any] = {"precision": result.setup.precision, "batch": result.setup.batch}
    if picture.sparsity is not None:
        extra["sparsity"] = round(picture.sparsity, 4)
    if result.task.recipe.pictures > 1:
        extra["pictures"] = result.task.recipe.pictures
    if picture.animation:
        extra["animation"] = picture.animation_kind
    return {**extra, "false_colour": True} if picture.false_colour else extra
