"""An atlas's section: its page, its tiles, what the script knows of its cells, and its export."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import Any

from PIL import Image

from generator.cache.contents import Stamp
from generator.evidence.atlas_facts import AtlasCell, AtlasFacts
from generator.evidence.facts import AtlasRef, Evidence
from generator.gallery import atlas_paths
from generator.gallery.atlas_cells import Shown
from generator.gallery.output import Output
from generator.gallery.pages import LayerView, ModelHead, SiteHead, SiteView
from generator.gallery.pictures import DEFAULT, Encoding, Finish, webp
from generator.gallery.provenance import made_from
from generator.gallery.sections import Build
from generator.gallery.sheets import Entry
from generator.gallery.snapshot import CacheSnapshot
from generator.images import opened


@dataclass(frozen=True)
class AtlasLink:
    """An atlas of the gallery, to be shown beside another: its model, its layer, and the layer's folder."""

    model: str
    layer: str
    folder: str


@dataclass(frozen=True)
class AtlasSection:
    """An atlas as it is to be shown; it holds all that its files are made from, as a layer's section does.

    `ref` names its facts, `stamps` are what the cache has of its cells' pictures, `channels` those of the
    layer that have a picture of their own, and `others` all atlases of the gallery.
    """

    templates: str
    site: SiteHead
    model: ModelHead
    layer: LayerView
    ref: AtlasRef
    stamps: tuple[tuple[str, Stamp | None], ...]
    channels: tuple[int, ...]
    others: tuple[AtlasLink, ...]
    finish: Finish = DEFAULT

    @cached_property
    def source(self) -> str:
        """What its files are made from."""
        return made_from(self)

    @property
    def _name(self) -> str:
        return atlas_paths.page(self.layer.folder)

    @property
    def overview(self) -> str:
        """The picture that stands for it: its coarsest level."""
        return atlas_paths.tile(self.layer.folder, 0, 0, 0)

    def addresses(self) -> Iterable[str]:
        """Its page, its data and its tiles."""
        return atlas_paths.addresses(self.layer.folder, self.ref.sides)

    def encodings(self, snapshot: CacheSnapshot, output: Output) -> Sequence[Encoding]:
        """None: cells are small, and composed where they are written."""
        return ()

    def write(self, build: Build) -> None:
        """Write its files, or keep those that are current."""
        known = build.output.recall(self._name, self.source)
        if known and all(build.output.is_current(path, self.source) for path in known):
            for path in known:
                build.output.keep(path)
        else:
            known = self._make(build)
        if known:
            build.output.remember(self._name, self.source, known)

    def _make(self, build: Build) -> list[str]:
        """Make all of it; gives its files where they are as they will stay."""
        facts = build.snapshot.atlas(self.ref.key)
        if facts is None:
            return []
        there = {key for key, stamp in self.stamps if stamp is not None and not stamp.failed}
        tiles = list(tiles_of(self.layer, facts))
        pixels = 0
        for tile in tiles:
            image, broken = tile.composed([cell for cell in tile.cells if cell.key in there], build.snapshot)
            there -= broken
            for key in broken:
                build.note_broken(key)
            pixels = image.width // tile.columns
            build.output.write(tile.path, webp(image, self.finish.quality), self.source)
        shown = Shown(self.layer, facts, frozenset(there), frozenset(build.photos), self.channels)
        self._write_pages(shown, tiles, pixels, build)
        complete = len(there) == len(self.stamps) and build.photos.issuperset(self.ref.photos)
        return list(self.addresses()) if complete else []

    def _write_pages(self, shown: Shown, tiles: Sequence[Tile], pixels: int, build: Build) -> None:
        layer, write = self.layer, build.output.write
        page = build.templates.page(
            "atlas.html",
            self._name,
            site=self.site,
            model=self.model,
            layer=layer,
            facts=shown.facts,
            cells=shown.listed(shown.facts.levels[0]),
            base=tiles[0],
            pixels=pixels,
            others=self.others,
            export=atlas_paths.data(layer.folder),
        )
        data = {"pixels": pixels, "tile": atlas_paths.TILE, **shown.data()}
        script = build.templates.page(
            "atlas.js", atlas_paths.script(layer.folder), folder=layer.folder, data=data
        )
        write(atlas_paths.page(layer.folder), page, self.source)
        write(atlas_paths.script(layer.folder), script, self.source)
        write(atlas_paths.data(layer.folder), shown.export(), self.source)


