"""What a run says at its beginning and at its end."""

from __future__ import annotations

from pathlib import Path

import click

from generator.console.wording import duration, many, of_shard, short
from generator.errors import SomeFailed
from generator.pipeline import Outcome
from generator.plan import Plan
from generator.selection import Shard

DEFAULT_CONFIG = Path("config.yaml")
NAMED = 20
"""Failures that are named one by one."""


def nothing_due(plan: Plan, wanted: int, hopeless: int, shard: Shard | None) -> str:
    """That all that is `wanted` is there, but for what would fail again."""
    missing = f"{hopeless:,} that would fail again" if hopeless else "none"
    pictures = many(wanted, "picture") + of_shard(shard)
    return f"Nothing to render: {pictures} in {short(plan.config.cache)}, {missing} missing."


def announcement(plan: Plan, due: int, pieces: int, jobs: int, shard: Shard | None) -> str:
    """That so many pictures and pieces of evidence are made now, by so many workers."""
    workers = many(jobs, "worker")
    wanted = len([key for key in plan.keys if shard is None or key in shard])
    pictures = f"{due:,} of {many(wanted, 'picture')}{of_shard(shard)}"
    sets = " and ".join(f"`{name}`" for name in plan.datasets)
    if not pieces:
        return f"Rendering {pictures} with {workers} ..."
    if not due:
        return (
            f"Collecting evidence from {sets}, {many(pieces, 'piece')}{of_shard(shard)}, with {workers} ..."
        )
    return f"Rendering {pictures}, then collecting evidence from {sets}, with {workers} ..."


def left(outcome: Outcome) -> str:
    """How much a run did not come to: `12 and 3 pieces of evidence`."""
    pieces = f"{many(outcome.evidence_left, 'piece')} of evidence" if outcome.evidence_left else ""
    return " and ".join(filter(None, (f"{outcome.left:,}" if outcome.left else "", pieces)))


def summary(outcome: Outcome, resume: str, time_limit: float | None) -> str:
    """What a run did, and what to do next if anything is left."""
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
        text += f" {left(outcome)} are left. {resume}"
    if outcome.left and time_limit and not outcome.done:
        text += " A first picture takes longer than the time limit: give it more."
    return text


def resume(path: Path, shard: Shard | None) -> str:
    """Which command goes on."""
    words = ["build-site"]
    words += [] if path == DEFAULT_CONFIG else [str(path)]
    words += [] if shard is None else [f"--shard {shard}"]
    return f"`{' '.join(words)}` goes on from there."


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
