"""What every tool's process shares: its job, its report, the loop over pictures. Needs NumPy and Pillow."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

SCALE, OFFSET = 255 / 128, -127 / 128
"""EfficientNet-Lite takes display pixels in [0, 1] as SCALE x + OFFSET."""


@dataclass(frozen=True)
class Job:
    """What a tool is to render: `layers` maps names to channels. Files are paths, `steps` None for the
    tool's default, `started` the clock (time.time) when the command was given. `model`, its weights
    and `precision`, in the words of config.yaml, are for ours only."""

    size: int
    layers: dict[str, list[int]]
    out: str
    network: str
    weights: str
    probe: str
    started: float
    steps: int | None = None
    variant: str = ""
    batch: int = 1
    model: str = "efficientnet-lite0"
    model_weights: str = "imagenet"
    precision: str = "auto"


@dataclass
class Report:
    """What a tool did. `steps` and `view` (side of the network's input) are its own choice; `seconds` of a
    picture is wall-clock; `facts` are what the table's footnotes need."""

    version: str
    steps: int
    view: int
    startup: float = 0.0
    wall: float = 0.0
    pictures: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


class Tool(Protocol):
    """A way to make pictures: (n, size, size, 3) in [0, 1] for channels of a layer."""

    report: Report

    def render(self, layer: str, channels: Sequence[int]) -> Any:
        """The finished pictures, in the order of the channels."""


def main(make: Callable[[Job], Tool]) -> None:
    """Run the job whose file the command line names."""
    job = Job(**json.loads(Path(sys.argv[1]).read_text()))
    tool = make(job)
    tool.report.startup = time.time() - job.started
    for layer, channels in job.layers.items():
        for i in range(0, len(channels), job.batch):
            _render(job, tool, layer, channels[i : i + job.batch])
            tool.report.wall = time.time() - job.started
            write_report(job, tool.report)


def _render(job: Job, tool: Tool, layer: str, channels: Sequence[int]) -> None:
    started = time.perf_counter()
    pictures = np.asarray(tool.render(layer, channels))
    seconds = (time.perf_counter() - started) / len(channels)
    for channel, picture in zip(channels, pictures, strict=True):
        save(job, layer, channel, Image.fromarray(to_bytes(picture)))
        tool.report.pictures.append({"layer": layer, "channel": channel, "seconds": seconds})
        print(f"  {layer} {channel}: {seconds:.2f} s", flush=True)


def to_bytes(picture: Any) -> Any:
    """Display pixels in [0, 1] as 8-bit ones."""
    return np.round(np.clip(picture, 0, 1) * 255).astype("uint8")


def save(job: Job, layer: str, channel: int, picture: Image.Image) -> None:
    """Put a picture where the scorer and the contact sheet look for it."""
    folder = Path(job.out, layer)
    folder.mkdir(parents=True, exist_ok=True)
    picture.save(folder / f"{channel}.png")


def write_report(job: Job, report: Report) -> None:
    """Written after every picture, so that a run that is stopped leaves what it has."""
    path = Path(job.out, "report.json")
    path.with_suffix(".tmp").write_text(json.dumps(asdict(report), indent=1))
    path.with_suffix(".tmp").replace(path)
