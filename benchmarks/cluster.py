"""What Dask costs: pictures a minute beside the local engine, and tasks a second that do nothing.

    python -m benchmarks.cluster --pictures 48
    python -m benchmarks.cluster --stub-seconds 0 --tasks 50000 --workers 8

Pictures: channels of a layer of EfficientNet-Lite0, by the local engine with one and two worker processes,
and by the Dask engine with as many. The rate is that after the first batches, which open and compile.

Stubs: tasks that wait so many seconds, through the engine, a scheduler in a process of its own, and
workers, `--together` of them in a process. Memory and processor time are those of the scheduler's process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from generator.engines.tasks import Bench, Engine, NamedFile, Output, Pace, Result, Results, Task

# -- tasks that do nothing -------------------------------------------------------------------------


@dataclass(frozen=True)
class Stub:
    """A task that takes so many seconds and makes nothing."""

    number: int
    seconds: float

    @property
    def keys(self) -> tuple[str, ...]:
        return (f"stub {self.number}",)

    @property
    def pace(self) -> Pace:
        # As of layers of 128 channels, in batches of 4.
        return Pace("network", f"layer {self.number // 32}", 1.0)

    def work(self, bench: Bench) -> Result:
        time.sleep(self.seconds)
        return Result(self, (Output(self.keys[0], stored=True),), self.seconds)

    def smaller(self) -> Stub:
        return self

    def parts(self) -> Sequence[Stub]:
        return [self]

    def modules(self) -> Sequence[str]:
        return []

    def files(self) -> Sequence[NamedFile]:
        return []

    def moved(self, places: Mapping[Path, Path]) -> Stub:
        return self

    def title(self, key: str) -> str:
        return key


def at_once(threads: int) -> None:
    """Prepares a worker for stubs, which need no TensorFlow."""


@dataclass(frozen=True)
class Spent:
    """What a process has taken so far: bytes of memory, and seconds of processor time."""

    memory: int
    seconds: float

    @classmethod
    def of(cls, process: int) -> Spent:
        folder = Path("/proc", str(process))
        pages = int((folder / "statm").read_text().split()[1])
        ticks = (folder / "stat").read_text().rpartition(")")[2].split()[11:13]
        return cls(pages * os.sysconf("SC_PAGE_SIZE"), sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"))


def stubs(tasks: int, seconds: float, workers: int, together: int) -> list[tuple[str, str]]:
    """Figures of so many stubs on so many workers."""
    from generator.engines.dask import DaskEngine

    with (
        tempfile.TemporaryDirectory() as folder,
        scheduler(Path(folder)) as (process, address),
        hosts(address, workers, together),
    ):
        engine = DaskEngine(address, prepare=at_once)
        while engine.jobs < workers:
            time.sleep(0.2)
            engine._connected()[1].look()
        before, began, memory = Spent.of(process), time.perf_counter(), []
        for number, _ in enumerate(engine.run(iter([Stub(n, seconds) for n in range(tasks)]))):
            if number % max(1, tasks // 10) == 0:
                memory.append(f"{Spent.of(process).memory / 1e6:.0f}")
        took, after = time.perf_counter() - began, Spent.of(process)
    name = f"{tasks:,} tasks of {seconds:g} s on {workers} workers"
    own = (after.seconds - before.seconds) / tasks * 1e3
    return [
        (name, f"{took:.1f} s, {tasks / took:,.0f} a second"),
        ("… of the time the workers were at work", f"{tasks * seconds / workers / took:.0%}"),
        ("… the scheduler's processor time a task", f"{own:.2f} ms"),
        ("… its memory (MB), at each tenth", f"{before.memory / 1e6:.0f}; {', '.join(memory)}"),
    ]


@contextmanager
def scheduler(folder: Path) -> Iterator[tuple[int, str]]:
    """A scheduler of Dask in a process of its own: that, and its address."""
    file = folder / "scheduler.json"
    command = [
        "scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no-dashboard",
        "--scheduler-file",
        str(file),
        "--preload",
        "generator.engines.dask_lean",
    ]
    with child(["-m", "dask", *command]) as process:
        while not file.exists() or not file.read_text():
            time.sleep(0.05)
        yield process.pid, json.loads(file.read_text())["address"]


@contextmanager
def hosts(address: str, workers: int, together: int) -> Iterator[None]:
    """So many workers, several in a process."""
    own = ["-m", "benchmarks.cluster", "--join", address, "--workers"]
    with ExitStack() as open_:
        for first in range(0, workers, together):
            open_.enter_context(child([*own, str(min(together, workers - first))]))
        yield


async def join(address: str, workers: int) -> None:
    """Be so many workers, in this process."""
    from distributed import Worker

    made = [Worker(address, nthreads=1, dashboard=False, memory_limit=0) for _ in range(workers)]
    await asyncio.gather(*made)
    await asyncio.gather(*(worker.finished() for worker in made))


@contextmanager
def child(arguments: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


# -- pictures --------------------------------------------------------------------------------------

CONFIG = """
size: {size}
steps: {steps}
cache: {folder}/cache
models:
  efficientnet-lite0:
    layers: [{{name: block4c_add, channels: 0-{last}}}]
