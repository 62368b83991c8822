"""Photos of the user's under the lens: what is to be found out about each by each network, and what was.

First a photo is shown to the network; of what a layer sees in each cell of the photo comes a direction, and
of that a picture. A shard does a layer of a photo, its pictures included, where its key falls into the shard.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from generator.cache.entries import Cache
from generator.config.content import checked_content, content_digest
from generator.config.photos import PhotoConfig
from generator.datasets import decoding
from generator.datasets.decoding import PictureError
from generator.engines.photos import PhotoTask
from generator.engines.tasks import Task
from generator.errors import UserError
from generator.evidence import lens
from generator.evidence.facts import PhotoLayer, PhotoRef
from generator.evidence.lens import Seen
from generator.inquiries.directions import Directions
from generator.inquiries.inquiry import USUAL_SIDE
from generator.inquiries.pursuit import Round
from generator.inquiries.surveys import There, key_of
from generator.models.anatomy import Anatomy
from generator.models.deriving import CONCEPTS
from generator.plan import Plan
from generator.selection import Shard
from generator.targets import Direction

SHOWN_SIDE = 640
"""Longer side of a photo on the pages, in pixels."""
SHOWN_QUALITY = 82


@dataclass(frozen=True)
class PhotoPursuit:
    """A photo, called `name` in the config, as a model sees it, by `layers`; `shard` is the part that is to
    be done here, None for all. `digest` is the SHA-256 of its file."""

    plan: Plan
    model: str
    name: str
    photo: PhotoConfig
    digest: str
    layers: tuple[str, ...]
    shard: Shard | None = None

    rounds: ClassVar[frozenset[Round]] = frozenset({Round.FIRST, Round.DIRECTIONS})

    @property
    def anatomy(self) -> Anatomy:
        """The model's."""
        return self.plan.models[self.model]

    @property
    def canvas(self) -> tuple[int, int]:
        """Height and width of what the network is shown."""
        height, width = self.anatomy.input_shape[:2]
        return int(height or USUAL_SIDE), int(width or USUAL_SIDE)

    @property
    def scores(self) -> str:
        """The network's last layer of classes; empty where it is not known to have any."""
        return self.anatomy.scores[-1] if self.anatomy.scores else ""

    @cached_property
    def keys(self) -> dict[str, str]:
        """The key of what each layer sees."""
        shared = {"version": lens.VERSION, "weights": self.anatomy.fingerprint, "scores": self.scores}
        photo = {"photo": self.digest, "fit": self.photo.fit}
        names = {layer: self.anatomy.layer(layer).identity for layer in self.layers}
        return {layer: key_of("photo view", layer=own, **shared, **photo) for layer, own in names.items()}

    # -- what is due -------------------------------------------------------------------------------

    def tasks(self, now: Round, there: There, cache: Cache, *, force: bool = False) -> Iterator[Task]:
        """What is due here (or all) in a round."""
        if now is Round.FIRST:
            yield from self._view(there, force=force)
        elif now is Round.DIRECTIONS:
            for layer, key in self._mine().items():
                if key in there:
                    found = self.directions(layer, cache)
                    wanted = [one for one in found.cells if one is not None] + [*found.channels.values()]
                    yield from self.pictures(layer).tasks(wanted, () if force else there)

    def _mine(self) -> dict[str, str]:
        return {layer: key for layer, key in self.keys.items() if self.shard is None or key in self.shard}

    def _view(self, there: There, *, force: bool) -> Iterator[PhotoTask]:
        wanted = ((layer, key) for layer, key in self._mine().items() if force or key not in there)
        due = tuple((layer, key) for layer, key in wanted if self._is_found(layer, there))
        if due:
            yield PhotoTask(
                model=self.model,
                config=self.plan.config.models[self.model],
                fingerprint=self.anatomy.fingerprint,
                photo=self.photo.path,
                digest=self.digest,
                fit=self.photo.fit,
                scores=self.scores,
                layers=due,
            )

    def _is_found(self, layer: str, there: There) -> bool:
        """Whether a layer can be read off: concepts must have been found."""
        one = self.anatomy.layer(layer)
        return one.derived is None or one.kind != CONCEPTS or one.derived.digest in there

    def due(self, there: There) -> int:
        """How many of its jobs are to be done here and are not: before the photo was shown, a picture for
        each cell that the layers' shapes tell of, for which channels it will name is not known yet."""
        cache = Cache(self.plan.config.cache)
        return sum(self._due(layer, key, there, cache) for layer, key in self._mine().items())

    def _due(self, layer: str, key: str, there: There, cache: Cache) -> int:
        if key in there:
            return len(self._picture_keys(layer, cache) - set(there))
        rows, columns = lens.grid_of(self.anatomy.layer(layer)) or (0, 0)
        return 1 + rows * columns

    # -- what was found ----------------------------------------------------------------------------

    def seen(self, layer: str, cache: Cache) -> Seen | None:
        """What a layer sees; None where that is not known yet."""
        data = cache.read(self.keys[layer], "npz")
        try:
            return None if data is None else Seen.from_bytes(data)
        except (ValueError, KeyError, OSError, EOFError):
            return None

    def pictures(self, layer: str) -> Directions:
        """The pictures of what it sees in the cells."""
        return Directions(self.plan, self.model, layer)

    def directions(self, layer: str, cache: Cache) -> Pictured:
        """The directions that pictures are made of, as far as the layer was looked at."""
        seen = self.seen(layer, cache)
        if seen is None:
            return Pictured((), {})
        planned = self._planned[layer]
        named = [] if layer in self.anatomy.scores else lens.named_channels(seen)
        return Pictured(
            cells=tuple(lens.directions(seen)) if self._has_grid(layer, seen) else (),
            channels={one: _alone(one, len(seen.means)) for one in named if one not in planned},
        )

    def _has_grid(self, layer: str, seen: Seen) -> bool:
        """Whether a layer's cells lie in a plane, and are more than one."""
        rows, columns = seen.grid
        return rows * columns > 1 and (rows > 1 or len(self.anatomy.layer(layer).shape) == 3)

    @cached_property
    def _planned(self) -> Mapping[str, set[int]]:
        """By layer the channels that have pictures in the plan."""
        found: dict[str, set[int]] = {layer: set() for layer in self.layers}
        for job in self.plan.jobs:
            if job.model == self.model and job.layer in found:
                found[job.layer].add(job.channel)
        return found

    def view(self, layer: str, cache: Cache) -> PhotoLayer:
        """Where what a layer sees is, and the pictures of that."""
        pictures, found = self.pictures(layer), self.directions(layer, cache)
        return PhotoLayer(
            layer=layer,
            key=self.keys[layer],
            cells=tuple(pictures.key(one) if one else "" for one in found.cells),
            channels=tuple((channel, pictures.key(one)) for channel, one in found.channels.items()),
        )

    def _picture_keys(self, layer: str, cache: Cache) -> set[str]:
        return self.view(layer, cache).keys - {self.keys[layer]}

    @property
    def shown_key(self) -> str:
        """The key of the photo as pages show it."""
        return key_of(
            "shown photo", photo=self.digest, canvas=self.canvas, fit=self.photo.fit, side=SHOWN_SIDE
        )

    def kept(self, cache: Cache) -> set[str]:
        """Keys of all that is needed of it, done or due."""
        return {self.shown_key, *(key for layer in self.layers for key in self.view(layer, cache).keys)}

    def settled(self, there: There, cache: Cache) -> PhotoRef | None:
        """Where all that pages tell of it is; None when nothing is known yet."""
        known = [layer for layer, key in self.keys.items() if key in there]
        if not known:
            return None
        self._develop(cache)
        views = tuple(self.view(layer, cache) for layer in known)
        return PhotoRef(self.shown_key, self._shown_size, views)

    # -- the photo itself --------------------------------------------------------------------------

    @property
    def _shown_size(self) -> tuple[int, int]:
        """Width and height of the photo on the pages: in the proportions of what the network is shown."""
        height, width = self.canvas
        scale = SHOWN_SIDE / max(height, width)
        return max(1, round(width * scale)), max(1, round(height * scale))

    def _develop(self, cache: Cache) -> None:
        """See to it that the cache holds the photo as pages show it, as far as it can still be read."""
        if self.shown_key in cache:
            return
        try:
            ((_, data),) = checked_content(self.photo.path, self.digest)
            image = decoding.decoded(data)
        except (UserError, PictureError):
            return
        width, height = self._shown_size
        stream = io.BytesIO()
        decoding.fitted(image, (height, width), self.photo.fit).save(
            stream, "WEBP", quality=SHOWN_QUALITY, method=4
        )
        cache.put_entry(self.shown_key, {"kind": "shown photo"}, {"webp": stream.getvalue()})


