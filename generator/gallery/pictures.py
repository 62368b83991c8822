"""Lossless pictures -> WebP, contact sheets of thumbnails, collages. Pillow and numbers, no HTML.

A contact sheet holds the thumbnails of up to 64 channels, so that a page of 1,280 channels needs 20
requests. Around each thumbnail its border is repeated: scaled by a browser, none bleeds into the next.

A thumbnail is square. Of a picture that is not, it shows the middle; of several together, the first; what
is transparent lies on mid grey; and small pictures grow without being smoothed.
"""

from __future__ import annotations

import io
import os
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing import get_context
from os import cpu_count
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from generator.gallery.pages import COLUMNS
from generator.gallery.place import Place
from generator.gallery.shapes import SMALL, grid, is_small
from generator.images import opened

TILE = 128
"""Side of a contact sheet's thumbnails, …"""
BEST_TILE = 96
"""… and of those that stand for a layer on its model's page, where they are never shown larger."""
GUTTER = 2
QUALITY = 82
SHEET_QUALITY = 74
EFFORT = 0
"""WebP's method: 4 is 7 % smaller, looks the same and takes twice as long."""
GREY = 128
TINY = 32
"""Side of the thumbnails by which pictures are compared."""
WORTH_PROCESSES = 400
"""Pictures from which several processes are quicker: each takes a second to start."""

Tiles = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Finish:
    """How a layer's pictures are written: WebP's quality, and the longer side in pixels at most."""

    quality: int = QUALITY
    size: int | None = None


DEFAULT = Finish()


@dataclass(frozen=True)
class Encoding:
    """A contact sheet to encode, with large pictures of it; plain values, so that another process can do it.

    `pictures` are (lossless file or None, place of the large picture or None if that is not wanted); each
    file is composed of `count` pictures. The sheet's thumbnails have `tile` pixels a side; `smalls` are
    places for each of them alone, empty where none is wanted. `finish` is for files, not for comparing.
    """

    sheet: Place
    pictures: tuple[tuple[Path | None, Place | None], ...]
    count: int = 1
    tile: int = TILE
    finish: Finish = DEFAULT
    smalls: tuple[Place | None, ...] = ()

    @property
    def files(self) -> list[Path]:
        """The lossless files that there are to read."""
        return [file for file, _ in self.pictures if file]


@dataclass(frozen=True)
class Encoded:
    """What became of an encoding: whether its sheet changed, and which pictures by themselves did.

    `digests` are the SHA-256 of the lossless files as they were read, empty where there was no picture in
    one; `tiny` the thumbnails once more, (n, TINY, TINY, 3), to compare them by.
    """

    encoding: Encoding
    changed: bool
    written: frozenset[Place]
    digests: tuple[str, ...]
    tiny: Tiles


def encode_all(encodings: Sequence[Encoding]) -> Generator[Encoded]:
    """Encode and write sheets and pictures, on all cores when there are many; in the order given."""
    if sum(len(encoding.pictures) for encoding in encodings) < WORTH_PROCESSES:
        yield from map(encode, encodings)
        return
    done = 0
    try:
        # A fork of a process that runs TensorFlow may hang; a fresh one imports only this module.
        workers = min(cpu_count() or 1, 8)
        with _safe_path(), ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            for encoded in pool.map(encode, encodings, chunksize=2):
                yield encoded
                done += 1
    except BrokenProcessPool:
        # A worker was killed, or can't start because the main script has no guard: then without workers.
        yield from map(encode, encodings[done:])


@contextmanager
def _safe_path() -> Iterator[None]:
    """Let no process that is started within look for modules in the current folder first.

    A user's random.py there would take the place of Python's own.
    """
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        del os.environ["PYTHONSAFEPATH"]
        if before is not None:
            os.environ["PYTHONSAFEPATH"] = before


def encode(encoding: Encoding) -> Encoded:
    """Encode and write one contact sheet and its large pictures."""
    written: set[Place] = set()
    quality = min(SHEET_QUALITY, encoding.finish.quality)
    digests: list[str] = []
    tiles: list[Image.Image | None] = []
    for source, place in encoding.pictures:
        picture, digest = _open(source)
        digests.append(digest)
        tiles.append(_thumbnail(picture, encoding.count, encoding.tile) if picture else None)
        if picture and place and place.write(_large(picture, encoding)):
            written.add(place)
    for tile, place in zip(tiles, encoding.smalls, strict=False):
        if tile and place and place.write(webp(tile, quality)):
            written.add(place)
    sheet = webp(_sheet(tiles, encoding.tile), quality)
    changed = encoding.sheet.write(sheet)
    return Encoded(encoding, changed, frozenset(written), tuple(digests), _tiny(tiles))