recipes:
  channel: {{precision: float32}}
"""


class Clock:
    """An engine, and when its results came."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.came: list[tuple[float, int]] = []

    @property
    def jobs(self) -> int:
        return self._engine.jobs

    def stop(self) -> None:
        self._engine.stop()

    def kill(self) -> None:
        self._engine.kill()

    def run(self, tasks: Iterator[Task | None], *options: object) -> Results:
        for result in self._engine.run(tasks, *options):  # type: ignore[arg-type]
            self.came.append((time.perf_counter(), len(result.outputs)))
            yield result


def pictures(count: int, size: int, steps: int) -> list[tuple[str, str]]:
    """Figures of so many pictures by each engine."""
    from generator.engines.dask import DaskEngine
    from generator.engines.local import LocalEngine

    rows = []
    for workers in (1, 2):
        rates = {}
        for name in ("local", "dask"):
            with tempfile.TemporaryDirectory() as folder:
                place = Path(folder, "cache")
                engine = LocalEngine(workers) if name == "local" else DaskEngine(jobs=workers, place=place)
                whole, rates[name] = rate(Path(folder), Clock(engine), count, size, steps)
            text = f"{rates[name]:.1f} a minute, {whole:.0f} s in all"
            rows.append((f"{name}, {workers} worker{'s' * (workers > 1)}", text))
        rows.append(("… Dask beside that", f"{rates['dask'] / rates['local']:.2f}"))
    return rows


def rate(folder: Path, clock: Clock, count: int, size: int, steps: int) -> tuple[float, float]:
    """Seconds in all, and pictures a minute once each worker has done a batch."""
    from generator.pipeline import Progress, load_plan, run

    config = folder / "config.yaml"
    config.write_text(CONFIG.format(folder=folder, size=size, steps=steps, last=count - 1))
    plan = load_plan(config)
    began = time.perf_counter()
    outcome = run(plan, plan.jobs, clock, Progress())
    assert outcome.done == count, outcome
    first, last = clock.came[2], clock.came[-1]
    return last[0] - began, 60 * sum(made for _, made in clock.came[3:]) / (last[0] - first[0])


# -- both ------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pictures", type=int, default=0)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=128)
    parser.add_argument("--tasks", type=int, default=0)
    parser.add_argument("--stub-seconds", type=float, default=0.0)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--together", type=int, default=16, help="workers of stubs in a process")
    parser.add_argument("--join", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.join:
        with suppress(asyncio.CancelledError):
            asyncio.run(join(options.join, options.workers))
        return
    rows = []
    if options.pictures:
        rows += pictures(options.pictures, options.size, options.steps)
    if options.tasks:
        rows += stubs(options.tasks, options.stub_seconds, options.workers, options.together)
    load = os.getloadavg()[0]
    lines = ["| figure | measured |", "| --- | --- |", *(f"| {name} | {text} |" for name, text in rows)]
    print(
        "\n".join(
            [f"`python -m benchmarks.cluster {' '.join(sys.argv[1:])}`, load {load:.1f} at the end:", ""]
        )
    )
    print("\n".join(lines))


if __name__ == "__main__":
    main()
