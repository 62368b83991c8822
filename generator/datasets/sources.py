"""A data set: the user's pictures with their labels, from a folder, an archive or arrays.

A picture's identity is the SHA-256 of its bytes; its name and label are how people know it. Nothing is
unpacked to disk, and nothing is kept in memory but the list.
"""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generator.datasets import decoding, tars
from generator.datasets.arrays import Rows
from generator.datasets.decoding import PictureError
from generator.errors import UserError, cause
from generator.images import LARGEST_FILE

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")
)


@dataclass(frozen=True, order=True)
class Item:
    """A picture of a data set: its name there, its label (or none), and the SHA-256 (hex) of its bytes."""

    name: str
    label: str = field(compare=False, default="")
    digest: str = field(compare=False, default="")


class Source(Protocol):
    """Where a data set's pictures are: their names with labels, and what is behind a name."""

    def names(self) -> Iterator[tuple[str, str]]:
        """(name, label) of each picture, in any order."""

    def digest(self, name: str) -> str:
        """SHA-256 (hex) of what a picture is made of; OSError or PictureError if it can't be read."""

    def image(self, name: str) -> Image.Image:
        """The picture, as `decoding.decoded` gives it; OSError or PictureError if it can't be read."""

    def stamp(self, name: str) -> tuple[int, ...]:
        """What changes when the picture's file does; OSError if there is none."""


def _stamp(path: Path) -> tuple[int, ...]:
    state = path.stat()
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns


def open_source(path: Path) -> Source:
    """The source at a path: a folder, a .zip or .tar(.gz, .bz2, .xz) of pictures, or an .npz of arrays.

    Raises UserError when there is nothing of these.
    """
    name = path.name.lower()
    try:
        if path.is_dir():
            return _Folder(path)
        if not path.exists():
            raise UserError(f"{path}: no such folder or file")
        if name.endswith(".npz"):
            return _Arrays(path)
        if zipfile.is_zipfile(path):
            return _Zip(path)
        if (archive := tars.opened(path)) is not None:
            return _Tar(path, archive)
    except UserError:
        raise
    except Exception as error:  # whatever a broken archive leads its reader to
        raise UserError(f"{path}: can't be read as a data set: {cause(error)}") from None
    raise UserError(f"{path}: is no data set; name a folder of pictures, a .zip or .tar of one, or an .npz")


def _label(name: str) -> str:
    """The folders that a picture stands in: of `animals/birds/owl.png`, `animals/birds`."""
    parent = str(PurePosixPath(name).parent)
    return "" if parent == "." else parent


def _is_picture(name: str) -> bool:
    parts = PurePosixPath(name).parts
    hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
    return not hidden and PurePosixPath(name).suffix.lower() in SUFFIXES


class _Files:
    """Pictures that are files, by name; `_read` gives their bytes."""

    def _read(self, name: str) -> bytes:
        raise NotImplementedError

    def digest(self, name: str) -> str:
        return hashlib.sha256(self._read(name)).hexdigest()

    def image(self, name: str) -> Image.Image:
        return decoding.decoded(self._read(name))


class _Folder(_Files):
    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> Iterator[tuple[str, str]]:
        for file in self._path.rglob("*"):
            name = file.relative_to(self._path).as_posix()
            if _is_picture(name) and file.is_file():
                yield name, _label(name)

    def stamp(self, name: str) -> tuple[int, ...]:
        return _stamp(self._path / name)

    def _read(self, name: str) -> bytes:
        file = self._path / name
        if file.stat().st_size > LARGEST_FILE:
            raise PictureError("the file is too large")
        return file.read_bytes()


class _Zip(_Files):
    def __init__(self, path: Path) -> None:
        self._stamp = _stamp(path)
        self._archive = zipfile.ZipFile(path)

    def stamp(self, name: str) -> tuple[int, ...]:
        return self._stamp

    def names(self) -> Iterator[tuple[str, str]]:
        names = (info.filename for info in self._archive.infolist() if not info.is_dir())
        yield from ((name, _label(name)) for name in dict.fromkeys(names) if _is_picture(name))

    def _read(self, name: str) -> bytes:
        if self._archive.getinfo(name).file_size > LARGEST_FILE:
            raise PictureError("the file is too large")
        try:
            return self._archive.read(name)
        except Exception as error:  # whatever broken data lead an unpacker to
            raise PictureError(f"can't be unpacked: {cause(error)}") from None


class _Tar(_Files):
    def __init__(self, path: Path, archive: tarfile.TarFile) -> None:
        self._stamp = _stamp(path)
        self._archive = archive
        self._members = {member.name: member for member in tars.listed(archive, path) if member.isfile()}

    def stamp(self, name: str) -> tuple[int, ...]:
        return self._stamp

    def names(self) -> Iterator[tuple[str, str]]:
        for name in self._members:
            if _is_picture(name.removeprefix("./")):
                yield name, _label(name.removeprefix("./"))

    def _read(self, name: str) -> bytes:
        if self._members[name].size > LARGEST_FILE:
            raise PictureError("the file is too large")
        try:
            stream = self._archive.extractfile(self._members[name])
            return stream.read() if stream else b""
        except Exception as error:  # whatever broken data lead an unpacker to
            raise PictureError(f"can't be unpacked: {cause(error)}") from None


