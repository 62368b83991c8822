"""The contact sheet: a block per layer, in it a row per tool and a column per channel."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from benchmarks.runs import Stored

CELL, GAP, LABEL, HEAD = 112, 4, 150, 44
LIMIT = 1_500_000
"""Bytes that the sheet may take, as it is kept in the repository."""


def write_sheet(path: Path, tools: Sequence[Stored], layers: Mapping[str, Sequence[int]]) -> None:
    """Draw and save the sheet, as well as the limit allows."""
    columns = max(map(len, layers.values()))
    block = HEAD + len(tools) * (CELL + GAP)
    sheet = Image.new("RGB", (LABEL + columns * (CELL + GAP), len(layers) * block), "white")
    for index, (layer, channels) in enumerate(layers.items()):
        _draw_block(sheet, index * block, layer, channels, tools)
    path.write_bytes(_encoded(sheet))


def _draw_block(
    sheet: Image.Image, top: int, layer: str, channels: Sequence[int], tools: Sequence[Stored]
) -> None:
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    draw.text((GAP, top + 6), layer, "black", ImageFont.load_default(18))
    for column, channel in enumerate(channels):
        draw.text((_left(column) + CELL / 2, top + HEAD - 4), str(channel), "black", font, anchor="mb")
    for row, tool in enumerate(tools):
        y = top + HEAD + row * (CELL + GAP)
        draw.text((GAP, y + 8), _label(tool), "black", font)
        for column, channel in enumerate(channels):
            _paste(sheet, tool.picture(layer, channel), (_left(column), y))


def _left(column: int) -> int:
    return LABEL + column * (CELL + GAP)


def _label(tool: Stored) -> str:
    name = tool.report["version"].replace(" ", "\n", 1)
    return f"{name}\n{tool.report['view']} px view" if tool.spec.module == "lucent" else name


def _paste(sheet: Image.Image, path: Path, position: tuple[int, int]) -> None:
    if not path.exists():
        ImageDraw.Draw(sheet).rectangle((*position, position[0] + CELL, position[1] + CELL), "#eee")
        return
    with Image.open(path) as picture:
        sheet.paste(picture.convert("RGB").resize((CELL, CELL), Image.Resampling.LANCZOS), position)


def _encoded(sheet: Image.Image) -> bytes:
    for quality in (88, 80, 70, 60, 45, 30):
        stream = io.BytesIO()
        sheet.save(stream, "WEBP", quality=quality, method=6)
        if stream.tell() <= LIMIT:
            break
    return stream.getvalue()
