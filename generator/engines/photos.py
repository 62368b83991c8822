"""The kind of task that shows a photo of the user's to a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from generator.config.base import Fit
from generator.engines.surveys import FORWARD
from generator.engines.surveys import Evidence as EvidenceTask
from generator.engines.tasks import Bench, NamedFile, Pace, Result
from generator.evidence.lens import CLASSES


@dataclass(frozen=True)
class PhotoTask(EvidenceTask):
    """A photo to be shown to a network, and layers to be read off, (name, key).

    `digest` is what planning knew of the file. `scores` is the network's last layer of classes, empty where
    it is not known to have any.
    """

    photo: Path
    digest: str
    fit: Fit
    scores: str
    layers: tuple[tuple[str, str], ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of what the layers see."""
        return tuple(key for _, key in self.layers)

    @property
    def pace(self) -> Pace:
        """By network; all layers share in the way there, and the ways back, one a class."""
        return Pace(self.fingerprint, "photo", (1 + 2 * CLASSES) * FORWARD / len(self.layers))

    def work(self, bench: Bench) -> Result:
        """Show it."""
        from generator.engines.viewing import view  # TensorFlow is where the worker is

        return view(self, bench)

    def files(self) -> Sequence[NamedFile]:
        """Those of the network, and the photo."""
        return [*super().files(), NamedFile(self.photo, self.digest)]

    def moved(self, places: Mapping[Path, Path]) -> PhotoTask:
        """With files at other places."""
        return replace(super().moved(places), photo=places.get(self.photo, self.photo))

    def title(self, key: str) -> str:
        """By the layer."""
        layer = next(name for name, own in self.layers if own == key)
        return f"{self.model}/{layer} (photo {self.photo.name})"
