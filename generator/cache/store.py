"""Where a cache's files are kept: what every kind of store can do, so that entries need not know which it is.

A name is a path with slashes, `entries/3f/3f9a...e1.png`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol


class State(NamedTuple):
    """A stored file: its size in bytes and when it was written, in nanoseconds."""

    size: int
    written: int


class Store(Protocol):
    """Named files, each written whole or not at all."""

    def state(self, name: str) -> State | None:
        """Size and time of a file, or None if there is none."""

    def get(self, name: str) -> bytes | None:
        """What is in a file; None if there is none or it can't be read."""

    def put(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """Write a file so that a reader sees the old one or the new one, never a part.

        `durable` waits until a power cut can't undo it. Raises CacheError when it can't be written.
        """

    def delete(self, name: str) -> None:
        """Remove a file if there is one."""

    def list(self, prefix: str = "") -> Iterator[tuple[str, State]]:
        """All files whose name starts with `prefix`, folder by folder; much faster than reading them.

        What a killed writer left behind is listed too, under a name that ends in `.tmp`.
        """

    def path(self, name: str) -> Path:
        """A path on this machine at which a file can be read, for libraries that want one."""
