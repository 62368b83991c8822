"""Measurements of ours alone: how it scales with channels, and how near VGG19 comes to the machine's best."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.roofline import best_matmul_rate, step_flops
from benchmarks.runs import RESULTS, TOOLS, command, machine, run_tool
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
        f"### Scaling\n\n`{command()}`, {date.today()}, {machine()}; {size} px.\n\n"
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


VGG_LAYER, VGG_SIZE, VGG_STEPS, VGG_PICTURES = "block4_conv1", 224, 24, 16


def vgg19(results: Path, steps: int | None, precisions: Sequence[str]) -> str:
    """The achieved FLOP rate on VGG19 as a share of the machine's matrix products, as Markdown."""
    head = ("precision", "steps", "s per picture and step", "achieved", "matrix products", "share")
    rows = [_vgg19_row(results, steps or VGG_STEPS, precision) for precision in precisions]
    return (
        f"### VGG19 up to `{VGG_LAYER}`\n\n"
        f"`{command()}`, {date.today()}, {machine()}; {VGG_SIZE} px, {VGG_PICTURES} channels, "
        "random weights.\n\n"
        + markdown(head, rows)
        + "\nThe whole of rendering counts as time, start-up left out; as work only the network's forward "
        "pass and the gradient to its input. Matrix products: the best of many, in the same precision."
    )


def _vgg19_row(results: Path, steps: int, precision: str) -> list[str]:
    layers = {VGG_LAYER: list(range(VGG_PICTURES))}
    model = {"model": "VGG19", "model_weights": "none", "precision": precision}
    job = Job(VGG_SIZE, layers, "", "", "", "", 0.0, steps, **model)
    report = run_tool(TOOLS["ours"], results / f"vgg19-{precision}", job).report
    seconds = report["pictures"][0]["seconds"] / steps
    rate = step_flops(_vgg19(report["view"])) / seconds
    best = best_matmul_rate(RESULTS / "matmul.json", precision)
    rates = (f"{value / 1e9:.0f} GFLOP/s" for value in (rate, best))
    return [precision, str(steps), f"{seconds:.3f}", *rates, f"{rate / best:.0%}"]


def _vgg19(size: int) -> Any:
    import keras

    network = keras.applications.VGG19(include_top=False, weights=None, input_shape=(size, size, 3))
    return keras.Model(network.inputs[0], network.get_layer(VGG_LAYER).output)
