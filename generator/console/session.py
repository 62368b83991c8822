"""What the commands have in common: opening a plan, rendering what is due of it, and saying how that went."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from generator.cache.entries import Cache
from generator.cache.records import Failure
from generator.config.cookbook import BUILT_IN
from generator.config.reading import read_config
from generator.config.recipes import Recipe
from generator.config.schema import Config, ModelConfig
from generator.console.progress import Reporter
from generator.console.signals import end_at_next, ignore_stops, on_stop
from generator.console.wording import duration, guess_warning, many, of_shard, short
from generator.engines.tasks import Engine
from generator.errors import EXIT_INTERRUPTED, Interrupted, SomeFailed, UserError
from generator.inquiries.inquiry import Inquiry, inquiries_of
from generator.inquiries.settling import settle, skipped
from generator.models.anatomy import Anatomy
from generator.pipeline import Outcome, load_plan, run
from generator.plan import Job, Plan
from generator.selection import Shard
from generator.selection import only as select

DEFAULT_CONFIG = Path("config.yaml")
NAMED = 20
"""Failures that are named one by one."""


def open_plan(path: Path, quiet: bool) -> Plan:
    """The plan of a config file, saying which networks are opened for it."""
    return load_plan(path, say=(lambda text: None) if quiet else click.echo)


def warn_of_guesses(anatomies: Mapping[str, Anatomy]) -> None:
    """Say on standard error for which networks, by the user's names, the range of their input is a guess."""
    for name, anatomy in anatomies.items():
        if warning := guess_warning(name, anatomy):
            click.echo(warning, err=True)


def render(
    plan: Plan,
    path: Path,
    *,
    engine: Engine,
    only: tuple[str, ...],
    shard: Shard | None,
    force: bool,
    retry_failed: bool,
    time_limit: float | None,
    strict: bool,
    quiet: bool,
) -> Outcome:
    """Render what is due of a plan, or of a part of it, showing progress. Raises Interrupted when it was
    stopped midway."""
    say = (lambda text: None) if quiet else click.echo
    named = select(plan, only) if only else plan.jobs
    chosen = [job for job in named if shard is None or job.key in shard]
    due = _due(plan, chosen, force=force, retry=retry_failed)
    hopeless = [] if force or retry_failed else _hopeless(plan, chosen)
    inquiries = inquiries_of(plan, {(job.model, job.layer) for job in named} if only else None, shard)
    pieces = _pieces(inquiries, plan, force)
    if not due and not pieces:
        wanted = many(len({job.key for job in chosen}), "picture") + of_shard(shard)
        missing = f"{len(hopeless):,} that would fail again" if hopeless else "none"
        say(f"Nothing to render: {wanted} in {short(plan.config.cache)}, {missing} missing.")
        return Outcome(hopeless=hopeless)
    if not quiet:
        warn_of_guesses({name: plan.models[name] for name in dict.fromkeys(job.model for job in due)})
    say(_announcement(plan, due, pieces, engine, shard))
    with _stops(engine) as interrupted, Reporter(len(due), pieces, quiet=quiet) as reporter:
        outcome = run(
            plan,
            due,
            engine,
            reporter,
            inquiries=inquiries,
            force=force,
            time_limit=time_limit,
            stop_at_failure=strict,
        )
    if interrupted() and (outcome.left or outcome.evidence_left):
        ignore_stops()
        raise Interrupted(
            f"Stopped: {outcome.done:,} rendered, {_left(outcome)} left. {_resume(path, shard)}"
        )
    outcome.hopeless = hopeless
    say(_summary(outcome, _resume(path, shard), time_limit))
    return outcome


def _pieces(inquiries: Sequence[Inquiry], plan: Plan, force: bool) -> int:
    """How many pieces of evidence are due."""
    if not inquiries:
        return 0
    there: Collection[str] = () if force else Cache(plan.config.cache).snapshot().entries
    return sum(inquiry.due(there) for inquiry in inquiries)


