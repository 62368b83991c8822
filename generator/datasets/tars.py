"""Opens and lists a .tar that may come from a stranger, without unpacking more of it than pictures take."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

from generator.datasets.arrays import UNPACKED, is_bomb
from generator.errors import UserError


class _Member(tarfile.TarInfo):
    """A member of a .tar; UserError for one that its reader would take into memory whole to list it."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Member:
        found = super().frombuf(buf, encoding, errors)
        if found.type == tarfile.GNUTYPE_SPARSE:
            raise UserError("holds a sparse file; no picture is one")
        if not found.isfile() and not 0 <= found.size <= _LONGEST_NAME:
            raise UserError(f"holds a name or note of {found.size >> 20:,} MB")
        return found


_LONGEST_NAME = 1 << 20


def opened(path: Path) -> tarfile.TarFile | None:
    """The archive at a path; None when it is none. Raises UserError for one that is made to be too large."""
    try:
        return tarfile.open(path, tarinfo=_Member)
    except tarfile.ReadError:
        return None
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def listed(archive: tarfile.TarFile, path: Path) -> Iterator[tarfile.TarInfo]:
    """All members of an archive; UserError before one is passed over that makes it unpack to too much."""
    total, packed = 0, path.stat().st_size
    try:
        for member in archive:
            total += tarfile.BLOCKSIZE + member.size
            # Passing over a member unpacks it.
            if member.size < 0 or is_bomb(total, packed):
                raise UserError(f"would unpack to more than {UNPACKED >> 20} MB")
            yield member
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
