"""Files that a user names, known by what is in them: keys hold their digest, and their users check it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from generator.errors import ModelError, UserError


def content_digest(path: Path) -> str:
    """SHA-256 (hex) of a file, or of the digests of a folder's files in order; OSError if unreadable."""
    states = ((file, file.stat()) for file in _files(path))
    parts = [_file_digest(file, state.st_mtime_ns, state.st_size) for file, state in states]
    return _combined(parts, path)


def checked_content(path: Path, digest: str) -> Iterator[tuple[Path, bytes]]:
    """Each file at `path` (itself, or those in the folder) and what is in it.

    Raises UserError when one can't be read, and after the last when they are not those of that digest:
    so what was yielded is to be used only once the end has come.
    """
    parts = []
    try:
        for file in _files(path):
            data = file.read_bytes()
            parts.append(hashlib.sha256(data).hexdigest())
            yield file, data
    except OSError as error:
        raise UserError(f"{error.filename or path}: can't be read: {error.strerror or error}") from error
    if _combined(parts, path) != digest:
        raise UserError(f"{path}: changed since the plan was made; run again")


def read_class_names(path: Path) -> tuple[str, ...]:
    """The lines of a file of class names; ModelError when it can't be read as text."""
    try:
        return tuple(path.read_text(encoding="utf-8-sig").rstrip().splitlines())
    except OSError as error:
        raise ModelError(f"{path}: can't read class names: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: can't read class names: not in UTF-8") from error


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]


def _combined(parts: Sequence[str], path: Path) -> str:
    return hashlib.sha256("".join(parts).encode()).hexdigest() if path.is_dir() else parts[0]


@lru_cache(maxsize=1 << 16)
def _file_digest(path: Path, _written: int, _size: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
