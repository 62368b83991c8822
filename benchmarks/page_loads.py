"""How pages load from the disk in headless Chromium: when they are painted, and what they fetch."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


OBSERVE = """
window.seen = {paint: 0, shift: 0, tasks: []};
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) seen.paint = entry.startTime;
}).observe({type: 'largest-contentful-paint', buffered: true});
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) seen.shift += entry.value;
}).observe({type: 'layout-shift', buffered: true});
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) seen.tasks.push(entry.duration);
}).observe({type: 'longtask', buffered: true});
"""


SCROLL = """() => new Promise(done => {
  const times = [];
  let last = performance.now();
  const step = now => {
    times.push(now - last);
    last = now;
    scrollBy(0, 80);
    if (times.length < 120) requestAnimationFrame(step);
    else done(times.slice(1).sort((a, b) => a - b)[Math.floor(0.95 * (times.length - 1))]);
  };
  requestAnimationFrame(step);
})"""


@dataclass(frozen=True)
class Load:
    """A page as it was loaded: milliseconds until its largest paint, its layout shift, its longest task and
    the 95th percentile of its frames while scrolling; and, before that, its requests and kB of pictures."""

    paint: float
    shift: float
    longest: float
    frame: float
    requests: int
    pictures: float


def loads(page: Path, runs: int) -> Iterator[Load]:
    """Load a page so many times, each with nothing kept from before."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for _ in range(runs):
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            context.add_init_script(OBSERVE)
            tab = context.new_page()
            requests: list[str] = []
            tab.on("request", lambda request, seen=requests: seen.append(request.url))
            tab.goto(page.as_uri(), wait_until="load")
            tab.wait_for_timeout(1000)
            before = list(requests)
            seen = tab.evaluate("window.seen")
            frame = tab.evaluate(SCROLL)
            context.close()
            longest = max(seen["tasks"], default=0)
            yield Load(seen["paint"], seen["shift"], longest, frame, len(before), _pictures(before))
        browser.close()


def _pictures(urls: list[str]) -> float:
    """The kB of the pictures among files."""
    paths = {Path(unquote(urlsplit(url).path)) for url in urls}
    return sum(path.stat().st_size for path in paths if path.suffix == ".webp") / 1000
