"""The section of a photo of the user's as one model sees it: its page, its pictures, and its data.

Also what pages of channels show of such photos.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from markupsafe import Markup

from generator.cache.contents import Stamp
from generator.evidence import lens
from generator.evidence.lens import Argument, Seen, Valued, Verdict
from generator.gallery.elsewhere import Elsewhere, Known, LayerCard
from generator.gallery.output import Output
from generator.gallery.pages import LayerView, ModelHead, SiteHead
from generator.gallery.photo_export import photo_export
from generator.gallery.photo_pictures import HEATS, grid_picture, heat_picture
from generator.gallery.photo_views import PhotoView
from generator.gallery.pictures import Encoding
from generator.gallery.provenance import made_from
from generator.gallery.sections import Build
from generator.gallery.shapes import grid
from generator.gallery.snapshot import CacheSnapshot


@dataclass(frozen=True)
class Sight:
    """What a layer sees in a photo, as keys of the cache: `view`, and of its cells' pictures (key, stamp),
    row after row, the key empty where nothing is on."""

    layer: LayerView
    view: str
    cells: tuple[tuple[str, Stamp | None], ...]

    @property
    def slug(self) -> str:
        """The name of the layer's folder."""
        return self.layer.folder.rpartition("/")[2]


@dataclass(frozen=True)
class Hot:
    """A channel, shown by `link`, with a value, and its place among the heat maps."""

    link: Markup
    value: float
    column: int
    row: int
    share: float = 0.0


@dataclass(frozen=True)
class Why:
    """An argument for a class, laid out; `name` and `link` (or nothing) are the class's."""

    name: str
    path: str
    told: Argument
    supporting: tuple[Hot, ...]
    opposing: tuple[Hot, ...]


@dataclass(frozen=True)
class Told:
    """What the page tells of a layer; `heats` is (columns, rows) of the sheet of heat maps, `pitch` how many
    cells wide and high one is there, over its own. `cells` are (strength, channels) row after row."""

    layer: LayerView
    grid: tuple[int, int]
    picture: str
    heat: str
    heats: tuple[int, int]
    pitch: tuple[float, float]
    strongest: tuple[Hot, ...]
    arguments: tuple[Why, ...]
    exact: bool
    cells: tuple[tuple[float, tuple[tuple[Valued, Known], ...]], ...]
    script: Mapping[str, Any]

    @property
    def place(self) -> str:
        """Its place in the page."""
        return f"layer-{self.layer.folder.rpartition('/')[2]}"


@dataclass(frozen=True)
class Said:
    """A class that the network says: `probability` is None where it gives scores only."""

    name: str
    path: str
    score: float
    probability: float | None


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
        """The addresses of a layer's pictures, with what they are made from."""
        if sight.cells:
            yield self.view.grid(sight.slug), made_from(sight.view, sight.cells, self.view.ratio)
            yield self.view.heat(sight.slug), made_from(sight.view)

    def write(self, build: Build) -> None:
        """Write what is not current."""
        files = {self.view.path: self.source, self.view.data: self.source}
        files |= {path: source for sight in self.sights for path, source in self._pictures(sight)}
        if all(build.output.is_current(*file) for file in files.items()):
            for path in files:
                build.output.keep(path)
            return
        seen = {sight.view: found for sight in self.sights if (found := seen_of(sight.view, build.snapshot))}
        whole = len(seen) == len(self.sights)
        for sight in self.sights:
            if sight.view in seen:
                whole &= self._draw(sight, seen[sight.view], build)
        told = _Teller(self, build).told(seen)
        source = self.source if whole else ""
        page = build.templates.page(
            "photo.html",
            self.view.path,
            site=self.site,
            model=self.model,
            view=self.view,
            said=self.said(next((one.verdict for one in seen.values()), lens.NOTHING_SAID)),
            layers=told,
        )
        build.output.write(self.view.path, page, source)
        build.output.write(
            self.view.data, photo_export(self.view, self.model, list(self._exported(seen))), source
        )

    def _exported(self, seen: Mapping[str, Seen]) -> Iterator[tuple[LayerView, Seen]]:
        return ((sight.layer, seen[sight.view]) for sight in self.sights if sight.view in seen)

    def _draw(self, sight: Sight, seen: Seen, build: Build) -> bool:
        """Write or keep a layer's pictures; returns whether they are as they should be."""
        files = list(self._pictures(sight))
        if all(build.output.is_current(*file) for file in files):
            for path, _ in files:
                build.output.keep(path)
            return True
        if not files:
            return True
        (picture, source), (heat, heat_source) = files
        build.output.write(heat, heat_picture(heats_of(seen)), heat_source)
        paths = [
            build.snapshot.picture_path(key) if key and build.snapshot.has_entry(key) else None
            for key, _ in sight.cells
        ]
        with build.snapshot.fetched([path for path in paths if path]):
            data, whole = grid_picture(paths, lens.strengths(seen), self.view.ratio)
        build.output.write(picture, data, source if whole else "")
        return whole

    def said(self, verdict: Verdict) -> list[Said]:
        """What the network says, the likeliest first."""
        elsewhere = Elsewhere(self.cards)
        shares = verdict.probabilities.tolist() or [None] * len(verdict.numbers)
        return [
            Said(*self.named(int(number), elsewhere), float(score), share)
            for number, score, share in zip(verdict.numbers, verdict.scores, shares, strict=True)
        ]

    def named(self, number: int, elsewhere: Elsewhere) -> tuple[str, str]:
        """A class's name, and its page, if there is one."""
        names = self.model.anatomy.classes
        channel = elsewhere.output(self.model.name, number)
        name = names[number] if number < len(names) else f"class {number}"
        return name, channel.path if channel else ""


