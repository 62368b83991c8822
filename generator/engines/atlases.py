"""The kinds of task that make an atlas: placing a layer's vectors, and what they do to classes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from generator.config.schema import Fit
from generator.datasets.sources import Item
from generator.engines.belongings import dataset_files
from generator.engines.surveys import FORWARD, Evidence
from generator.engines.tasks import Bench, NamedFile, Output, Pace, Result
from generator.evidence.atlas import Chart, placed
from generator.evidence.effects import CONSIDERED


@dataclass(frozen=True)
class PlaceTask(Evidence):
    """Vectors of a layer to be placed in the plane, by what `evidence.atlas.components` gave of them.

    They are in the task itself, a megabyte or two: `points` are float32, `dimensions` to a vector.
    """

    layer: str
    pictures: tuple[str, ...]
    owners: bytes
    places: bytes
    points: bytes
    dimensions: int
    key: str

    @property
    def keys(self) -> tuple[str, ...]:
        """The key of the chart."""
        return (self.key,)

    @property
    def pace(self) -> Pace:
        """The network plays no part; effort by the number of vectors."""
        return Pace(self.fingerprint, "placing", len(self.points) / self.dimensions)

    def work(self, bench: Bench) -> Result:
        """Place them; it can't be stopped midway, and takes less than a minute."""
        started = time.perf_counter()
        points = np.frombuffer(self.points, np.float32).reshape(-1, self.dimensions)
        owners, places = (np.frombuffer(data, np.int32) for data in (self.owners, self.places))
        made = Chart(self.pictures, owners, places, placed(points))
        output = Output(self.key, {"kind": "chart", "layer": self.layer}, {"npz": made.to_bytes()})
        return Result(self, (output,), time.perf_counter() - started)

    def modules(self) -> Sequence[str]:
        """None: no network is opened."""
        return ()

    def files(self) -> Sequence[NamedFile]:
        """None."""
        return ()

    def title(self, key: str) -> str:
        """By the layer."""
        return f"{self.model}/{self.layer} (atlas)"


@dataclass(frozen=True)
class RaiseTask(Evidence):
    """A block of a data set, to find out what a layer's vectors on it add to the scores of `scores`."""

    layer: str
    scores: str
    dataset: Path
    fit: Fit
    items: tuple[Item, ...]
    key: str

    @property
    def keys(self) -> tuple[str, ...]:
        """The key of what is found."""
        return (self.key,)

    @property
    def pace(self) -> Pace:
        """By network; the way there once, and back once a class."""
        return Pace(self.fingerprint, "raising", (1 + CONSIDERED) * FORWARD * len(self.items))

    def work(self, bench: Bench) -> Result:
        """Find out."""
        from generator.engines.surveying import raising  # TensorFlow is where the worker is

        return raising(self, bench)

    def files(self) -> Sequence[NamedFile]:
        """Those of the network, and the block's pictures."""
        return [*super().files(), *dataset_files(self.dataset, self.items)]

    def moved(self, places: Mapping[Path, Path]) -> RaiseTask:
        """With files at other places."""
        return replace(super().moved(places), dataset=places.get(self.dataset, self.dataset))

    def title(self, key: str) -> str:
        """By the layer."""
        return f"{self.model}/{self.layer} (classes of the atlas)"
