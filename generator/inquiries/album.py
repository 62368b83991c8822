"""The photos that a layer's facts show: numbered, and kept small, as the network saw them."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

from generator.cache.entries import Cache
from generator.datasets import decoding
from generator.datasets.decoding import PictureError
from generator.datasets.sources import Item, Source, open_source
from generator.evidence.facts import Photo
from generator.inquiries.inquiry import Inquiry
from generator.inquiries.surveys import key_of

PHOTO_VERSION = 1
"""Raised whenever the same picture is kept otherwise."""
QUALITY = 60
"""Of WebP: a photo of 160 pixels takes some 4 kB."""


class Album:
    """The photos of one layer's facts; `there` are the keys of what the cache holds."""

    def __init__(self, inquiry: Inquiry, cache: Cache) -> None:
        self._inquiry, self._cache = inquiry, cache
        self._numbers: dict[str, int] = {}
        self._items = inquiry.survey.dataset.by_digest

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the photos."""
        height, width = self._inquiry.canvas
        scale = self._inquiry.plan.config.evidence.photo_size / max(height, width)
        return max(1, round(width * scale)), max(1, round(height * scale))

    def number(self, digest: str) -> int:
        """The number of a photo, which is thereby in the album."""
        return self._numbers.setdefault(digest, len(self._numbers))

    @property
    def photos(self) -> tuple[Photo, ...]:
        """All of them, by number."""
        return tuple(self._photo(digest) for digest in self._numbers)

    def _photo(self, digest: str) -> Photo:
        item = self._items.get(digest)
        if item is None:
            return Photo(digest, "")
        return Photo(digest, item.name, item.label, self._key(digest))

    def _key(self, digest: str) -> str:
        return key_of(
            "photo",
            version=PHOTO_VERSION,
            picture=digest,
            canvas=self._inquiry.canvas,
            fit=self._inquiry.survey.fit,
            size=self.size,
        )

    def develop(self) -> list[str]:
        """See to it that the cache holds every photo; returns the keys of those that it does hold.

        A picture that can't be read any more is left out.
        """
        items = {self._key(digest): self._items[digest] for digest in self._numbers if digest in self._items}
        missing = {key: item for key, item in items.items() if key not in self._cache}
        for key, data in self._developed(missing):
            self._cache.put_entry(key, {"kind": "photo"}, {"webp": data})
        return [key for key in items if key not in missing or key in self._cache]

    def _developed(self, missing: dict[str, Item]) -> Iterator[tuple[str, bytes]]:
        if not missing:
            return
        source = open_source(self._inquiry.survey.dataset.path)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            made = pool.map(lambda item: self._webp(source, item), missing.values())
            yield from ((key, data) for key, data in zip(missing, made, strict=True) if data)

    def _webp(self, source: Source, item: Item) -> bytes:
        try:
            image = source.image(item.name)
        except (OSError, KeyError, PictureError):
            return b""
        # As the network sees it first: what is cropped away must not come back.
        shown = decoding.fitted(image, self._inquiry.canvas, self._inquiry.survey.fit)
        stream = io.BytesIO()
        shown.resize(self.size, Image.Resampling.LANCZOS).save(stream, "WEBP", quality=QUALITY, method=4)
        return stream.getvalue()
