"""The cache as a build found it: what changes there meanwhile counts as not there, on every page alike."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from generator.cache.contents import Stamp
from generator.cache.encoding import RECORD, entry_name, failure_name
from generator.cache.entries import Cache
from generator.cache.records import Failure, Record
from generator.evidence.atlas_facts import AtlasFacts
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
    def of(cls, cache: Cache, wanted: Collection[str]) -> CacheSnapshot:
        """The cache as it is now, as far as these keys are concerned."""
        return cls(cache, cache.stamps(wanted))

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

    @property
    def is_near(self) -> bool:
        """Whether files are read where they are."""
        return self._cache.store.at_once == 1

    def picture_place(self, key: str) -> str:
        """The same for a message: where a user finds it."""
        place = self._cache.place
        return f"{place}/{entry_name(key, 'png')}" if isinstance(place, str) else str(self.picture_path(key))

    def fetch(self, paths: Collection[Path]) -> None:
        """See to it that pictures are at their paths, those that there are."""
        self._cache.store.fetch(paths)

    def release(self, paths: Collection[Path]) -> None:
        """Pictures that were fetched are no longer needed."""
        self._cache.store.release(paths)

    @contextmanager
    def fetched(self, paths: Collection[Path]) -> Iterator[None]:
        """Have pictures at their paths meanwhile."""
        self.fetch(paths)
        try:
            yield
        finally:
            self.release(paths)

    def animation(self, key: str, kind: str) -> bytes:
        """The animation of an entry, nothing where it has none; likewise."""
        return self._cache.store.get(entry_name(key, kind)) or b""

    def ahead(self, keys: Collection[str], kind: str = RECORD) -> None:
        """These records, or files of a kind, are read next."""
        names = [entry_name(key, kind) for key in keys]
        self._cache.store.ahead(names, states=kind == RECORD)

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
        if not self._is_unchanged(key, entry_name(key, RECORD)):
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

    def atlas(self, key: str) -> AtlasFacts | None:
        """The facts of an atlas, likewise."""
        data = self.file(key, "facts")
        try:
            return None if data is None else AtlasFacts.from_json(data)
        except ValueError:
            return None

    def failure(self, key: str) -> Failure | None:
        """Why there was no picture, if that was tried and is still so."""
        stamp = self._stamps.get(key)
        if stamp is None or not stamp.failed:
            return None
        failure = self._cache.failure(key)
        return failure if self._is_unchanged(key, failure_name(key)) else None

    def _is_unchanged(self, key: str, name: str) -> bool:
        state = self._cache.store.state(name)
        same = state is not None and (state.written, state.size) == self._stamps[key][:2]
        if not same:
            self.changed.add(key)
        return same
