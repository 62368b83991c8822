"""How quick and how small the gallery is, against the figures it set out to reach.

    python -m benchmarks.gallery --folder /tmp/gallery --channels 20000

makes synthetic pictures of that many channels once, then measures building the pages from nothing, again
with nothing changed and after one changed picture, the size a channel takes, whether a tenth of the channels
takes a tenth of the time, and, in headless Chromium from the disk, how a page of 1,280 channels loads; and
building them with evidence on every channel. Its
rows go to benchmarks/RESULTS.md under Gallery.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shlex
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import synthetic_facts
from benchmarks.page_loads import loads
from benchmarks.synthetic import anatomy, layer, plan_of, png, record, texture
from benchmarks.synthetic_facts import Places
from generator.cache.entries import Cache
from generator.evidence.facts import Evidence, FactsRef
from generator.gallery.site import SiteReport, build_site
from generator.plan import Plan

PAGE = 1280
PIXELS = 160
VARIETY = 500
"""Different pictures; more channels than these share them, so that a cache is made in seconds."""
PHOTOS = 200
"""Photos of the synthetic data set."""
RUNS = 5


@dataclass(frozen=True)
class Figure:
    """A measured figure, what it should be, and whether it is."""

    name: str
    value: str
    goal: str
    met: bool


# -- a large gallery -------------------------------------------------------------------------------


def large_plan(folder: Path, channels: int) -> Plan:
    """The plan of a network of one page of 1,280 channels and as many of 512 as it takes."""
    sizes = [min(PAGE, channels), *([512] * ((channels - PAGE) // 512)), (channels - PAGE) % 512]
    sizes = [size for size in sizes if size > 0]
    names = [f"layer{place:02d}" for place in range(len(sizes))]
    layers = [
        layer(name, size, before) for name, size, before in zip(names, sizes, ["input", *names], strict=False)
    ]
    network = anatomy(layers, name="large")
    return plan_of(folder, {"large": network}, {"large": {"layers": ["all"]}}, size=PIXELS, steps=128)


def fill_quickly(plan: Plan) -> Cache:
    """Put a picture of every job into the plan's cache, unless a run before this has."""
    cache = Cache(plan.config.cache)
    due = plan.due(cache)
    pictures = [png(texture(number, PIXELS)) for number in range(VARIETY if due else 0)]
    for place, job in enumerate(due):
        cache.put(record(plan, job), pictures[place % VARIETY])
    return cache


def kept_evidence(folder: Path, plan: Plan) -> Places:
    """Where the facts of the plan's channels are; made and put into the cache by the first run."""
    path = folder / "evidence.json"
    if not path.exists():
        made = synthetic_facts.evidence(plan, Cache(plan.config.cache), PHOTOS)
        path.write_text(json.dumps([[*place, ref.key, ref.photos] for place, ref in made.items()]))
    known = json.loads(path.read_text())
    return {(model, layer): FactsRef(key, tuple(photos)) for model, layer, key, photos in known}


