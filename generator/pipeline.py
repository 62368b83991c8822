"""run(plan): due jobs -> tasks -> engine -> cache, with progress, failures and a clean stop."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from generator.cache.entries import Cache
from generator.cache.records import Failure
from generator.config.problems import Problem
from generator.config.reading import ConfigFile, read_config
from generator.datasets.known import known_dataset
from generator.datasets.sources import DataSet
from generator.engines.pictures import is_planned
from generator.engines.tasks import Engine, Result, Task
from generator.engines.timer import after
from generator.errors import CacheError, ModelError, UserError
from generator.inquiries.concepts import at_hand
from generator.inquiries.derivation import derived
from generator.inquiries.pursuit import Pursuit, Round
from generator.layers import layer_problems
from generator.models.anatomy import Anatomy
from generator.models.deriving import without_derived
from generator.models.identity import known_anatomy, remember, spec_digest
from generator.models.zoo import open_model
from generator.plan import Job, Plan, make_plan
from generator.schedule import tasks_of
from generator.timings import Timings

# -- from a file to a plan -------------------------------------------------------------------------


def load_plan(path: Path, say: Callable[[str], None] = lambda text: None) -> Plan:
    """The plan of a config file. Networks are opened only if they were never opened before.

    Raises ConfigError with every problem of the file, those of its layers and channels included.
    """
    file = read_config(path)
    look_beside(path)
    anatomies, problems = _anatomies(file, say)
    datasets, unusable = _datasets(file, say)
    found = derived(file.config, anatomies, datasets, file.is_wrong)
    problems += [*found.problems, *layer_problems(file.config, found.anatomies)]
    file.check([*problems, *unusable])
    return make_plan(found.config, found.anatomies, datasets)


def _datasets(file: ConfigFile, say: Callable[[str], None]) -> tuple[dict[str, DataSet], list[Problem]]:
    """The data sets that models are shown, and why some can't be used."""
    cache = Cache(file.config.cache)
    used = {file.config.dataset_of(name) for name in file.config.models}
    found: dict[str, DataSet] = {}
    problems: list[Problem] = []
    for name, dataset in file.config.datasets.items():
        if name not in used or file.is_wrong("datasets", name):
            continue
        try:
            found[name] = known_dataset(dataset.path, cache, say)
        except UserError as error:
            problems.append(Problem(("datasets", name, "path"), error.message))
    return found, problems


def look_beside(config: Path) -> None:
    """Let the modules of factories be found beside the config; last, so that they take no other's place."""
    folder = str(config.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)


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
                known = open_model(name, without_derived(model)).anatomy
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
    """What a run did: pictures and pieces of evidence made, failures with their reasons, jobs that it did not
    come to, and those that it did not try because they would fail as before (`hopeless`)."""

    done: int = 0
    evidence: int = 0
    failures: list[Failure] = field(default_factory=list)
    hopeless: list[Failure] = field(default_factory=list)
    evidence_failed: int = 0
    left: int = 0
    evidence_left: int = 0
    seconds: float = 0.0

    @property
    def settled(self) -> int:
        """Jobs that were done or failed."""
        return self.done + self.evidence + len(self.failures)


class Progress:
    """Told of what is finished; the default says nothing."""

    def advance(self, pictures: int) -> None:
        """`pictures` more are done or failed."""

    def found(self, pieces: int) -> None:
        """So many pieces of evidence more are done or failed."""

    def heard(self, result: Result) -> None:
        """What became of a task; it is stored."""


