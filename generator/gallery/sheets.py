"""A layer's picture files: contact sheets, large pictures, animations, and what each is made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from generator.cache.contents import Stamp
from generator.cache.records import Record
from generator.gallery.output import Output
from generator.gallery.pages import PER_SHEET, LayerView, RecipeView
from generator.gallery.pictures import DEFAULT, Encoded, Encoding, Finish, Tiles
from generator.gallery.place import Place
from generator.gallery.provenance import made_from
from generator.gallery.sections import Build
from generator.gallery.shapes import is_light, together
from generator.gallery.snapshot import CacheSnapshot


class Entry(NamedTuple):
    """A picture of the plan, by recipe's name and channel: its key, and what the cache has of it."""

    recipe: str
    channel: int
    key: str
    stamp: Stamp | None
    moving: bool

    @property
    def there(self) -> bool:
        """Whether the cache has a finished picture."""
        return self.stamp is not None and not self.stamp.failed


@dataclass(frozen=True)
class Picture:
    """A large picture to be: its entry, its place, what it is made from, and the places of its animation and
    of a thumbnail by itself, if any."""

    entry: Entry
    path: str
    source: str
    animation: str = ""
    small: str = ""


@dataclass(frozen=True)
class Sheet:
    """A contact sheet to be, with the pictures on it: None where there is none."""

    path: str
    source: str
    recipe: RecipeView
    number: int
    pictures: tuple[Picture | None, ...]
    finish: Finish = DEFAULT

    @property
    def drawn(self) -> Iterator[Picture]:
        """The pictures that there are."""
        return (picture for picture in self.pictures if picture)

    def files(self) -> Iterator[tuple[str, str]]:
        """The sheet and the files of the pictures on it, each with what it is made from."""
        yield self.path, self.source
        for picture in self.drawn:
            for path in filter(None, (picture.path, picture.animation, picture.small)):
                yield path, picture.source

    def is_current(self, output: Output) -> bool:
        """Whether all its files are there, made from the same."""
        return all(output.is_current(*file) for file in self.files())

    def encoding(self, snapshot: CacheSnapshot, output: Output) -> Encoding:
        """What there is to encode: the sheet, and those large pictures that are not current."""

        def due(path: str, source: str) -> Place | None:
            return output.place(path) if path and not output.is_current(path, source) else None

        pictures = tuple(
            (snapshot.picture_path(one.entry.key), due(one.path, one.source)) if one else (None, None)
            for one in self.pictures
        )
        smalls = tuple(due(one.small, one.source) if one else None for one in self.pictures)
        count = self.recipe.recipe.pictures
        return Encoding(output.place(self.path), pictures, count, finish=self.finish, smalls=smalls)


def needs_small(layer: LayerView) -> bool:
    """Whether its pictures are too large for pages of other layers, and need thumbnails of their own."""
    recipe = layer.main_recipe.recipe
    return bool(layer.recipes) and not is_light(*together(recipe.size, recipe.pictures))


def sheets_of(
    layer: LayerView, entries: Sequence[Entry], *, linked: bool = False, finish: Finish = DEFAULT
) -> tuple[Sheet, ...]:
    """All sheets of a layer that have a picture; `linked` says that other layers' pages show its channels."""
    small = linked and needs_small(layer)
    there = {(entry.recipe, entry.channel): entry for entry in entries if entry.there}
    planned = (
        _sheet(layer, recipe, number, there, finish, small=small and recipe == layer.main_recipe)
        for recipe in (*layer.recipes, *layer.wholes)
        for number in range(layer.sheet_count(recipe))
    )
    return tuple(sheet for sheet in planned if any(sheet.pictures))


def _sheet(
    layer: LayerView,
    recipe: RecipeView,
    number: int,
    there: dict[tuple[str, int], Entry],
    finish: Finish,
    *,
    small: bool,
) -> Sheet:
    channels = layer.channels_of(recipe)[number * PER_SHEET : (number + 1) * PER_SHEET]
    entries = [there.get((recipe.name, channel)) for channel in channels]
    pictures = tuple(_picture(layer, recipe, entry, finish, small) if entry else None for entry in entries)
    source = made_from(recipe.recipe.pictures, [picture and picture.source for picture in pictures])
    return Sheet(layer.sheet(recipe, number), source, recipe, number, pictures, finish)