class _Arrays:
    """An .npz with `images` (n, height, width[, colours]) and perhaps `labels` (n,)."""

    def __init__(self, path: Path) -> None:
        self._stamp = _stamp(path)
        self._images = Rows(path, "images")
        if len(self._images.shape) not in (3, 4):
            raise UserError(
                f"{path}: `images` has the shape {self._images.shape}; it should be (n, height, width) or "
                "(n, height, width, colours)"
            )
        if self._images.kind not in "buif":
            raise UserError(f"{path}: `images` holds no numbers that pictures are made of")
        self._labels = self._read_labels(path)

    def _read_labels(self, path: Path) -> Sequence[str]:
        with np.load(path, allow_pickle=False) as arrays:
            if "labels" not in arrays:
                return [""] * self._images.shape[0]
        labels = Rows(path, "labels").whole().reshape(-1)
        if len(labels) != self._images.shape[0]:
            raise UserError(f"{path}: {len(labels)} labels for {self._images.shape[0]} images")
        return [str(label) for label in labels.tolist()]

    def stamp(self, name: str) -> tuple[int, ...]:
        return self._stamp

    def names(self) -> Iterator[tuple[str, str]]:
        digits = len(str(len(self._labels) - 1))
        yield from ((f"{index:0{digits}}", label) for index, label in enumerate(self._labels))

    def digest(self, name: str) -> str:
        row = self._images[int(name)]
        return hashlib.sha256(f"{row.dtype}{row.shape}".encode() + row.tobytes()).hexdigest()

    def image(self, name: str) -> Image.Image:
        return image_of(self._images[int(name)])


def image_of(row: NDArray[Any]) -> Image.Image:
    """An array (height, width[, colours]) as a picture; PictureError if it can be none.

    Bytes are taken as they are, other whole numbers and floats as of [0, 1] or else [0, 255].
    """
    row = row[..., 0] if row.ndim == 3 and row.shape[-1] == 1 else row
    if row.ndim == 3 and row.shape[-1] not in (3, 4):
        raise PictureError(f"has {row.shape[-1]} colours; 1, 3 or 4 can be shown")
    return decoding.plain(Image.fromarray(_bytes(row)))


def _bytes(row: NDArray[Any]) -> NDArray[Any]:
    if row.dtype == np.uint8:
        return row
    if row.dtype == np.bool_:
        return row.astype("uint8") * np.uint8(255)
    if not np.isfinite(row).all():
        raise PictureError("holds values that are no numbers")
    full = np.iinfo(row.dtype).max if row.dtype.kind == "u" else (1.0 if row.max(initial=0) <= 1 else 255.0)
    values: NDArray[Any] = (np.clip(row / full, 0, 1) * 255).round().astype("uint8")
    return values


@dataclass(frozen=True)
class DataSet:
    """The pictures of a source that could be read, by name in order, and those that could not, with why."""

    path: Path
    items: tuple[Item, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def by_digest(self) -> Mapping[str, Item]:
        """The first item of each digest: the same picture twice is one picture."""
        return {item.digest: item for item in reversed(self.items)}

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The labels there are, in order; empty where pictures have none."""
        return tuple(sorted({item.label for item in self.items if item.label}))


def read_dataset(path: Path, source: Source | None = None) -> DataSet:
    """List a data set and take each picture's digest; duplicates of a picture are left out.

    Raises UserError when there is no such data set, or no picture in it.
    """
    source = source or open_source(path)
    items: dict[str, Item] = {}
    skipped: dict[str, str] = {}
    for name, label in sorted(source.names()):
        try:
            digest = source.digest(name)
        except PictureError as error:
            skipped[name] = error.message
        except OSError as error:
            skipped[name] = error.strerror or str(error)
        else:
            items.setdefault(digest, Item(name, label, digest))
    broken = dict(skipped)
    if not any(_is_readable(source, item, broken) for item in sorted(items.values())):
        raise UserError(f"{path}: holds no pictures that can be read{_why(broken)}")
    return DataSet(path, tuple(sorted(items.values())), skipped)


def _is_readable(source: Source, item: Item, broken: dict[str, str]) -> bool:
    """Whether a picture can be read; if not, why is put into `broken`."""
    try:
        source.image(item.name)
    except (PictureError, OSError) as error:
        broken[item.name] = str(error)
        return False
    return True


def _why(skipped: Mapping[str, str]) -> str:
    first = next(iter(skipped.items()), None)
    return f" ({first[0]}: {first[1]})" if first else ""
