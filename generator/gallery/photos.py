"""The section of a photo of the user's as one model sees it: its page, its pictures, and its data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from generator.cache.contents import Stamp
from generator.evidence import lens
from generator.evidence.lens import Seen
from generator.gallery.elsewhere import Known, LayerCard
from generator.gallery.output import Output
from generator.gallery.pages import LayerView, ModelHead, SiteHead
from generator.gallery.photo_export import photo_export
from generator.gallery.photo_heat import heat_sheet, seen_of
from generator.gallery.photo_pictures import grid_picture, small_picture
from generator.gallery.photo_telling import Teller
from generator.gallery.photo_views import PhotoView
from generator.gallery.pictures import Encoding
from generator.gallery.provenance import made_from
from generator.gallery.sections import Build
from generator.gallery.snapshot import CacheSnapshot


@dataclass(frozen=True)
class Sight:
    """What a layer sees in a photo, as keys of the cache: `view`, and of its cells' pictures (key, stamp),
    row after row, the key empty where nothing is on; `channels` are the (channel, key, stamp) of pictures of
    channels that have none elsewhere in the gallery."""

    layer: LayerView
    view: str
    cells: tuple[tuple[str, Stamp | None], ...]
    channels: tuple[tuple[int, str, Stamp | None], ...] = ()

    @property
    def slug(self) -> str:
        """The name of the layer's folder."""
        return self.layer.folder.rpartition("/")[2]


@dataclass(frozen=True)
class PhotoSection:
    """A photo as it is to be shown. It holds all that its template receives, or what names that by content.

    `templates` is the digest of the templates, `cards` are the layers whose channels it names.
    """

    templates: str
    site: SiteHead
    model: ModelHead
    view: PhotoView
    sights: tuple[Sight, ...]
    cards: tuple[LayerCard, ...]

    @cached_property
    def source(self) -> str:
        """What its page is made from."""
        return made_from(self)

    def addresses(self) -> Iterable[str]:
        """Its page, its data and its pictures."""
        yield from (self.view.path, self.view.data)
        yield from (path for sight in self.sights for path, _ in self._pictures(sight))

    def encodings(self, snapshot: CacheSnapshot, output: Output) -> Sequence[Encoding]:
        """None: its pictures are no contact sheets."""
        return ()

    def _pictures(self, sight: Sight) -> Iterator[tuple[str, str]]:
        """The addresses of a layer's grid and heat maps, if it has any, and of channels' pictures, with what
        they are made from."""
        if sight.cells:
            yield self.view.grid(sight.slug), made_from(sight.view, sight.cells, self.view.ratio)
            yield self.view.heat(sight.slug), made_from(sight.view)
        for channel, *made in sight.channels:
            yield self.view.channel(sight.slug, channel), made_from(*made)

    def write(self, build: Build) -> None:
        """Write what is not current."""
        files = {self.view.path: self.source, self.view.data: self.source}
        files |= {path: source for sight in self.sights for path, source in self._pictures(sight)}
        if all(build.output.is_current(*file) for file in files.items()):
            for path in files:
                build.output.keep(path)
            return
        there = ((sight, seen_of(sight.view, build.snapshot)) for sight in self.sights)
        seen = {sight: found for sight, found in there if found}
        drawn = [self._draw(sight, found, build) for sight, found in seen.items()]
        source = self.source if all(drawn) and len(drawn) == len(self.sights) else ""
        self._write_page(seen, build, source)
        known = [(sight.layer, found) for sight, found in seen.items()]
        build.output.write(self.view.data, photo_export(self.view, self.model, known), source)

    def _draw(self, sight: Sight, seen: Seen, build: Build) -> bool:
        """Write or keep a layer's pictures; returns whether they are as they should be."""
        files = dict(self._pictures(sight))
        if all(build.output.is_current(*file) for file in files.items()):
            for path in files:
                build.output.keep(path)
            return True
        whole = self._draw_grid(sight, seen, files, build) if sight.cells else True
        for channel, key, _ in sight.channels:
            path = self.view.channel(sight.slug, channel)
            with build.snapshot.fetched([build.snapshot.picture_path(key)]):
                data = small_picture(build.snapshot.picture_path(key))
            build.output.write(path, data, files[path])
        return whole

    def _draw_grid(self, sight: Sight, seen: Seen, files: Mapping[str, str], build: Build) -> bool:
        picture, heat = self.view.grid(sight.slug), self.view.heat(sight.slug)
        build.output.write(heat, heat_sheet(seen), files[heat])
        paths = [
            build.snapshot.picture_path(key) if key and build.snapshot.has_entry(key) else None
            for key, _ in sight.cells
        ]
        with build.snapshot.fetched([path for path in paths if path]):
            data, whole = grid_picture(paths, lens.strengths(seen), self.view.ratio)
        build.output.write(picture, data, files[picture] if whole else "")
        return whole

    def _write_page(self, seen: dict[Sight, Seen], build: Build, source: str) -> None:
        view = self.view

        def draw(channel: Known) -> Markup:
            return build.templates.part(
                "partials/known.html", view.path, one=channel, place=False, own=view.model
            )

        teller = Teller(self.model, self.cards, draw)
        # From what it says back to edges; of the scores themselves the verdict tells.
        shown = [one for one in reversed(seen.items()) if one[0].layer.name not in self.model.anatomy.scores]
        verdict = next((found.verdict for found in seen.values()), lens.NOTHING_SAID)
        told = [
            teller.told(
                sight.layer,
                found,
                view.grid(sight.slug) if sight.cells else "",
                view.heat(sight.slug) if sight.cells else "",
                {channel: view.channel(sight.slug, channel) for channel, *_ in sight.channels},
            )
            for sight, found in shown
        ]
        data = {"site": self.site, "model": self.model, "view": view, "said": teller.said(verdict)}
        page = build.templates.page("photo.html", view.path, **data, layers=told)
        build.output.write(view.path, page, source)