class _Teller:
    """Lays out what is told of layers."""

    def __init__(self, section: PhotoSection, build: Build) -> None:
        self._section, self._build = section, build
        self._elsewhere = Elsewhere(section.cards)

    def told(self, seen: Mapping[str, Seen]) -> list[Told]:
        """Of each layer, those nearest to the input first."""
        sights = self._section.sights
        return [self._told(sight, seen[sight.view]) for sight in sights if sight.view in seen]

    def _told(self, sight: Sight, seen: Seen) -> Told:
        view, (rows, columns), layer = self._section.view, seen.grid, sight.layer
        mapped = lens.mapped_channels(seen)
        places = {channel: divmod(place, HEATS)[::-1] for place, channel in enumerate(mapped)}
        cells = list(self._cells(layer, seen)) if sight.cells else []
        is_score = layer.name in self._section.model.anatomy.scores

        def hot(one: Valued, largest: float = 0.0) -> Hot:
            known = self._find(layer, one.channel)
            link = self._build.templates.part(
                "partials/known.html", view.path, one=known, place=False, own=view.model
            )
            share = round(one.value / largest, 3) if largest else 0.0
            return Hot(link, one.value, *places[one.channel], share)

        return Told(
            layer=layer,
            grid=seen.grid,
            picture=view.grid(sight.slug) if sight.cells else "",
            heat=view.heat(sight.slug) if sight.cells else "",
            heats=(HEATS, -(-len(mapped) // HEATS)),
            pitch=(round((columns + 2) / columns, 4), round((rows + 2) / rows, 4)),
            strongest=tuple(hot(one) for one in lens.strongest(seen)),
            arguments=() if is_score else tuple(self._why(one, hot) for one in lens.arguments(seen)),
            exact=seen.exact,
            cells=tuple(cells),
            script=_script(known for _, found in cells for _, known in found),
        )

    def _find(self, layer: LayerView, channel: int) -> Known:
        return self._elsewhere.find(layer.model, layer.name, channel)

    def _cells(
        self, layer: LayerView, seen: Seen
    ) -> Iterator[tuple[float, tuple[tuple[Valued, Known], ...]]]:
        strengths = lens.strengths(seen).reshape(-1)
        for strength, found in zip(strengths, lens.strongest_in_cells(seen), strict=True):
            yield float(strength), tuple((one, self._find(layer, one.channel)) for one in found)

    def _why(self, told: Argument, hot: Any) -> Why:
        sides = (*told.supporting, *told.opposing)
        largest = max((abs(one.value) for one in sides), default=1.0) or 1.0
        name, path = self._section.named(told.number, self._elsewhere)
        supporting, opposing = (
            tuple(hot(one, largest) for one in side) for side in (told.supporting, told.opposing)
        )
        return Why(name, path, told, supporting, opposing)


def _script(found: Iterable[Known]) -> dict[str, Any]:
    """What the script needs to show channels: by number the picture, the label, how many pictures across and
    down are in one file, and whether they are to be shown pixel by pixel."""
    known = {one.channel: one for one in found}
    return {
        str(channel): [one.picture, one.label, *grid(one.pictures), one.small]
        for channel, one in sorted(known.items())
    }


# -- what other sections need ----------------------------------------------------------------------


def seen_of(key: str, snapshot: CacheSnapshot) -> Seen | None:
    """What a layer sees, from the cache; None where there is nothing that can be read."""
    data = snapshot.file(key, "npz")
    try:
        return None if data is None else Seen.from_bytes(data)
    except (ValueError, KeyError, OSError, EOFError):
        return None


def heats_of(seen: Seen) -> list[Any]:
    """The heat maps that a photo's sheet shows, in its order."""
    return [lens.heat(seen, channel) for channel in lens.mapped_channels(seen)]


@dataclass(frozen=True)
class OnPhoto:
    """A photo as the pages of one layer's channels know it; `key` names what the layer sees."""

    view: PhotoView
    key: str
    slug: str
    gridded: bool


@dataclass(frozen=True)
class StrongOn:
    """A photo on which a channel is strong, with its value there, and where its heat map is: `heat` is empty
    where it has none."""

    view: PhotoView
    value: float
    heat: str
    heats: tuple[int, int]
    pitch: tuple[float, float]
    column: int
    row: int


def strong_on(photos: Sequence[OnPhoto], snapshot: CacheSnapshot) -> dict[int, list[StrongOn]]:
    """By channel the photos on which it is strong."""
    found: dict[int, list[StrongOn]] = {}
    for one in photos:
        seen = seen_of(one.key, snapshot)
        if seen is None:
            continue
        (rows, columns), mapped = seen.grid, lens.mapped_channels(seen)
        for channel, value in lens.strong_channels(seen).items():
            row, column = divmod(mapped.index(channel), HEATS)
            found.setdefault(channel, []).append(
                StrongOn(
                    view=one.view,
                    value=value,
                    heat=one.view.heat(one.slug) if one.gridded else "",
                    heats=(HEATS, -(-len(mapped) // HEATS)),
                    pitch=(round((columns + 2) / columns, 4), round((rows + 2) / rows, 4)),
                    column=column,
                    row=row,
                )
            )
    return found
