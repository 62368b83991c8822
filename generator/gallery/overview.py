"""The section above the layers: index, models, families, compare, about, search data, and what hosts want."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

from generator.gallery import atlas_paths, pages, pictures
from generator.gallery.cells import Summary
from generator.gallery.diagram import draw
from generator.gallery.failures import failures_export
from generator.gallery.layers import LayerSection
from generator.gallery.output import Output
from generator.gallery.pages import ModelView, SiteView
from generator.gallery.photo_views import PHOTOS
from generator.gallery.pictures import Encoding
from generator.gallery.provenance import made_from
from generator.gallery.running import Running, run_data
from generator.gallery.script_data import search_data
from generator.gallery.sections import Build
from generator.gallery.sheets import Entry
from generator.gallery.snapshot import CacheSnapshot

COLLAGE = (6, 3, 128)
SOCIAL = (6, 3, 210)
SOCIAL_SIZE = (1200, 630)


@dataclass(frozen=True)
class Overview:
    """All pages that are not a layer's or a channel's; they are few, and rendered in every build.

    Comes after `layers`, the sections of the site's layers by their folders, for it needs their summaries.
    `running` is the run that goes on meanwhile, if one does.
    """

    site: SiteView
    layers: Mapping[str, LayerSection]
    running: Running | None = None

    def addresses(self) -> Iterable[str]:
        """Its pages, data and collages."""
        site = self.site
        yield from (pages.INDEX, pages.ABOUT, pages.COMPARE, pages.NOT_FOUND, pages.SEARCH_DATA)
        yield from (pages.FAILURES, pages.RUN_DATA)
        yield from (model.path for model in site.models)
        if site.url:
            yield pages.SITEMAP
        if site.photos:
            yield PHOTOS
        if site.families:
            yield from (pages.FAMILIES, *(family.path for family in site.families))
        with_pictures = [model for model in site.models if any(one.sheets for one in self._of(model))]
        yield from (model.collage for model in with_pictures)
        if with_pictures:
            yield pages.SOCIAL

    def encodings(self, snapshot: CacheSnapshot, output: Output) -> Sequence[Encoding]:
        """None: which pictures are the best is known only when the layers are written."""
        return ()

    def write(self, build: Build) -> None:
        """Write collages and pages."""
        drawn = {model.name: self._write_collage(model, build) for model in self.site.models}
        social = self._write_board(list(self.layers.values()), SOCIAL, pages.SOCIAL, build)
        shown = {"site": self.site, "summaries": build.summaries, "drawn": drawn, "social": social}

        def page(template: str, path: str, **data: Any) -> None:
            build.output.write(path, build.templates.page(template, path, **shown, **data))

        page("index.html", pages.INDEX)
        page("about.html", pages.ABOUT)
        page("compare.html", pages.COMPARE)
        page("404.html", pages.NOT_FOUND, style=build.templates.style)
        page("search.js", pages.SEARCH_DATA, data=search_data(self.site, build.summaries))
        page("run.js", pages.RUN_DATA, run=run_data(self.running, self.site))
        build.output.write(pages.FAILURES, failures_export(self.layers.values(), build.snapshot))
        if self.site.url:
            atlases = [atlas_paths.page(one.layer.folder) for one in self.layers.values() if one.atlas]
            page("sitemap.xml", pages.SITEMAP, atlases=atlases)
        for model in self.site.models:
            page("model.html", model.path, model=model, diagram=draw(model))
        if self.site.photos:
            page("photos.html", PHOTOS)
        if self.site.families:
            page("families.html", pages.FAMILIES)
        for family in self.site.families:
            page("family.html", family.path, family=family)

    def _of(self, model: ModelView) -> list[LayerSection]:
        return [self.layers[layer.folder] for layer in model.layers]

    # -- collages ----------------------------------------------------------------------------------

    def _write_collage(self, model: ModelView, build: Build) -> bool:
        """Write the picture of a model's best channels, if there are any."""
        return self._write_board(self._of(model), COLLAGE, model.collage, build)

    def _write_board(
        self, layers: Sequence[LayerSection], shape: tuple[int, int, int], path: str, build: Build
    ) -> bool:
        columns, rows, _ = shape
        best = _best(layers, build.summaries, columns * rows)
        if not best:
            return False
        source = made_from(shape, [(entry.key, entry.stamp, count) for entry, count in best])
        if build.output.is_current(path, source):
            build.output.keep(path)
            return True
        files = [(build.snapshot.picture_path(entry.key), count) for entry, count in best]
        with build.snapshot.fetched([file for file, _ in files]):
            made = pictures.collage(files, *shape)
        if made is None:
            return False
        board, digests = made
        records = [build.snapshot.record(entry.key) for entry, _ in best]
        whole = all(r and r.picture_sha256 == digest for r, digest in zip(records, digests, strict=True))
        if path.endswith(".webp"):
            data = pictures.webp(board, pictures.QUALITY)
        else:
            data = pictures.jpeg(board.crop((0, 0, *SOCIAL_SIZE)))
        build.output.write(path, data, source if whole else "")
        return True


def _best(
    layers: Sequence[LayerSection], summaries: Mapping[str, Summary], room: int
) -> list[tuple[Entry, int]]:
    """The best channels' pictures with their counts, as many of each layer as there is room for, from input
    to output."""
    share = -(-room // max(len(layers), 1))
    columns = []
    for section in layers:
        entries = section.best_entries(summaries[section.layer.folder])[:share]
        count = section.layer.main_recipe.recipe.pictures
        columns.append([(entry, count) for entry in entries])
    turns = [one for one in chain.from_iterable(zip_longest(*columns)) if one is not None]
    chosen = set(turns[:room])
    return [one for column in columns for one in column if one in chosen]