def timed_build(folder: Path, channels: int, *options: str) -> dict[str, Any]:
    """Build in a process of its own, so that its time and memory are only its own."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.gallery",
            "--folder",
            folder,
            "--channels",
            str(channels),
            "--build",
            *options,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def build_once(folder: Path, channels: int, evident: bool) -> None:
    """What that process does: build, and print what it took as JSON."""
    plan = large_plan(folder, channels)
    evidence = Evidence(kept_evidence(folder, plan)) if evident else None
    started = time.perf_counter()
    report: SiteReport = build_site(plan, Cache(plan.config.cache), evidence)
    seconds = time.perf_counter() - started
    own, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    result = {
        "seconds": seconds,
        "busy": sum(usage.ru_utime + usage.ru_stime for usage in (own, workers)),
        # The largest worker twice, for two cores: more than is ever used at once.
        "megabytes": (own.ru_maxrss + 2 * workers.ru_maxrss) * 1024 / 1e6,
        "written": report.written,
        "bytes": report.bytes,
    }
    print(json.dumps(result))


def build_figures(folder: Path, channels: int) -> Iterator[Figure]:
    """Time, memory and size of building, rebuilding and changing."""
    plan = large_plan(folder, channels)
    cache = fill_quickly(plan)
    shutil.rmtree(plan.config.output, ignore_errors=True)
    first = timed_build(folder, channels)
    limit = 60 * channels / 20_000
    yield Figure(
        f"{channels:,} channels built from nothing",
        f"{first['seconds']:.1f} s ({first['busy']:.0f} s of processor time)",
        f"< {limit:g} s on 2 cores",
        first["seconds"] < limit,
    )
    memory = first["megabytes"]
    yield Figure("… memory at most", f"{memory:.0f} MB", "< 1500 MB", memory < 1500)
    again = timed_build(folder, channels)
    yield Figure(
        "… again, nothing changed",
        f"{again['seconds']:.2f} s, {again['written']} written",
        "< 3 s, 0 written",
        again["seconds"] < 3 and again["written"] == 0,
    )
    job = plan.jobs[len(plan.jobs) // 2]
    moment = time.time_ns()
    cache.put(
        replace(record(plan, job), activation=float(moment % 1000)), png(texture(moment % 10**9, PIXELS))
    )
    changed = timed_build(folder, channels)
    yield Figure(
        "… again, one picture changed",
        f"{changed['seconds']:.2f} s, {changed['written']} written",
        "< 10 written",
        changed["written"] < 10,
    )
    each = first["bytes"] / channels / 1000
    yield Figure("… size a channel", f"{each:.1f} kB", "< 40 kB", each < 40)
    yield growth(folder / "tenth", channels // 10, first["busy"] / channels)


def evident_figures(folder: Path, channels: int) -> Iterator[Figure]:
    """Time, memory and size with evidence on every channel, nine strongest examples each."""
    plan = large_plan(folder, channels)
    fill_quickly(plan)
    kept_evidence(folder, plan)
    shutil.rmtree(plan.config.output, ignore_errors=True)
    first = timed_build(folder, channels, "--evident")
    limit = 90 * channels / 20_000
    yield Figure(
        f"{channels:,} channels with evidence built from nothing",
        f"{first['seconds']:.1f} s ({first['busy']:.0f} s of processor time)",
        f"< {limit:g} s on 2 cores",
        first["seconds"] < limit,
    )
    memory = first["megabytes"]
    yield Figure("… memory at most", f"{memory:.0f} MB", "< 1500 MB", memory < 1500)
    each = first["bytes"] / channels / 1000
    yield Figure("… size a channel", f"{each:.1f} kB", "< 60 kB", each < 60)
    again = timed_build(folder, channels, "--evident")
    yield Figure(
        "… again, nothing changed",
        f"{again['seconds']:.2f} s, {again['written']} written",
        "< 3 s, 0 written",
        again["seconds"] < 3 and again["written"] == 0,
    )


def growth(folder: Path, channels: int, busy: float) -> Figure:
    """Whether a channel takes no longer (`busy`, seconds of processor time) than where there are fewer."""
    plan = large_plan(folder, channels)
    fill_quickly(plan)
    shutil.rmtree(plan.config.output, ignore_errors=True)
    few = timed_build(folder, channels)["busy"] / channels
    return Figure(
        "… processor time a channel",
        f"{1000 * busy:.1f} ms; of {channels:,} channels {1000 * few:.1f} ms",
        "grows no faster than the channels",
        busy < 1.1 * few,
    )


# -- a large page in a browser ---------------------------------------------------------------------


def page_figures(model: Path) -> Iterator[Figure]:
    """How the page of 1,280 channels loads from the disk, and how it scrolls; what other pages fetch."""
    runs = list(loads(model / "layer00" / "index.html", RUNS + 1))
    paint = statistics.median(run.paint for run in runs)
    longest = max(run.longest for run in runs)
    typical = statistics.median(run.longest for run in runs)
    requests = max(run.requests for run in runs)
    shift = max(run.shift for run in runs)
    frames = statistics.median(run.frame for run in runs)
    yield Figure(
        "Page of 1,280 channels: largest paint", f"{paint:.0f} ms (median of {RUNS})", "< 500 ms", paint < 500
    )
    yield Figure("… requests before scrolling", str(requests), "< 40", requests < 40)
    yield Figure(
        "… longest task while loading", f"{_task(typical)} (median), {_task(longest)} (worst)", "< 100 ms",
        longest < 100,
    )  # fmt: skip
    yield Figure("… cumulative layout shift", f"{shift:.4f}", "< 0.02", shift < 0.02)
    yield Figure("… frame while scrolling, 95th percentile", f"{frames:.0f} ms", "< 50 ms", frames < 50)
    (one,) = loads(model / "layer00" / "640.html", 1)
    yield Figure(
        "A channel's page: pictures fetched", f"{one.pictures:.0f} kB", "< 300 kB", one.pictures < 300
    )
    (one,) = loads(model / "index.html", 1)
    layers = len(list(model.glob("*/best.webp")))
    fetched = f"{one.pictures:.0f} kB, of {layers} layers {one.pictures / layers:.0f} kB each"
    yield Figure("A model's page: pictures fetched", fetched, "< 200 kB a layer", one.pictures < 200 * layers)


def _task(milliseconds: float) -> str:
    """Browsers report tasks from 50 ms on."""
    return f"{milliseconds:.0f} ms" if milliseconds else "under 50 ms"


# -- results ---------------------------------------------------------------------------------------

RESULTS = Path(__file__).with_name("RESULTS.md")
START, END = "<!-- gallery:start -->", "<!-- gallery:end -->"


def table(figures: Sequence[Figure], command: str) -> str:
    """The figures as a section of RESULTS.md."""
    rows = [f"| {f.name} | {f.value} | {f.goal} | {'yes' if f.met else '**no**'} |" for f in figures]
    head = ["| figure | measured | goal | met |", "| --- | --- | --- | --- |"]
    return "\n".join(["## Gallery", "", f"`{command}`, {machine()}:", "", *head, *rows, ""])


def machine() -> str:
    """Where this was measured."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    day, load = time.strftime("%d %B %Y"), os.getloadavg()[0]
    return f"{len(names)} cores of {names[0].partition(': ')[2]}, {day}, load {load:.1f} at the end"


def save(section: str) -> None:
    """Replace our section of RESULTS.md, or append it; what others wrote there stays."""
    text = RESULTS.read_text("utf-8") if RESULTS.exists() else "# Measurements\n"
    if START not in text:
        text = f"{text.rstrip()}\n\n{START}\n{END}\n"
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    RESULTS.write_text(f"{before}{START}\n{section.strip()}\n{END}{after}", "utf-8")


def main() -> None:
    """Measure, print, and with --save keep the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="where the large gallery may be kept")
    parser.add_argument("--channels", type=int, default=20_000)
    parser.add_argument("--save", action="store_true", help="put the figures into RESULTS.md")
    parser.add_argument("--build", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--evident", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build:
        build_once(options.folder, options.channels, options.evident)
        return
    figures = list(build_figures(options.folder, options.channels))
    output = large_plan(options.folder, options.channels).config.output
    figures += page_figures(output / "models" / "large")
    figures += evident_figures(options.folder, options.channels)
    section = table(figures, f"python -m benchmarks.gallery {shlex.join(sys.argv[1:])}")
    print(section)
    if options.save:
        save(section)


if __name__ == "__main__":
    main()
