"""Lossless pictures -> WebP, contact sheets of thumbnails, collages. Pillow and numbers, no HTML.

A contact sheet holds the thumbnails of up to 64 channels, so that a page of 1,280 channels needs 20
requests. Around each thumbnail its border is repeated: scaled by a browser, none bleeds into the next.
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
from generator.gallery.pages import COLUMNS, PER_SHEET

PICTURE_VERSION = 1
"""Raised when the same picture is encoded differently, so that galleries encode theirs again."""
TILE = 128
GUTTER = 2
PITCH = TILE + 2 * GUTTER
QUALITY = 82
SHEET_QUALITY = 74
EFFORT = 1
"""WebP's method: 4 is 5 % smaller and takes more than twice as long."""
SHEETS_WORTH_PROCESSES = 6

Tiles = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Strip:
    """What one contact sheet is made from, with plain paths, so that another process can make it.

    `pictures` are (lossless file or None, place of the large picture or None if that is current).
    """

    sheet: Path
    pictures: tuple[tuple[Path | None, Path | None], ...]


@dataclass(frozen=True)
class Made:
    """What became of a strip: whether its sheet changed, which large pictures did, which can't be read."""

    strip: Strip
    changed: bool
    written: frozenset[Path]
    unreadable: tuple[Path, ...]


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
        tiles.append(_thumbnail(picture) if picture else None)
        if picture and place and write_if_changed(place, webp(picture, QUALITY)):
            written.add(place)
    changed = write_if_changed(strip.sheet, webp(_sheet(tiles), SHEET_QUALITY))
    return Made(strip, changed, frozenset(written), tuple(unreadable))


def _open(path: Path | None, unreadable: list[Path]) -> Image.Image | None:
    if path is None:
        return None
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, ValueError):
        unreadable.append(path)
        return None


def webp(image: Image.Image, quality: int) -> bytes:
    """A picture as lossy WebP."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality, method=EFFORT)
    return buffer.getvalue()


# -- contact sheets --------------------------------------------------------------------------------


def _thumbnail(image: Image.Image) -> Image.Image:
    return image.resize((TILE, TILE), Image.Resampling.BICUBIC)


def _sheet(tiles: Sequence[Image.Image | None]) -> Image.Image:
    rows = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * PITCH, rows * PITCH), (128, 128, 128))
    for place, tile in enumerate(tiles):
        if tile is not None:
            row, column = divmod(place, COLUMNS)
            sheet.paste(_with_border(tile), (column * PITCH, row * PITCH))
    return sheet


_EDGES = np.clip(np.arange(PITCH) - GUTTER, 0, TILE - 1)


def _with_border(tile: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(tile)[_EDGES][:, _EDGES])


def read_tiles(sheets: Sequence[Path], places: Sequence[int], shrink: int = 4) -> Tiles:
    """The thumbnails at some places of a layer's contact sheets, each side `shrink` times smaller.

    (n, PITCH // shrink, PITCH // shrink, 3), borders included.
    """
    side = PITCH // shrink
    found = []
    for number in sorted({place // PER_SHEET for place in places}):
        with Image.open(sheets[number]) as image:
            pixels = np.asarray(image.convert("RGB").reduce(shrink))
        cells = pixels.reshape(-1, side, COLUMNS, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)
        found.append(cells[[place % PER_SHEET for place in places if place // PER_SHEET == number]])
    return np.concatenate(found)


# -- collages --------------------------------------------------------------------------------------


def collage(pictures: Sequence[Path], columns: int, rows: int, side: int) -> Image.Image | None:
    """Pictures in a grid, as many as there are places; None when there are none at all."""
    opened = [image for path in pictures if (image := _open(path, []))]
    if not opened:
        return None
    board = Image.new("RGB", (columns * side, rows * side), (128, 128, 128))
    for place in range(columns * rows):
        image = opened[place % len(opened)].resize((side, side), Image.Resampling.LANCZOS)
        board.paste(image, (place % columns * side, place // columns * side))
    return board


def jpeg(image: Image.Image) -> bytes:
    """A picture as JPEG, for the services that show previews of links and know no WebP."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=82, optimize=True)
    return buffer.getvalue()
