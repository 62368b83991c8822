"""What a graphics card makes of batches, formats and compilers: the table that a machine with a card fills.

    python -m benchmarks.card               three depths of EfficientNet-Lite0 and VGG19 (random weights)
    python -m benchmarks.card --anyway      the same on this processor, to see that it runs; no table is kept

Each row is a batch: milliseconds of a step by the picture, in float32, in bfloat16 and compiled by XLA. The
table goes to RESULTS.md.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

from benchmarks.results_file import put
from generator.config.cookbook import BUILT_IN
from generator.config.schema import ModelConfig
from generator.engines import memory, rendering
from generator.engines.card import LARGEST, Setup
from generator.engines.opened import forget
from generator.engines.pictures import PictureTask, Wanted
from generator.models.zoo import open_model
from generator.render.tuning import seconds_per_step
from generator.targets import Channel

RESULTS = Path(__file__).parent / "RESULTS.md"
CASES = (
    ("efficientnet-lite0", "imagenet", "block3b_add"),
    ("efficientnet-lite0", "imagenet", "block6d_add"),
    ("VGG19", "none", "block4_conv1"),
)


def main() -> None:
    """Measure, print, and keep the table if there is a card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--anyway", action="store_true")
    parser.add_argument("--largest", type=int, default=LARGEST, help="largest batch that is tried")
    given = parser.parse_args()
    tf.constant(0)  # the device is known from then on
    card = memory.graphics_card()
    if card is None and not given.anyway:
        raise SystemExit("TensorFlow sees no graphics card here; --anyway measures the processor.")
    blocks = [table(*case, largest=given.largest) for case in CASES]
    name = "this processor" if card is None else f"{card.name}, {card.memory / 1e9:.0f} GB"
    text = f"### On a graphics card\n\n`python -m benchmarks.card`, {name}.\n\n" + "\n\n".join(blocks)
    print(text)
    if card is not None:
        put(RESULTS, "card", text)


def table(source: str, weights: str, layer: str, largest: int) -> str:
    """The rows of one layer, batch by batch until memory or time says no."""
    task = task_of(source, weights, layer)
    lines = [f"`{source}`, `{layer}`, {task.recipe.size} px:", "", "| batch | float32 | bfloat16 | XLA |"]
    lines.append("| --- | --- | --- | --- |")
    batch = 4
    while batch <= largest:
        setup = Setup("float32", batch)
        setups = [setup, replace(setup, precision="bfloat16"), replace(setup, compiled=True)]
        times = [timed(task, one) for one in setups]
        shown = " | ".join("-" if time is None else f"{1000 * time:.2f}" for time in times)
        lines.append(f"| {batch} | {shown} |")
        if times[0] is None:
            break
        batch *= 2
    return "\n".join(lines)


def timed(task: PictureTask, setup: Setup) -> float | None:
    """Seconds of a step by the picture, the best of three; None where the machine can't run it."""
    forget()
    try:
        renderer = rendering.renderer(task, setup)
        renderer.rehearse(1)
        return min(seconds_per_step(renderer) for _ in range(3))
    except Exception as error:
        print(f"{setup}: {type(error).__name__}")
        return None


def task_of(source: str, weights: str, layer: str) -> PictureTask:
    """Pictures of a layer by the default recipe."""
    config = ModelConfig(source=source, weights=weights, layers=["all"])  # type: ignore[list-item]
    recipe = BUILT_IN["channel"]
    fingerprint = open_model(source, config).anatomy.fingerprint
    wanted = (Wanted("0", Channel(0)),)
    named = ("channel", recipe, recipe.identity(), wanted)
    return PictureTask(source, config, fingerprint, layer, *named, batch=4)


if __name__ == "__main__":
    main()
