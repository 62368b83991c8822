"""How long an atlas takes, and how its page loads and pans, against the figures it set out to reach.

    python -m benchmarks.atlas --pictures /usr/share/tuxpaint/stamps --folder /tmp/atlas --save

makes an atlas of 20 x 20 cells, two levels above it, of `block5c_add` of EfficientNet-Lite0 over a data set,
from an empty cache, then reads its page from the disk in headless Chromium: largest paint, frames while it is
panned and zoomed, and the size of all that is for it. With `--page` alone the page of a folder that is there.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.page_loads import ARGUMENTS, OBSERVE
from benchmarks.results_file import put

RESULTS = Path(__file__).with_name("RESULTS.md")
RUNS = 5

CONFIG = """\
datasets: {{shown: {{path: {pictures}, fit: pad}}}}
models:
  efficientnet-lite0:
    layers: [{{name: block5c_add, channels: 0, atlas: {{cells: 20, levels: 3}}}}]
"""

PAN = """() => new Promise(done => {
  const map = document.querySelector(".atlas"), box = map.getBoundingClientRect();
  map.setPointerCapture = () => {};
  const at = (type, x, y) => map.dispatchEvent(new PointerEvent(type, {
    pointerId: 7, pointerType: "mouse", bubbles: true, clientX: box.left + x, clientY: box.top + y}));
  const times = [];
  let last = performance.now();
  const [x, y] = [box.width / 2, box.height / 2];
  at("pointerdown", x, y);
  const step = now => {
    times.push(now - last);
    last = now;
    const turn = times.length / 12;
    at("pointermove", x + 200 * Math.sin(turn), y + 140 * Math.cos(turn));
    if (times.length < 240) requestAnimationFrame(step);
    else {
      at("pointerup", x, y);
      done(times.slice(1).sort((a, b) => a - b));
    }
  };
  requestAnimationFrame(step);
})"""

ZOOM = """() => new Promise(done => {
  const map = document.querySelector(".atlas"), box = map.getBoundingClientRect();
  const times = [];
  let last = performance.now();
  const step = now => {
    times.push(now - last);
    last = now;
    map.dispatchEvent(new WheelEvent("wheel", {bubbles: true, cancelable: true,
      deltaY: times.length < 120 ? -12 : 12, clientX: box.left + 300, clientY: box.top + 200}));
    if (times.length < 240) requestAnimationFrame(step);
    else done(times.slice(1).sort((a, b) => a - b));
  };
  requestAnimationFrame(step);
})"""


@dataclass(frozen=True)
class Made:
    """Seconds of the run and, of all its processes, of their processors; and how many of the pictures."""

    seconds: float
    processor: float


def make(pictures: Path, folder: Path) -> Made:
    """Make the atlas from nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(pictures=pictures.resolve()))
    for old in ("cache", "site"):
        shutil.rmtree(folder / old, ignore_errors=True)
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "generator", "build", str(config)], check=True, cwd=folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Made(time.perf_counter() - began, processor)


@dataclass(frozen=True)
class Shown:
    """Medians over runs, in milliseconds: largest paint, 95th percentiles of frames panned and zoomed; and
    how much the page and all that it may load take."""

    paint: float
    pan: float
    zoom: float
    megabytes: float


def show(page: Path) -> Shown:
    """Load, pan and zoom a page, each time with nothing kept from before."""
    from playwright.sync_api import sync_playwright

    paints, pans, zooms = [], [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for _ in range(RUNS):
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            context.add_init_script(OBSERVE)
            tab = context.new_page()
            tab.goto(page.as_uri(), wait_until="load")
            tab.wait_for_timeout(1000)
            paints.append(tab.evaluate("window.seen.paint"))
            tab.goto(f"{page.as_uri()}#at=0.5,0.5,2.2")
            tab.reload()
            tab.wait_for_timeout(1000)
            for found, script in ((pans, PAN), (zooms, ZOOM)):
                times = tab.evaluate(script)
                found.append(times[int(0.95 * (len(times) - 1))])
            context.close()
        browser.close()
    files = [page, page.with_suffix(".js"), *page.parent.joinpath("atlas").iterdir()]
    static = page.parents[3] / "static"
    files += [static / name for name in ("atlas.js", "atlas.css", "microscope.js", "microscope.css")]
    size = sum(file.stat().st_size for file in files) / 1e6
    return Shown(*map(statistics.median, (paints, pans, zooms)), size)


def main() -> None:
    """Measure, print, and save if told."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=Path, help="a data set: a folder, archive or .npz")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--page", action="store_true", help="measure the page that is there")
    parser.add_argument("--save", action="store_true", help="put the figures into RESULTS.md")
    given = parser.parse_args()
    load = os.getloadavg()[0]
    lines = []
    if not given.page:
        made = make(given.pictures, given.folder)
        lines.append(
            f"20 x 20 cells and two levels above, from an empty cache: {made.seconds:.0f} s, of which "
            f"{made.processor:.0f} s of processors (goal: under 240 s on two cores; load before: {load:.1f})."
        )
    (page,) = given.folder.resolve().glob("site/models/*/*/atlas.html")
    shown = show(page)
    lines.append(
        f"Page in headless Chromium at 1440 x 900: largest paint {shown.paint:.0f} ms (goal 800), 95th "
        f"percentile of frames {shown.pan:.1f} ms panned and {shown.zoom:.1f} ms zoomed (goal 25), "
        f"{shown.megabytes:.1f} MB in all (goal 6)."
    )
    text = " ".join(lines)
    print(text)
    if given.save:
        put(RESULTS, "atlas", f"### Atlas\n\n{text}\n\n`python -m benchmarks.atlas --pictures ... --save`")


if __name__ == "__main__":
    main()
