"""Kills of build-site at random moments, until so many are done or the time is over; losses are counted.

    python -m tests.crash.soak --kills 200 --minutes 40 --seed 1

`make soak` runs it; test_soak.py runs a few kills. A small network and sixteen drawings are rendered,
surveyed, shown, pruned and merged, over and over; each run is ended by SIGKILL, SIGINT or SIGTERM, or one of
its workers is. After each end every byte of the cache is verified, what was whole before has to be there
untouched, and no page may lack a picture. In the end the gallery has to be that of an undisturbed run.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from generator.cache.entries import Cache
from generator.gallery.disk import WAITING
from generator.inquiries.everything import kept
from generator.pipeline import load_plan
from tests.conftest import NETWORK, process_run
from tests.crash.running import Run

CONFIG = """
size: 24
steps: 30
batch: 2
cache: {cache}
output: {output}
recipes:
  channel: {{precision: float32}}
datasets:
  drawings: {{path: drawings, licence: CC0}}
models:
  tiny:
    source: tiny.keras
    preprocessing: unit
    layers: {layers}
"""

ALL = "[first, second, classes]"
LESS = "[first]"
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
"""How a run is ended; the first of all is the cruellest, and comes most often."""
TIMES = re.compile(rb"rendered     .* UTC, in \S+ s\n")
"""What of a page says when and in how long a picture was made."""


@dataclass
class Counts:
    """By what was disturbed: how often, what finished work was lost, pages that lacked something, and other
    complaints."""

    kills: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)

    def table(self) -> Iterator[str]:
        """Markdown, a row for each thing that was disturbed."""
        yield "| disturbed | kills | came to its end before | finished work lost | pages without a picture |"
        yield "| --- | --- | --- | --- | --- |"
        for what in sorted({*self.kills, *self.ended}):
            row = (what, self.kills[what], self.ended[what], self.lost[what], self.wrong[what])
            yield f"| {' | '.join(map(str, row))} |"
        total = sum(self.kills.values()), sum(self.ended.values())
        yield f"| in all | {total[0]} | {total[1]} | {self.lost.total()} | {self.wrong.total()} |"


class Storm:
    """A folder with a cache, a gallery and a second cache, in which runs are disturbed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random, self.counts = folder, random.Random(seed), Counts()
        _furnish(folder)
        for name, layers in (("calm", ALL), ("storm", ALL), ("less", LESS), ("merged", ALL)):
            cache = "storm" if name == "less" else name
            text = CONFIG.format(cache=f"cache-{cache}", output=f"site-{cache}", layers=layers)
            (folder / f"{name}.yaml").write_text(text)
        self.usual: dict[str, float] = {}

    # -- what is disturbed ---------------------------------------------------------------------------

    def round(self) -> None:
        """One thing, disturbed once."""
        what = self.random.choice(["render", "render", "survey", "worker", "html", "prune", "merge"])
        getattr(self, what)()

    def render(self) -> None:
        """Disturb that."""
        self._forget(lambda record: "kind" not in record)
        self._disturbed("render", "render", "storm.yaml", "--jobs", "2")

    def survey(self) -> None:
        """Disturb that."""
        self._forget(lambda record: "kind" in record)
        self._disturbed("survey", "render", "storm.yaml", "--jobs", "1")

    def worker(self) -> None:
        """Kill one of its workers."""
        self._forget(lambda record: "kind" not in record)
        self._disturbed("a worker of render", "render", "storm.yaml", "--jobs", "2", worker=True)

    def html(self) -> None:
        """Disturb that."""
        label = self.random.randrange(10**6)
        (self.folder / "notes.yaml").write_text(f"tiny/first/0: {{label: number {label}}}\n")
        self._disturbed("html", "html", "storm.yaml")

    def prune(self) -> None:
        """Disturb that."""
        plan = load_plan(self.folder / "less.yaml")
        wanted = plan.keys | kept(plan, Cache(plan.config.cache))
        self._disturbed("prune", "prune", "less.yaml", wanted=wanted)

    def merge(self) -> None:
        """Disturb that."""
        merged = Cache(self.folder / "cache-merged")
        for key in self._some(sorted(merged.keys())):
            merged.remove(key)
        self._disturbed("merge", "merge", "cache-storm", "--config", "merged.yaml")

    # -- how ---------------------------------------------------------------------------------------

    def _forget(self, chosen: Callable[[object], bool]) -> None:
        """Remove some entries, so that there is something to do."""
        cache = self.cache("storm")
        keys = sorted(cache.keys())
        own = [key for key in keys if (entry := cache.entry(key)) and chosen(entry.record)]
        for key in self._some(own):
            cache.remove(key)

    def _some(self, keys: list[str]) -> list[str]:
        return [key for key in keys if self.random.random() < 0.5]

    def cache(self, name: str) -> Cache:
        """The cache of that name."""
        return Cache(self.folder / f"cache-{name}")

    def _disturbed(
        self, what: str, *arguments: str, wanted: Collection[str] | None = None, worker: bool = False
    ) -> None:
        before = {name: _whole(self.cache(name), wanted) for name in ("storm", "merged")}
        started = time.monotonic()
        run = Run(*arguments, folder=self.folder)
        delay = self.random.uniform(0.1, self.usual.get(what, 10.0))
        while time.monotonic() - started < delay and run.process.poll() is None:
            time.sleep(0.005)
        if run.process.poll() is not None:
            self.counts.ended[what] += 1
            self.usual[what] = min(self.usual.get(what, 1e9), time.monotonic() - started)
        elif worker:
            self._kill_worker(run, what)
        else:
            self.counts.kills[what] += 1
            run.process.send_signal(self.random.choice(SIGNALS))
        self._check_end(run, what, worker)
        self._check_state(what, before, wanted)

    def _kill_worker(self, run: Run, what: str) -> None:
        own = [pid for pid in run.descendants() if pid != run.process.pid]
        if own:
            self.counts.kills[what] += 1
            os.kill(self.random.choice(own), signal.SIGKILL)

    def _check_end(self, run: Run, what: str, worker: bool) -> None:
        _, said = run.process.communicate(timeout=600)
        ends = (0,) if worker else (0, 130, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT)
        if run.process.returncode not in ends or "Traceback" in said:
            self.counts.complaints.append(f"{what} ended with {run.process.returncode}: {said[-500:]}")
        end = time.monotonic() + 60
        while run.descendants():
            if time.monotonic() > end:
                self.counts.complaints.append(f"{what} left processes behind: {run.descendants()}")
                return
            time.sleep(0.02)

    def _check_state(
        self, what: str, before: dict[str, dict[str, bytes]], wanted: Collection[str] | None
    ) -> None:
        for name, whole in before.items():
            now = _whole(self.cache(name), wanted)
            self.counts.lost[what] += sum(now.get(file) != data for file, data in whole.items())
            broken = list(self.cache(name).verify())
            self.counts.lost[what] += len(broken)
            self.counts.complaints += [f"after {what}: {key}: {reason}" for key, reason in broken]
        self.counts.wrong[what] += sum(1 for _ in lacking(self.folder / "site-storm"))

    # -- the end -----------------------------------------------------------------------------------

    def end(self) -> None:
        """Both galleries, undisturbed now, have to be the same file for file, but for times."""
        for name in ("calm", "storm"):
            ran = process_run(f"{name}.yaml", "--jobs", "2", cwd=self.folder)
            if ran.code:
                self.counts.complaints.append(f"{name} ended with {ran.code}: {ran.err[-500:]}")
        calm, storm = (untimed(self.folder / f"site-{name}") for name in ("calm", "storm"))
        differing = sorted(name for name in calm.keys() | storm.keys() if calm.get(name) != storm.get(name))
        self.counts.complaints += [f"{name} is not as undisturbed" for name in differing]


