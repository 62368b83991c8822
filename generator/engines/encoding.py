"""Between arrays and image files: what a renderer made, and the photos a recipe names."""

from __future__ import annotations

import colorsys
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from generator import images
from generator.config.content import checked_content
from generator.errors import ModelError, cause

Array = NDArray[Any]

FRAME_MS = 80
LAST_FRAME_MS = 1500


def image(picture: Array, alpha: Array | None = None) -> tuple[Image.Image, bool]:
    """A picture (height, width, colours) uint8 as an image, and whether its colours are false.

    One colour is grey, three are red, green and blue; of any other number each gets a hue of its own.
    """
    colours = picture.shape[-1]
    shown = picture if colours in (1, 3) else _false_colours(picture)
    made = Image.fromarray(shown[..., 0] if colours == 1 else shown)
    if alpha is not None:
        made = made.convert("RGB")
        made.putalpha(Image.fromarray(alpha))
    return made, colours not in (1, 3)


def _false_colours(picture: Array) -> Array:
    """(..., colours) -> (..., 3): hues evenly round the circle, so that all together make white."""
    colours = picture.shape[-1]
    hues = np.array([colorsys.hsv_to_rgb(index / colours, 1, 1) for index in range(colours)])
    mixed = picture @ (hues / hues.sum(axis=0))
    shown: Array = mixed.round().clip(0, 255).astype("uint8")
    return shown


def png(made: Image.Image) -> bytes:
    """An image as lossless PNG."""
    stream = io.BytesIO()
    made.save(stream, "PNG", compress_level=3)
    return stream.getvalue()


def animation(frames: Array, kind: str) -> bytes:
    """Frames (n, height, width, colours) uint8 as an animated `webp` or `gif`; the last one is held."""
    images = [image(frame)[0].convert("RGB") for frame in frames]
    durations = [FRAME_MS] * (len(images) - 1) + [LAST_FRAME_MS]
    options: dict[str, Any] = {"optimize": True} if kind == "gif" else {"quality": 75, "method": 2}
    stream = io.BytesIO()
    images[0].save(
        stream, kind, save_all=True, append_images=images[1:], duration=durations, loop=0, **options
    )
    return stream.getvalue()


# -- photos ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Photos:
    """The picture at a path, or all in a folder, as (height, width, colours) float32 in [0, 1].

    For networks of one colour they are grey; for those of more than three the colours are repeated. They are
    read when they are asked for, one after the other; UserError is raised when one is no picture, and at
    their end when there is none or they are not those of that digest.
    """

    path: Path
    digest: str
    colours: int

    def __iter__(self) -> Iterator[Array]:
        empty = True
        for file, data in checked_content(self.path, self.digest):
            empty = False
            yield _photo(file, data, self.colours)
        if empty:
            raise ModelError(f"{self.path}: holds no pictures")


def _photo(path: Path, data: bytes, colours: int) -> Array:
    try:
        with images.opened(data) as opened:
            upright = ImageOps.exif_transpose(opened).convert("L" if colours == 1 else "RGB")
            pixels = np.asarray(upright, "float32").reshape(upright.height, upright.width, -1) / 255
    except Exception as error:  # Pillow's readers raise whatever a broken file leads them to
        raise ModelError(f"{path}: can't be read as a picture: {cause(error)}") from None
    return pixels[..., np.arange(colours) % pixels.shape[-1]]