def _announcement(plan: Plan, due: Sequence[Job], pieces: int, engine: Engine, shard: Shard | None) -> str:
    workers = many(engine.jobs, "worker")
    wanted = len([key for key in plan.keys if shard is None or key in shard])
    pictures = f"{len(due):,} of {many(wanted, 'picture')}{of_shard(shard)}"
    sets = " and ".join(f"`{name}`" for name in plan.datasets)
    if not pieces:
        return f"Rendering {pictures} with {workers} ..."
    if not due:
        return (
            f"Collecting evidence from {sets}, {many(pieces, 'piece')}{of_shard(shard)}, with {workers} ..."
        )
    return f"Rendering {pictures}, then collecting evidence from {sets}, with {workers} ..."


def _left(outcome: Outcome) -> str:
    pieces = f"{many(outcome.evidence_left, 'piece')} of evidence" if outcome.evidence_left else ""
    return " and ".join(filter(None, (f"{outcome.left:,}" if outcome.left else "", pieces)))


def _due(plan: Plan, chosen: Sequence[Job], *, force: bool, retry: bool) -> list[Job]:
    due = plan.keys if force else {job.key for job in plan.due(Cache(plan.config.cache), retry=retry)}
    return list({job.key: job for job in chosen if job.key in due}.values())


def _hopeless(plan: Plan, chosen: Sequence[Job]) -> list[Failure]:
    keys = {job.key for job in chosen}
    return [one for key, one in plan.hopeless(Cache(plan.config.cache)).items() if key in keys]


def _summary(outcome: Outcome, resume: str, time_limit: float | None) -> str:
    made = many(outcome.done, "picture")
    pieces = many(outcome.evidence, "piece") + " of evidence"
    if outcome.done and not outcome.evidence:
        rate = outcome.done / outcome.seconds if outcome.seconds else 0.0
        text = f"Rendered {made} in {duration(outcome.seconds)} ({rate:.2f} a second)."
    elif outcome.evidence:
        what = f"Rendered {made} and collected" if outcome.done else "Collected"
        text = f"{what} {pieces} in {duration(outcome.seconds)}."
    else:
        text = f"Rendered {made} in {duration(outcome.seconds)}."
    if outcome.left or outcome.evidence_left:
        text += f" {_left(outcome)} are left. {resume}"
    if outcome.left and time_limit and not outcome.done:
        text += " A first picture takes longer than the time limit: give it more."
    return text


def _resume(path: Path, shard: Shard | None) -> str:
    words = ["build-site"]
    words += [] if path == DEFAULT_CONFIG else [str(path)]
    words += [] if shard is None else [f"--shard {shard}"]
    return f"`{' '.join(words)}` goes on from there."


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


def write_pages(plan: Plan, *, strict: bool, quiet: bool) -> None:
    """Write the gallery; warnings go to standard error, and are failures when `strict`."""
    from generator.gallery.pages_host import megabytes
    from generator.gallery.site import build_site

    started = time.monotonic()
    cache = Cache(plan.config.cache)
    inquiries = inquiries_of(plan)
    report = build_site(plan, cache, settle(inquiries, cache))
    for warning in (*skipped(inquiries, cache), *report.warnings):
        click.echo(f"Warning: {warning}", err=True)
    if not quiet:
        took, size = duration(time.monotonic() - started), megabytes(report.bytes)
        click.echo(f"Wrote the gallery ({size}) in {took}: {report.index}")
    if strict and report.warnings:
        raise SomeFailed(f"{many(len(report.warnings), 'warning')}, and --strict was given.")


def report_failures(outcome: Outcome) -> None:
    """Name what failed, now or before; raises SomeFailed if anything did."""
    failures = [*outcome.failures, *outcome.hopeless]
    if not failures:
        return
    for failure in failures[:NAMED]:
        click.echo(f"Failed: {failure.title}: {failure.reason}", err=True)
    rest = f" ({len(failures) - NAMED} more are not listed)" if len(failures) > NAMED else ""
    pictures = len(failures) - outcome.evidence_failed
    failed = [f"{many(pictures, 'picture')} failed{rest}; their pages say why."] if pictures else []
    if outcome.hopeless:
        failed.append(f"{len(outcome.hopeless):,} of them before, and would again: --retry-failed tries.")
    if outcome.evidence_failed:
        pieces = many(outcome.evidence_failed, "piece")
        failed.append(f"{pieces} of evidence failed; pages leave out what rests on them.")
    raise SomeFailed(" ".join(failed))


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
