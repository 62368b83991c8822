"""What limits a plan of a million pictures, or a survey of ImageNet, on many workers: a simulation.

    python -m benchmarks.scaling --cache cache

Tasks take the times that the records of a cache tell (of the shipped config, after `make site`). Workers have
their next task beside them, as Dask gives it to them; a scheduler serves one message after another; a store
takes so many writes a second in all, and a while for each. How long the whole takes is printed, and for which
share of that workers, scheduler and store were busy. Where the costs come from stands in docs/scaling.md.
"""

from __future__ import annotations

import argparse
import heapq
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from generator.cache.entries import Cache

BATCH = 4
"""Pictures of a task, at 160 pixels."""


@dataclass(frozen=True)
class Costs:
    """Seconds of the scheduler for a task; writes a second that the store takes, and seconds that one lasts;
    writes of a task; seconds of a worker to open a network, at its first task."""

    scheduler: float = 1.55e-3
    store_rate: float = 3500.0
    store_wait: float = 0.05
    writes: int = 2 * BATCH
    start: float = 12.0


@dataclass(frozen=True)
class Found:
    """Hours until all is done, and the shares of it that workers, scheduler and store were busy."""

    hours: float
    workers: float
    scheduler: float
    store: float


def simulate(times: Sequence[float], tasks: int, workers: int, costs: Costs, seed: int = 1) -> Found:
    """Run so many tasks, whose times are drawn from `times`, on so many workers."""
    drawn = random.Random(seed)
    given = min(tasks, 2 * workers)  # the one that a worker is at, and its next
    waiting = [1 + (worker < given - workers) for worker in range(workers)]
    clock = scheduler_free = store_free = busy = 0.0
    ends = [(costs.start + drawn.choice(times), worker, "worked") for worker in range(min(workers, tasks))]
    heapq.heapify(ends)
    last = 0.0
    while ends:
        clock, worker, what = heapq.heappop(ends)
        if what == "worked":
            # Its writes go out together; the store takes them one after the other.
            store_free = max(store_free, clock) + costs.writes / costs.store_rate
            heapq.heappush(ends, (max(store_free, clock + costs.store_wait), worker, "stored"))
            continue
        if what == "stored":
            scheduler_free = max(scheduler_free, clock) + costs.scheduler
            heapq.heappush(ends, (scheduler_free, worker, "told"))
            waiting[worker] -= 1
            last = max(last, clock)
            if waiting[worker]:
                busy += _begin(ends, clock, worker, drawn.choice(times))
            continue
        if given < tasks:
            given += 1
            waiting[worker] += 1
            if waiting[worker] == 1:
                busy += _begin(ends, clock, worker, drawn.choice(times))
    return Found(
        last / 3600,
        busy / (workers * last),
        tasks * costs.scheduler / last,
        tasks * costs.writes / costs.store_rate / last,
    )


def _begin(ends: list[tuple[float, int, str]], now: float, worker: int, seconds: float) -> float:
    heapq.heappush(ends, (now + seconds, worker, "worked"))
    return seconds


def recorded(cache: Cache) -> list[float]:
    """Seconds that batches of pictures took, by the records of a cache."""
    layers: dict[tuple[str, str], list[float]] = defaultdict(list)
    for key in sorted(cache.keys()):
        entry = cache.entry(key)
        if entry is not None and "png" in entry.files:
            layers[entry.record["layer"], entry.record["recipe_name"]].append(entry.record["seconds"])
    return [sum(some[at : at + BATCH]) for some in layers.values() for at in range(0, len(some), BATCH)]


SCALES = (16, 64, 256, 1024, 4096)


def rows(times: Sequence[float], tasks: int, costs: Costs) -> Iterator[str]:
    """A table of what comes of more and more workers."""
    yield "| workers | hours | workers busy | scheduler busy | store busy |"
    yield "| --- | --- | --- | --- | --- |"
    for workers in SCALES:
        found = simulate(times, tasks, workers, costs)
        shares = (f"{share:.0%}" for share in (found.workers, found.scheduler, found.store))
        yield f"| {workers:,} | {found.hours:.2f} | {' | '.join(shares)} |"


def main() -> None:
    """Print the tables of docs/scaling.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=1_000_000)
    parser.add_argument("--block-seconds", type=float, default=128 / 62, help="a survey's block, one worker")
    parser.add_argument("--blocks", type=int, default=10_009, help="blocks of a survey")
    given = parser.parse_args()
    times = recorded(Cache(given.cache))
    print(
        f"{given.pictures:,} pictures, batches of {BATCH}: {sum(times) / len(times):.2f} s each on average\n"
    )
    tasks = -(-given.pictures // BATCH)
    for name, costs in (
        ("an object store, 3,500 writes a second", Costs()),
        ("one folder that takes 120 durable writes a second", Costs(store_rate=120, store_wait=0.008)),
    ):
        print(f"{name}:\n", *rows(times, tasks, costs), "", sep="\n")
    survey = replace(Costs(), writes=6)
    print(
        f"a survey of {given.blocks:,} blocks:\n",
        *rows([given.block_seconds], given.blocks, survey),
        sep="\n",
    )


if __name__ == "__main__":
    main()
