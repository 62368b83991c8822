"""The one writer: gathers what the gallery shows, draws its pictures, renders its pages, writes them.

A file is made again only if what it is made from has changed, and written only if it then differs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from generator.cache.entries import Cache, Stamp
from generator.gallery import overview, pages_host
from generator.gallery.cells import Cell, Summary
from generator.gallery.gather import (
    Gathered,
    gather,
    read_cells,
    read_whole,
    source_of,
    stamps_of,
    summarize,
)
from generator.gallery.likeness import likeness_order
from generator.gallery.notes import read_notes
from generator.gallery.output import Output
from generator.gallery.pages import PER_SHEET, SOCIAL, LayerView, SiteView
from generator.gallery.pictures import PICTURE_VERSION, TINY, Made, Source, Tiles, make_strips, tiny_tiles
from generator.gallery.script_data import layer_data
from generator.gallery.sheets import Sheet, sheets_of
from generator.gallery.templating import Templates
from generator.plan import Plan


@dataclass(frozen=True)
class SiteReport:
    """What a build of the gallery did, and what the gallery holds."""

    output: Path
    index: Path
    written: int
    unchanged: int
    removed: int
    bytes: int
    shown: int
    failed: int
    missing: int
    warnings: tuple[str, ...] = ()


def build_site(plan: Plan, cache: Cache) -> SiteReport:
    """Write the gallery of a plan, as far as the cache holds its pictures, into the config's output.

    Raises UserError when notes or templates are broken or a foreign file is in the way, and CacheError
    when the folder can't be written.
    """
    notes, warnings = read_notes(plan.config.notes, plan)
    build = _Build(
        cache=cache,
        gathered=gather(plan, notes),
        output=Output(plan.config.output, cache.gallery_path(plan.config.output)),
        templates=Templates(plan.config.templates),
        stamps=cache.stamps(),
    )
    build.run()
    return build.report(warnings)


@dataclass
class _Build:
    """One build, and what its steps hand on to the next."""

    cache: Cache
    gathered: Gathered
    output: Output
    templates: Templates
    stamps: Mapping[str, Stamp]
    broken: dict[str, str] = field(default_factory=dict)
    sheets: dict[str, list[Sheet]] = field(default_factory=dict)
    tiny: dict[str, Tiles] = field(default_factory=dict)
    summaries: dict[str, Summary] = field(default_factory=dict)

    @property
    def site(self) -> SiteView:
        return self.gathered.site

    def run(self) -> None:
        static = dict(self.templates.static()) | self._needed_files()
        for layer in self.site.layers:
            keys = self.gathered.keys[layer.folder]
            self.sheets[layer.folder] = sheets_of(layer, keys, self.stamps, self.cache)
        pictures = {path for found in self.sheets.values() for sheet in found for path, _ in sheet.files()}
        self.output.begin(self.site.documents() | pictures | static.keys() | self._boards(pictures))
        self._write_layers()
        overview.write(self.site, self.summaries, self._sources(), self.output, self.templates)
        for path, data in static.items():
            self.output.write(path, data)
        self.output.summaries = {folder: summary.to_json() for folder, summary in self.summaries.items()}

    def report(self, warnings: list[str]) -> SiteReport:
        tally = self.output.finish()
        summaries = self.summaries.values()
        warnings = [*warnings, *self.broken.values()]
        warnings += pages_host.size_warnings(tally.bytes, tally.largest, self.site)
        return SiteReport(
            output=self.output.folder,
            index=self.output.folder / "index.html",
            written=tally.written,
            unchanged=tally.unchanged,
            removed=tally.removed,
            bytes=tally.bytes,
            shown=sum(summary.shown for summary in summaries),
            failed=sum(summary.failed for summary in summaries),
            missing=sum(summary.missing for summary in summaries),
            warnings=tuple(warnings),
        )

    def _needed_files(self) -> dict[str, bytes]:
        """What the host needs and the user has not put there already."""
        needed = pages_host.needed_files()
        return {path: data for path, data in needed.items() if not self.output.is_foreign(path)}

    # -- pictures ----------------------------------------------------------------------------------

    def _boards(self, pictures: Collection[str]) -> set[str]:
        """The collages there will be: a model has one if it has any picture."""
        drawn = {"/".join(path.split("/")[:2]) for path in pictures}
        return {model.collage for model in self.site.models if model.folder in drawn} | (
            {SOCIAL} if drawn else set()
        )

    def _write_layers(self) -> None:
        """Write all layers, each as soon as its pictures are there: those of the next are made meanwhile."""
        due = {
            folder: [sheet for sheet in found if not self._keep(sheet)]
            for folder, found in self.sheets.items()
        }
        strips = [sheet.strip(self.cache, self.output) for found in due.values() for sheet in found]
        with closing(make_strips(strips)) as making:
            for layer in self.site.layers:
                for sheet in due[layer.folder]:
                    self._note_made(next(making), sheet)
                self.summaries[layer.folder] = self._write_layer(layer)
                self.tiny.clear()

    def _keep(self, sheet: Sheet) -> bool:
        """Keep a sheet and its pictures if all of them are current; returns whether they are."""
        current = all(self.output.is_current(*file) for file in sheet.files())
        for path, _ in sheet.files() if current else ():
            self.output.keep(path)
        return current

    def _note_made(self, made: Made, sheet: Sheet) -> None:
        self.output.wrote(sheet.path, sheet.source, made.changed)
        self.tiny[sheet.path] = made.tiny
        for picture, (lossless, place) in zip(sheet.pictures, made.strip.pictures, strict=True):
            if lossless in made.unreadable:
                self.broken[picture.key] = (
                    f"{lossless}: can't be read as a picture; `build-site verify --fix` mends it"
                )
                continue
            if picture.source and place is None:
                self.output.keep(picture.path)
            elif picture.source:
                self.output.wrote(picture.path, picture.source, place in made.written)
            if picture.animation:
                self._copy(*picture.animation, picture.source)

    def _copy(self, file: Path, path: str, source: str) -> None:
        if self.output.is_current(path, source):
            self.output.keep(path)
        else:
            self.output.write(path, file.read_bytes(), source)

    def _sources(self) -> dict[str, dict[int, Source]]:
        """Lossless pictures by layer's folder and place in it, by the recipe that stands for the layer."""
        return {
            layer.folder: {
                place: Source(self.cache.picture_path(key), layer.face.recipe.pictures)
                for place, channel in enumerate(layer.channels_of(layer.face))
                if (key := self.gathered.keys[layer.folder].get((layer.face.name, channel)))
            }
            for layer in self.site.layers
        }

    # -- a layer's pages ---------------------------------------------------------------------------

    def _write_layer(self, layer: LayerView) -> Summary:
        keys = self.gathered.keys[layer.folder]
        broken = [self.broken.get(key) for key in keys.values()]
        head = (self.site.title, self.site.url, bool(self.site.families), self._around(layer))
        source = source_of(
            self.templates.digest, head, layer, PICTURE_VERSION, broken, stamps_of(layer, keys, self.stamps)
        )
        files = [layer.path, *map(layer.page, layer.channels)]
        known = self._known_summary(layer)
        if known and all(self.output.is_current(path, source) for path in files):
            for path in files:
                self.output.keep(path)
            return known
        cells = read_cells(layer, keys, self.cache, self.broken)
        whole = read_whole(layer, keys, self.cache, self.broken)
        summary = summarize(layer, cells, whole)
        self._render_layer(layer, cells, whole, summary, source)
        return summary

    def _known_summary(self, layer: LayerView) -> Summary | None:
        try:
            return Summary.from_json(self.output.summaries[layer.folder])
        except (KeyError, TypeError, AttributeError):
            return None

    def _around(self, layer: LayerView) -> list[str]:
        return [other.path if other else "" for other in _beside(layer, self.site)]

    def _render_layer(
        self, layer: LayerView, cells: tuple[Cell, ...], whole: Cell, summary: Summary, source: str
    ) -> None:
        model = next(model for model in self.site.models if layer in model.layers)
        before, after = _beside(layer, self.site)
        data: dict[str, Any] = {"site": self.site, "model": model, "layer": layer, "cells": cells}
        orders = {"similarity": self._likeness(layer, cells)} if cells else {}
        script = layer_data(layer, cells, orders)
        around = {"before": before, "after": after, "summary": summary, "script": script, "whole": whole}
        page = self.templates.page("layer.html", layer.path, **data, **around)
        self.output.write(layer.path, page, source)
        data["film"] = [self.templates.part("partials/film.html", cell.path, cell=cell) for cell in cells]
        for cell in cells:
            page = self.templates.page("channel.html", cell.path, **data, cell=cell)
            self.output.write(cell.path, page, source)

    def _likeness(self, layer: LayerView, cells: tuple[Cell, ...]) -> list[int]:
        """Places of cells in an order where neighbours look alike; those without a picture come last."""
        recipe = layer.recipes[0]
        seen = [cell.index for cell in cells if cell.visible(recipe)]
        if not seen:
            return [cell.index for cell in cells]
        order = [seen[place] for place in likeness_order(self._tiles(layer)[seen])]
        return order + [cell.index for cell in cells if cell.index not in set(seen)]

    def _tiles(self, layer: LayerView) -> Tiles:
        """The thumbnails by which a layer's channels are compared, those by its first recipe."""
        tiles = np.zeros((len(layer.channels), TINY, TINY, 3), np.uint8)
        for sheet in self.sheets[layer.folder]:
            if sheet.recipe is layer.recipes[0]:
                # Sheets that were kept give the same as when they were made.
                made = self.tiny.get(sheet.path)
                tiny = tiny_tiles(sheet.strip(self.cache, self.output)) if made is None else made
                tiles[sheet.number * PER_SHEET :][: len(tiny)] = tiny
        return tiles


def _beside(layer: LayerView, site: SiteView) -> tuple[LayerView | None, LayerView | None]:
    """The layers before and after one in its model's plan."""
    layers = [other for other in site.layers if other.model == layer.model]
    place = [other.name for other in layers].index(layer.name)
    return layers[place - 1] if place else None, layers[place + 1] if place + 1 < len(layers) else None
