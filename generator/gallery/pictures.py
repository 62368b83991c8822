"""Lossless pictures -> WebP, contact sheets of thumbnails, collages. Pillow and numbers, no HTML.

A contact sheet holds the thumbnails of up to 64 channels, so that a page of 1,280 channels needs 20
requests. Around each thumbnail its border is repeated: scaled by a browser, none bleeds into the next.

A thumbnail is square. Of a picture that is not, it shows the middle; of several together, the first; what
is transparent lies on mid grey; and small pictures grow without being smoothed.
"""

from __future__ import annotations

import io
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from os import cpu_count
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from generator.gallery.output import write_if_changed
from generator.gallery.pages import COLUMNS
from generator.gallery.shapes import SMALL, grid, is_small

PICTURE_VERSION = 2
"""Raised when the same picture is encoded differently, so that galleries encode theirs again."""
TILE = 128
GUTTER = 2
PITCH = TILE + 2 * GUTTER
QUALITY = 82
SHEET_QUALITY = 74
EFFORT = 0
"""WebP's method: 4 is 7 % smaller, looks the same and takes twice as long."""
GREY = 128
TINY = 32
"""Side of the thumbnails by which pictures are compared."""
SHEETS_WORTH_PROCESSES = 6

Tiles = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Strip:
    """What one contact sheet is made from, with plain paths, so that another process can make it.

    `pictures` are (lossless file or None, place of the large picture or None if that is current); each of
    them is composed of so many `together`.
    """

    sheet: Path
    pictures: tuple[tuple[Path | None, Path | None], ...]
    together: int = 1


@dataclass(frozen=True)
class Made:
    """What became of a strip: whether its sheet changed, which large pictures did, which can't be read.

    `tiny` are its thumbnails once more, (n, TINY, TINY, 3), to compare them by.
    """

    strip: Strip
    changed: bool
    written: frozenset[Path]
    unreadable: tuple[Path, ...]
    tiny: Tiles


def make_strips(strips: Sequence[Strip]) -> Generator[Made]:
    """Encode and write strips, on all cores when there are many; in the order given."""
    if len(strips) < SHEETS_WORTH_PROCESSES:
        yield from map(make_strip, strips)
        return
    done = 0
    try:
        # A fork of a process that runs TensorFlow may hang; a fresh one imports only this module.
        with ProcessPoolExecutor(min(cpu_count() or 1, 8), mp_context=get_context("spawn")) as pool:
            for made in pool.map(make_strip, strips, chunksize=2):
                yield made
                done += 1
    except BrokenProcessPool:
        # A worker was killed, or can't start because the main script has no guard: then without workers.
        yield from map(make_strip, strips[done:])


def make_strip(strip: Strip) -> Made:
    """Encode and write one contact sheet and the large pictures on it that are not current."""
    written: set[Path] = set()
    unreadable: list[Path] = []
    tiles: list[Image.Image | None] = []
    for source, place in strip.pictures:
        picture = _open(source, unreadable)
        tiles.append(_thumbnail(picture, strip.together, TILE) if picture else None)
        if picture and place and write_if_changed(place, _large(picture, strip.together)):
            written.add(place)
    changed = write_if_changed(strip.sheet, webp(_sheet(tiles), SHEET_QUALITY))
    return Made(strip, changed, frozenset(written), tuple(unreadable), _tiny(tiles))


def tiny_tiles(strip: Strip) -> Tiles:
    """The thumbnails by which a strip's pictures are compared, as making it gives them."""
    opened = (_open(source, []) for source, _ in strip.pictures)
    return _tiny([_thumbnail(picture, strip.together, TILE) if picture else None for picture in opened])


def _open(path: Path | None, unreadable: list[Path]) -> Image.Image | None:
    """A picture as RGB, or RGBA where parts of it are transparent."""
    if path is None:
        return None
    try:
        with Image.open(path) as image:
            return image.convert("RGBA" if image.has_transparency_data else "RGB")
    except (OSError, ValueError):
        unreadable.append(path)
        return None


def _large(picture: Image.Image, together: int) -> bytes:
    """A picture as its page shows it: a small one exactly, for it is enlarged pixel by pixel."""
    return webp(picture, None if is_small(*picture.size, together) else QUALITY)


def webp(image: Image.Image, quality: int | None) -> bytes:
    """A picture as WebP: lossy, or without a quality lossless."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality or 75, lossless=quality is None, method=EFFORT)
    return buffer.getvalue()


# -- contact sheets --------------------------------------------------------------------------------


def _thumbnail(image: Image.Image, together: int, side: int) -> Image.Image:
    """The middle square of a picture, or of the first of several together, as RGB."""
    columns, rows = grid(together)
    width, height = image.width // columns, image.height // rows
    square = min(width, height)
    left, top = (width - square) // 2, (height - square) // 2
    way = Image.Resampling.NEAREST if square < SMALL else Image.Resampling.BICUBIC
    thumb = image.resize((side, side), way, box=(left, top, left + square, top + square))
    return _on_grey(thumb) if thumb.mode == "RGBA" else thumb


def _on_grey(image: Image.Image) -> Image.Image:
    ground = Image.new("RGBA", image.size, (GREY, GREY, GREY, 255))
    return Image.alpha_composite(ground, image).convert("RGB")


def _sheet(tiles: Sequence[Image.Image | None]) -> Image.Image:
    rows = -(-len(tiles) // COLUMNS)
    sheet = np.full((rows, PITCH, COLUMNS, PITCH, 3), GREY, np.uint8)
    for place, tile in enumerate(tiles):
        if tile is not None:
            row, column = divmod(place, COLUMNS)
            _put(sheet[row, :, column], np.asarray(tile))
    return Image.fromarray(sheet.reshape(rows * PITCH, COLUMNS * PITCH, 3))


def _put(cell: Tiles, tile: Tiles) -> None:
    """A thumbnail into its cell (PITCH, PITCH, 3), its border repeated all around."""
    end = GUTTER + TILE
    cell[GUTTER:end, GUTTER:end] = tile
    cell[GUTTER:end, :GUTTER] = tile[:, :1]
    cell[GUTTER:end, end:] = tile[:, -1:]
    cell[:GUTTER] = cell[GUTTER]
    cell[end:] = cell[end - 1]


def _tiny(tiles: Sequence[Image.Image | None]) -> Tiles:
    tiny = np.zeros((len(tiles), TINY, TINY, 3), np.uint8)
    for place, tile in enumerate(tiles):
        if tile is not None:
            tiny[place] = np.asarray(tile.reduce(TILE // TINY))
    return tiny


# -- collages --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """A lossless picture, or so many of them `together` in one file."""

    path: Path
    together: int = 1


def collage(sources: Sequence[Source], columns: int, rows: int, side: int) -> Image.Image | None:
    """Pictures in a grid, as many as there are places; None when there are none at all."""
    opened = [(image, one.together) for one in sources if (image := _open(one.path, []))]
    if not opened:
        return None
    board = Image.new("RGB", (columns * side, rows * side), (GREY, GREY, GREY))
    for place in range(columns * rows):
        thumb = _thumbnail(*opened[place % len(opened)], side)
        board.paste(thumb, (place % columns * side, place // columns * side))
    return board


def jpeg(image: Image.Image) -> bytes:
    """A picture as JPEG, for the services that show previews of links and know no WebP."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=82, optimize=True)
    return buffer.getvalue()
