"""Where channels are on in the user's photos, and what the pages of channels show of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from generator.evidence import lens
from generator.evidence.lens import Seen
from generator.gallery.photo_pictures import HEATS, heat_picture
from generator.gallery.photo_views import PhotoView
from generator.gallery.snapshot import CacheSnapshot


def seen_of(key: str, snapshot: CacheSnapshot) -> Seen | None:
    """What a layer sees, from the cache; None where there is nothing that can be read."""
    data = snapshot.file(key, "npz")
    try:
        return None if data is None else Seen.from_bytes(data)
    except (ValueError, KeyError, OSError, EOFError):
        return None


@dataclass(frozen=True)
class HeatSheet:
    """The heat maps of a layer on one sheet, `file`, empty where there is none: `size` are columns and rows
    of maps, `pitch` is how many times as wide and high as a map its place is, and `places` (column, row) of
    each channel that has one."""

    file: str
    size: tuple[int, int]
    pitch: tuple[float, float]
    places: Mapping[int, tuple[int, int]]

    @classmethod
    def of(cls, seen: Seen, file: str) -> HeatSheet:
        """The sheet of what a layer sees."""
        mapped, (rows, columns) = lens.mapped_channels(seen), seen.grid
        return cls(
            file=file,
            size=(HEATS, -(-len(mapped) // HEATS)),
            pitch=(round((columns + 2) / columns, 4), round((rows + 2) / rows, 4)),
            places={channel: divmod(place, HEATS)[::-1] for place, channel in enumerate(mapped)},
        )


def heat_sheet(seen: Seen) -> bytes:
    """The file of a HeatSheet."""
    return heat_picture([lens.heat(seen, channel) for channel in lens.mapped_channels(seen)])


@dataclass(frozen=True)
class OnPhoto:
    """A photo as the pages of one layer's channels know it; `key` names what the layer sees, `slug` is the
    name of its folder."""

    view: PhotoView
    key: str
    slug: str
    gridded: bool


@dataclass(frozen=True)
class StrongOn:
    """A photo on which a channel is strong, with the value of its strongest cell there, and its place on the
    sheet of heat maps."""

    view: PhotoView
    value: float
    sheet: HeatSheet
    place: tuple[int, int]


def strong_on(photos: Sequence[OnPhoto], snapshot: CacheSnapshot) -> dict[int, list[StrongOn]]:
    """By channel the photos on which it is strong."""
    found: dict[int, list[StrongOn]] = {}
    for one in photos:
        seen = seen_of(one.key, snapshot)
        if seen is None:
            continue
        sheet = HeatSheet.of(seen, one.view.heat(one.slug) if one.gridded else "")
        for channel, value in lens.strong_channels(seen).items():
            strong = StrongOn(one.view, value, sheet, sheet.places[channel])
            found.setdefault(channel, []).append(strong)
    return found
