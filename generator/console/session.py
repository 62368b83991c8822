"""What the commands have in common: opening a plan, rendering what is due of it, and saying how that went."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from generator.cache.checking import read_entry
from generator.cache.contents import Snapshot
from generator.cache.entries import Cache
from generator.cache.holder import Waiting, busy
from generator.cache.records import Failure
from generator.config.cookbook import BUILT_IN
from generator.config.reading import read_config
from generator.config.recipes import Recipe
from generator.config.schema import Config, ModelConfig
from generator.console.due import snapshot_for
from generator.console.engines import take_engine
from generator.console.log import Log, logging
from generator.console.progress import Reporter, Several
from generator.console.reporting import (
    DEFAULT_CONFIG,
    announcement,
    left,
    nothing_due,
    report_failures,
    resume,
    summary,
)
from generator.console.signals import end_at_next, ignore_stops, on_stop
from generator.console.wording import duration, guess_warning, many
from generator.engines.tasks import Engine
from generator.errors import EXIT_INTERRUPTED, CacheError, Interrupted, SomeFailed, UserError
from generator.inquiries.everything import inquiries_of, pursuits_of, settled
from generator.inquiries.pursuit import Pursuit
from generator.inquiries.settling import skipped
from generator.models.anatomy import Anatomy
from generator.pipeline import Outcome, Progress, load_plan, run
from generator.plan import Job, Plan
from generator.selection import Shard
from generator.selection import only as select

if TYPE_CHECKING:
    from generator.console.refreshing import Refresher


def open_plan(path: Path, quiet: bool) -> Plan:
    """The plan of a config file, saying which networks are opened for it."""
    return load_plan(path, say=(lambda text: None) if quiet else click.echo)


def warn_of_guesses(anatomies: Mapping[str, Anatomy]) -> None:
    """Say on standard error for which networks, by the user's names, the range of their input is a guess."""
    for name, anatomy in anatomies.items():
        if warning := guess_warning(name, anatomy):
            click.echo(warning, err=True)


@dataclass(frozen=True)
class _Todo:
    """What is due of a plan, or of a part of it; `hopeless` has failed and would fail again."""

    jobs: Sequence[Job]
    pursuits: Sequence[Pursuit]
    pieces: int
    hopeless: Sequence[Failure]

    @classmethod
    def of(
        cls, plan: Plan, chosen: Sequence[Job], pursuits: Sequence[Pursuit], *, force: bool, retry: bool
    ) -> _Todo:
        cache = Cache(plan.config.cache)
        now = Snapshot({}, {}) if force else snapshot_for(plan, pursuits, cache)
        due, hopeless = plan.outlook(cache, now, retry=retry)
        keys, wanted = {job.key for job in due}, {job.key: job for job in chosen}
        return cls(
            jobs=[job for key, job in wanted.items() if key in keys],
            pursuits=pursuits,
            pieces=sum(one.due(now.entries) for one in pursuits),
            hopeless=[failure for key, failure in hopeless.items() if key in wanted],
        )

    def __bool__(self) -> bool:
        return bool(self.jobs or self.pieces)


def work_off(
    path: Path, *, pages: bool, strict: bool, quiet: bool, log_json: Path | None, **options: Any
) -> None:
    """What `build` and, without `pages`, `render` do with their options.

    Raises what `render` does, UserError when the gallery could not be written, and SomeFailed.
    """
    with logging(log_json) as log:
        plan = open_plan(path, quiet)
        if pages:
            check_pages(plan)
        engine = take_engine(options, plan, quiet)
        outcome = render(
            plan, path, pages=pages, strict=strict, quiet=quiet, engine=engine, log=log, **options
        )
        if pages:
            write_pages(plan, strict=strict, quiet=quiet, log=log)
    report_failures(outcome)


def render(
    plan: Plan,
    path: Path,
    *,
    engine: Engine,
    only: tuple[str, ...],
    shard: Shard | None,
    force: bool,
    retry_failed: bool,
    wait: bool,
    time_limit: float | None,
    strict: bool,
    quiet: bool,
    log: Log,
    pages: bool = False,
) -> Outcome:
    """Render what is due of a plan, or of a part of it, showing progress, and with `pages` writing some of
    them meanwhile. Raises Interrupted when it was stopped midway, and CacheError when another run holds the
    cache, unless that is to be waited for."""
    say = (lambda text: None) if quiet else click.echo
    named = select(plan, only) if only else plan.jobs
    chosen = [job for job in named if shard is None or job.key in shard]
    pursuits = pursuits_of(plan, {(job.model, job.layer) for job in named} if only else None, shard)
    todo = _Todo.of(plan, chosen, pursuits, force=force, retry=retry_failed)
    alone = Cache(plan.config.cache).store.only_run(_waiting(say) if wait else None)
    with alone if todo else nullcontext():
        # Others may have made some of it meanwhile.
        todo = _Todo.of(plan, chosen, pursuits, force=force, retry=retry_failed) if todo else todo
        if not todo:
            say(nothing_due(plan, len({job.key for job in chosen}), len(todo.hopeless), shard))
            return Outcome(hopeless=list(todo.hopeless))
        if not quiet:
            warn_of_guesses({job.model: plan.models[job.model] for job in todo.jobs})
        say(announcement(plan, len(todo.jobs), todo.pieces, engine.jobs, shard))
        how: Any = {"force": force, "time_limit": time_limit, "stop_at_failure": strict}
        refresher = _refresher(plan, todo.jobs if pages else ())
        with closing(refresher):
            outcome, stopped = _worked_off(plan, todo, engine, log, refresher, quiet, how)
    if stopped:
        raise Interrupted(f"Stopped: {outcome.done:,} rendered, {left(outcome)} left. {resume(path, shard)}")
    say(summary(outcome, resume(path, shard), time_limit))
    return outcome


