"""The cache: a content-addressed store of finished things, and the one place that knows its names.

    cache/
      entries/3f/3f9a...e1.png    a file of the entry: of a picture its lossless form
      entries/3f/3f9a...e1.webp   another: the animation of its making (or .gif), if the recipe asks for one
      entries/3f/3f9a...e1.json   its record, which names its files; written last
      failures/3f9a...e1.json     why something could not be made; removed when it is
      models/<digest>.json        what is known of a network, so that planning need not open it
      timings.json                what was measured on this machine
      index.json                  which entries were found whole (see index.py)
      gallery/<digest>.json       what each page and picture of a gallery was made from

Every file is written beside its place, flushed and renamed: a run killed at any instant leaves whole
entries, and stray `*.tmp` files that `prune` removes. An entry whose record can't be read, is another
key's, or names files that are not there in their size, is no entry.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from generator.cache.checking import BrokenEntry, read_whole
from generator.cache.encoding import (
    RECORD,
    Entry,
    Facts,
    entry_name,
    failure_name,
    json_bytes,
    key_of,
    read_record,
    written_record,
)
from generator.cache.index import Index
from generator.cache.local import LocalStore, ReadOnlyStore
from generator.cache.records import Failure, Record
from generator.cache.store import State, Store


class Stamp(NamedTuple):
    """What changes when an entry or failure does: when its record was written (nanoseconds) and its size,
    and the same of its files, by kind."""

    written: int
    size: int
    failed: bool
    files: tuple[tuple[str, State], ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its files."""
        return tuple(kind for kind, _ in self.files)


@dataclass(frozen=True)
class Snapshot:
    """What a cache held at one moment: the whole entries, and the failures, by key."""

    entries: Mapping[str, Stamp]
    failures: Mapping[str, Stamp]


