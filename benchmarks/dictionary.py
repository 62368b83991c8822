"""What a dictionary of thousands of features costs a survey, on EfficientNet-Lite0.

    python -m benchmarks.dictionary --pictures /usr/share/tuxpaint/stamps --save

The same pictures are read, shown to the network, counted and packed as a task of a survey does it, of the
shipped config's six layers alone and of these with a sparse autoencoder behind block5c_add, by turns, in one
process of one thread. Its features are directions drawn by chance, each on at as many places as is said.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.results_file import put
from benchmarks.survey import LAYERS, RESULTS

ONE = """
import json, sys, tempfile, time
from pathlib import Path
import numpy as np
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
from generator.config.schema import ModelConfig
from generator.datasets import decoding
from generator.datasets.sources import open_source, read_dataset
from generator.evidence.survey import BATCH, Surveyor
from generator.models.zoo import open_model

path, layers, count, times = Path(sys.argv[1]), sys.argv[2].split(","), int(sys.argv[3]), int(sys.argv[4])
features, density, kind = int(sys.argv[5]), float(sys.argv[6]), sys.argv[7]
source, items = open_source(path), read_dataset(path).items[:count]

def opened(entry):
    return open_model("efficientnet-lite0", ModelConfig.model_validate({"layers": [entry]}))

def surveyor(model, layers):
    made = Surveyor(model.network, model.preprocessing, layers)
    made.look(np.zeros((BATCH, *made.canvas, 3), np.uint8))
    return made

def pixels(item):
    return decoding.array(decoding.fitted(source.image(item.name), plain.canvas), plain.colours)

plain = surveyor(opened("all"), layers)
random = np.random.default_rng(0)
seen = plain.look(np.stack([pixels(item) for item in items[:BATCH]]))[layers.index("block5c_add")]
rows = seen.reshape(-1, seen.shape[-1])
decoder = random.normal(size=(features, rows.shape[1])).astype("f4")
arrays = {"encoder": decoder.T, "decoder": decoder}
if kind == "topk":
    arrays["k"] = max(1, round(density * features))
else:
    arrays["encoder_bias"] = -np.quantile(rows @ decoder.T, 1 - density, axis=0)
with tempfile.TemporaryDirectory() as folder:
    np.savez(Path(folder) / "sae.npz", **arrays)
    model = opened({"name": "block5c_add", "dictionary": f"{folder}/sae.npz"})
kinds = {"plain": plain, "dictionary": surveyor(model, [*layers, "block5c_add.sae"])}
seconds = []
for turn in range(times):
    for name, one in kinds.items():
        began = time.perf_counter(), time.process_time()
        tallies = one.survey((item.digest, pixels(item)) for item in items)
        for tally in tallies.values():
            tally.to_bytes()
        seconds.append((name, time.perf_counter() - began[0], time.process_time() - began[1]))
print(json.dumps(seconds))
"""


def measured(given: argparse.Namespace) -> dict[str, tuple[float, float]]:
    """Pictures a second of both, by the clock and of processor time: medians."""
    arguments = [given.pictures, ",".join(LAYERS), given.count, given.times]
    arguments += [given.features, given.density, given.kind]
    command = [sys.executable, "-c", ONE, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds = json.loads(done.stdout.splitlines()[-1])
    kinds = dict.fromkeys(name for name, _, _ in seconds)
    return {
        kind: (
            given.count / statistics.median(wall for name, wall, _ in seconds if name == kind),
            given.count / statistics.median(own for name, _, own in seconds if name == kind),
        )
        for kind in kinds
    }


def main() -> None:
    """Measure, print, and save if told."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=Path, required=True, help="a data set: a folder, archive or .npz")
    parser.add_argument("--count", type=int, default=128, help="pictures")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--features", type=int, default=4096)
    parser.add_argument("--density", type=float, default=0.008, help="share of places where a feature is on")
    parser.add_argument("--kind", choices=["relu", "topk"], default="relu")
    parser.add_argument("--save", action="store_true", help="put the figures into RESULTS.md")
    given = parser.parse_args()
    found = measured(given)
    (plain, own), (behind, its) = found["plain"], found["dictionary"]
    text = (
        f"Survey of six layers {plain:.1f} pictures a second, with {given.features:,} features "
        f"({given.kind}) behind block5c_add {behind:.1f}: {behind / plain:.0%}; of processor time "
        f"{its / own:.0%}."
    )
    print(text)
    if given.save:
        put(RESULTS, f"dictionary {given.kind}", text)


if __name__ == "__main__":
    main()
