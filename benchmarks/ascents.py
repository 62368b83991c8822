"""How far each way of climbing gets, and what it costs: robust activation beside CPU seconds a picture.

    python -m benchmarks.ascents            all variants, 16 channels at three depths; about ten minutes

CPU time of one thread is measured, not wall-clock time, so that a busy machine spoils little. The table
goes to RESULTS.md.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from benchmarks.scoring import Scorer
from generator.config.cookbook import BUILT_IN
from generator.config.recipes import Recipe
from generator.config.schema import ModelConfig
from generator.engines.pictures import PictureTask, Wanted
from generator.engines.tasks import Bench, Output
from generator.models.zoo import open_model
from generator.targets import Channel

LAYERS = ("block3b_add", "block5c_add", "block6d_add")
CHANNELS = tuple(range(16))
RESULTS = Path(__file__).parent / "RESULTS.md"
START, END = "<!-- ascents:start -->", "<!-- ascents:end -->"

DEFAULT, LUCID = BUILT_IN["channel"], BUILT_IN["lucid"]
VARIANTS: dict[str, Recipe] = {
    "`channel`, the default: 70 steps": DEFAULT,
    "32 steps": DEFAULT.model_copy(update={"steps": 32}),
    "128 steps": DEFAULT.model_copy(update={"steps": 128}),
    "without cooldown": DEFAULT.model_copy(update={"cooldown": 0.0}),
    "without weight decay": DEFAULT.model_copy(update={"weight_decay": 0.0}),
    "without momentum": DEFAULT.model_copy(update={"momentum": 0.0}),
    "Lucid's transforms and padding": DEFAULT.model_copy(
        update={"pad": 12, "jitter": 8, "scale": (0.9, 1.1), "rotate": 10.0}
    ),
    "Adam instead, otherwise the default": DEFAULT.model_copy(
        update={"ascent": "adam", "momentum": 0.9, "learning_rate": 0.05, "cooldown": 0.0}
    ),
    "`lucid` (Adam), cut to 64 steps": LUCID.model_copy(update={"steps": 64}),
    "`lucid` (Adam), cut to 128 steps": LUCID.model_copy(update={"steps": 128}),
    "`lucid` (Adam), its own 512 steps": LUCID,
}


def main() -> None:
    """Measure every variant and put the table into RESULTS.md."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    rows = []
    for name, recipe in VARIANTS.items():
        reached, seconds = zip(*(measure(layer, recipe) for layer in LAYERS), strict=True)
        cells = [f"{value:.1f}" for value in reached]
        rows.append(f"| {name} | {' | '.join(cells)} | {np.mean(seconds):.2f} |")
        print(rows[-1], flush=True)
    publish(rows)


def measure(layer: str, recipe: Recipe) -> tuple[float, float]:
    """Mean robust activation of the layer's channels, and CPU seconds a picture once compiled."""
    config = ModelConfig.model_validate({"source": "efficientnet-lite0", "layers": "all"})
    fingerprint = open_model("efficientnet-lite0", config).anatomy.fingerprint
    fixed = recipe.model_copy(update={"precision": "float32"})
    name = "efficientnet-lite0"
    wanted = [Wanted(str(channel), Channel(channel)) for channel in CHANNELS]
    task = PictureTask(
        name, config, fingerprint, layer, "", fixed, fixed.identity(), tuple(wanted[:4]), batch=4
    )
    task.work(Bench())
    scorer, scores, seconds = Scorer(layer, recipe.size), [], 0.0
    for start in range(0, len(wanted), 4):
        began = time.process_time()
        outputs = replace(task, wanted=tuple(wanted[start : start + 4])).work(Bench()).outputs
        seconds += time.process_time() - began
        scores += [score(scorer, output) for output in outputs]
    return float(np.mean(scores)), seconds / len(CHANNELS)


def score(scorer: Scorer, picture: Output) -> float:
    """The robust activation of a finished picture."""
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        Path(file.name).write_bytes(picture.files["png"])
        return scorer.score(Path(file.name), int(picture.key))


def publish(rows: list[str]) -> None:
    """Replace our section of RESULTS.md, or add it."""
    heading = "| " + " | ".join(["variant", *LAYERS, "CPU s per picture"]) + " |"
    table = "\n".join([heading, "|---" * (len(LAYERS) + 2) + "|", *rows])
    words = (
        "Robust activation (mean of channels 0 to 15 at 160 px, judged as in the section above) and CPU time "
        "of one thread. Reproduce with `.venv/bin/python -m benchmarks.ascents`."
    )
    section = f"{START}\n## Ways of climbing\n\n{words}\n\n{table}\n{END}"
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Measurements\n"
    if START in old:
        old = old[: old.index(START)].rstrip() + old[old.index(END) + len(END) :]
    RESULTS.write_text(f"{old.rstrip()}\n\n{section}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
