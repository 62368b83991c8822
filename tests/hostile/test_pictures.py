"""Pictures from strangers: none is decoded that is too large, runs a program, or costs more than it shows."""

from __future__ import annotations

import io
import os
import re
import struct
import sys
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator import images
from generator.cache import checking
from generator.config.content import content_digest
from generator.config.reading import read_config
from generator.datasets.decoding import PictureError, decoded
from generator.engines.encoding import Photos
from generator.errors import UserError
from generator.gallery import pictures
from tests.hostile.measured import growth

ONE_COLOUR = Image.new("RGB", (40, 30), (10, 200, 30))
MOST_MEGABYTES = 120
"""What refusing a picture may cost. Decoded, each of the bombs would take 200 MB to 40 GB."""


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, pixels: bytes | None = None) -> bytes:
    """A PNG of grey pixels, whatever its header says of their number."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    body = zlib.compress(b"\0" * (width + 1) * height) if pixels is None else pixels
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def saved(kind: str, image: Image.Image = ONE_COLOUR, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def resized(data: bytes, at: int, form: str, *sides: int) -> bytes:
    """A picture whose header tells of other sides."""
    return data[:at] + struct.pack(form, *sides) + data[at + struct.calcsize(form) :]


def frames(kind: str, count: int, **options: object) -> bytes:
    shades = [Image.new("RGB", (40, 30), (n % 256, n // 256, 99)) for n in range(count)]
    return saved(kind, shades[0], save_all=True, append_images=shades[1:], **options)


def _many_scans() -> bytes:
    """A progressive JPEG with its last scan again and again."""
    whole = saved("JPEG", ONE_COLOUR.resize((400, 400)), progressive=True)
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last * 20_000 + whole[-2:]


def _jpeg(side: int) -> bytes:
    whole = saved("JPEG")
    return resized(whole, whole.index(b"\xff\xc0") + 5, ">HH", side, side)


def _tiff(side: int) -> bytes:
    whole = saved("TIFF")
    for tag, before in ((256, 40), (257, 30)):
        whole = whole.replace(struct.pack("<HHII", tag, 4, 1, before), struct.pack("<HHII", tag, 4, 1, side))
    return whole


NOISE = Image.effect_noise((64, 64), 90)
MEGABYTE = zlib.compress(bytes(10**6))
ZEROS = zlib.compress(b"\0" * 200_000_000, 9)
LARGE, PACKED, UNKNOWN, SHORT = "too large", "oo (large|much memory)", "not a picture of a known", "truncated"
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="/etc/passwd"/></svg>'
REFUSED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "pixels.png": (LARGE, lambda: png(30_000, 30_000, pixels=ZEROS)),
    "warned.png": (LARGE, lambda: png(13_000, 13_000, pixels=ZEROS)),
    "a-little.png": (LARGE, lambda: png(8193, 8192, pixels=ZEROS)),
    "pixels.jpg": (LARGE, lambda: _jpeg(65_500)),
    "pixels.gif": (LARGE, lambda: resized(saved("GIF"), 6, "<HH", 65_535, 65_535)),
    "pixels.bmp": (LARGE, lambda: resized(saved("BMP"), 18, "<ii", 100_000, 100_000)),
    "pixels.ppm": (LARGE, lambda: b"P6 100000 100000 255\n" + bytes(100)),
    "pixels.tif": (LARGE, lambda: _tiff(100_000)),
    "text.png": (PACKED, lambda: png(4, 4, chunk(b"zTXt", b"a\0\0" + ZEROS))),
    "unicode.png": (PACKED, lambda: png(4, 4, chunk(b"iTXt", b"a\0\1\0\0\0" + ZEROS))),
    "profile.png": (PACKED, lambda: png(4, 4, chunk(b"iCCP", b"a\0\0" + ZEROS))),
    "texts.png": (PACKED, lambda: png(4, 4, *[chunk(b"zTXt", b"a%d\0\0" % n + MEGABYTE) for n in range(90)])),
    "scans.jpg": ("too many passes", _many_scans),
    "vector.eps": (UNKNOWN, lambda: EPS),
    "eps.png": (UNKNOWN, lambda: EPS),
    "document.pdf": (UNKNOWN, lambda: saved("PDF")),
    "vector.svg": (UNKNOWN, lambda: SVG),
    "metafile.wmf": (UNKNOWN, lambda: b"\xd7\xcd\xc6\x9a\0\0" + bytes(60)),
    "icon.ico": (UNKNOWN, lambda: saved("ICO")),
    "texture.dds": (UNKNOWN, lambda: saved("DDS")),
    "j2k.png": (UNKNOWN, lambda: saved("JPEG2000")),
    "empty.png": (UNKNOWN, lambda: b""),
    "cut.png": (SHORT, lambda: saved("PNG", NOISE)[:900]),
    "cut.jpg": (SHORT, lambda: saved("JPEG", NOISE)[:900]),
    "cut.webp": ("can't be read|not a picture", lambda: saved("WEBP", NOISE)[:900]),
    "cut.tif": ("can't be read|not a picture", lambda: saved("TIFF", NOISE)[:900]),
}
"""Pictures that are refused, by the names they are given, and why."""

CHEAP: dict[str, Callable[[], bytes]] = {
    "frames.gif": lambda: frames("GIF", 400),
    "frames.tif": lambda: frames("TIFF", 400),
    "frames.webp": lambda: frames("WEBP", 200),
    "frames.png": lambda: frames("PNG", 400),
    "behind.png": lambda: png(4, 4, pixels=ZEROS),
    "exif.png": lambda: png(4, 4, chunk(b"eXIf", b"II*\0\x08\0\0\0\xff\xff" + b"\xff" * 9000)),
}
"""Pictures with more in them than is looked at: the first frame, the pixels that the header tells of."""


def written(folder: Path, made: Mapping[str, Callable[[], bytes]]) -> list[Path]:
    for name, make in made.items():
        (folder / name).write_bytes(make())
    return [folder / name for name in made]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by Linux's /proc")
def test_bombs_are_refused_or_cheap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    for program in ("gs", "gswin64c", "gswin32c"):
        (tmp_path / "bin" / program).write_text(f"#!/bin/sh\ntouch {tmp_path}/canary\n")
        (tmp_path / "bin" / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    bombs = written(tmp_path, {name: make for name, (_, make) in REFUSED.items()})
    said = growth("tests.hostile.readers:picture", *bombs, *written(tmp_path, CHEAP))
    for name, (words, _) in REFUSED.items():
        assert re.match(f"PictureError: .*({words})", said[name][0]), (name, said[name])
    for name in CHEAP:
        assert said[name][0] in ("read: (4, 4)", "read: (40, 30)"), (name, said[name])
    assert max(mebibytes for _, mebibytes in said.values()) < MOST_MEGABYTES, said
    assert not any("\n" in answer for answer, _ in said.values())
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("name", ["a-little.png", "scans.jpg", "eps.png", "text.png", "icon.ico", "cut.png"])
def test_every_reader_of_pictures_refuses_them(name: str, tmp_path: Path) -> None:
    data = REFUSED[name][1]()
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(PictureError):
        decoded(data)
    with pytest.raises(UserError, match="can't be read as a picture"):
        list(Photos(path, content_digest(path), 3))
    assert pictures._open(path) == (None, "")
    assert not checking._is_picture(data, 8193, 8192) and not checking._is_picture(data, 64, 64)
    config = tmp_path / "config.yaml"
    config.write_text(f"models: {{}}\nrecipes: {{mine: {{base: caricature, image: {name}}}}}\n")
    told = [problem.message for problem in read_config(config).problems]
    assert any(f"{path} is no picture that can be read" in message for message in told)


def test_what_we_make_ourselves_is_never_too_large() -> None:
    assert images.LARGEST >= 2048 * 4 * 2048 * 4


def test_deep_pictures_keep_their_levels() -> None:
    levels = np.linspace(0, 65535, 64 * 64).astype("uint16").reshape(64, 64)
    shown = np.asarray(decoded(saved("PNG", Image.fromarray(levels))))
    assert (shown == (levels.astype("float64") / 65535 * 255).round().astype("uint8")).all()