class Cache:
    """A folder of entries; see the module's text for its shape."""

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = folder
        self.store: Store = ReadOnlyStore(folder) if read_only else LocalStore(folder)

    # -- entries of any kind -----------------------------------------------------------------------

    def put_entry(self, key: str, record: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
        """Store files by kind, and their record last. Raises ValueError for a record that is no JSON, and
        CacheError when the store can't be written."""
        self.put_written(key, written_record(key, record, files), files)

    def put_written(self, key: str, record: bytes, files: Mapping[str, bytes]) -> None:
        """The same with a record as it stands in a cache; `read_whole` has vouched for it and the files."""
        # Rendered again by --force: a kill between the writes must not leave old words on a new picture.
        self.store.delete(entry_name(key, RECORD))
        for kind, data in files.items():
            self.store.put(entry_name(key, kind), data)
        self.store.put(entry_name(key, RECORD), record)
        self.store.delete(failure_name(key))

    def entry(self, key: str) -> Entry | None:
        """What is known of `key`, or None when its record can't be read or is another's.

        Whether its files are whole, `in` and `snapshot` say.
        """
        return read_record(key, self.store.get(entry_name(key, RECORD)))

    def read(self, key: str, kind: str) -> bytes | None:
        """A file of an entry; None when there is no such file, or it is not the one that was stored."""
        entry = self.entry(key)
        data = self.store.get(entry_name(key, kind)) if entry and kind in entry.files else None
        if entry is None or data is None:
            return None
        return data if hashlib.sha256(data).hexdigest() == entry.files[kind].sha256 else None

    def __contains__(self, key: str) -> bool:
        return self._is_whole(key, lambda kind: self.store.state(entry_name(key, kind)))

    def _is_whole(self, key: str, state: Callable[[str], State | None]) -> bool:
        """Whether the record can be read, and each file that it names is there in its size."""
        entry = self.entry(key)
        return entry is not None and all(
            self._is_file(key, kind, facts, state(kind)) for kind, facts in entry.files.items()
        )

    def _is_file(self, key: str, kind: str, facts: Facts, state: State | None) -> bool:
        if facts.size is not None:
            return state is not None and state.size == facts.size
        data = self.store.get(entry_name(key, kind))
        return data is not None and hashlib.sha256(data).hexdigest() == facts.sha256

    def remove(self, key: str) -> None:
        """Forget an entry; the record goes first, so that a kill between leaves no false entry."""
        names = [name for name, _ in self.store.list(entry_name(key, ""))]
        for name in sorted(names, key=lambda name: not name.endswith(RECORD)):
            self.store.delete(name)

    # -- pictures ----------------------------------------------------------------------------------

    def put(self, record: Record, picture: bytes, animation: bytes = b"") -> None:
        """Store a finished picture (PNG bytes), the animation of its making if there is one, and its record.

        `record.extra["animation"]` says what the animation is, webp or gif.
        """
        moving = {record.extra["animation"]: animation} if animation else {}
        self.put_entry(record.key, record.to_json(), {"png": picture, **moving})

    def get(self, key: str) -> Record | None:
        """The record of a picture, or None when there is none that can be read."""
        entry = self.entry(key)
        if entry is None or "png" not in entry.files:
            return None
        return replace(Record.from_json(entry.record), picture_sha256=entry.files["png"].sha256)

    def picture_path(self, key: str) -> Path:
        """Where the lossless picture of `key` is or would be."""
        return self.store.path(entry_name(key, "png"))

    def animation_path(self, key: str, kind: str) -> Path:
        """Where the animation of an entry is, `kind` being webp or gif; it need not have one."""
        return self.store.path(entry_name(key, kind))

    def record_path(self, key: str) -> Path:
        """Where the record of `key` is or would be."""
        return self.store.path(entry_name(key, RECORD))

    # -- all at once -------------------------------------------------------------------------------

    def keys(self) -> set[str]:
        """Keys of all whole entries."""
        return set(self.snapshot().entries)

    def snapshot(self) -> Snapshot:
        """What is there now. Reads the records of entries that are new or changed since the last time."""
        index = Index(self.store)
        entries: dict[str, Stamp] = {}
        for key, files in self._files():
            if RECORD in files and not index.knows(key, files):
                if not self._is_whole(key, files.get):
                    continue
                index.add(key, files)
            if RECORD in files:
                record = files.pop(RECORD)
                entries[key] = Stamp(record.written, record.size, False, tuple(sorted(files.items())))
        index.close(entries)
        return Snapshot(entries, self.failures())

    def failures(self) -> dict[str, Stamp]:
        """All failures by key; those of earlier or forced attempts too, which an entry wins over."""
        return {
            key_of(name): Stamp(state.written, state.size, True)
            for name, state in self.store.list("failures/")
            if name.endswith(f".{RECORD}")
        }

    def _files(self) -> Iterator[tuple[str, dict[str, State]]]:
        """Each key that has any file, with its files by kind; leftovers of killed runs are passed over."""
        before, files = "", dict[str, dict[str, State]]()
        for name, state in self.store.list("entries/"):
            folder, _, file = name.rpartition("/")
            if folder != before:
                yield from files.items()
                before, files = folder, {}
            key, _, kind = file.partition(".")
            if not kind.endswith(".tmp"):
                files.setdefault(key, {})[kind] = state
        yield from files.items()

    def stamps(self) -> dict[str, Stamp]:
        """For each whole entry and each failure, what changes when it does."""
        now = self.snapshot()
        # Entries come last, so that they win over a failure of an earlier or forced attempt.
        return {**now.failures, **now.entries}

    # -- failures ----------------------------------------------------------------------------------

    def failure(self, key: str) -> Failure | None:
        """Why `key` could not be made, if that was tried and it is still so."""
        try:
            return Failure.from_json(json.loads(self.store.get(failure_name(key)) or b""))
        except ValueError:
            return None

    def put_failure(self, failure: Failure) -> None:
        """Keep why something failed; a later success removes it."""
        self.store.put(failure_name(failure.key), json_bytes(asdict(failure)))

    def failure_path(self, key: str) -> Path:
        """Where the reason is kept why `key` could not be made."""
        return self.store.path(failure_name(key))

    # -- what else is remembered -------------------------------------------------------------------

    def recall(self, name: str) -> Any:
        """What `remember` kept under a name, `models/<digest>` or `timings`; None if nothing readable is."""
        try:
            return json.loads(self.store.get(f"{name}.json") or b"")
        except ValueError:
            return None

    def remember(self, name: str, value: object) -> None:
        """Keep a plain JSON value under a name; CacheError when it can't be written."""
        self.store.put(f"{name}.json", json_bytes(value))

    def gallery_path(self, output: Path) -> Path:
        """Where it is kept what the gallery in `output` was made from, so that a rebuild is quick."""
        digest = hashlib.sha256(str(output.resolve()).encode()).hexdigest()[:16]
        return self.store.path(f"gallery/{digest}.json")

    @property
    def lock_path(self) -> Path:
        """Held while a run renders into this cache."""
        return self.folder / "render.lock"

    # -- upkeep ------------------------------------------------------------------------------------

    def recorded(self) -> list[str]:
        """Keys of all entries, broken ones included."""
        return sorted(key for key, files in self._files() if RECORD in files)

    def verify(self) -> Iterator[tuple[str, str]]:
        """Check every entry, reading every file; yields (key, what is wrong) for each that is not whole."""
        for key in self.recorded():
            try:
                read_whole(key, self.store)
            except BrokenEntry as broken:
                yield key, str(broken)

    def prune(self, keep: Collection[str], *, dry_run: bool = False) -> tuple[int, int]:
        """Remove entries and failures whose key is not in `keep`, and stray temporary files.

        Returns how many files there were to remove, and their bytes. With `dry_run` nothing is removed.
        """
        kept = set(keep)
        doomed = {
            name: state.size
            for name, state in self.store.list()
            if name.endswith(".tmp")
            or (name.startswith(("entries/", "failures/")) and key_of(name) not in kept)
        }
        # Records end in .json, which sorts before .png: no moment leaves a record without picture.
        for name in [] if dry_run else sorted(doomed):
            self.store.delete(name)
        return len(doomed), sum(doomed.values())
