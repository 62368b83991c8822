"""Where a cache's files are kept: what every kind of store can do, so that entries need not know which it is.

A name is a path with slashes, `entries/3f9/3f9a...e1.png`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from generator.cache.holder import Holder, Waiting


class State(NamedTuple):
    """A stored file: its size in bytes and when it was written, in nanoseconds.

    A file that is written again has another time, even if the store's clock has not moved on.
    """

    size: int
    written: int


class Store(Protocol):
    """Named files, each written whole or not at all. All methods raise CacheError when the store can't be
    reached or refuses."""

    @property
    def at_once(self) -> int:
        """How many files it is worth asking for together; 1 where each is as quick by itself."""

    @property
    def here(self) -> Path:
        """A folder of this machine for what is of use on it alone."""

    def state(self, name: str) -> State | None:
        """Size and time of a file, or None if there is none."""

    def get(self, name: str) -> bytes | None:
        """What is in a file; None if there is none or it can't be read."""

    def ahead(self, names: Collection[str], *, states: bool = False) -> None:
        """These are read next, with `states` looked at too: a store that is far away gets them together.

        Each is then read from there once. Calling it again forgets what was not read.
        """

    def put(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """Write a file so that a reader sees the old one or the new one, never a part.

        `durable` waits until a power cut can't undo it.
        """

    def put_all(self, files: Mapping[str, bytes]) -> None:
        """Write several, each like that."""

    def delete(self, names: Iterable[str]) -> None:
        """Remove files, as far as there are any, in the order given where the store has one."""

    def list(self, prefix: str = "") -> Iterator[tuple[str, State]]:
        """All files whose name starts with `prefix`, folder by folder; much faster than reading them.

        What a killed writer left behind is listed too, under a name that ends in `.tmp`.
        """

    def path(self, name: str) -> Path:
        """The path on this machine for libraries that want one: there after `fetch`."""

    def fetch(self, paths: Collection[Path]) -> None:
        """Bring files to their paths, where they are not there anyway; those that there are."""

    def release(self, paths: Collection[Path]) -> None:
        """What was fetched is no longer needed."""

    def only_run(self, waiting: Waiting | None = None) -> AbstractContextManager[None]:
        """Be the only run that writes here meanwhile. When another is, CacheError, or with `waiting` wait."""

    def holder(self) -> Holder | None:
        """Who is the only run at the moment; None where nobody is, or that can't be told."""
