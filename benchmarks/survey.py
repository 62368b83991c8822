"""How fast a survey is beside a bare loop, and what memory it takes, on EfficientNet-Lite0.

    python -m benchmarks.survey --pictures /usr/share/tuxpaint/stamps --save

Speed: the same pictures, already decoded, go through the same network with the same layers tapped, in as many
processes with one thread each: once in a bare loop that throws the activations away, once in a survey that
counts them. Memory: the largest resident memory of one process over the set, and over the set ten times over.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.results_file import put

RESULTS = Path(__file__).with_name("RESULTS.md")
LAYERS = ["block2b_add", "block3b_add", "block4c_add", "block5c_add", "block6d_add", "head"]

ONE = """
import json, re, sys, time
from pathlib import Path
import numpy as np
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
from generator.config.schema import ModelConfig
from generator.datasets import decoding
from generator.datasets.sources import open_source, read_dataset
from generator.evidence.survey import BATCH, Surveyor
from generator.evidence.summary import Merger
from generator.models.zoo import open_model

path, layers, what = Path(sys.argv[1]), sys.argv[2].split(","), sys.argv[4]
count, times = int(sys.argv[3]), int(sys.argv[5])
model = open_model("efficientnet-lite0", ModelConfig.model_validate({"layers": ["all"]}))
surveyor = Surveyor(model.network, model.preprocessing, layers)
source, items = open_source(path), read_dataset(path).items[:count]

def pixels(item):
    return decoding.array(decoding.fitted(source.image(item.name), surveyor.canvas), surveyor.colours)

surveyor.look(np.zeros((BATCH, *surveyor.canvas, 3), np.uint8))
seconds = []
if what == "memory":
    merger = Merger()
    for turn in range(times):
        for start in range(0, len(items), 128):
            block = items[start : start + 128]
            # Every turn's pictures are others, as far as digests go.
            shown = ((f"{turn:02}{item.digest[2:]}", pixels(item)) for item in block)
            tallies = surveyor.survey(shown)
            merger.add(tallies["head"])
else:
    shown = [(item.digest, pixels(item)) for item in items]
    for turn in range(times):
        for kind in ("bare", "survey"):
            began = time.perf_counter()
            if kind == "survey":
                surveyor.survey(shown)
            else:
                for start in range(0, len(shown), BATCH):
                    surveyor.look(np.stack([one for _, one in shown[start : start + BATCH]]))
            seconds.append((kind, time.perf_counter() - began))
held = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(json.dumps({"seconds": seconds, "megabytes": int(held[1]) / 1024}))
"""


def start(pictures: Path, count: int, what: str, times: int) -> subprocess.Popen[str]:
    """A process of its own; `what` is speed or memory."""
    arguments = [str(pictures), ",".join(LAYERS), str(count), what, str(times)]
    return subprocess.Popen([sys.executable, "-c", ONE, *arguments], stdout=subprocess.PIPE, text=True)


def speed(pictures: Path, count: int, processes: int, times: int) -> dict[str, float]:
    """Pictures a second, in all processes together, of the bare loop and the survey: medians."""
    running = [start(pictures, count, "speed", times) for _ in range(processes)]
    found = [json.loads(one.communicate()[0].splitlines()[-1])["seconds"] for one in running]
    return {
        kind: sum(count / statistics.median(s for k, s in seconds if k == kind) for seconds in found)
        for kind in ("bare", "survey")
    }


def memory(pictures: Path, count: int, times: int) -> float:
    """Megabytes of one process at most, over the set so many times over."""
    return float(
        json.loads(start(pictures, count, "memory", times).communicate()[0].splitlines()[-1])["megabytes"]
    )


def main() -> None:
    """Measure, print, and save if told."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=Path, required=True, help="a data set: a folder, archive or .npz")
    parser.add_argument("--count", type=int, default=256, help="pictures for speed")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--many", type=int, default=800, help="pictures for memory, then ten times as many")
    parser.add_argument("--only-speed", action="store_true")
    parser.add_argument("--save", action="store_true", help="put the figures into RESULTS.md")
    given = parser.parse_args()
    rates = speed(given.pictures, given.count, given.processes, given.times)
    text = (
        f"Survey of six layers, {given.processes} processes of one thread: {rates['survey']:.1f} pictures "
        f"a second, the bare loop {rates['bare']:.1f}: {rates['survey'] / rates['bare']:.0%}."
    )
    if not given.only_speed:
        few, many = (memory(given.pictures, given.many, times) for times in (1, 10))
        text += (
            f" Memory of one process over {given.many:,} pictures {few:,.0f} MB, over ten times as many "
            f"{many:,.0f} MB ({many / few - 1:+.1%})."
        )
    print(text)
    if given.save:
        put(
            RESULTS, "survey", f"### Surveys\n\n{text}\n\n`python -m benchmarks.survey --pictures ... --save`"
        )


if __name__ == "__main__":
    main()