def tiny_tiles(encoding: Encoding) -> Tiles:
    """The thumbnails by which pictures are compared, as encoding them gives them."""
    opened = (_open(source)[0] for source, _ in encoding.pictures)
    return _tiny([_thumbnail(picture, encoding.count, TILE) if picture else None for picture in opened])


def _open(path: Path | None) -> tuple[Image.Image | None, str]:
    """A picture as RGB, or RGBA where parts of it are transparent, and its file's SHA-256."""
    if path is None:
        return None, ""
    try:
        data = path.read_bytes()
        with opened(data) as image:
            return image.convert("RGBA" if image.has_transparency_data else "RGB"), sha256(data).hexdigest()
    except Exception:  # Pillow's readers raise whatever a broken file leads them to
        return None, ""


def _large(picture: Image.Image, encoding: Encoding) -> bytes:
    """A picture as its page shows it: a small one exactly, for it is enlarged pixel by pixel."""
    if is_small(*picture.size, encoding.count):
        return webp(picture, None)
    if encoding.finish.size:
        most = encoding.finish.size * max(grid(encoding.count))
        picture = picture.copy()
        picture.thumbnail((most, most), Image.Resampling.LANCZOS)
    return webp(picture, encoding.finish.quality)


def webp(image: Image.Image, quality: int | None) -> bytes:
    """A picture as WebP: lossy, or without a quality lossless."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality or 75, lossless=quality is None, method=EFFORT)
    return buffer.getvalue()


# -- contact sheets --------------------------------------------------------------------------------


def _thumbnail(image: Image.Image, count: int, side: int) -> Image.Image:
    """The middle square of a picture, or of the first of several in one file, as RGB."""
    columns, rows = grid(count)
    width, height = image.width // columns, image.height // rows
    square = min(width, height)
    left, top = (width - square) // 2, (height - square) // 2
    way = Image.Resampling.NEAREST if square < SMALL else Image.Resampling.BICUBIC
    thumb = image.resize((side, side), way, box=(left, top, left + square, top + square))
    return _on_grey(thumb) if thumb.mode == "RGBA" else thumb


def _on_grey(image: Image.Image) -> Image.Image:
    ground = Image.new("RGBA", image.size, (GREY, GREY, GREY, 255))
    return Image.alpha_composite(ground, image).convert("RGB")


def _sheet(tiles: Sequence[Image.Image | None], side: int) -> Image.Image:
    rows, pitch = -(-len(tiles) // COLUMNS), side + 2 * GUTTER
    sheet = np.full((rows, pitch, COLUMNS, pitch, 3), GREY, np.uint8)
    for place, tile in enumerate(tiles):
        if tile is not None:
            row, column = divmod(place, COLUMNS)
            _put(sheet[row, :, column], np.asarray(tile))
    return Image.fromarray(sheet.reshape(rows * pitch, COLUMNS * pitch, 3))


def _put(cell: Tiles, tile: Tiles) -> None:
    """A thumbnail into the middle of its cell, its border repeated all around."""
    end = GUTTER + len(tile)
    cell[GUTTER:end, GUTTER:end] = tile
    cell[GUTTER:end, :GUTTER] = tile[:, :1]
    cell[GUTTER:end, end:] = tile[:, -1:]
    cell[:GUTTER] = cell[GUTTER]
    cell[end:] = cell[end - 1]


def _tiny(tiles: Sequence[Image.Image | None]) -> Tiles:
    tiny = np.zeros((len(tiles), TINY, TINY, 3), np.uint8)
    for place, tile in enumerate(tiles):
        if tile is not None:
            tiny[place] = np.asarray(tile.reduce(tile.width // TINY))
    return tiny


# -- collages --------------------------------------------------------------------------------------


def collage(
    files: Sequence[tuple[Path, int]], columns: int, rows: int, side: int
) -> tuple[Image.Image, list[str]] | None:
    """Lossless files, each composed of so many pictures, in a grid of thumbnails, and the files' SHA-256.

    What can't be read is left out; None when that leaves nothing.
    """
    opened = [(*_open(path), count) for path, count in files]
    there = [(image, count) for image, _, count in opened if image]
    if not there:
        return None
    board = Image.new("RGB", (columns * side, rows * side), (GREY, GREY, GREY))
    for place in range(columns * rows):
        thumb = _thumbnail(*there[place % len(there)], side)
        board.paste(thumb, (place % columns * side, place // columns * side))
    return board, [digest for _, digest, _ in opened]


def jpeg(image: Image.Image) -> bytes:
    """A picture as JPEG, for the services that show previews of links and know no WebP."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=70, optimize=True)
    return buffer.getvalue()
