"""An object store (S3, Google Cloud Storage, Azure ...) as a store, through fsspec.

A put is one request and one object: whole or absent. Where many files are wanted, requests run together;
what fails is tried again by the store's own library, with growing pauses (see connecting.py).
"""

from __future__ import annotations

import atexit
import hashlib
import inspect
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from generator.cache.connecting import CONNECTIONS, connect, is_no_bucket, told
from generator.cache.holder import Holder, Waiting
from generator.cache.lease import holder_of, lease
from generator.cache.store import State
from generator.errors import CacheError

T = TypeVar("T")
R = TypeVar("R")
Listing = list[tuple[str, State]]


class ObjectStore:
    """Objects under an address. See Store for what each method does."""

    at_once = 256

    def __init__(self, address: str) -> None:
        self.address = address
        self._fs, self._root = connect(address)
        self._read: dict[str, bytes | None] = {}
        self._seen: dict[str, State | None] = {}

    @property
    def here(self) -> Path:
        """A folder among the user's caches, named after the address."""
        home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        return home / "pocket-microscope" / hashlib.sha256(self.address.encode()).hexdigest()[:16]

    # -- one file ----------------------------------------------------------------------------------

    def state(self, name: str) -> State | None:
        """Size and time of an object, or None if there is none."""
        return self._seen.pop(name) if name in self._seen else self._state(name)

    def _state(self, name: str) -> State | None:
        with self._telling(missing=True):
            return _state(self._fs.info(self._full(name)))
        return None

    def get(self, name: str) -> bytes | None:
        """What is in an object; None if there is none."""
        if name in self._read:
            return self._read.pop(name)
        with self._telling(missing=True):
            return bytes(self._fs.cat_file(self._full(name)))
        return None

    def put(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """Write an object; the store answers when it is kept."""
        with self._telling():
            self._fs.pipe_file(self._full(name), data)

    def put_new(self, name: str, data: bytes) -> bool:
        """Write an object unless there is one; returns whether there was none."""
        try:
            self._fs.pipe_file(self._full(name), data, mode="create")
        except FileExistsError:
            return False
        except Exception as error:
            if "Precondition" in f"{error!r} {error.__cause__!r}":
                return False
            self.put(name, data)  # a store that knows no condition; or one that is really in trouble
        return True

    # -- many --------------------------------------------------------------------------------------

    def ahead(self, names: Collection[str], *, states: bool = False) -> None:
        """Get these together, each to be read once."""
        self._read = self._cat(names)
        # In this order: what changes in between then differs from what was read.
        self._seen = dict(zip(names, self._each(self._state, names), strict=True)) if states else {}

    def _cat(self, names: Iterable[str]) -> dict[str, bytes | None]:
        """The content of each; None where there is none."""
        found: dict[str, bytes | None] = {}
        paths = {self._full(name): name for name in names}
        with self._telling():
            # A list, and several: of one path fsspec gives the bare bytes.
            read = self._fs.cat([*paths, *paths], on_error="return") if paths else {}
            for path, data in read.items():
                if isinstance(data, FileNotFoundError) and not is_no_bucket(data):
                    found[paths[path]] = None
                elif isinstance(data, Exception):
                    raise data
                else:
                    found[paths[path]] = bytes(data)
        return found

    def put_all(self, files: Mapping[str, bytes]) -> None:
        """Write several at a time."""
        with self._telling():
            self._fs.pipe({self._full(name): data for name, data in files.items()})

    def delete(self, names: Iterable[str]) -> None:
        """Remove objects, as far as there are any."""
        paths = [self._full(name) for name in names]
        if not paths:
            return
        with self._telling():
            try:
                self._fs.rm(paths)
            except FileNotFoundError as error:
                if is_no_bucket(error):
                    raise
                for path in paths:  # one that is gone must not keep the others
                    with suppress(FileNotFoundError):
                        self._fs.rm_file(path)

    def list(self, prefix: str = "") -> Iterator[tuple[str, State]]:
        """All objects whose name starts with `prefix`, sorted; a thousand in each request."""
        if self._lists_by_prefix and prefix == "entries/":
            parts: Iterable[str] = (f"{prefix}{digit:x}" for digit in range(16))
            for found in self._each(self._listed, parts):
                yield from found
        else:
            yield from self._listed(prefix)

    def _listed(self, prefix: str) -> Listing:
        folder, _, start = prefix.rpartition("/")
        more = {"prefix": start} if start and self._lists_by_prefix else {}
        with self._telling():
            found = self._fs.find(self._full(folder).rstrip("/"), detail=True, **more)
        cut = len(self._root) + 1
        named = ((path[cut:], facts) for path, facts in found.items())
        return sorted((name, _state(facts)) for name, facts in named if name.startswith(prefix))

    @cached_property
    def _lists_by_prefix(self) -> bool:
        find = getattr(self._fs, "_find", None) or self._fs.find
        return "prefix" in inspect.signature(find).parameters

    def _each(self, do: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Requests that run together; results in order."""
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            yield from pool.map(do, items)

    # -- on this machine ---------------------------------------------------------------------------

    def path(self, name: str) -> Path:
        """Where an object is once it was fetched."""
        return self._copies / name

    @cached_property
    def _copies(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="pocket-microscope-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def fetch(self, paths: Collection[Path]) -> None:
        """Copy objects into a temporary folder, gone when this process ends."""
        names = [path.relative_to(self._copies).as_posix() for path in paths]
        for start in range(0, len(names), self.at_once):
            for name, data in self._cat(names[start : start + self.at_once]).items():
                path = self.path(name)
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.unlink(missing_ok=True)
                    if data is not None:
                        path.write_bytes(data)
                except OSError as error:
                    raise CacheError(f"{path}: can't write: {error.strerror or error}") from error

    def release(self, paths: Collection[Path]) -> None:
        """Remove those copies."""
        for path in paths:
            path.unlink(missing_ok=True)

    # -- runs --------------------------------------------------------------------------------------

    def only_run(self, waiting: Waiting | None = None) -> AbstractContextManager[None]:
        """By an object that says who renders and until when; see lease.py."""
        return lease(self, waiting)

    def holder(self) -> Holder | None:
        """Whoever has the lease."""
        return holder_of(self)

    def _full(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _telling(self, *, missing: bool = False) -> Iterator[None]:
        """Turn what goes wrong into a line; that a file is not there may be right (`missing`)."""
        try:
            yield
        except FileNotFoundError as error:
            if not missing or is_no_bucket(error):
                raise CacheError(told(self.address, error)) from error
        except CacheError:
            raise
        except Exception as error:  # each store's library has errors of its own
            raise CacheError(told(self.address, error)) from error


class ReadOnlyObjects(ObjectStore):
    """The same, of which nothing is changed: CacheError for whoever tries."""

    def put(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """Refuse."""
        raise CacheError(f"{self.address}/{name}: opened for reading only")

    def put_all(self, files: Mapping[str, bytes]) -> None:
        """Refuse."""
        raise CacheError(f"{self.address}: opened for reading only")

    def delete(self, names: Iterable[str]) -> None:
        """Refuse."""
        raise CacheError(f"{self.address}: opened for reading only")


_TIMES = ("LastModified", "last_modified", "mtime", "updated", "created")
_TAGS = ("ETag", "etag", "md5Hash", "content_settings")


def _state(facts: Mapping[str, Any]) -> State:
    """Size and time from what fsspec tells of an object.

    A store's clock may count whole seconds, and look differently in a list: below the second stands what
    differs with the content.
    """
    time = next((found for name in _TIMES if (found := facts.get(name)) is not None), 0)
    if isinstance(time, str):
        time = datetime.fromisoformat(time)
    seconds = time.timestamp() if isinstance(time, datetime) else float(time)
    tag = next((str(found) for name in _TAGS if (found := facts.get(name))), "")
    if not tag:
        return State(int(facts["size"]), int(seconds * 1e9))
    below = int(hashlib.sha256(tag.strip('"').encode()).hexdigest()[:12], 16) % 1_000_000_000
    return State(int(facts["size"]), int(seconds) * 1_000_000_000 + below)
