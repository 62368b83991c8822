"""A layer's section: its grid, its channels' pages, and all pictures of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from markupsafe import Markup

from generator.evidence.facts import FactsRef, LayerFacts
from generator.gallery import pictures
from generator.gallery.cells import Cell, Shot, State, Summary, summarize
from generator.gallery.elsewhere import Elsewhere, Known, LayerCard
from generator.gallery.export import layer_export
from generator.gallery.findings import Surroundings
from generator.gallery.likeness import likeness_order
from generator.gallery.map_places import Lattice, lattice
from generator.gallery.output import Output
from generator.gallery.pages import PER_SHEET, LayerView, Link, ModelHead, RecipeView, SiteHead
from generator.gallery.photo_heat import OnPhoto, strong_on
from generator.gallery.pictures import DEFAULT, TINY, Encoding, Finish, Tiles
from generator.gallery.provenance import made_from
from generator.gallery.script_data import layer_data
from generator.gallery.sections import Build
from generator.gallery.sheets import Drawn, Entry, Sheet, sheets_of, write_sheets
from generator.gallery.snapshot import CacheSnapshot
from generator.gallery.trusting import trust_plots
from generator.targets import WHOLE


@dataclass(frozen=True)
class LayerSection:
    """A layer as it is to be shown. It holds all that its templates receive, and they receive nothing else.

    So equal sections give equal files, as long as `entries` (every picture of the plan) have the same stamps.
    `templates` is the digest of the templates; `before` and `after` are the neighbouring layers' pages;
    `evidence` names the facts that its pages tell, by content, and `cards` are the layers whose channels
    these may name; `base` is the page of the layer that a derived one stands behind, and `derived` are those
    that stand behind this one; `linked` says that other layers' may name its own; `finish` is how its
    pictures are made; `photos` are the user's, and `atlas` is the picture that stands for its atlas, if it
    has one.
    """

    templates: str
    site: SiteHead
    model: ModelHead
    layer: LayerView
    before: Link | None
    after: Link | None
    entries: tuple[Entry, ...]
    evidence: FactsRef | None = None
    cards: tuple[LayerCard, ...] = ()
    base: Link | None = None
    derived: tuple[Link, ...] = ()
    linked: bool = False
    finish: Finish = DEFAULT
    photos: tuple[OnPhoto, ...] = ()
    atlas: str = ""

    @cached_property
    def source(self) -> str:
        """What its pages are made from."""
        return made_from(self)

    @cached_property
    def sheets(self) -> tuple[Sheet, ...]:
        """Its contact sheets, with the pictures on them."""
        return sheets_of(self.layer, self.entries, linked=self.linked, finish=self.finish)

    def addresses(self) -> Iterable[str]:
        """Its pages, its data, its pictures, and the sheet of its best channels."""
        yield from self.layer.pages()
        yield self.layer.data
        if self.evidence:
            yield from (self.layer.map, self.layer.photos)
        yield from (path for sheet in self.sheets for path, _ in sheet.files())
        if self.sheets:
            yield self.layer.best

    def encodings(self, snapshot: CacheSnapshot, output: Output) -> Sequence[Encoding]:
        """Sheets that are due, with the large pictures that are."""
        return [sheet.encoding(snapshot, output) for sheet in self.sheets if not sheet.is_current(output)]

    def write(self, build: Build) -> None:
        """Write pictures first, then the pages that show them."""
        known = self._known_summary(build.output)
        summary = self._make(build) if known is None else self._keep(known, build.output)
        build.summaries[self.layer.folder] = summary

    # -- keeping what is current -------------------------------------------------------------------

    def _known_summary(self, output: Output) -> Summary | None:
        """The summary of the last build if all its files are current, else None."""
        try:
            summary = Summary.from_json(output.recall(self.layer.folder, self.source))
            best = [(self.layer.best, self._best_source(summary))] if summary.best else []
        except (KeyError, IndexError, TypeError, AttributeError):
            return None
        own = ((path, self.source) for path in self._written(summary))
        current = all(output.is_current(*file) for file in (*own, *best))
        return summary if current and all(sheet.is_current(output) for sheet in self.sheets) else None

    def _written(self, summary: Summary) -> list[str]:
        """Its pages and data."""
        maps = [self.layer.map] if summary.mapped else []
        photos = [self.layer.photos] if self.evidence else []
        return [*self.layer.pages(), self.layer.data, *maps, *photos]

    def _keep(self, summary: Summary, output: Output) -> Summary:
        for path in self._written(summary):
            output.keep(path)
        for sheet in self.sheets:
            for path, _ in sheet.files():
                output.keep(path)
        if summary.best:
            output.keep(self.layer.best)
        order, source = f"{self.layer.folder} order", self._order_source()
        if (known := output.recall(order, source)) is not None:
            output.remember(order, source, known)
        output.remember(self.layer.folder, self.source, summary.to_json())
        return summary

    # -- making it anew ----------------------------------------------------------------------------

    def _make(self, build: Build) -> Summary:
        drawn = write_sheets(self.sheets, build)
        cells = tuple(
            self._cell(channel, index, self.layer.recipes, drawn, build)
            for index, channel in enumerate(self.layer.channels)
        )
        whole = self._cell(WHOLE, 0, self.layer.wholes, drawn, build)
        facts = build.snapshot.facts(self.evidence.key) if self.evidence else None
        places = lattice(facts.places if facts else {}, self.layer.channels)
        summary = replace(summarize(self.layer, cells, whole), mapped=bool(places.squares))
        complete = self._write_best(summary, build) and drawn.complete
        if self.evidence:
            complete &= facts is not None and build.photos.issuperset(self.evidence.photos)
        complete &= build.snapshot.changed.isdisjoint(entry.key for entry in self.entries)
        order = self._likeness(cells, drawn, build) if cells else []
        source = self.source if complete else ""
        self._write_pages(cells, whole, facts, places, summary, order, build, source)
        data = layer_export(self.model, self.layer, cells, whole, facts)
        build.output.write(self.layer.data, data, source)
        build.output.remember(self.layer.folder, self.source, summary.to_json())
        return summary

    def _cell(
        self, channel: int, index: int, recipes: Sequence[RecipeView], drawn: Drawn, build: Build
    ) -> Cell:
        """A channel, or the layer as a whole, as far as its pictures are in the output."""
        entries = ((recipe, self._entry_of.get((recipe.name, channel))) for recipe in recipes)
        shots = (self._shot(recipe, entry, drawn, build) for recipe, entry in entries if entry)
        return Cell(self.layer, channel, index, tuple(shots))

    def _shot(self, recipe: RecipeView, entry: Entry, drawn: Drawn, build: Build) -> Shot:
        path = self.layer.picture(recipe, entry.channel)
        record = drawn.records.get(path)
        if record is not None:
            state: State = "dead" if record.dead else "shown"
            moving = self.layer.animation(recipe, entry.channel)
            return Shot(recipe, state, path, record, animation=moving if moving in drawn.animations else "")
        failure = build.snapshot.failure(entry.key)
        if failure is not None:
            return Shot(recipe, "failed", path, reason=failure.reason)
        return Shot(recipe, "missing", path)

    @cached_property
    def _entry_of(self) -> Mapping[tuple[str, int], Entry]:
        return {(entry.recipe, entry.channel): entry for entry in self.entries}

    def _write_pages(
        self,
        cells: Sequence[Cell],
        whole: Cell,
        facts: LayerFacts | None,
        places: Lattice,
        summary: Summary,
        order: Sequence[int],
        build: Build,
        source: str,
    ) -> None:
        layer = self.layer
        data: dict[str, Any] = {"site": self.site, "model": self.model, "layer": layer, "cells": cells}
        data["facts"] = facts
        around: dict[str, Any] = {"before": self.before, "after": self.after, "base": self.base}
        around |= {"derived": self.derived, "summary": summary, "whole": whole}
        script = layer_data(layer, cells, {"similarity": order} if cells else {}, facts)
        known = {"plots": trust_plots(layer, facts), "places": places, "script": script, "atlas": self.atlas}
        page = build.templates.page("layer.html", layer.path, **data, **around, **known)
        build.output.write(layer.path, page, source)
        if summary.mapped:
            page = build.templates.page("map.html", layer.map, **data, places=places)
            build.output.write(layer.map, page, source)
        data["film"] = [build.templates.part("partials/film.html", cell.path, cell=cell) for cell in cells]
        shared = self._surroundings(facts, build) if facts else None
        if self.evidence:
            photos = build.templates.page("photos.js", layer.photos, photos=shared.photos if shared else [])
            build.output.write(layer.photos, photos, source)
        strong = strong_on(self.photos, build.snapshot)
        for cell in cells:
            data["found"] = shared.findings(cell.channel) if shared else None
            data["photos"] = strong.get(cell.channel, [])
            page = build.templates.page("channel.html", cell.path, **data, cell=cell)
            build.output.write(cell.path, page, source)

    def _surroundings(self, facts: LayerFacts, build: Build) -> Surroundings:
        """What its channels' pages share beside their pictures."""

        def draw(channel: Known, place: bool) -> Markup:
            # Pages of one folder link to it alike.
            path, own = self.layer.path, self.model.name
            return build.templates.part("partials/known.html", path, one=channel, place=place, own=own)

        return Surroundings(facts, self.model.name, Elsewhere(self.cards), build.photos, draw)

    # -- the best of it, and which of it look alike ------------------------------------------------

    def best_entries(self, summary: Summary) -> list[Entry]:
        """The pictures of its most active channels, by its main recipe."""
        recipe = self.layer.main_recipe
        channels = self.layer.channels_of(recipe)
        return [self._entry_of[recipe.name, channels[place]] for place in summary.best]

    def _best_source(self, summary: Summary) -> str:
        best = [(entry.key, entry.stamp) for entry in self.best_entries(summary)]
        return made_from(best, self.layer.main_recipe.recipe.pictures)

    def _write_best(self, summary: Summary, build: Build) -> bool:
        """Write or keep the sheet of its best channels; returns whether it is as it should be."""
        if not summary.best:
            return True
        source, path = self._best_source(summary), self.layer.best
        if build.output.is_current(path, source):
            build.output.keep(path)
            return True
        entries = self.best_entries(summary)
        files = tuple((build.snapshot.picture_path(entry.key), None) for entry in entries)
        count = self.layer.main_recipe.recipe.pictures
        with build.snapshot.fetched([file for file, _ in files]):
            made = pictures.encode(Encoding(build.output.place(path), files, count, pictures.BEST_TILE))
        records = [build.snapshot.record(entry.key) for entry in entries]
        whole = all(
            record and record.picture_sha256 == digest
            for record, digest in zip(records, made.digests, strict=True)
        )
        build.output.wrote(path, source if whole else "", made.changed)
        return whole

    def _order_source(self) -> str:
        return made_from(self.layer.channels, [sheet.source for sheet in self._main_sheets()])

    def _main_sheets(self) -> list[Sheet]:
        return [sheet for sheet in self.sheets if sheet.recipe.name == self.layer.main_recipe.name]

    def _likeness(self, cells: Sequence[Cell], drawn: Drawn, build: Build) -> list[int]:
        """Places of cells in an order where neighbours look alike; those without a picture come last."""
        name, source = f"{self.layer.folder} order", self._order_source()
        known = build.output.recall(name, source) if drawn.complete else None
        order = self._likeness_order(cells, drawn, build) if known is None else known
        if drawn.complete:
            build.output.remember(name, source, order)
        return list(order)

    def _likeness_order(self, cells: Sequence[Cell], drawn: Drawn, build: Build) -> list[int]:
        recipe = self.layer.main_recipe
        seen = [cell.index for cell in cells if cell.visible(recipe)]
        if not seen:
            return [cell.index for cell in cells]
        order = [seen[place] for place in likeness_order(self._tiles(drawn, build)[seen])]
        return order + [cell.index for cell in cells if not cell.visible(recipe)]

    def _tiles(self, drawn: Drawn, build: Build) -> Tiles:
        """The thumbnails by which a layer's channels are compared, those by its main recipe."""
        tiles = np.zeros((len(self.layer.channels), TINY, TINY, 3), np.uint8)
        for sheet in self._main_sheets():
            made = drawn.tiny.get(sheet.path)
            if made is None:  # a sheet that was kept gives the same as when it was made
                encoding = sheet.encoding(build.snapshot, build.output)
                with build.snapshot.fetched(encoding.files):
                    made = pictures.tiny_tiles(encoding)
            tiles[sheet.number * PER_SHEET :][: len(made)] = made
        return tiles
