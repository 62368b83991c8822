"""The kinds of task that make evidence: a block of a survey, a second look at what it found, and others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from generator.config.schema import Fit, ModelConfig
from generator.datasets.sources import Item
from generator.engines.belongings import dataset_files, model_files, model_modules, moved_model
from generator.engines.tasks import Bench, NamedFile, Pace, Result
from generator.evidence.effects import CONSIDERED
from generator.evidence.fields import Box

FORWARD = 224 * 224 / 3
"""The effort of a picture on its way through a network once, beside a step of an ascent, which goes there
and back: pixels over three."""


@dataclass(frozen=True)
class Evidence:
    """What all kinds have in common: each is done in one go, for its sums are to be alike everywhere."""

    model: str
    config: ModelConfig
    fingerprint: str

    def smaller(self) -> Self:
        """Batches are of one size: there is no smaller way."""
        return replace(self)

    def parts(self) -> Sequence[Self]:
        """It can't be taken apart."""
        return [self]

    def modules(self) -> Sequence[str]:
        """Those of the network."""
        return model_modules(self.model, self.config)

    def files(self) -> Sequence[NamedFile]:
        """Those of the network."""
        return model_files(self.model, self.config)

    def moved(self, places: Mapping[Path, Path]) -> Self:
        """With the network's files at other places."""
        return replace(self, config=moved_model(self.config, places))


def _moved(
    pictures: Mapping[str, tuple[Path, int]], places: Mapping[Path, Path]
) -> Mapping[str, tuple[Path, int]]:
    return {key: (places.get(path, path), number) for key, (path, number) in pictures.items()}


