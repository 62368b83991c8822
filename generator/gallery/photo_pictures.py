"""The pictures of a photo's page: a grid of what a layer sees in each cell, and where channels are on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generator.gallery.pictures import SHEET_QUALITY, webp
from generator.images import opened

CELL = 64
"""Pixels of a grid's cell, across."""
SMALLEST = 8
"""Pixels of the weakest cell's picture."""
HEATS = 16
"""Heat maps in a row."""


def grid_picture(
    files: Sequence[Path | None], strengths: NDArray[np.float64], ratio: float
) -> tuple[bytes, bool]:
    """Pictures laid on a transparent ground, each in its cell, its area by the strength there, 0 to 1.

    `strengths` is (rows, columns), and `files` has one for each, row after row; `ratio` is the photo's width
    over its height. Gives a WebP, and whether all files could be read.
    """
    rows, columns = strengths.shape
    width, height = CELL, max(1, round(CELL * columns / rows / ratio))
    board = Image.new("RGBA", (columns * width, rows * height), (128, 128, 128, 0))
    whole = True
    for place, file in enumerate(files):
        picture = _read(file) if file else None
        whole &= file is None or picture is not None
        if picture is None:
            continue
        row, column = divmod(place, columns)
        side = max(SMALLEST, round(min(width, height) * float(strengths[row, column]) ** 0.5))
        corner = (column * width + (width - side) // 2, row * height + (height - side) // 2)
        board.paste(picture.resize((side, side), Image.Resampling.LANCZOS), corner)
    return webp(board, SHEET_QUALITY), whole


def small_picture(file: Path) -> bytes:
    """A channel's picture as a WebP; a grey one where it can't be read."""
    return webp(_read(file) or Image.new("RGB", (CELL, CELL), (128, 128, 128)), SHEET_QUALITY)


def _read(file: Path) -> Image.Image | None:
    try:
        with opened(file) as picture:
            return picture.convert("RGB")
    except Exception:  # Pillow's readers raise whatever a broken file leads them to
        return None


def heat_picture(heats: Sequence[NDArray[np.float64]]) -> bytes:
    """Heat maps (rows, columns) from 0 to 1 side by side, HEATS in a row, as a WebP to be laid on a photo.

    Dark where a channel is off, clear where it is half on, amber where it is fully on. Around each its
    border is repeated: scaled by a browser, none bleeds into the next.
    """
    rows, columns = heats[0].shape
    count = -(-len(heats) // HEATS)
    sheet = np.zeros((count, rows + 2, HEATS, columns + 2, 4), np.uint8)
    for place, one in enumerate(heats):
        row, column = divmod(place, HEATS)
        sheet[row, :, column] = np.pad(_coloured(one), ((1, 1), (1, 1), (0, 0)), mode="edge")
    return webp(Image.fromarray(sheet.reshape(count * (rows + 2), HEATS * (columns + 2), 4)), None)


def _coloured(plane: NDArray[np.float64]) -> NDArray[np.uint8]:
    off, on = np.clip(1 - 2 * plane, 0, 1), np.clip(2 * plane - 1, 0, 1)
    amber = (plane >= 0.5)[..., None]
    colour = np.where(amber, np.array([255, 190, 40]), 0)
    return np.concatenate([colour, (125 * off + 150 * on)[..., None]], axis=-1).round().astype(np.uint8)
