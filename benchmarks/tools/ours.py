"""Pocket Microscope through the product's own path: Config -> Plan -> pipeline.run -> LocalEngine -> cache.

Everything is rendered twice by the same workers: the first time includes their start, TensorFlow's import,
opening the network and compiling a step per layer; the second time is what a longer run comes down to.
"""

from __future__ import annotations

import io
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
from generator.engines.tasks import Limit, Result, Results, Task, unlimited
from generator.pipeline import Progress, load_plan, run
from generator.plan import Plan

Arrival = tuple[float, Result]
"""A result and the clock (time.time) when it came."""


class TwiceEngine(LocalEngine):
    """A LocalEngine that works off every task again once all were handed out, and notes when results came.

    Runs too long to be done twice are done `once`.
    """

    def __init__(self, once: bool = False) -> None:
        super().__init__()
        self.once = once
        self.first: list[Arrival] = []
        self.again: list[Arrival] = []

    def run(self, tasks: Iterable[Task | None], limit: Limit = unlimited) -> Results:
        """The results of the first time; later ones are only noted."""
        seen = set()
        for result in super().run(self._twice(tasks), limit):
            _check(result)
            arrival = (time.time(), result)
            if result.task.keys in seen:
                self.again.append(arrival)
            else:
                seen.add(result.task.keys)
                self.first.append(arrival)
                yield result

    def _twice(self, tasks: Iterable[Task]) -> Iterator[Task]:
        given = []
        for task in tasks:
            given.append(task)
            yield task
        # Fewer tasks than workers are repeated until every worker has come to know them.
        repeats = 0 if self.once else 1 if len(given) >= self.jobs else 2 * self.jobs
        yield from given * repeats

    def warm_seconds(self) -> float:
        """Wall-clock seconds per picture once every worker is warm."""
        if self.once or len(self.first) < self.jobs:
            return self._after_first_round([*self.first, *self.again])
        # From when the first worker was free for the second time: rather too long than too short.
        return (self.again[-1][0] - self.first[-self.jobs][0]) / _count(self.again)

    def _after_first_round(self, arrivals: list[Arrival]) -> float:
        """From when as many results had come as there are workers."""
        rest = arrivals[self.jobs :]
        if not rest:
            return arrivals[-1][1].seconds / _count(arrivals)
        return (rest[-1][0] - arrivals[self.jobs - 1][0]) / _count(rest)


def _count(arrivals: list[Arrival]) -> int:
    return sum(len(result.outputs) for _, result in arrivals)


def _check(result: Result) -> None:
    for output in result.outputs:
        if output.error:
            raise SystemExit(output.error)


def main() -> None:
    """Run the job whose file the command line names."""
    job = Job(**json.loads(Path(sys.argv[1]).read_text()))
    plan = make_plan(job)
    engine = TwiceEngine(once=job.variant == "once")
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
    if job.precision != "auto":
        config["recipes"] = {"channel": {"precision": job.precision}}
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
        for output in result.outputs:
            image = Image.open(io.BytesIO(output.files["png"])).convert("RGB")
            layer, channel = output.record["layer"], output.record["channel"]
            save(job, layer, channel, image)
            entry = {"layer": layer, "channel": channel, "seconds": warm}
            report.pictures.append(entry)
    report.facts = _facts(engine)
    return report


def _facts(engine: TwiceEngine) -> dict[str, Any]:
    arrivals = [*engine.first, *engine.again]
    records = [output.record for _, result in arrivals for output in result.outputs]
    setups = sorted({f"{r['extra']['precision']} in batches of {r['extra']['batch']}" for r in records})
    return {"workers": engine.jobs, "rendered in": ", ".join(setups), "versions": records[0]["versions"]}


if __name__ == "__main__":
    main()
