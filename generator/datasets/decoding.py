"""From an image file's bytes to an array of the colours that a network takes, and to the size it takes.

One place decides how a photo is read: upright as its EXIF data say, 16 bits brought down to 8, transparency
laid on grey. What can't be read, is cut short or is too large is a PictureError with the reason.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from generator import images
from generator.config.schema import Fit
from generator.errors import UserError

Array = NDArray[Any]

GREY = 128


class PictureError(UserError):
    """A picture can't be used; the message says why, without its name."""


def decoded(data: bytes) -> Image.Image:
    """The picture in an image file's bytes, upright, as 8 bits of grey (`L`) or colour (`RGB`).

    Raises PictureError for what is no picture of a known format, is cut short, or is too large.
    """
    try:
        with images.opened(data) as opened:
            return plain(ImageOps.exif_transpose(opened))
    except images.TooLarge as error:
        raise PictureError(str(error)) from None
    except UnidentifiedImageError:
        raise PictureError("not a picture of a known format") from None
    except MemoryError:
        raise PictureError("takes more memory than there is") from None
    except Exception as error:  # Pillow's readers raise whatever a broken file leads them to
        raise PictureError(f"can't be read: {error}") from None


def plain(image: Image.Image) -> Image.Image:
    """An image of any of Pillow's modes as 8 bits of grey or colour, transparency laid on grey."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _eight_bits(image)
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (GREY, GREY, GREY, 255))
        return Image.alpha_composite(ground, image).convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits: 16 of them are the full range, as in PNG, and so is [0, 1] of floats."""
    values = np.asarray(image).astype("float64")
    values /= 1.0 if image.mode == "F" and values.max(initial=0) <= 1 else 65535.0
    np.clip(values, 0, 1, out=values)
    values *= 255
    return Image.fromarray(values.round(out=values).astype("uint8"))


def fitted(image: Image.Image, size: tuple[int, int], fit: Fit = "crop") -> Image.Image:
    """The picture at (height, width): its centre (`crop`), distorted (`squash`) or whole on grey (`pad`)."""
    box = (size[1], size[0])
    if image.size == box:
        return image
    if fit == "squash":
        return image.resize(box, Image.Resampling.BICUBIC)
    if fit == "pad":
        ground = GREY if image.mode == "L" else (GREY,) * 3
        return ImageOps.pad(image, box, Image.Resampling.BICUBIC, color=ground)
    return ImageOps.fit(image, box, Image.Resampling.BICUBIC)


def array(image: Image.Image, colours: int) -> Array:
    """A picture as (height, width, colours) uint8: grey for one colour, its own repeated beyond three."""
    pixels = np.asarray(image.convert("L" if colours == 1 else "RGB"))
    pixels = pixels.reshape(image.height, image.width, -1)
    return pixels[..., np.arange(colours) % pixels.shape[-1]]