def _refresher(plan: Plan, jobs: Sequence[Job]) -> Refresher:
    from generator.console.refreshing import Refresher

    return Refresher(plan, jobs)


def _waiting(say: Callable[[str], None]) -> Waiting:
    return lambda holder: say(f"Waiting: {busy(holder)} ...")


def _worked_off(
    plan: Plan, todo: _Todo, engine: Engine, log: Log, also: Progress, quiet: bool, how: Mapping[str, Any]
) -> tuple[Outcome, bool]:
    """What a run did, and whether it was stopped before its end."""
    log.begin(len(todo.jobs), todo.pieces, engine.jobs)
    with (
        _stops(engine) as interrupted,
        Reporter(len(todo.jobs), todo.pieces, quiet=quiet) as reporter,
    ):
        outcome = run(plan, todo.jobs, engine, Several(reporter, log, also), pursuits=todo.pursuits, **how)
    stopped = interrupted() and bool(outcome.left or outcome.evidence_left)
    if stopped:
        ignore_stops()
    outcome.hopeless = list(todo.hopeless)
    # In the order of the plan, whatever came first.
    places = {job.key: place for place, job in enumerate(todo.jobs)}
    outcome.failures.sort(key=lambda failure: places.get(failure.key, len(places)))
    log.end(outcome, stopped=stopped)
    return outcome, stopped


@contextmanager
def _stops(engine: Engine) -> Iterator[Callable[[], bool]]:
    """Ctrl-C or SIGTERM ends the run after the steps under way; a second one ends it at once."""
    count = 0

    def stop() -> None:
        nonlocal count
        count += 1
        # Not by click: the signal may come while it prints.
        if count == 1:
            engine.stop()
            os.write(2, b"\nStopping after the steps under way; once more stops at once.\n")
        else:
            engine.kill()
            os.write(2, b"\nStopped at once; finished pictures are kept.\n")
            os._exit(EXIT_INTERRUPTED)

    with on_stop(stop):
        yield lambda: count > 0
    if count:
        end_at_next(EXIT_INTERRUPTED)


def check_pages(plan: Plan) -> None:
    """Find out before anything is rendered that the gallery can't be written; UserError says why."""
    from generator.gallery.site import check_gallery

    check_gallery(plan)


def write_pages(plan: Plan, *, strict: bool, quiet: bool, log: Log) -> None:
    """Write the gallery; warnings go to standard error, and are failures when `strict`. Broken entries that
    came to light are set aside."""
    from generator.gallery.pages_host import megabytes
    from generator.gallery.site import build_site

    started = time.monotonic()
    cache = Cache(plan.config.cache)
    report = build_site(plan, cache, settled(plan, cache))
    _set_aside(report.broken, cache)
    for warning in (*skipped(inquiries_of(plan), cache), *report.warnings):
        click.echo(f"Warning: {warning}", err=True)
    log.gallery(report.output, report.written, len(report.warnings))
    if not quiet:
        took, size = duration(time.monotonic() - started), megabytes(report.bytes)
        click.echo(f"Wrote the gallery ({size}) in {took}: {report.index}")
    if strict and report.warnings:
        raise SomeFailed(f"{many(len(report.warnings), 'warning')}, and --strict was given.")


def _set_aside(keys: Collection[str], cache: Cache) -> None:
    """Make broken entries due again. Where another run has the cache, or nobody may write it, they stay."""
    with suppress(CacheError), cache.store.only_run() if keys else nullcontext():
        for key in keys:
            if read_entry(key, cache.store).broken:
                cache.set_aside(key)


def model_settings(model: str, config: Path | None, weights: str | None) -> ModelConfig:
    """The model's settings in the config, if it is named there, else those of a bare source."""
    own = _own_config(config, lambda own: model in own.models)
    if own is not None and model in own.models:
        found = own.models[model]
        return found if weights is None else found.model_copy(update={"weights": weights})
    # Shapes need no weights: nothing is downloaded to list layers.
    return ModelConfig.model_validate({"source": model, "weights": weights or "none", "layers": ["all"]})


def known_recipes(config: Path | None, name: str | None = None) -> dict[str, Recipe]:
    """Recipes by name: the built-in ones, and those of a config; `name` is the one that is wanted."""
    own = _own_config(config, lambda own: name is not None and name not in BUILT_IN)
    return dict(BUILT_IN) if own is None else {name: own.recipe(name) for name in own.recipe_names()}


def _own_config(path: Path | None, needed: Callable[[Config], bool]) -> Config | None:
    """The config at a path, or without one the config.yaml that lies here.

    The latter may be unfinished: unless it is `needed`, it is then passed over with a warning.
    """
    if path is not None:
        return read_config(path).check()
    if not DEFAULT_CONFIG.is_file():
        return None
    try:
        file = read_config(DEFAULT_CONFIG)
        if file.problems and not needed(file.config):
            raise UserError(f"{DEFAULT_CONFIG}: has mistakes; `build-site plan` names them")
    except UserError as error:
        click.echo(f"Warning: passed over {error.message}", err=True)
        return None
    return file.check()
