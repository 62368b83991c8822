"""Pictures side by side, as a notebook shows them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar, overload

from PIL import Image, ImageDraw, ImageFont

SIDE, GAP, TEXT = 176, 12, 12
"""Pixels: of the longest side of what is shown in a row, between two, and of the letters below."""
COLUMNS = 5


class Shown(Protocol):
    """What can stand in a row."""

    @property
    def image(self) -> Image.Image:
        """What is shown."""

    @property
    def caption(self) -> str:
        """What stands below it."""


T = TypeVar("T", bound=Shown)


class Row(Sequence[T]):
    """A sequence of pictures; a notebook shows it as a sheet."""

    def __init__(self, members: Sequence[T]) -> None:
        self._members = tuple(members)

    def __len__(self) -> int:
        return len(self._members)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> Row[T]: ...

    def __getitem__(self, index: int | slice) -> T | Row[T]:
        return Row(self._members[index]) if isinstance(index, slice) else self._members[index]

    def __repr__(self) -> str:
        return f"Row({', '.join(one.caption for one in self._members)})"

    def sheet(self, columns: int = COLUMNS) -> Image.Image:
        """All of them in a grid with their captions, on white."""
        columns = max(1, min(columns, len(self)))
        font = ImageFont.load_default(TEXT)
        cells = [_fitted(one.image) for one in self._members]
        width, height = SIDE + GAP, SIDE + 2 * TEXT + GAP
        rows = -(-len(self) // columns)
        whole = Image.new("RGB", (columns * width + GAP, rows * height + GAP), "white")
        pen = ImageDraw.Draw(whole)
        for place, (one, cell) in enumerate(zip(self._members, cells, strict=True)):
            left, top = GAP + place % columns * width, GAP + place // columns * height
            whole.paste(cell, (left, top))
            pen.text((left, top + SIDE + 4), _cut(one.caption, font), "black", font)
        return whole

    def _repr_png_(self) -> bytes | None:
        return png(self.sheet()) if self._members else None


def png(image: Image.Image) -> bytes:
    """An image as a notebook wants it."""
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def _fitted(image: Image.Image) -> Image.Image:
    """As large as a cell; what is enlarged shows its pixels."""
    scale = SIDE / max(image.size)
    how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    wide, high = (max(1, round(side * scale)) for side in image.size)
    if "A" in image.getbands():
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image.convert("RGBA"))
    return image.convert("RGB").resize((wide, high), how)


def _cut(text: str, font: Any) -> str:
    """As much of a line as fits below a picture."""
    if font.getlength(text) <= SIDE:
        return text
    while text and font.getlength(f"{text} ...") > SIDE:
        text = text[:-1]
    return f"{text} ..."
