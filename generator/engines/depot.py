"""Files that a worker doesn't see, sent to it once, by content, and kept in a folder of its own."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from generator.config.content import content_digest
from generator.engines.tasks import NamedFile

PARCEL = 16 << 20
"""Bytes that are sent at a time, about."""


class Piece(NamedTuple):
    """Some bytes of a file, or of one in a folder, which `name` says; whether they end what is named."""

    file: NamedFile
    name: str
    data: bytes
    first: bool
    last: bool


# -- where they are ----------------------------------------------------------------------------------


def parcels(files: Sequence[NamedFile]) -> Iterator[list[Piece]]:
    """Files as they are sent, some bytes together. OSError when one can't be read."""
    parcel: list[Piece] = []
    for file in files:
        for piece in _pieces(file):
            parcel.append(piece)
            if sum(len(each.data) for each in parcel) >= PARCEL:
                yield parcel
                parcel = []
    if parcel:
        yield parcel


def _pieces(file: NamedFile) -> Iterator[Piece]:
    folder = file.path.is_dir()
    paths = sorted(path for path in file.path.iterdir() if path.is_file()) if folder else [file.path]
    for path in paths:
        with path.open("rb") as stream:
            size, first = path.stat().st_size, True
            while first or stream.tell() < size:
                data = stream.read(PARCEL)
                last = path == paths[-1] and (not data or stream.tell() >= size)
                yield Piece(file, path.name if folder else "", data, first, last)
                first = False


# -- on a worker -----------------------------------------------------------------------------------


def places_of(files: Sequence[NamedFile], folder: Path) -> tuple[Mapping[Path, Path], list[NamedFile]]:
    """Where this worker has files and roots that are not where the client has them, and what it lacks."""
    places: dict[Path, Path] = {}
    missing = []
    for file in files:
        if _is_seen(file):
            continue
        kept = kept_at(file, folder)
        if not kept.exists():
            missing.append(file)
        elif file.root is None:
            places[file.path] = kept
        else:
            places[file.root] = _kept_root(file.root, folder)
    return places, missing


def _is_seen(file: NamedFile) -> bool:
    """Whether the worker sees the very file that the client does."""
    if file.root is not None:
        return file.root.is_dir()
    try:
        return file.path.exists() and _is_right(file, file.path)
    except OSError:
        return False


def kept_at(file: NamedFile, folder: Path) -> Path:
    """Where a worker keeps a file that was sent to it, under the name that it has; suffixes say a lot."""
    if file.root is not None:
        return _kept_root(file.root, folder) / file.path.relative_to(file.root)
    named = file.digest or hashlib.sha256(str(file.path).encode()).hexdigest()
    return folder / "pocket-microscope" / named[:32] / file.path.name


def _kept_root(root: Path, folder: Path) -> Path:
    return folder / "pocket-microscope" / hashlib.sha256(str(root).encode()).hexdigest()[:32] / root.name


def receive(parcel: Sequence[Piece], dask_worker: Any) -> str:
    """Keep what was sent; returns what is wrong with it, in a line, or nothing."""
    for piece in parcel:
        kept = kept_at(piece.file, Path(dask_worker.local_directory))
        part = kept.with_name(f"{kept.name}.part")
        try:
            _write(piece, part / piece.name if piece.name else part)
            if piece.last and not _is_right(piece.file, part):
                shutil.rmtree(part) if part.is_dir() else part.unlink()
                return f"{piece.file.path}: changed since the plan was made; run again"
            if piece.last and not kept.exists():
                part.replace(kept)
        except OSError as error:
            where = f"can't be kept by the Dask worker at {dask_worker.address}"
            return f"{piece.file.path}: {where}: {error.strerror or error}"
    return ""


def _write(piece: Piece, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb" if piece.first else "ab") as stream:
        stream.write(piece.data)


def _is_right(file: NamedFile, found: Path) -> bool:
    return not file.digest or content_digest(found) == file.digest
