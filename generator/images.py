"""Opens pictures that may come from a stranger: formats we know, and sizes that were bounded beforehand.

Pillow knows some fifty formats, one of which hands the file to another program (EPS to Ghostscript); a
picture is read as one of ours or not at all. What it says of its size is believed before a pixel is decoded.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # commands that show no picture need not load Pillow
    from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
"""Pillow's names of what is read; JPEG is also the MPO of phones, with more behind the first picture."""

LARGEST = 1 << 26
"""Pixels of the largest picture that is read, about 67 million: larger ones are mistakes or bombs."""

LARGEST_FILE = 256 << 20
"""Bytes of the largest file that is read as a picture."""


MOST_SCANS = 200
"""Passes over a JPEG's pixels: those of photos are about ten, and a file of a megabyte can ask for 80,000."""


class TooLarge(ValueError):
    """A picture has more pixels than LARGEST, or its file more bytes than LARGEST_FILE."""


@contextmanager
def opened(source: bytes | Path) -> Iterator[Image.Image]:
    """A picture of which no pixel is decoded yet: the first, if the file holds several.

    Raises TooLarge, or whatever Pillow raises for what is no picture of FORMATS.
    """
    from PIL import Image

    data = _content(source)
    # Pillow warns of what is refused here, and refuses by itself only what is twice as large again.
    with warnings.catch_warnings(action="ignore"):
        try:
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        except Image.DecompressionBombError:
            raise TooLarge("too large") from None
        with image:
            if image.width * image.height > LARGEST:
                raise TooLarge(f"too large ({image.width} x {image.height} pixels)")
            if image.format in ("JPEG", "MPO") and data.count(_SCAN) > MOST_SCANS:
                raise TooLarge(f"too many passes over its pixels ({data.count(_SCAN)})")
            yield image


_SCAN = b"\xff\xda"
"""The marker of a JPEG's scan; among its coded pixels no such pair can stand."""


def _content(source: bytes | Path) -> bytes:
    data = source
    if isinstance(data, Path):
        with data.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise TooLarge("the file is too large")
    return data