@dataclass(frozen=True)
class Pictured:
    """The directions of a layer that a photo's pictures are of: of the cells of its grid, row after row, None
    where nothing is on, nothing where it has no grid; and of single channels that the page names and of which
    the plan has no picture."""

    cells: tuple[Direction | None, ...]
    channels: Mapping[int, Direction]


def _alone(channel: int, channels: int) -> Direction:
    return Direction(tuple(float(one == channel) for one in range(channels)))


def photos_of(
    plan: Plan, only: Collection[tuple[str, str]] | None = None, shard: Shard | None = None
) -> tuple[PhotoPursuit, ...]:
    """Each photo of a config as each of its models sees it; by the layers in `only`, (model, layer).

    Raises UserError when a photo can't be read any more.
    """
    found = []
    for name, photo in plan.config.photos.items():
        digest = _digest(photo)
        for model in plan.models:
            layers = tuple(one for one in plan.layers(model) if only is None or (model, one) in only)
            if layers:
                found.append(PhotoPursuit(plan, model, name, photo, digest, layers, shard))
    return tuple(found)


def _digest(photo: PhotoConfig) -> str:
    try:
        return content_digest(photo.path)
    except OSError as error:
        raise UserError(f"{photo.path}: can't be read: {error.strerror or error}") from None
