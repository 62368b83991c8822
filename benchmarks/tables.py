"""Numbers of the comparison, and the Markdown that shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from benchmarks.network import cut
from benchmarks.roofline import step_flops
from benchmarks.runs import Stored
from benchmarks.scoring import Scorer

Scores = dict[str, dict[str, dict[int, float]]]
"""Robust activation by tool, layer and channel."""


@dataclass(frozen=True)
class Speed:
    """A tool's speed: seconds per picture with and without start-up, pictures, and useful FLOP/s."""

    steady: float
    whole: float
    count: int
    rate: float


def scores(tools: Sequence[Stored], layers: Mapping[str, Sequence[int]], size: int) -> Scores:
    """Robust activation of every picture there is."""
    found: Scores = {tool.spec.name: {} for tool in tools}
    for layer, channels in layers.items():
        scorer = Scorer(layer, size)
        for tool in tools:
            found[tool.spec.name][layer] = {
                c: scorer.score(tool.picture(layer, c), c) for c in tool.channels(layer, channels)
            }
    return found


def speed(tool: Stored) -> Speed:
    """A tool's speed over all it rendered; per layer the median, so that one hiccup does not count."""
    report, by_layer = tool.report, _seconds_by_layer(tool)
    counts = {layer: len(seconds) for layer, seconds in by_layer.items()}
    total = sum(median(seconds) * counts[layer] for layer, seconds in by_layer.items())
    flops = sum(step_flops(cut(layer, report["view"])) * report["steps"] * n for layer, n in counts.items())
    count = sum(counts.values())
    return Speed(total / count, report["wall"] / count, count, flops / total)


def _seconds_by_layer(tool: Stored) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for picture in tool.report["pictures"]:
        found.setdefault(picture["layer"], []).append(picture["seconds"])
    return found


def speed_table(tools: Sequence[Stored], matmul: float) -> str:
    """Seconds, memory and roofline share of every tool, and how they compare to ours."""
    speeds = {tool.spec.name: speed(tool) for tool in tools}
    ours = speeds.get("ours")
    head = (
        "tool",
        "steps",
        "network input",
        "pictures",
        "s per picture",
        "times ours",
        "s per picture with start-up",
        "times ours",
        "peak memory",
        "roofline share",
    )
    rows = [_speed_row(tool, speeds[tool.spec.name], ours, matmul) for tool in tools]
    return markdown(head, rows)


def _speed_row(tool: Stored, its: Speed, ours: Speed | None, matmul: float) -> list[str]:
    report = tool.report
    return [
        tool.label,
        str(report["steps"]),
        f"{report['view']} px",
        str(its.count),
        f"{its.steady:.3g}",
        f"{its.steady / ours.steady:.1f}" if ours else "-",
        f"{its.whole:.3g}",
        f"{its.whole / ours.whole:.1f}" if ours else "-",
        f"{report['peak'] / 1e6:.0f} MB",
        f"{its.rate / matmul:.1%}",
    ]


def quality_table(tools: Sequence[Stored], found: Scores, layers: Sequence[str]) -> str:
    """Mean robust activation per layer, and ours over the same channels as a multiple of it."""
    head = ["tool", *(part for layer in layers for part in (f"`{layer}`", "ours over it"))]
    rows = [
        [tool.label, *(cell for layer in layers for cell in _quality_cells(found, tool.spec.name, layer))]
        for tool in tools
    ]
    return markdown(head, rows)


def _quality_cells(found: Scores, name: str, layer: str) -> list[str]:
    its, ours = found[name].get(layer, {}), found.get("ours", {}).get(layer, {})
    if not its:
        return ["-", "-"]
    common = sorted(set(its) & set(ours))
    ratio = f"{fmean(ours[c] for c in common) / fmean(its[c] for c in common):.2f}" if common else "-"
    return [f"{fmean(its.values()):.2f}", ratio]


def channel_table(tools: Sequence[Stored], found: Scores, layer: str, channels: Sequence[int]) -> str:
    """Robust activation of each channel of a layer."""
    rows = [
        [tool.label, *(_number(found[tool.spec.name].get(layer, {}).get(c)) for c in channels)]
        for tool in tools
    ]
    return markdown([f"`{layer}`", *map(str, channels)], rows)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def markdown(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"