@dataclass(frozen=True)
class SurveyTask(Evidence):
    """A block of a data set to be shown to a network; of each of the layers a tally comes of it.

    `fingerprint` is what planning knew of the network, the items' digests what it knew of the pictures: a
    worker that finds others refuses the network, and skips the pictures. `layers` are (name, key).
    """

    dataset: Path
    fit: Fit
    items: tuple[Item, ...]
    layers: tuple[tuple[str, str], ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of its tallies."""
        return tuple(key for _, key in self.layers)

    @property
    def pace(self) -> Pace:
        """By network; all layers come of one pass, so that each takes its share."""
        return Pace(self.fingerprint, "survey", FORWARD * len(self.items) / len(self.layers))

    def work(self, bench: Bench) -> Result:
        """Survey the block."""
        from generator.engines.surveying import survey  # TensorFlow is where the worker is

        return survey(self, bench)

    def files(self) -> Sequence[NamedFile]:
        """Those of the network, and the block's pictures."""
        return [*super().files(), *dataset_files(self.dataset, self.items)]

    def moved(self, places: Mapping[Path, Path]) -> SurveyTask:
        """With files at other places."""
        return replace(super().moved(places), dataset=places.get(self.dataset, self.dataset))

    def title(self, key: str) -> str:
        """By the layer."""
        layer = next(name for name, own in self.layers if own == key)
        return f"{self.model}/{layer} (survey of {self.dataset.name})"


@dataclass(frozen=True)
class Place:
    """Where to look: a channel, a picture of the data set, and the part of it that the unit sees; `strong`
    says that it is one of the channel's strongest, which an optimised picture should be like."""

    channel: int
    item: Item
    box: Box
    strong: bool = True


@dataclass(frozen=True)
class LookTask(Evidence):
    """A layer's examples, and its optimised pictures, to be looked at again.

    `way` are the layers from the input up to this one, which comes last. `optimised` maps each optimised
    picture's key to (path, channel).
    """

    dataset: Path
    fit: Fit
    way: tuple[str, ...]
    places: tuple[Place, ...]
    optimised: Mapping[str, tuple[Path, int]]
    key: str

    @property
    def keys(self) -> tuple[str, ...]:
        """The key of what is seen."""
        return (self.key,)

    @property
    def pace(self) -> Pace:
        """By network; effort by how many pictures go through it."""
        pictures = len({place.item.digest for place in self.places}) + len(self.optimised)
        return Pace(self.fingerprint, "look", FORWARD * pictures)

    def work(self, bench: Bench) -> Result:
        """Look."""
        from generator.engines.surveying import look

        return look(self, bench)

    def files(self) -> Sequence[NamedFile]:
        """Those of the network, the pictures of the places, and the optimised ones."""
        seen = dataset_files(self.dataset, (place.item for place in self.places))
        return [*super().files(), *seen, *(NamedFile(path) for path, _ in self.optimised.values())]

    def moved(self, places: Mapping[Path, Path]) -> LookTask:
        """With files at other places."""
        optimised = _moved(self.optimised, places)
        dataset = places.get(self.dataset, self.dataset)
        return replace(super().moved(places), dataset=dataset, optimised=optimised)

    def title(self, key: str) -> str:
        """By the layer."""
        return f"{self.model}/{self.way[-1]} (examples from {self.dataset.name})"


@dataclass(frozen=True)
class CircuitTask(Evidence):
    """The weights from one layer's channels into another's; `channels` are the later layer's."""

    earlier: str
    later: str
    channels: tuple[int, ...]
    key: str

    @property
    def keys(self) -> tuple[str, ...]:
        """The key of the weights."""
        return (self.key,)

    @property
    def pace(self) -> Pace:
        """By network; effort by the passes there and back, one a channel."""
        return Pace(self.fingerprint, "circuits", 3 * FORWARD * len(self.channels))

    def work(self, bench: Bench) -> Result:
        """Compute the weights."""
        from generator.engines.surveying import circuit

        return circuit(self, bench)

    def title(self, key: str) -> str:
        """By both layers."""
        return f"{self.model}/{self.later} (built from {self.earlier})"


@dataclass(frozen=True)
class ClassTask(Evidence):
    """What some of a network's layers do to its class scores; `layers` are (name, key).

    `scores` is the network's last layer of classes. Where it follows from the weights no pictures are needed,
    and `dataset` may be None; elsewhere `items`, a sample of the data set's, are what it is found out on.
    """

    scores: str
    layers: tuple[tuple[str, str], ...]
    dataset: Path | None = None
    fit: Fit = "crop"
    items: tuple[Item, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the layers' effects."""
        return tuple(key for _, key in self.layers)

    @property
    def pace(self) -> Pace:
        """By network; all layers share in the way there, and the ways back, one a class."""
        effort = (1 + CONSIDERED) * FORWARD * max(1, len(self.items))
        return Pace(self.fingerprint, "classes", effort / len(self.layers))

    def work(self, bench: Bench) -> Result:
        """Find out."""
        from generator.engines.surveying import classes

        return classes(self, bench)

    def files(self) -> Sequence[NamedFile]:
        """Those of the network, and the sample."""
        return [*super().files(), *(dataset_files(self.dataset, self.items) if self.dataset else ())]

    def moved(self, places: Mapping[Path, Path]) -> ClassTask:
        """With files at other places."""
        dataset = None if self.dataset is None else places.get(self.dataset, self.dataset)
        return replace(super().moved(places), dataset=dataset)

    def title(self, key: str) -> str:
        """By the layer."""
        layer = next(name for name, own in self.layers if own == key)
        return f"{self.model}/{layer} (classes)"


@dataclass(frozen=True)
class RecogniseTask(Evidence):
    """Pictures of classes to be shown to another network, whose layer `scores` knows these classes.

    `pictures` maps each picture's key to (path, number of its class).
    """

    scores: str
    pictures: Mapping[str, tuple[Path, int]]
    key: str

    @property
    def keys(self) -> tuple[str, ...]:
        """The key of what the network makes of them."""
        return (self.key,)

    @property
    def pace(self) -> Pace:
        """By network; effort by how many pictures go through it."""
        return Pace(self.fingerprint, "recognise", FORWARD * len(self.pictures))

    def work(self, bench: Bench) -> Result:
        """Show them."""
        from generator.engines.surveying import recognise

        return recognise(self, bench)

    def files(self) -> Sequence[NamedFile]:
        """Those of the network, and the pictures."""
        return [*super().files(), *(NamedFile(path) for path, _ in self.pictures.values())]

    def moved(self, places: Mapping[Path, Path]) -> RecogniseTask:
        """With files at other places."""
        return replace(super().moved(places), pictures=_moved(self.pictures, places))

    def title(self, key: str) -> str:
        """By the network that is asked."""
        return f"{self.model} (recognition of pictures of classes)"
