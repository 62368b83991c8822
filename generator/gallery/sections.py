"""A section is the unit in which the gallery is written: a layer with its channels, the pages above layers.

A section knows its addresses, what they are made from, and how to write them. A further kind of page is a
further kind of section, and one line in `site.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from generator.gallery.cells import Summary
from generator.gallery.output import Output
from generator.gallery.photo_views import photo
from generator.gallery.pictures import Encoded, Encoding
from generator.gallery.snapshot import CacheSnapshot
from generator.gallery.templating import Templates


@dataclass
class Build:
    """What the sections of one build share. Sections are written in order, and see what those before left.

    `encoded` gives, in order, what came of the encodings that sections asked for; `photos` are the keys of
    the data sets' photos that are in the output.
    """

    snapshot: CacheSnapshot
    output: Output
    templates: Templates
    encoded: Iterator[Encoded]
    summaries: dict[str, Summary] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    photos: set[str] = field(default_factory=set)

    def note_broken(self, key: str) -> None:
        """Take note of an entry whose picture can't be used, unless that is because it changed just now."""
        if key not in self.snapshot.changed:
            place = self.snapshot.picture_place(key)
            self.broken[key] = f"{place}: damaged, or its record is; `build-site` makes it again"

    def warnings(self) -> Iterator[str]:
        """What a user should know of the cache's state."""
        yield from self.broken.values()
        if self.snapshot.changed:
            yield (
                f"pictures that changed while the gallery was written are left out: "
                f"{len(self.snapshot.changed):,}; `build-site html` adds them"
            )


class Section(Protocol):
    """A part of the gallery; see the module's text."""

    def addresses(self) -> Iterable[str]:
        """Every file that it may write; known before any is."""

    def encodings(self, snapshot: CacheSnapshot, output: Output) -> Sequence[Encoding]:
        """The pictures that it needs encoded; none where they are current."""

    def write(self, build: Build) -> None:
        """Write its files, or keep those that are current."""


@dataclass(frozen=True)
class Files:
    """Files that are written just as they are."""

    contents: Mapping[str, bytes]

    def addresses(self) -> Iterable[str]:
        """Their paths."""
        return self.contents

    def encodings(self, snapshot: CacheSnapshot, output: Output) -> Sequence[Encoding]:
        """None."""
        return ()

    def write(self, build: Build) -> None:
        """Write those that differ."""
        for path, data in self.contents.items():
            build.output.write(path, data)


@dataclass(frozen=True)
class Photos:
    """The photos of data sets that pages show, each once, by their keys in the cache."""

    keys: tuple[str, ...]

    def addresses(self) -> Iterable[str]:
        """Their paths."""
        return map(photo, self.keys)

    def encodings(self, snapshot: CacheSnapshot, output: Output) -> Sequence[Encoding]:
        """None: they are in the cache as they are shown."""
        return ()

    def write(self, build: Build) -> None:
        """Write those that are not there yet; a key stands for its content."""
        for key in self.keys:
            path = photo(key)
            if build.output.is_current(path, key):
                build.output.keep(path)
            elif (data := build.snapshot.file(key, "webp")) is not None:
                build.output.write(path, data, key)
            else:
                continue
            build.photos.add(key)
