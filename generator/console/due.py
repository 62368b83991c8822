"""What `build-site plan` says: what is due, how long that takes, and how much disk."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from generator.cache.contents import Snapshot
from generator.cache.entries import Cache
from generator.console.wording import duration, input_words, many, of_shard, size
from generator.inquiries.everything import atlases_of, inquiries_of, pursuits_of
from generator.inquiries.inquiry import Inquiry
from generator.inquiries.photos import photos_of
from generator.inquiries.pursuit import Pursuit
from generator.plan import Group, Plan, group
from generator.schedule import task_of
from generator.selection import Shard
from generator.timings import Timings

BYTES_PER_PIXEL = 3.6
"""What a lossless picture takes at most, its record included."""

UNKNOWN_TIME = "time unknown until a first picture is made"


def what_is_due(plan: Plan, shard: Shard | None = None) -> Iterator[str]:
    """What `build-site plan` says, of all or of a shard: a line for each network's input, each layer and
    recipe, then the sum."""
    for name, anatomy in plan.models.items():
        yield f"{name}: {input_words(anatomy)}"
    cache, inquiries = Cache(plan.config.cache), inquiries_of(plan, shard=shard)
    photos = photos_of(plan, shard=shard)
    now, timings = snapshot_for(plan, [*inquiries, *photos], cache), Timings(cache)
    due = {job.key for job in plan.outlook(cache, now)[0]}
    seconds: list[float | None] = []
    chosen = [job for job in plan.jobs if shard is None or job.key in shard]
    for members in group(chosen):
        waiting = replace(members, jobs=tuple(job for job in members.jobs if job.key in due))
        pace = task_of(plan, replace(members, jobs=members.jobs[:1])).pace
        seconds.append(timings.estimate(pace, len(waiting.jobs)) if waiting.jobs else 0.0)
        yield _line(members, waiting, seconds[-1])
    known = [value for value in seconds if value is not None]
    time_ = f"about {duration(sum(known))}" if len(known) == len(seconds) else UNKNOWN_TIME
    sizes = {job.key: plan.recipes[job.recipe_name].size for job in chosen if job.key in due}
    wanted = len({job.key for job in chosen})
    disk = sum(BYTES_PER_PIXEL * side**2 for side in sizes.values())
    yield (
        f"In all {len(sizes):,} of {wanted:,} pictures{of_shard(shard)} are due: "
        f"{time_ if sizes else 'nothing to do'}, {size(disk)} of cache at most."
    )
    yield from _evidence_due(inquiries, shard, now.entries, timings)
    for photo in photos:
        pieces = many(photo.due(now.entries), "piece")
        yield f"{photo.model}: photo {photo.name}: {pieces}{of_shard(shard)} due"
    yield from _atlases_due(plan, shard, now.entries)


def snapshot_for(plan: Plan, pursuits: Sequence[Pursuit], cache: Cache) -> Snapshot:
    """What the cache holds of a plan, and of all that is pursued besides: one look for both."""
    return cache.snapshot(None if pursuits else plan.keys)


def count_due(plan: Plan, shard: Shard | None = None) -> int:
    """How many pictures and pieces of evidence are due, of all or of a shard."""
    cache, pursuits = Cache(plan.config.cache), pursuits_of(plan, shard=shard)
    now = snapshot_for(plan, pursuits, cache)
    pictures = sum(shard is None or job.key in shard for job in plan.outlook(cache, now)[0])
    return pictures + sum(one.due(now.entries) for one in pursuits)


def values(plan: Plan, shard: Shard | None = None) -> Iterator[str]:
    """What a script asks of a plan, as `name=value`: how much is due, and where cache and gallery are."""
    yield f"due={count_due(plan, shard)}"
    yield f"cache={plan.config.cache}"
    yield f"site={plan.config.output}"


def _evidence_due(
    inquiries: Iterable[Inquiry], shard: Shard | None, there: Collection[str], timings: Timings
) -> Iterator[str]:
    """A line for each model that is shown a data set."""
    for inquiry in inquiries:
        pieces = inquiry.due(there)
        dataset = inquiry.survey.dataset
        shown = f"{inquiry.model}: evidence from {inquiry.source}, {many(len(dataset.items), 'picture')}"
        if dataset.skipped:
            shown += f" ({len(dataset.skipped):,} can't be read)"
        tasks = list(inquiry.first(there))
        seconds = [timings.estimate(task.pace, len(task.keys)) for task in tasks]
        known = [value for value in seconds if value is not None]
        time_ = f"about {duration(sum(known))}" if len(known) == len(seconds) else "time unknown yet"
        when = f", {time_}" if pieces and tasks else ""
        yield f"{shown}: {many(pieces, 'piece')}{of_shard(shard)} due{when}"


def _atlases_due(plan: Plan, shard: Shard | None, there: Collection[str]) -> Iterator[str]:
    """A line for each atlas; how many cells it has is known once its vectors are placed."""
    for one in atlases_of(plan, shard=shard):
        pieces = one.due(there)
        most = "at most " if pieces and one.chart_key(there) not in there else ""
        yield f"{one.model}/{one.layer}: atlas: {most}{many(pieces, 'piece')}{of_shard(shard)} due"


def _line(members: Group, waiting: Group, seconds: float | None) -> str:
    name = f"{members.model}/{members.layer} ({members.recipe_name})"
    time_ = "time unknown yet" if seconds is None else f"about {duration(seconds)}"
    count = f"{len(waiting.jobs):>6,} of {len(members.jobs):>6,} due"
    return f"{name:<60} {count}  {time_ if waiting.jobs else 'done'}"
