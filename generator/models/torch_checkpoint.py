"""Reads PyTorch's legacy checkpoints (the format before zip files) without torch and without trust.

A legacy checkpoint is a row of pickles: a magic number, a protocol version, facts about the machine, the
state dict, the list of storage keys; then each storage's raw bytes after its element count. A pickle can
name any function to call, so ours may name only what tensors are rebuilt with; anything else is refused.
The format's source: torch/serialization.py, `_legacy_save`.
"""

from __future__ import annotations

import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from generator.errors import ModelError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001

_DTYPES: dict[str, np.dtype[Any]] = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("<i1"),
    "ByteStorage": np.dtype("<u1"),
    "BoolStorage": np.dtype("?"),
}


@dataclass(frozen=True)
class _StorageType:
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class _Tensor:
    """A view on a storage, in elements; its numbers are read once all pickles are."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def view(self, storage: NDArray[Any]) -> NDArray[Any]:
        reach = (
            self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True)) + 1
        )
        negative = self.offset < 0 or min(self.strides, default=0) < 0 or min(self.shape, default=0) < 0
        if negative or (0 not in self.shape and reach > storage.size):
            raise pickle.UnpicklingError("a tensor reaches outside its storage")
        strides = [step * storage.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(storage[self.offset :], self.shape, strides).copy()


def _rebuild_tensor(
    storage: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    return _Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _rebuild_parameter(data: _Tensor, *_: object) -> _Tensor:
    return data


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
}


class _Unpickler(pickle.Unpickler):
    """An unpickler that can build tensors, ordered dicts and plain values, and nothing else."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream, encoding="utf-8")
        self.storages: dict[str, np.dtype[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _DTYPES:
            return _StorageType(_DTYPES[name])
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no tensor needs")
        return _ALLOWED[module, name]

    def persistent_load(self, identity: Any) -> str:
        kind, storage_type, key, *_ = identity
        if kind != "storage" or not isinstance(storage_type, _StorageType):
            # Not the thing itself: a few bytes can make one whose text has no end.
            raise pickle.UnpicklingError(f"it refers to a {type(kind).__name__}, which is no storage")
        self.storages[str(key)] = storage_type.dtype
        return str(key)


def read_checkpoint(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a legacy torch checkpoint that holds a state dict, by name, as NumPy arrays.

    Nothing in the file is executed. Raises ModelError, naming the file, when it is missing, no legacy
    checkpoint, truncated, or asks for anything that tensors don't need.
    """
    try:
        with path.open("rb") as stream:
            return _read(stream)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such weights file") from None
    except EOFError as error:
        raise ModelError(f"{path}: refused as a torch checkpoint: it ends too early") from error
    except pickle.UnpicklingError as error:
        raise ModelError(f"{path}: refused as a torch checkpoint: {error}") from error
    except Exception as error:  # a broken pickle can fail in any way
        raise ModelError(f"{path}: not a readable torch checkpoint: {error}") from error


def _read(stream: BinaryIO) -> dict[str, NDArray[Any]]:
    if stream.read(4) == b"PK\x03\x04":
        hint = "save it again with torch.save(..., _use_new_zipfile_serialization=False)"
        raise pickle.UnpicklingError(f"it is in torch's zip format; {hint}")
    stream.seek(0)
    if _load(stream) != _MAGIC or _load(stream) != _PROTOCOL:
        raise pickle.UnpicklingError("it is not in torch's legacy format")
    if not _load(stream).get("little_endian", False):
        raise pickle.UnpicklingError("it was written on a big-endian machine")
    _check_memo(stream)
    unpickler = _Unpickler(stream)
    state = unpickler.load()
    storages = {key: _read_storage(stream, unpickler.storages[key]) for key in _load(stream)}
    if not isinstance(state, dict):
        raise pickle.UnpicklingError("it holds no state dict")
    tensors = {name: value for name, value in state.items() if isinstance(value, _Tensor)}
    return {name: tensor.view(storages[tensor.storage]) for name, tensor in tensors.items()}


def _load(stream: BinaryIO) -> Any:
    _check_memo(stream)
    return _Unpickler(stream).load()


def _check_memo(stream: BinaryIO) -> None:
    """Refuse a pickle that numbers what it remembers beyond its length: room is made for all before."""
    start, highest = stream.tell(), 0
    # What is no pickle, the unpickler says when it comes to the same place.
    with suppress(ValueError, IndexError, OverflowError, MemoryError):
        for operation, argument, _ in pickletools.genops(stream):
            if operation.name in ("PUT", "BINPUT", "LONG_BINPUT") and isinstance(argument, int):
                highest = max(highest, argument)
    length = stream.tell() - start
    stream.seek(start)
    if highest > max(length, 255):
        raise pickle.UnpicklingError(f"it remembers {highest:,} things in {length:,} bytes")


def _read_storage(stream: BinaryIO, dtype: np.dtype[Any]) -> NDArray[Any]:
    count = int.from_bytes(_exactly(stream, 8), "little", signed=True)
    return np.frombuffer(_exactly(stream, count * dtype.itemsize), dtype)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size) if size >= 0 else b""
    if len(data) != size:
        raise EOFError("it ends too early")
    return data
