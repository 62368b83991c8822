"""Measurements of ours alone: how it scales with channels, and how near VGG19 comes to the machine's best."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.roofline import matmul_rate, step_flops
from benchmarks.runs import TOOLS, Stored, machine, run_tool
from benchmarks.tables import markdown
from benchmarks.tools.common import Job

CASES = (
    ("block5c_add", 16),
    ("block5c_add", 112),
    ("block5b_expand_activation", 672),
    ("head", 1280),
)
TWICE_UPTO = 112
"""Runs of more channels are long enough to be measured in one go."""


def scaling(results: Path, size: int, steps: int | None, upto: int) -> str:
    """Seconds per picture for ever more channels, as Markdown."""
    rows = [_case(results, size, steps, layer, min(n, upto)) for layer, n in CASES if n <= max(upto, 16)]
    head = (
        "layer",
        "channels",
        "s per picture",
        "s per picture with start-up",
        "first pictures",
        "peak memory",
    )
    return (
        f"### Scaling\n\n`python -m benchmarks.peers --scaling`, {date.today()}, {machine()}; {size} px.\n\n"
        + markdown(head, rows)
        + "\n*s per picture* is without start-up; layers differ in depth, so compare the first two rows."
    )


def _case(results: Path, size: int, steps: int | None, layer: str, channels: int) -> list[str]:
    variant = "" if channels <= TWICE_UPTO else "once"
    layers = {layer: list(range(channels))}
    job = Job(size, layers, "", "", "", "", 0.0, steps, variant)
    report = run_tool(TOOLS["ours"], results / f"scaling-{layer}-{channels}", job).report
    return [
        f"`{layer}`",
        f"{channels:,}",
        f"{report['pictures'][0]['seconds']:.3f}",
        f"{report['wall'] / channels:.3f}",
        f"after {report['startup']:.1f} s",
        f"{report['peak'] / 1e6:.0f} MB",
    ]


VGG_LAYER, VGG_SIZE, VGG_STEPS, VGG_PICTURES = "block4_conv1", 224, 16, 8


def vgg19(results: Path, steps: int | None, precision: str) -> str:
    """The achieved FLOP rate on VGG19 as a share of the machine's matrix products, as Markdown."""
    layers = {VGG_LAYER: list(range(VGG_PICTURES))}
    job = Job(VGG_SIZE, layers, "", "", "", "", 0.0, steps or VGG_STEPS, model="VGG19", model_weights="none")
    done = run_tool(TOOLS["ours"], results / "vgg19", job)
    best, rate = matmul_rate(precision=precision), _rate(done)
    seconds = done.report["pictures"][0]["seconds"]
    return (
        f"### VGG19 up to `{VGG_LAYER}`, {VGG_SIZE} px\n\n"
        f"`python -m benchmarks.peers --vgg19`, {date.today()}, {machine()}.\n\n"
        f"{seconds / done.report['steps']:.3f} s per picture and step ({done.report['steps']} steps, random "
        f"weights, warm, the whole of rendering included): {rate / 1e9:.0f} GFLOP/s, which is "
        f"{rate / best:.0%} of the machine's {best / 1e9:.0f} GFLOP/s in {precision} matrix products."
    )


def _rate(done: Stored) -> float:
    report = done.report
    flops = step_flops(_vgg19(report["view"])) * report["steps"]
    return float(flops / report["pictures"][0]["seconds"])


def _vgg19(size: int) -> Any:
    import keras

    network = keras.applications.VGG19(include_top=False, weights=None, input_shape=(size, size, 3))
    return keras.Model(network.inputs[0], network.get_layer(VGG_LAYER).output)
