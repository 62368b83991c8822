"""A folder of this machine as a store."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from generator.cache.store import State
from generator.errors import CacheError


class LocalStore:
    """Files in a folder, which is made when the first is written. See Store for what each method does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def state(self, name: str) -> State | None:
        """Size and time of a file, or None if there is none."""
        try:
            found = self.path(name).stat()
        except OSError:
            return None
        return State(found.st_size, found.st_mtime_ns)

    def get(self, name: str) -> bytes | None:
        """What is in a file; None if there is none or it can't be read."""
        try:
            return self.path(name).read_bytes()
        except OSError:
            return None

    def put(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """Write a file, whole or not at all; CacheError when it can't be written."""
        write_atomically(self.path(name), data, durable=durable)

    def delete(self, name: str) -> None:
        """Remove a file if there is one."""
        path = self.path(name)
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            raise CacheError(f"{path}: can't be removed: {error.strerror or error}") from error

    def list(self, prefix: str = "") -> Iterator[tuple[str, State]]:
        """All files whose name starts with `prefix`."""
        above = prefix.rpartition("/")[0]
        waiting = [above] if above else [""]
        while waiting:
            folder = waiting.pop()
            for entry in _scan(self.folder / folder):
                name = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(name)
                elif name.startswith(prefix):
                    with suppress(FileNotFoundError):  # removed or renamed since the folder was read
                        found = entry.stat()
                        yield name, State(found.st_size, found.st_mtime_ns)

    def path(self, name: str) -> Path:
        """Where the file of that name is or would be."""
        return self.folder / name


class ReadOnlyStore(LocalStore):
    """The same, of which nothing is changed: CacheError for whoever tries."""

    def put(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """Refuse."""
        raise CacheError(f"{self.path(name)}: opened for reading only")

    def delete(self, name: str) -> None:
        """Refuse."""
        raise CacheError(f"{self.path(name)}: opened for reading only")


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []


def write_atomically(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write `data` to `path` so that a reader sees the old file or the new one, never a part.

    `durable` waits until file and folder are on the disk, so that a power cut can't undo it.

    Raises CacheError when the folder can't be written or the disk is full.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        _make_folder(path.parent)
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        temporary.replace(path)
        if durable:
            _flush_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise CacheError(f"{path}: can't write: {error.strerror or error}") from error


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it where they are not there; their names are flushed as files' are."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _flush_folder(folder.parent)


def _flush_folder(folder: Path) -> None:
    """Bring a folder's names to the disk: without that, a power cut may undo a rename."""
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows can't open folders; there, renames are journaled
    with suppress(PermissionError):  # a folder above the cache that we may pass but not read
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(opened)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems that can't flush folders
                raise
        finally:
            os.close(opened)