def _furnish(folder: Path) -> None:
    namespace: dict[str, object] = {}
    exec(NETWORK, namespace)
    namespace["build"]().save(folder / "tiny.keras")  # type: ignore[operator]
    drawn = np.random.default_rng(3)
    for label in ("dark", "light"):
        (folder / "drawings" / label).mkdir(parents=True)
        for number in range(8):
            pixels = drawn.integers(0, 128, (32, 32, 3)) + (128 if label == "light" else 0)
            Image.fromarray(pixels.astype("uint8")).save(folder / "drawings" / label / f"{number}.png")


def _whole(cache: Cache, wanted: Collection[str] | None) -> dict[str, bytes]:
    """The files of all whole entries, or of those that are wanted."""
    keys = cache.keys() if wanted is None else cache.keys() & set(wanted)
    files: dict[str, bytes] = {}
    for key in keys:
        entry = cache.entry(key)
        for kind in entry.files if entry else ():
            files[f"{key}.{kind}"] = cache.read(key, kind) or b""
    return files


def lacking(site: Path) -> Iterator[str]:
    """Pages of a gallery and what they show that is not there."""
    for page in site.rglob("*.html"):
        if WAITING in page.parts:
            continue
        for shown in re.findall(r'src="([^"#]+)', page.read_text("utf-8")):
            if not (page.parent / shown).exists():
                yield f"{page.relative_to(site)}: {shown}"


def untimed(site: Path) -> dict[str, bytes]:
    """The files of a gallery, without what says when and in how long pictures were made."""
    files = (path for path in site.rglob("*") if path.is_file() and WAITING not in path.parts)
    return {str(path.relative_to(site)): TIMES.sub(b"", path.read_bytes()) for path in files}


@contextmanager
def storm(seed: int) -> Iterator[Storm]:
    """A storm in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        yield Storm(Path(folder), seed)


def main() -> None:
    """Disturb, count, print; exit code 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    end = time.monotonic() + 60 * given.minutes
    print(f"seed {given.seed}", flush=True)
    with storm(given.seed) as one:
        while one.counts.kills.total() < given.kills and time.monotonic() < end:
            one.round()
            print(f"\r{one.counts.kills.total()} kills", end="", file=sys.stderr, flush=True)
        one.end()
    print("\n".join(["", *one.counts.table(), *one.counts.complaints]))
    sys.exit(1 if one.counts.complaints or one.counts.lost.total() or one.counts.wrong.total() else 0)


if __name__ == "__main__":
    main()
