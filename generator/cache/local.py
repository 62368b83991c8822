"""A folder of this machine as a store."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

from filelock import FileLock, Timeout

from generator.cache.holder import Holder, Waiting, busy
from generator.cache.store import State
from generator.errors import CacheError

_HOLDER = "render.json"


class LocalStore:
    """Files in a folder, which is made when the first is written. See Store for what each method does.

    Version 0.1.0 had 256 folders of entries and one of failures. What lies there is found and listed under
    the names of today; it moves when it is written again.
    """

    at_once = 1

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def here(self) -> Path:
        """The folder itself."""
        return self.folder

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
        write_atomically(own_path(self.folder, name), data, durable=durable)
        if old := self._old_place(name):
            self._remove_old(old)

    def put_all(self, files: Mapping[str, bytes]) -> None:
        """Write several, one after the other."""
        for name, data in files.items():
            self.put(name, data)

    def delete(self, names: Iterable[str]) -> None:
        """Remove files, as far as there are any."""
        for name in names:
            _remove(own_path(self.folder, name))
            if old := self._old_place(name):
                self._remove_old(old)

    def list(self, prefix: str = "") -> Iterator[tuple[str, State]]:
        """All files whose name starts with `prefix`."""
        waiting = [prefix.rpartition("/")[0]]
        if prefix.startswith("entries/") and prefix != "entries/":
            waiting += {f"entries/{prefix[8:10]}"} & self._old_folders
        while waiting:
            folder = waiting.pop()
            old = folder in self._old_folders
            for name, entry in self._old_entries(folder) if old else self._entries(folder):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{folder}/{entry.name}" if folder else entry.name)
                elif name.startswith(prefix):
                    try:
                        found = entry.stat()
                    except FileNotFoundError:
                        continue  # removed or renamed since the folder was read
                    yield name, State(found.st_size, found.st_mtime_ns)

    def _entries(self, folder: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """What is in a folder, by its name."""
        start = f"{folder}/" if folder else ""
        return ((start + entry.name, entry) for entry in _scan(self.folder / folder))

    def _old_entries(self, folder: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """The same of what lies where version 0.1.0 put it, by the name of today and key by key; what was
        written again since is left out."""
        with os.scandir(self.folder / folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            name = f"{folder.partition('/')[0]}/{entry.name[:3]}/{entry.name}"
            if not (self.folder / name).exists():
                yield name, entry

    def path(self, name: str) -> Path:
        """Where the file of that name is or would be."""
        path = self.folder / name
        old = self._old_place(name)
        return old if old is not None and not path.exists() and old.exists() else path

    @cached_property
    def _old_folders(self) -> frozenset[str]:
        """Folders as they were named in version 0.1.0."""
        entries = {name for name, _ in self._entries("entries") if len(name) == len("entries/3f")}
        flat = any(entry.is_file() for _, entry in self._entries("failures"))
        return frozenset(entries | ({"failures"} if flat else set()))

    def _old_place(self, name: str) -> Path | None:
        """Where version 0.1.0 kept a file of that name; None in a cache that it never wrote."""
        top, _, rest = name.partition("/")
        folder = f"entries/{rest[:2]}" if top == "entries" else top
        if folder not in self._old_folders:
            return None
        return self.folder / folder / rest.rpartition("/")[2]

    def _remove_old(self, path: Path) -> None:
        _remove(own_path(self.folder, path.relative_to(self.folder).as_posix()))

    # -- what a store that is far away needs -------------------------------------------------------

    def ahead(self, names: Collection[str], *, states: bool = False) -> None:
        """Nothing: a file is as quick to read by itself."""

    def fetch(self, paths: Collection[Path]) -> None:
        """Nothing: they are there."""

    def release(self, paths: Collection[Path]) -> None:
        """Nothing."""

    # -- runs --------------------------------------------------------------------------------------

    @contextmanager
    def only_run(self, waiting: Waiting | None = None) -> Iterator[None]:
        """Be the only run that writes here meanwhile, by a lock that ends with the process."""
        lock = FileLock(self.folder / "render.lock")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._acquire(lock, waiting)
            write_atomically(self.folder / _HOLDER, Holder.me().written, durable=False)
        except OSError as error:
            raise CacheError(f"{self.folder}: can't be used as a cache: {error.strerror or error}") from error
        try:
            yield
        finally:
            with suppress(CacheError):  # who holds nothing is not believed
                _remove(self.folder / _HOLDER)
            lock.release()

    def _acquire(self, lock: FileLock, waiting: Waiting | None) -> None:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            holder = Holder.read(self.get(_HOLDER))
            if waiting is None:
                raise CacheError(
                    f"{self.folder}: {busy(holder)}; wait until it is done, or let --wait do so"
                ) from None
            waiting(holder)
            lock.acquire(poll_interval=0.5)

    def holder(self) -> Holder | None:
        """Whoever has the lock, by what it wrote down."""
        lock = FileLock(self.folder / "render.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return Holder.read(self.get(_HOLDER))
        except OSError:
            return None
        lock.release()
        return None


class ReadOnlyStore(LocalStore):
    """The same, of which nothing is changed: CacheError for whoever tries."""

    def put(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """Refuse."""
        raise CacheError(f"{self.path(name)}: opened for reading only")

    def delete(self, names: Iterable[str]) -> None:
        """Refuse."""
        raise CacheError(f"{self.folder}: opened for reading only")


def own_path(folder: Path, name: str) -> Path:
    """Where to write or remove the file of that name in a cache's folder, which may come from a stranger.

    Raises CacheError when that would be outside: by the name itself or behind a link among its folders.
    """
    *above, file = name.split("/")
    if {"", ".", ".."} & {*above, file} or "\\" in name or "\0" in name:
        raise CacheError(f"{folder}: {name!r} is no name of a file of a cache")
    path = folder
    for part in above:
        path = path / part
        if path.is_symlink():
            raise CacheError(
                f"{path}: is a link, and nothing is written or removed behind one; put the folder itself "
                "there, or keep the whole cache elsewhere and name that place by `cache`"
            )
    return path / file


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise CacheError(f"{path}: can't be removed: {error.strerror or error}") from error


def _scan(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What is in a folder, which stays open as long as that is looked at: a file's state is then found
    without walking its whole path."""
    try:
        opened = os.open(folder, os.O_RDONLY) if os.scandir in os.supports_fd else folder
    except OSError:
        return
    try:
        with os.scandir(opened) as found:
            yield from list(found)
    except OSError:
        return
    finally:
        if isinstance(opened, int):
            os.close(opened)


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
