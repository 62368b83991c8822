"""Which contact sheets, large pictures and animations a layer gets, and what each of them is made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from generator.cache.entries import Cache, Stamp
from generator.gallery.gather import Keys, animation_file, source_of
from generator.gallery.output import Output
from generator.gallery.pages import PER_SHEET, LayerView, RecipeView
from generator.gallery.pictures import PICTURE_VERSION, Strip


@dataclass(frozen=True)
class Picture:
    """A large picture to be: its key, place and source. One that there is not has an empty source.

    `animation` is the cache's file of its making and the place of that, where there is one.
    """

    key: str
    path: str
    source: str
    animation: tuple[Path, str] | None = None

    def files(self) -> Iterator[tuple[str, str]]:
        """Its files, each with what it is made from."""
        if self.source:
            yield self.path, self.source
        if self.animation:
            yield self.animation[1], self.source


@dataclass(frozen=True)
class Sheet:
    """A contact sheet to be: its path, what it is made from, the pictures on it, and which one it is."""

    path: str
    source: str
    pictures: tuple[Picture, ...]
    recipe: RecipeView
    number: int

    def files(self) -> Iterator[tuple[str, str]]:
        """The sheet and the files of the pictures on it, each with what it is made from."""
        yield self.path, self.source
        for picture in self.pictures:
            yield from picture.files()

    def strip(self, cache: Cache, output: Output) -> Strip:
        """What there is to encode for it: the sheet, and those large pictures that are not current."""
        pictures = []
        for one in self.pictures:
            lossless = cache.picture_path(one.key) if one.source else None
            current = output.is_current(one.path, one.source)
            pictures.append((lossless, None if current else output.folder / one.path))
        return Strip(output.folder / self.path, tuple(pictures), self.recipe.recipe.pictures)


def sheets_of(layer: LayerView, keys: Keys, stamps: Mapping[str, Stamp], cache: Cache) -> list[Sheet]:
    """All sheets of a layer that have a picture."""
    planned = (
        _sheet(layer, recipe, number, keys, stamps, cache)
        for recipe in (*layer.recipes, *layer.wholes)
        for number in range(layer.sheet_count(recipe))
    )
    return [sheet for sheet in planned if any(picture.source for picture in sheet.pictures)]


def _sheet(
    layer: LayerView,
    recipe: RecipeView,
    number: int,
    keys: Keys,
    stamps: Mapping[str, Stamp],
    cache: Cache,
) -> Sheet:
    channels = layer.channels_of(recipe)[number * PER_SHEET : (number + 1) * PER_SHEET]
    pictures = []
    for channel in channels:
        key = keys.get((recipe.name, channel), "")
        source = _picture_source(key, stamps.get(key))
        file = animation_file(recipe, key, cache) if source else None
        animation = (file, layer.animation(recipe, channel)) if file else None
        pictures.append(Picture(key, layer.picture(recipe, channel), source, animation))
    sources = source_of(PICTURE_VERSION, [picture.source for picture in pictures])
    return Sheet(layer.sheet(recipe, number), sources, tuple(pictures), recipe, number)


def _picture_source(key: str, stamp: Stamp | None) -> str:
    return (
        "" if stamp is None or stamp.failed else f"{PICTURE_VERSION} {key[:16]} {stamp.written} {stamp.size}"
    )