def run(
    plan: Plan,
    jobs: Sequence[Job],
    engine: Engine,
    progress: Progress,
    *,
    pursuits: Sequence[Pursuit] = (),
    force: bool = False,
    time_limit: float | None = None,
    stop_at_failure: bool = False,
) -> Outcome:
    """Render `jobs` of the plan into its cache, each picture stored as soon as its task is done, and make the
    evidence that `pursuits` lack (with `force` all of it), what pictures rest on before them, the rest after.

    The caller sees to it that it is the only run (`cache.store.only_run`). After `time_limit` seconds, or the
    engine's stop, nothing further is begun, and what is under way ends after the step that it is in. Raises
    CacheError when the cache can't be written, and WorkerError when no worker can be started.
    """
    cache = Cache(plan.config.cache)
    outcome = Outcome(left=len(jobs))
    started = time.monotonic()
    with (
        _measuring(cache) as timings,
        after(math.inf if time_limit is None else time_limit, engine.stop),
        closing(
            engine.run(
                _tasks(plan, jobs, pursuits, cache, timings, outcome, force=force),
                lambda task: timings.limit(task, engine.jobs),
            )
        ) as results,
    ):
        for result in results:
            _store(result, cache, outcome)
            told = progress.advance if is_planned(result.task) else progress.found
            told(len(result.outputs))
            progress.heard(result)
            timings.add(result, engine.jobs)
            if stop_at_failure and outcome.failures:
                engine.stop()
    outcome.seconds = time.monotonic() - started
    return outcome


def _tasks(
    plan: Plan,
    jobs: Sequence[Job],
    pursuits: Sequence[Pursuit],
    cache: Cache,
    timings: Timings,
    outcome: Outcome,
    *,
    force: bool,
) -> Iterator[Task | None]:
    """Round by round; each waits for those before to be stored, but for the first after the pictures."""
    there: Collection[str] = cache.snapshot().entries if pursuits else ()
    outcome.evidence_left = sum(one.due(() if force else there) for one in pursuits)
    handed = known = 0
    places: Mapping[Path, Path] = {}
    for now in Round:
        busy = [one for one in pursuits if now in one.rounds]
        if now is Round.PICTURES:
            yield from _settled(outcome, handed)
            places = at_hand(plan, cache)
            yield from _placed(tasks_of(plan, jobs, timings), places)
            handed += len(jobs)
        elif busy:
            if now is not Round.FIRST:
                yield from _settled(outcome, handed)
            if handed > known:
                there, known = cache.snapshot().entries, handed
            due = _placed((t for one in busy for t in one.tasks(now, there, cache, force=force)), places)
            for task in _counted(due, outcome) if now > Round.FIRST else due:
                handed += len(task.keys)
                yield task


def _placed(tasks: Iterable[Task], places: Mapping[Path, Path]) -> Iterator[Task]:
    """The tasks with files where they are on this machine."""
    return (task.moved(places) if places else task for task in tasks)


def _settled(outcome: Outcome, handed: int) -> Iterator[None]:
    """Until all that was handed out is done or has failed."""
    while outcome.settled < handed:
        yield None


def _counted(due: Iterable[Task], outcome: Outcome) -> Iterator[Task]:
    """The tasks of a late round, which only now are known: so many are left."""
    tasks = list(due)
    outcome.evidence_left = sum(len(task.keys) for task in tasks)
    yield from tasks


@contextmanager
def _measuring(cache: Cache) -> Iterator[Timings]:
    """Timings, which are kept however the run ends."""
    timings = Timings(cache)
    try:
        yield timings
    except BaseException:
        with suppress(CacheError):
            timings.save()
        raise
    timings.save()


def _store(result: Result, cache: Cache, outcome: Outcome) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    picture = is_planned(result.task)
    for output in result.outputs:
        if output.error:
            title = result.task.title(output.key)
            failure = Failure(output.key, title, output.error, now, output.lasting)
            cache.put_failure(failure)
            outcome.failures.append(failure)
            outcome.evidence_failed += not picture
    made = [output for output in result.outputs if not output.error]
    cache.put_entries({output.key: (output.record, output.files) for output in made if not output.stored})
    if picture:
        outcome.left -= len(result.outputs)
        outcome.done += len(made)
    else:
        outcome.evidence_left -= len(result.outputs)
        outcome.evidence += len(made)
