"""Surveys: what a data set tells of a network's channels, with the parts of pictures that speak for it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as replaced
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from generator.api.models import Model, given_model
from generator.api.pictures import planned
from generator.api.rows import Row, png
from generator.api.work import Channels, Progress, asked, cache_of, worked_off
from generator.cache.entries import Cache
from generator.config.schema import NO_EVIDENCE
from generator.datasets import decoding
from generator.datasets.decoding import PictureError
from generator.datasets.known import known_dataset
from generator.datasets.sources import DataSet, image_of, read_dataset
from generator.errors import UserError
from generator.evidence.facts import ChannelFacts, Example, LayerFacts, Photo
from generator.images import opened
from generator.inquiries.everything import inquiries_of
from generator.inquiries.settling import settle, skipped

Photos = str | Path | Sequence[Any]


@dataclass(frozen=True)
class Crop:
    """The part of a photo that a unit sees, the channel's value there, and the photo's name and label."""

    image: Image.Image
    example: Example
    photo: Photo

    @property
    def value(self) -> float:
        """The channel's activation."""
        return self.example.value

    @property
    def caption(self) -> str:
        """`5.53 birds`, the value and the photo's label, or its name."""
        return f"{self.value:.3g} {self.photo.label or self.photo.name}"

    def _repr_png_(self) -> bytes:
        return png(self.image)


@dataclass(frozen=True)
class ChannelEvidence:
    """What is known of a channel: `facts`, and its examples as crops of photos."""

    facts: ChannelFacts
    layer: LayerFacts
    _cache: Cache

    @property
    def examples(self) -> Row[Crop]:
        """The strongest, the strongest first."""
        return self.crops(self.facts.strongest)

    def crops(self, examples: Sequence[Example]) -> Row[Crop]:
        """Any of the facts' examples (`ordinary`, `lowest`, `intervals`) as crops of their photos."""
        found = ((one, self.layer.photos[one.photo]) for one in examples)
        return Row([Crop(_cropped(photo, one, self._cache), one, photo) for one, photo in found])

    def _repr_png_(self) -> bytes | None:
        return self.examples._repr_png_()


def _cropped(photo: Photo, example: Example, cache: Cache) -> Image.Image:
    data = cache.read(photo.key, "webp") if photo.key else None
    if data is None:
        raise UserError(f"{photo.name}: the cache no longer holds this photo; survey again")
    with opened(data) as stored:
        image = stored.convert("RGB")
    box = example.box
    left, top = int(box.left * image.width), int(box.top * image.height)
    right, bottom = round(box.right * image.width), round(box.bottom * image.height)
    return image.crop((left, top, max(right, left + 1), max(bottom, top + 1)))


class LayerEvidence(Mapping[int, ChannelEvidence]):
    """What is known of a layer's channels, by number; `facts` is all of it as a plain value."""

    def __init__(self, model: str, layer: str, facts: LayerFacts, cache: Cache) -> None:
        self.model, self.layer, self.facts = model, layer, facts
        self._cache = cache

    def __getitem__(self, channel: int) -> ChannelEvidence:
        return ChannelEvidence(self.facts.channels[channel], self.facts, self._cache)

    def __iter__(self) -> Iterator[int]:
        return iter(self.facts.channels)

    def __len__(self) -> int:
        return len(self.facts.channels)

    def __repr__(self) -> str:
        return f"LayerEvidence({self.model} {self.layer}, {len(self)} channels, {self.facts.seen} photos)"


class Evidence(Mapping[str, LayerEvidence]):
    """What a survey found, by layer."""

    def __init__(self, layers: Mapping[str, LayerEvidence]) -> None:
        self._layers = dict(layers)

    def __getitem__(self, layer: str) -> LayerEvidence:
        return self._layers[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def __repr__(self) -> str:
        return f"Evidence({', '.join(self._layers)})"


def survey(
    model: Model,
    photos: Photos,
    layers: str | Sequence[str],
    channels: Channels = "all",
    recipe: str | None = None,
    *,
    fit: str = "crop",
    licence: str = "",
    evidence: Mapping[str, Any] | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Evidence:
    """Show photos to a network, and find out about channels of some of its layers.

    `photos` is any data set that a config takes (a folder, a .zip or .tar of one, an .npz), or a sequence of
    images: Pillow's, or arrays. With a `recipe`, and `settings` as for `render`, the channels' pictures are
    rendered too if they are missing, and judged by the photos. `evidence` takes what stands under that word
    in a config: `strongest`, `photo_size`, `budget` ... Raises UserError for what does not exist or can't be
    read; warns of photos that are skipped.
    """
    kept = cache_of(cache)
    names = [layers] if isinstance(layers, str) else list(layers)
    given_model(model)
    with _dataset(photos, kept) as dataset, model.at_hand():
        label = _name(photos)
        plan = planned(
            *(model, names, asked(channels), recipe or "channel", settings, kept),
            datasets={label: {"path": str(dataset.path), "fit": fit, "licence": licence}},
            evidence=dict(evidence or {}),
        )
        plan = replaced(plan, datasets={label: dataset})
        inquiries = inquiries_of(plan)
        model.offered(plan.config)
        worked_off(plan, plan.outlook(kept, retry=True)[0] if recipe else (), inquiries, kept, progress)
        for line in skipped(inquiries, kept):
            warnings.warn(line, stacklevel=2)
        found = settle(inquiries, kept)
    read = {layer: read_facts(ref.key, kept) for (_, layer), ref in found.items()}
    return Evidence({layer: one for layer, one in read.items() if one})


def read_facts(key: str, cache: Cache) -> LayerEvidence | None:
    """A layer's facts from a cache; None when there are none that are whole."""
    entry, data = cache.entry(key), cache.read(key, "facts")
    try:
        facts = LayerFacts.from_json(data or b"")
    except ValueError:
        return None
    return LayerEvidence(entry.record["model"], entry.record["layer"], facts, cache) if entry else None


# -- photos ----------------------------------------------------------------------------------------


def _name(photos: Photos) -> str:
    """What the data set is called; a config takes one of the other names for none."""
    name = Path(photos).resolve().stem if isinstance(photos, str | Path) else ""
    return "photos" if name in ("", NO_EVIDENCE) else name


@contextmanager
def _dataset(photos: Photos, cache: Cache) -> Iterator[DataSet]:
    """A data set, which images of this process are for the time being, as files."""
    if isinstance(photos, str | Path):
        yield known_dataset(Path(photos).expanduser().absolute(), cache, lambda said: None)
        return
    with TemporaryDirectory(prefix="pocket-microscope-") as folder:
        for number, image in enumerate(photos):
            _as_image(image, number).save(Path(folder) / f"{number:06}.png")
        if not any(Path(folder).iterdir()):
            raise UserError("photos: an empty sequence; give a folder, or images")
        yield read_dataset(Path(folder))


def _as_image(image: Any, number: int) -> Image.Image:
    """An image as its file would be read, or an array as one in an .npz would."""
    try:
        if isinstance(image, Image.Image):
            return decoding.plain(ImageOps.exif_transpose(image))
        return image_of(np.asarray(image))
    except PictureError as error:
        raise UserError(f"photos[{number}]: {error.message}") from None
    except (TypeError, ValueError, IndexError):
        raise UserError(f"photos[{number}]: {type(image).__name__} is no image and no array of one") from None
