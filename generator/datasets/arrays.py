"""Rows of an array inside an .npz, read one at a time: a data set need not fit into memory."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from generator.errors import UserError

UNPACKED, SHARE = 256 << 20, 200
"""What takes more bytes than the first, and so many times those that lie in the file, is a bomb."""

_LOCAL_HEADER = 30
"""Bytes of a zip member's local header before its name."""


class Rows:
    """The array of that name in an .npz: its shape, and row after row.

    An array that `numpy.savez` stored as it is, is read from disk where it lies; one that is compressed has
    to be held in memory. Raises UserError when there is no such array, or it holds Python objects.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._array = _opened(path, name)
        self.shape: tuple[int, ...] = self._array.shape

    @property
    def kind(self) -> str:
        """NumPy's letter for the kind of its values."""
        return self._array.dtype.kind

    def whole(self) -> NDArray[Any]:
        """All rows."""
        return np.asarray(self._array)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> NDArray[Any]:
        return np.asarray(self._array[index])


def is_bomb(size: int, packed: int) -> bool:
    """Whether so many bytes, packed into so few, are more than pictures ever are."""
    return size > UNPACKED and size > SHARE * packed


def _opened(path: Path, name: str) -> NDArray[Any]:
    with zipfile.ZipFile(path) as archive:
        try:
            member = archive.getinfo(f"{name}.npy")
        except KeyError:
            held = ", ".join(sorted(file.removesuffix(".npy") for file in archive.namelist())) or "nothing"
            raise UserError(f"{path}: holds no array `{name}` (it holds {held})") from None
        with archive.open(member) as stream:
            shape, fortran, dtype = _header(stream)
            if dtype.hasobject:
                raise UserError(f"{path}: `{name}` holds Python objects, not numbers")
            start = stream.tell()
        # A header may tell of any shape; what it takes must be what the file says that there is.
        if math.prod(shape) * dtype.itemsize != member.file_size - start:
            raise UserError(f"{path}: `{name}` is not as large as it says, {shape}")
        if is_bomb(member.file_size, member.compress_size):
            raise UserError(f"{path}: `{name}` would unpack to {member.file_size >> 20:,} MB")
    if member.compress_type != zipfile.ZIP_STORED or fortran:
        with np.load(path, allow_pickle=False) as arrays:
            whole: NDArray[Any] = arrays[name]
            return whole
    offset = _data_offset(path, member) + start
    return np.memmap(path, dtype, "r", offset, shape)


def _header(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return read(stream)


def _data_offset(path: Path, member: zipfile.ZipInfo) -> int:
    with path.open("rb") as stream:
        stream.seek(member.header_offset)
        header = stream.read(_LOCAL_HEADER)
    name, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    return member.header_offset + _LOCAL_HEADER + name + extra
