"""What was found out about a data set's pictures before, so that a file is read once and not at every run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from generator.cache.entries import Cache
from generator.datasets.sources import DataSet, Source, open_source, read_dataset


def known_dataset(path: Path, cache: Cache, say: Callable[[str], None]) -> DataSet:
    """The data set at a path; digests of files that are as they were at the last time are not taken again.

    `say` is told when it is read for the first time. Raises UserError as `read_dataset` does.
    """
    name = f"datasets/{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]}"
    memory = cache.recall(name)
    if memory is None:
        say(f"Reading {path} ...")
    source = _Remembering(open_source(path), memory if isinstance(memory, dict) else {})
    found = read_dataset(path, source)
    if source.changed:
        cache.remember(name, source.now)
    return found


class _Remembering:
    """A source that asks another only for the digests that it does not know."""

    def __init__(self, source: Source, before: dict[str, list[object]]) -> None:
        self._source, self._before = source, before
        self.now: dict[str, list[object]] = {}
        self.names, self.image, self.stamp = source.names, source.image, source.stamp

    def digest(self, name: str) -> str:
        stamp = list(self._source.stamp(name))
        known = self._before.get(name)
        if isinstance(known, list) and known[:-1] == stamp and isinstance(known[-1], str):
            digest = known[-1]
        else:
            digest = self._source.digest(name)
        self.now[name] = [*stamp, digest]
        return digest

    @property
    def changed(self) -> bool:
        return self.now != self._before
