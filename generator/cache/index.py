"""Which entries were found whole, by the sizes and times of their files, so that none is read twice.

An entry is judged by reading its record, which takes forty times as long as looking at its files. The
index is a memory only: without it, or with entries that it does not know, they are read again. It holds 24
bytes for each: the start of its key and a sum of its files' states.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from generator.cache.store import State, Store
from generator.errors import CacheError

NAME = "index"
_START = b"whole entries 2\n"
_EACH = 24


class Index:
    """What was judged before; `close` keeps it for next time if it changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._before = _read(store)
        self._now = bytearray()
        self._fresh = False

    def __len__(self) -> int:
        """How many entries were known before."""
        return len(self._before)

    def has(self, key: str, files: Mapping[str, State]) -> bool:
        """Whether an entry was found whole and none of its files has changed since."""
        return _mark(key, files) in self._before

    def knows(self, key: str, files: Mapping[str, State]) -> bool:
        """The same of an entry that is there; what is neither known nor added is forgotten."""
        mark = _mark(key, files)
        if mark not in self._before:
            return False
        self._now += mark
        return True

    def add(self, key: str, files: Mapping[str, State]) -> None:
        """An entry was found whole."""
        self._now += _mark(key, files)
        self._fresh = True

    def close(self, *, complete: bool) -> None:
        """Keep what was judged; unless every entry was asked for (`complete`), with what was before.

        A cache that can't be written is read again next time.
        """
        if self._fresh or (complete and len(self._now) != _EACH * len(self._before)):
            now = self._now if complete else b"".join([*self._before, self._now])
            with suppress(CacheError):
                self._store.put(NAME, _START + now, durable=False)


def _mark(key: str, files: Mapping[str, State]) -> bytes:
    """Differs when the key or any size or time does."""
    states = sum(map(hash, files.values())) % 2**64
    return b"%-16.16b%b" % (key.encode(errors="surrogateescape"), states.to_bytes(8, "little"))


def _read(store: Store) -> set[bytes]:
    data = store.get(NAME) or b""
    if not data.startswith(_START):
        return set()
    return {data[at : at + _EACH] for at in range(len(_START), len(data), _EACH)}
