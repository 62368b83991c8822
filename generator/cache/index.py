"""Which entries were found whole, by the sizes and times of their files, so that none is read twice.

An entry is judged by reading its record, which takes forty times as long as looking at its files. The
index is a memory only: without it, or with entries that it does not know, they are read again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress

from generator.cache.store import State, Store
from generator.errors import CacheError

NAME = "index.json"


class Index:
    """What was judged before; `close` keeps it for next time if it changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._before = _read(store)
        self._fresh: dict[str, int] = {}

    def knows(self, key: str, files: Mapping[str, State]) -> bool:
        """Whether an entry was found whole and none of its files has changed since."""
        return self._before.get(key) == _mark(files)

    def add(self, key: str, files: Mapping[str, State]) -> None:
        """An entry was found whole."""
        self._fresh[key] = _mark(files)

    def close(self, entries: Collection[str]) -> None:
        """Keep what was judged of the entries that there are.

        A cache that can't be written is read again next time.
        """
        if self._fresh or len(entries) != len(self._before):
            now = {key: self._fresh[key] if key in self._fresh else self._before[key] for key in entries}
            with suppress(CacheError):
                self._store.put(NAME, json.dumps(now).encode(), durable=False)


def _mark(files: Mapping[str, State]) -> int:
    """A number that differs when any size or time does."""
    return sum(map(hash, files.values()))


def _read(store: Store) -> dict[str, int]:
    try:
        known = json.loads(store.get(NAME) or b"")
    except ValueError:
        return {}
    return known if isinstance(known, dict) else {}
