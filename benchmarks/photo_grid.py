"""How long the grid of one photo and layer of EfficientNet-Lite0 takes, 14 x 14 pictures of 64 px.

    python -m benchmarks.photo_grid --save

All that `build-site render` does for it, its start included, by default in two workers. The layer's channels
have their pictures beforehand: those that a config leaves out and the page names would be made too, and take
a second for three or four. `--layer` names another layer.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.results_file import put
from benchmarks.runs import machine

RESULTS = Path(__file__).with_name("RESULTS.md")
PHOTO = Path(__file__).resolve().parent.parent / "docs" / "gallery" / "chelsea.jpg"
CONFIG = """\
size: 32
steps: 1
models:
  efficientnet-lite0: {{layers: [{layer}]}}
"""


def measured(layer: str, jobs: int) -> tuple[float, float, int]:
    """Seconds by the clock and of processor time, and how many pieces of evidence were collected."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(CONFIG.format(layer=layer))
        _render(config, jobs)
        config.write_text(f"photos: [{PHOTO}]\n" + config.read_text())
        before, started = _processor(), time.perf_counter()
        said = _render(config, jobs)
        seconds = time.perf_counter() - started
        (pieces,) = re.findall(r"([\d,]+) pieces? of evidence in", said)
        return seconds, _processor() - before, int(pieces.replace(",", ""))


def _render(config: Path, jobs: int) -> str:
    command = [sys.executable, "-m", "generator", "render", str(config), "--jobs", str(jobs)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure, print, and with --save put it into RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layer", default="block5c_add")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    seconds, processor, pieces = measured(options.layer, options.jobs)
    row = f"| `{options.layer}` | {pieces - 1} | {seconds:.0f} | {processor:.0f} |"
    text = (
        "### The grid of a photo\n\n"
        f"`python -m benchmarks.photo_grid`, {machine()}; load of others at the start {load:.1f}.\n\n"
        "| layer | pictures of 64 px | s | s of processor time |\n| --- | --- | --- | --- |\n"
        f"{row}\n\nFrom the start of `build-site render` to its end, the look at the photo included.\n"
    )
    print(text)
    if options.save:
        put(RESULTS, "photo-grid", text)


if __name__ == "__main__":
    main()
