"""The cache as a build found it: what changes there meanwhile counts as not there, on every page alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from generator.cache.entries import Cache, Stamp
from generator.cache.records import Failure, Record
from generator.evidence.facts import LayerFacts


class CacheSnapshot:
    """Which entries and failures a cache held at one moment, and what is in them while they stay as they are.

    A renderer may fill the cache, or render anew with `--force`, while a gallery is written.
    """

    def __init__(self, cache: Cache, stamps: Mapping[str, Stamp]) -> None:
        self._cache = cache
        self._stamps = stamps
        self.changed: set[str] = set()

    @classmethod
    def of(cls, cache: Cache) -> CacheSnapshot:
        """The cache as it is now."""
        return cls(cache, cache.stamps())

    @classmethod
    def filled(cls, cache: Cache, keys: Iterable[str]) -> CacheSnapshot:
        """The cache as if it held all of `keys`, to know every address that a gallery will have."""
        return cls(cache, dict.fromkeys(keys, Stamp(0, 0, failed=False)))

    def stamp(self, key: str) -> Stamp | None:
        """The stamp of an entry or a failure; None where there is neither."""
        return self._stamps.get(key)

    def has_entry(self, key: str) -> bool:
        """Whether there was a finished picture."""
        stamp = self._stamps.get(key)
        return stamp is not None and not stamp.failed

    def picture_path(self, key: str) -> Path:
        """Where the lossless picture of an entry is; check with `record` what was read from there."""
        return self._cache.picture_path(key)

    def animation_path(self, key: str, kind: str) -> Path:
        """Where the animation of an entry is, if it has one; likewise."""
        return self._cache.animation_path(key, kind)

    def is_moving(self, key: str, kind: str) -> bool:
        """Whether an entry has an animation of that kind, webp or gif."""
        return self.has_entry(key) and kind in self._stamps[key].kinds

    def record(self, key: str) -> Record | None:
        """The record of an entry, if it is still the one of the snapshot.

        Whatever was read of the entry before this call is of the snapshot too, for a renderer removes the
        record before it replaces anything else.
        """
        if not self.has_entry(key):
            return None
        record = self._cache.get(key)
        if not self._is_unchanged(key, self._cache.record_path(key)):
            return None
        return record

    def file(self, key: str, kind: str) -> bytes | None:
        """A file of an entry that is no picture of ours; None where there is none that is whole."""
        return self._cache.read(key, kind) if self.has_entry(key) else None

    def facts(self, key: str) -> LayerFacts | None:
        """The evidence on a layer that stands under a key; None where there is none that can be read."""
        data = self.file(key, "facts")
        try:
            return None if data is None else LayerFacts.from_json(data)
        except ValueError:
            return None

    def failure(self, key: str) -> Failure | None:
        """Why there was no picture, if that was tried and is still so."""
        stamp = self._stamps.get(key)
        if stamp is None or not stamp.failed:
            return None
        failure = self._cache.failure(key)
        return failure if self._is_unchanged(key, self._cache.failure_path(key)) else None

    def _is_unchanged(self, key: str, path: Path) -> bool:
        try:
            state = path.stat()
            same = (state.st_mtime_ns, state.st_size) == self._stamps[key][:2]
        except OSError:
            same = False
        if not same:
            self.changed.add(key)
        return same
