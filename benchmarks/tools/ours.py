"""Pocket Microscope through the product's own path: Config -> Plan -> pipeline.run -> LocalEngine -> cache.

Everything is rendered twice by the same workers: the first time includes their start, TensorFlow's import,
opening the network and compiling a step per layer; the second time is what a longer run comes down to.
"""

from __future__ import annotations

import io
import itertools
import json
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.tools.common import Job, Report, save, write_report
from generator.engines.local import LocalEngine
from generator.engines.tasks import Result, Task
from generator.pipeline import Progress, load_plan, run
from generator.plan import Plan


class TwiceEngine:
    """A LocalEngine that works off every task twice and notes when results came."""

    def __init__(self, twice: bool = True) -> None:
        self.inner, self.twice = LocalEngine(), twice
        self.first: list[tuple[float, Result]] = []
        self.second: list[tuple[float, Result]] = []

    @property
    def jobs(self) -> int:
        """Worker processes."""
        return self.inner.jobs

    def stop(self) -> None:
        """Start no further task."""
        self.inner.stop()

    def run(self, tasks: Iterable[Task]) -> Iterator[Result]:
        """The results of the first time; the second's are only noted."""
        known = list(tasks)
        waiting = {_name(task): 2 for task in known}
        again = known if self.twice else []
        for result in self.inner.run(itertools.chain(known, again)):
            _check(result)
            times = self.first if waiting[_name(result.task)] == 2 else self.second
            waiting[_name(result.task)] -= 1
            times.append((time.time(), result))
            if times is self.first:
                yield result

    def warm_seconds(self) -> float:
        """Wall-clock seconds per picture once every worker is warm."""
        if not self.second:
            return self._steady(self.first)
        if len(self.first) < self.jobs:
            return self.second[-1][1].seconds / _count(self.second)
        # From when the first worker was free for the second time: rather too long than too short.
        return (self.second[-1][0] - self.first[-self.jobs][0]) / _count(self.second)

    def _steady(self, results: list[tuple[float, Result]]) -> float:
        """From when every worker has finished something; for runs too long to be repeated."""
        rest = results[self.jobs :]
        if not rest:
            return results[-1][1].seconds / _count(results)
        return (rest[-1][0] - results[self.jobs - 1][0]) / _count(rest)


def _count(results: list[tuple[float, Result]]) -> int:
    return sum(len(result.pictures) for _, result in results)


def _name(task: Task) -> tuple[str, tuple[int, ...]]:
    return task.layer, task.channels


def _check(result: Result) -> None:
    for picture in result.pictures:
        if picture.error:
            raise SystemExit(f"{result.task.layer} {picture.channel}: {picture.error}")


def main() -> None:
    """Run the job whose file the command line names."""
    job = Job(**json.loads(Path(sys.argv[1]).read_text()))
    plan = make_plan(job)
    engine = TwiceEngine(twice=job.variant != "once")
    run(plan, plan.jobs, engine, Progress())
    write_report(job, _report(job, plan, engine))


def make_plan(job: Job) -> Plan:
    """The plan of a config file that asks for the job, with an empty cache."""
    folder = Path(job.out)
    shutil.rmtree(folder / "cache", ignore_errors=True)
    layers = [
        {"name": name, "channels": ",".join(map(str, channels))} for name, channels in job.layers.items()
    ]
    model = {"weights": job.model_weights, "layers": layers}
    config: dict[str, Any] = {"size": job.size, "models": {job.model: model}}
    if job.steps:
        config["steps"] = job.steps
    path = folder / "config.yaml"
    path.write_text(json.dumps(config))  # JSON is YAML
    return load_plan(path)


def _report(job: Job, plan: Plan, engine: TwiceEngine) -> Report:
    recipe = plan.recipes["channel"]
    report = Report("Pocket Microscope", recipe.steps, recipe.size + 2 * recipe.pad)
    report.wall = engine.first[-1][0] - job.started
    report.startup = engine.first[0][0] - job.started
    warm = engine.warm_seconds()
    for _, result in engine.first:
        for picture in result.pictures:
            image = Image.open(io.BytesIO(picture.png)).convert("RGB")
            save(job, result.task.layer, picture.channel, image)
            entry = {"layer": result.task.layer, "channel": picture.channel, "seconds": warm}
            report.pictures.append(entry)
    report.facts = _facts(engine)
    return report


def _facts(engine: TwiceEngine) -> dict[str, Any]:
    batches = sorted({result.task.batch for _, result in engine.first})
    return {"workers": engine.jobs, "batch": batches, "versions": engine.first[0][1].versions}


if __name__ == "__main__":
    main()