# -- tiles -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tile:
    """A picture of `columns` x `rows` cells of a level, of which `first` is the one above on the left."""

    path: str
    first: tuple[int, int]
    columns: int
    rows: int
    cells: tuple[AtlasCell, ...]

    def composed(self, cells: Sequence[AtlasCell], snapshot: CacheSnapshot) -> tuple[Image.Image, set[str]]:
        """The tile with these cells, clear elsewhere, and the keys of pictures that can't be used."""
        paths = {cell.key: snapshot.picture_path(cell.key) for cell in cells}
        found: list[tuple[AtlasCell, Image.Image]] = []
        broken = set()
        with snapshot.fetched(list(paths.values())):
            for cell in cells:
                picture = _read(cell.key, snapshot)
                if picture is None:
                    broken.add(cell.key)
                else:
                    found.append((cell, picture))
        side = max((picture.width for _, picture in found), default=64)
        board = Image.new("RGBA", (self.columns * side, self.rows * side))
        for cell, picture in found:
            place = ((cell.column - self.first[0]) * side, (cell.row - self.first[1]) * side)
            board.paste(picture if picture.size == (side, side) else picture.resize((side, side)), place)
        return board, broken


def _read(key: str, snapshot: CacheSnapshot) -> Image.Image | None:
    """A cell's picture; None where there is none that is whole."""
    try:
        data = snapshot.picture_path(key).read_bytes()
        record = snapshot.record(key)
        if record is None or record.picture_sha256 != sha256(data).hexdigest():
            return None
        with opened(data) as image:
            return image.convert("RGB")
    except Exception:  # Pillow's readers raise whatever a broken file leads them to
        return None


def tiles_of(layer: LayerView, facts: AtlasFacts) -> Iterator[Tile]:
    """The tiles of all levels, the coarsest level's first."""
    for level, column, row in atlas_paths.tiles([level.side for level in facts.levels]):
        whole = facts.levels[level]
        side = atlas_paths.tile_side(level, whole.side)
        inside = tuple(one for one in whole.cells if (one.column // side, one.row // side) == (column, row))
        columns, rows = (min(side, whole.side - place * side) for place in (column, row))
        path = atlas_paths.tile(layer.folder, level, column, row)
        yield Tile(path, (column * side, row * side), columns, rows, inside)


def pictured_channels(entries: Iterable[Entry], layer: LayerView) -> tuple[int, ...]:
    """The channels of a layer that have a picture by its main recipe."""
    main = layer.main_recipe
    return tuple(one.channel for one in entries if one.recipe == main.name and one.there and not main.whole)


def atlas_sections(
    site: SiteView,
    evidence: Evidence,
    snapshot: CacheSnapshot,
    templates: str,
    entries: Mapping[str, Sequence[Entry]],
    finish: Finish,
) -> list[AtlasSection]:
    """The atlases of a site whose facts are there; `entries` are the pictures of layers, by folder."""
    refs = {place: ref for place, ref in evidence.atlases.items() if snapshot.has_entry(ref.key)}
    found = [(model, layer) for model in site.models for layer in model.layers]
    found = [(model, layer) for model, layer in found if (model.name, layer.name) in refs]
    links = tuple(AtlasLink(model.name, layer.name, layer.folder) for model, layer in found)
    return [
        _section(
            refs[model.name, layer.name],
            snapshot,
            templates=templates,
            site=site.head,
            model=model.head,
            layer=layer,
            channels=pictured_channels(entries[layer.folder], layer),
            others=links,
            finish=finish,
        )
        for model, layer in found
    ]


def _section(ref: AtlasRef, snapshot: CacheSnapshot, **known: Any) -> AtlasSection:
    photos = tuple(key for key in ref.photos if snapshot.has_entry(key))
    stamps = tuple((key, snapshot.stamp(key)) for key in ref.pictures)
    return AtlasSection(ref=replace(ref, photos=photos), stamps=stamps, **known)
