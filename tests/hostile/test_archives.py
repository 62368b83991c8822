"""Data sets from strangers: archives and arrays that would unpack to more than they are, or are broken."""

from __future__ import annotations

import io
import lzma
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from generator.errors import UserError
from generator.evidence.packed import arrays_of
from generator.evidence.tally import Tally
from tests.datasets.test_sources import FILES
from tests.hostile import readers
from tests.hostile.measured import growth

MOST_MEGABYTES = 60
MEGABYTE = bytes(1 << 20)


def _packed(path: Path, shape: tuple[int, ...], megabytes: int) -> None:
    """An .npz of zeros, whatever shape its header tells of."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "|u1", "fortran_order": False, "shape": shape})
    archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with archive, archive.open("images.npy", "w") as member:
        member.write(head.getvalue())
        for _ in range(megabytes):
            member.write(MEGABYTE)


def _tar(path: Path, megabytes: int, kind: bytes) -> None:
    """A packed .tar that begins with so many zeros, as a member of that kind."""
    member = tarfile.TarInfo("a.png")
    member.type, member.size = kind, megabytes << 20
    with lzma.open(path, "wb", preset=0) as file:
        file.write(member.tobuf(tarfile.GNU_FORMAT))
        for _ in range(megabytes):
            file.write(MEGABYTE)
        file.write(tarfile.TarInfo("b.png").tobuf() + bytes(1024))


def _changed(path: Path, old: bytes, new: bytes) -> None:
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new))


def _locked(path: Path) -> None:
    np.savez(path, images=np.zeros((2, 4, 4), "u1"))
    _changed(path, b"PK\x01\x02\x2d\x03\x2d\0\0\0", b"PK\x01\x02\x2d\x03\x2d\0\x01\0")


def _broken(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", b"abc" * 1000)
    data = bytearray(path.read_bytes())
    data[36:44] = b"\xff" * 8
    path.write_bytes(data)


REFUSED: dict[str, tuple[str, Callable[[Path], None]]] = {
    "bomb.npz": ("would unpack", lambda path: _packed(path, (300, 1024, 1024), 300)),
    "shape.npz": ("not as large", lambda path: _packed(path, (10**6, 10**6, 10**6), 1)),
    "overflow.npz": ("not as large", lambda path: _packed(path, (2**32, 2**32, 1), 1)),
    "locked.npz": ("can't be read", _locked),
    "text.npz": ("no numbers", lambda path: np.savez(path, images=np.full((2, 4, 4), "x"))),
    "complex.npz": ("no numbers", lambda path: np.savez(path, images=np.ones((2, 4, 4), complex))),
    "objects.npz": ("Python objects", lambda path: np.savez(path, images=np.full((2, 4, 4), {}))),
    "broken.zip": ("no pictures", _broken),
    "name.tar.xz": ("name or note", lambda path: _tar(path, 300, tarfile.GNUTYPE_LONGNAME)),
    "note.tar.xz": ("name or note", lambda path: _tar(path, 300, tarfile.XHDTYPE)),
    "sparse.tar.xz": ("sparse", lambda path: _tar(path, 1, tarfile.GNUTYPE_SPARSE)),
    "large.tar.xz": ("would unpack", lambda path: _tar(path, 300, tarfile.REGTYPE)),
    "device.tar.xz": ("no pictures", lambda path: _tar(path, 0, tarfile.CHRTYPE)),
}


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by Linux's /proc")
def test_archives_are_refused_in_a_line(tmp_path: Path) -> None:
    for name, (_, make) in REFUSED.items():
        make(tmp_path / name)
    said = growth("tests.hostile.readers:dataset", *(tmp_path / name for name in REFUSED))
    for name, (words, _) in REFUSED.items():
        answer, megabytes = said[name]
        assert answer.startswith(f"UserError: {tmp_path / name}: ") and words in answer, answer
        assert "\n" not in answer and megabytes < MOST_MEGABYTES, (answer, megabytes)


def test_names_that_lead_out_are_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in" / "set.zip", "w") as archive:
        archive.writestr("../../out.png", FILES["top.png"])
    with pytest.raises(UserError, match="holds no pictures"):
        readers.dataset(tmp_path / "in" / "set.zip")
    assert [path.name for path in tmp_path.rglob("*.*")] == ["set.zip"]


def test_arrays_in_a_stranger_s_cache_that_would_fill_the_memory_are_not_read() -> None:
    stream = io.BytesIO()
    np.savez_compressed(stream, weights=np.zeros(300 << 20, np.uint8))
    with pytest.raises(ValueError, match="would unpack to 300 MB"):
        arrays_of(stream.getvalue())
    with pytest.raises(ValueError):
        Tally.from_bytes(stream.getvalue())
    for junk in (b"", b"PK\x03\x04", stream.getvalue()[:100]):
        with pytest.raises((ValueError, OSError, EOFError)):
            arrays_of(junk)