def _picture(layer: LayerView, recipe: RecipeView, entry: Entry, finish: Finish, small: bool) -> Picture:
    animation = layer.animation(recipe, entry.channel) if entry.moving else ""
    source = made_from(entry.key, entry.stamp, recipe.recipe.pictures, finish)
    own = layer.picture(recipe, entry.channel, small=True) if small else ""
    return Picture(entry, layer.picture(recipe, entry.channel), source, animation, own)


# -- writing them ----------------------------------------------------------------------------------


@dataclass
class Drawn:
    """What a layer has in the output: the records of its pictures and its animations, both by path.

    `tiny` are thumbnails to compare pictures by, for sheets that were encoded; `complete` says that
    everything planned is there.
    """

    records: dict[str, Record] = field(default_factory=dict)
    animations: set[str] = field(default_factory=set)
    tiny: dict[str, Tiles] = field(default_factory=dict)
    complete: bool = True


def write_sheets(sheets: Sequence[Sheet], build: Build) -> Drawn:
    """Write or keep sheets and the pictures on them; takes its share of what `build` encodes."""
    drawn = Drawn()
    for sheet in sheets:
        if sheet.is_current(build.output):
            _keep(sheet, build, drawn)
        else:
            _write(sheet, next(build.encoded), build, drawn)
    return drawn


def _keep(sheet: Sheet, build: Build, drawn: Drawn) -> None:
    build.output.keep(sheet.path)
    build.snapshot.ahead([picture.entry.key for picture in sheet.drawn])
    for picture in sheet.drawn:
        record = build.snapshot.record(picture.entry.key)
        if record is None:
            drawn.complete = False
            continue
        drawn.records[picture.path] = record
        build.output.keep(picture.path)
        if picture.small:
            build.output.keep(picture.small)
        if picture.animation:
            drawn.animations.add(picture.animation)
            build.output.keep(picture.animation)


def _write(sheet: Sheet, encoded: Encoded, build: Build, drawn: Drawn) -> None:
    drawn.tiny[sheet.path] = encoded.tiny
    # Read before the records, as the pictures were: a record tells whether they belong together.
    animations = _animations(sheet, build.snapshot)
    build.snapshot.ahead([picture.entry.key for picture in sheet.drawn])
    whole = True
    places, smalls = encoded.encoding.pictures, encoded.encoding.smalls
    for picture, digest, (_, place), small in zip(
        sheet.pictures, encoded.digests, places, smalls, strict=True
    ):
        if picture is None:
            continue
        animation = animations.get(picture.entry.key, b"")
        record = build.snapshot.record(picture.entry.key)
        if record is None or record.picture_sha256 != digest:
            build.note_broken(picture.entry.key)
            whole = False
            continue
        drawn.records[picture.path] = record
        for path, due in ((picture.path, place), (picture.small, small)):
            if due:
                build.output.wrote(path, picture.source, due in encoded.written)
            elif path:
                build.output.keep(path)
        if animation:
            build.output.write(picture.animation, animation, picture.source)
            drawn.animations.add(picture.animation)
        elif picture.animation:
            whole = False
    build.output.wrote(sheet.path, sheet.source if whole else "", encoded.changed)
    drawn.complete &= whole


def _animations(sheet: Sheet, snapshot: CacheSnapshot) -> dict[str, bytes]:
    """The animations of a sheet's pictures by key; nothing for one that is no longer there."""
    kinds = {p.entry.key: p.animation.rpartition(".")[2] for p in sheet.drawn if p.animation}
    snapshot.ahead(list(kinds), next(iter(kinds.values()), ""))
    return {key: snapshot.animation(key, kind) for key, kind in kinds.items()}
