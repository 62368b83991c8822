"""What `build-site status` says: how much of each model and layer is done, due and failed, by the cache; and
how fast it goes, if a run is on."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby

from generator.cache.contents import Snapshot
from generator.cache.entries import Cache
from generator.console.due import snapshot_for
from generator.console.wording import duration, many
from generator.inquiries.everything import pursuits_of
from generator.plan import Job, Plan, group
from generator.schedule import task_of
from generator.timings import Timings


@dataclass
class Standing:
    """Of some pictures, how many are done, how many are due, and how many of those that are not done failed;
    these are not due where they would fail again. `seconds` are what the due ones will take, None where
    nothing was measured."""

    done: int = 0
    due: int = 0
    failed: int = 0
    seconds: float | None = field(default=0.0)

    def __add__(self, other: Standing) -> Standing:
        known = None if self.seconds is None or other.seconds is None else self.seconds + other.seconds
        return Standing(self.done + other.done, self.due + other.due, self.failed + other.failed, known)


def how_it_stands(plan: Plan) -> Iterator[str]:
    """A line for each layer of each model, one for each model with more than one, and the sum."""
    cache, pursuits = Cache(plan.config.cache), pursuits_of(plan)
    now, timings = snapshot_for(plan, pursuits, cache), Timings(cache)
    due = {job.key for job in plan.outlook(cache, now)[0]}
    yield f"{'':<60} {'done':>9} {'due':>9} {'failed':>7}"
    total = Standing()
    for model, jobs in groupby(plan.jobs, key=lambda job: job.model):
        whole, layers = Standing(), 0
        for layer, own in groupby(jobs, key=lambda job: job.layer):
            standing = _standing(plan, own, now, due, timings)
            yield _line(f"{model}/{layer}", standing)
            whole, layers = whole + standing, layers + 1
        if layers > 1:
            yield _line(f"{model}: {many(layers, 'layer')}", whole)
        total += whole
    yield _line("In all", total)
    yield _running(cache, now, total.due)
    if pursuits:
        pieces = sum(one.due(now.entries) for one in pursuits)
        yield f"Evidence: {many(pieces, 'piece')} due"


def _running(cache: Cache, now: Snapshot, due: int) -> str:
    """Who renders at the moment, how fast, and when that is done."""
    holder = cache.store.holder()
    if holder is None:
        return "No run is on." + (" `build-site` goes on." if due else "")
    seconds = max(1e-3, time.time() - holder.since)
    made = sum(stamp.written >= holder.since * 1e9 for stamp in now.entries.values())
    speed = f"{made:,} made by now, {made / seconds:.2f} a second"
    left = f", about {duration(due / made * seconds)} left" if made and due else ""
    return f"Running: {holder}: {speed}{left}"


def _standing(
    plan: Plan, jobs: Iterable[Job], now: Snapshot, due: Collection[str], timings: Timings
) -> Standing:
    standing = Standing()
    for members in group(jobs):
        missing = [job for job in members.jobs if job.key not in now.entries]
        waiting = [job for job in missing if job.key in due]
        failed = sum(job.key in now.failures for job in missing)
        seconds: float | None = 0.0
        if waiting:
            pace = task_of(plan, replace(members, jobs=tuple(waiting[:1]))).pace
            seconds = timings.estimate(pace, len(waiting))
        standing += Standing(len(members.jobs) - len(missing), len(waiting), failed, seconds)
    return standing


def _line(name: str, standing: Standing) -> str:
    counts = f"{standing.done:>9,} {standing.due:>9,} {standing.failed:>7,}"
    if not standing.due:
        time_ = "done but for failures" if standing.failed else "done"
    elif standing.seconds is None:
        time_ = "time unknown yet"
    else:
        time_ = f"about {duration(standing.seconds)}"
    return f"{name:<60} {counts}  {time_}"
