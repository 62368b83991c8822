"""What `build-site merge` does and says."""

from __future__ import annotations

from collections.abc import Sequence

import click

from generator.cache.entries import Cache
from generator.cache.merging import Merged, merge, open_other
from generator.config.addresses import Place
from generator.console.wording import many, short, size
from generator.errors import SomeFailed


def merge_caches(place: Place, others: Sequence[Place]) -> None:
    """Copy into the cache of a place what others hold and it lacks, saying of each what was done.

    Raises UserError for others that are no caches, before anything is copied, CacheError while another run
    holds ours, and SomeFailed when anything is broken that no cache holds whole.
    """
    cache = Cache(place)
    opened = [open_other(other, cache) for other in others]
    broken: set[str] = set()
    with cache.store.only_run():
        for other, done in merge(opened, cache):
            for key, reason in done.broken:
                click.echo(f"Broken: {short(other.place)}: {key}: {reason}", err=True)
            click.echo(f"{short(other.place)}: {_told(done)}.")
            broken |= {key for key, _ in done.broken}
        lost = sum(key not in cache for key in broken)
    if lost:
        raise SomeFailed(
            f"{many(lost, 'broken one')} left out, which no cache holds whole; the next run makes up for it."
        )


def _told(done: Merged) -> str:
    told = f"{done.copied:,} copied ({size(done.bytes)}), {done.there:,} there already"
    told += f", {len(done.broken):,} broken and left out" if done.broken else ""
    return told + (f", {many(done.failures, 'failure')} carried over" if done.failures else "")
