"""The kind of task that finds a layer's concepts in what a survey has left; no network is needed for it."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from generator.engines.tasks import Bench, NamedFile, Output, Pace, Result
from generator.errors import NotRenderable, UserError
from generator.evidence.summary import Merger
from generator.evidence.tally import Tally


@dataclass(frozen=True)
class ConceptsTask:
    """So many concepts of a layer to be found; `tallies` are the files of its survey, by key."""

    model: str
    fingerprint: str
    layer: str
    count: int
    tallies: Mapping[str, Path]
    key: str

    @property
    def keys(self) -> tuple[str, ...]:
        """The key of the concepts."""
        return (self.key,)

    @property
    def pace(self) -> Pace:
        """By network; effort by how many are looked for."""
        return Pace(self.fingerprint, "concepts", float(self.count))

    def work(self, bench: Bench) -> Result:
        """Find them."""
        from generator.evidence.concepts import concepts

        started = time.perf_counter()
        merger = Merger()
        for path in self.tallies.values():
            try:
                merger.add(Tally.from_bytes(path.read_bytes()))
            except (OSError, ValueError, KeyError, EOFError) as error:
                raise UserError(f"{path}: can't be read any more ({error}); run again") from None
        if merger.empty:
            raise NotRenderable("there are no concepts to be found: no picture could be read")
        found = concepts(merger.summary().places, self.count)
        stream = io.BytesIO()
        np.savez_compressed(stream, decoder=found.dictionary.decoder, activation=np.array("nonnegative"))
        record = {
            "kind": "concepts",
            "layer": self.layer,
            "vectors": found.reconstruction.vectors,
            "explained": found.reconstruction.explained,
            "shares": [float(f"{share:.5g}") for share in found.reconstruction.shares],
        }
        output = Output(self.key, record, {"npz": stream.getvalue()})
        return Result(self, (output,), time.perf_counter() - started)

    def smaller(self) -> ConceptsTask:
        """There is no smaller way."""
        return replace(self)

    def parts(self) -> Sequence[ConceptsTask]:
        """It can't be taken apart."""
        return [self]

    def modules(self) -> Sequence[str]:
        """None."""
        return []

    def files(self) -> Sequence[NamedFile]:
        """The tallies."""
        return [NamedFile(path) for path in self.tallies.values()]

    def moved(self, places: Mapping[Path, Path]) -> ConceptsTask:
        """With tallies at other places."""
        return replace(self, tallies={key: places.get(path, path) for key, path in self.tallies.items()})

    def title(self, key: str) -> str:
        """By the layer."""
        return f"{self.model}/{self.layer} (concepts)"
