"""The cache: a content-addressed store of finished things, and the one place that knows its names.

    cache/
      entries/3f9/3f9a...e1.png   a file of the entry: of a picture its lossless form
      entries/3f9/3f9a...e1.webp  another: the animation of its making (or .gif), if the recipe asks for one
      entries/3f9/3f9a...e1.json  its record, which names its files; written last
      failures/3f9/3f9a...e1.json why something could not be made; removed when it is
      broken/3f9a...e1.png        what `verify --fix` has set aside
      models/<digest>.json        what is known of a network, so that planning need not open it
      timings.json                what was measured on this machine
      index                       which entries were found whole (see index.py)
      gallery/<digest>.json       what each page and picture of a gallery was made from

On a disk every file is written beside its place, flushed and renamed: a run killed at any instant leaves
whole entries, and stray `*.tmp` files that `prune` removes. In an object store each is one object, whole or
absent. An entry whose record can't be read, is another key's, or names files that are not there in their
size, is no entry.
"""

from __future__ import annotations

import hashlib
import json
from collections import ChainMap
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

from generator.cache.checking import Whole, read_entry
from generator.cache.contents import Snapshot, Stamp, contents_of, failures_of, files_of, is_whole
from generator.cache.encoding import (
    RECORD,
    Entry,
    broken_name,
    entry_name,
    failure_name,
    json_bytes,
    key_of,
    read_record,
    written_record,
)
from generator.cache.local import LocalStore, ReadOnlyStore, own_path
from generator.cache.records import Failure, Record
from generator.cache.store import Store
from generator.config.addresses import Place


class Cache:
    """A place of entries, a folder or an object store's address; see the module's text for its shape.

    Raises CacheError for an address that can't be opened.
    """

    def __init__(self, place: Place, *, read_only: bool = False) -> None:
        self.place = place
        self.store: Store = _store(place, read_only)

    # -- entries of any kind -----------------------------------------------------------------------

    def put_entry(self, key: str, record: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
        """Store files by kind, and their record last. Raises ValueError for a record that is no JSON, and
        CacheError when the store can't be written."""
        self.put_entries({key: (record, files)})

    def put_entries(self, entries: Mapping[str, tuple[Mapping[str, Any], Mapping[str, bytes]]]) -> None:
        """The same of several by key, each its record and its files."""
        self.put_written(
            {key: (written_record(key, record, files), files) for key, (record, files) in entries.items()}
        )

    def put_written(self, entries: Mapping[str, tuple[bytes, Mapping[str, bytes]]]) -> None:
        """The same with records as they stand in a cache; `read_whole` has vouched for them and the files.

        On a disk they are written one by one, in an object store many together.
        """
        keys = list(entries)
        for some in (keys[at : at + self.store.at_once] for at in range(0, len(keys), self.store.at_once)):
            # Rendered again by --force: a kill between the writes must not leave old words on a new picture.
            self.store.delete([entry_name(key, RECORD) for key in some])
            self.store.put_all(
                {entry_name(key, kind): data for key in some for kind, data in entries[key][1].items()}
            )
            self.store.put_all({entry_name(key, RECORD): entries[key][0] for key in some})
            self.store.delete([failure_name(key) for key in some])

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
        return is_whole(key, self.store, lambda kind: self.store.state(entry_name(key, kind)))

    def remove(self, key: str) -> None:
        """Forget an entry; the record goes first, so that a kill between leaves no false entry."""
        names = {name for name, _ in self.store.list(entry_name(key, ""))}
        record = entry_name(key, RECORD)
        self.store.delete([record])
        self.store.delete(names - {record})

    def set_aside(self, key: str) -> None:
        """Make a broken entry none, and keep what can be read of it under `broken/`, until it is pruned."""
        record = entry_name(key, RECORD)
        names = sorted({name for name, _ in self.store.list(entry_name(key, ""))}, key=lambda n: n != record)
        for name in names:
            data = self.store.get(name)
            if data is not None:
                self.store.put(broken_name(name), data)
            self.store.delete([name])

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
        """Where the lossless picture of `key` is or would be; of an object store, once it was fetched."""
        return self.store.path(entry_name(key, "png"))

    def fetched(self, keys: Collection[str], kind: str = "png") -> dict[str, Path]:
        """The pictures of these keys, or their files of another kind, as files of this machine."""
        paths = {key: self.store.path(entry_name(key, kind)) for key in keys}
        self.store.fetch(paths.values())
        return paths

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

    def snapshot(self, wanted: Collection[str] | None = None) -> Snapshot:
        """What is there now, of all or at least of the `wanted` keys.

        Reads the records of entries that are new or changed since the last time.
        """
        return contents_of(self.store, wanted)

    def failures(self) -> dict[str, Stamp]:
        """All failures by key; those of earlier or forced attempts too, which an entry wins over."""
        return failures_of(self.store)

    def stamps(self, wanted: Collection[str] | None = None) -> Mapping[str, Stamp]:
        """For each whole entry and each failure, or at least for the `wanted`, what changes when it does."""
        now = self.snapshot(wanted)
        # Entries come first, so that they win over a failure of an earlier or forced attempt.
        return ChainMap(cast(Any, now.entries), cast(Any, now.failures))

    # -- failures ----------------------------------------------------------------------------------

    def failure(self, key: str) -> Failure | None:
        """Why `key` could not be made, if that was tried and it is still so."""
        try:
            return Failure.from_json(json.loads(self.store.get(failure_name(key)) or b""))
        except (ValueError, RecursionError):
            return None

    def lasting_failures(self, keys: Iterable[str]) -> dict[str, Failure]:
        """Those of the keys' failures that would come again, by key."""
        listed = list(keys)
        found: dict[str, Failure] = {}
        for at in range(0, len(listed), self.store.at_once):
            some = listed[at : at + self.store.at_once]
            self.store.ahead([failure_name(key) for key in some])
            read = ((key, self.failure(key)) for key in some)
            found |= {key: failure for key, failure in read if failure and failure.lasting}
        return found

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
        except (ValueError, RecursionError):
            return None

    def remember(self, name: str, value: object) -> None:
        """Keep a plain JSON value under a name; CacheError when it can't be written."""
        self.store.put(f"{name}.json", json_bytes(value))

    def gallery_path(self, output: Path) -> Path:
        """Where it is kept what the gallery in `output` was made from, so that a rebuild is quick.

        CacheError when a link leads out of the cache there.
        """
        digest = hashlib.sha256(str(output.resolve()).encode()).hexdigest()[:16]
        return own_path(self.store.here, f"gallery/{digest}.json")

    # -- upkeep ------------------------------------------------------------------------------------

    def recorded(self) -> list[str]:
        """Keys of all entries, broken ones included."""
        return sorted(key for key, files in files_of(self.store) if RECORD in files)

    def read_all(self, passed_over: Collection[str] = ()) -> Iterator[Whole]:
        """Every entry but those, broken ones included, with every byte verified; in the order of keys."""
        found = sorted((key, tuple(files)) for key, files in files_of(self.store) if key not in passed_over)
        recorded = [(key, kinds) for key, kinds in found if RECORD in kinds]
        for at in range(0, len(recorded), self.store.at_once):
            some = recorded[at : at + self.store.at_once]
            self.store.ahead([entry_name(key, kind) for key, kinds in some for kind in kinds])
            for key, _ in some:
                yield read_entry(key, self.store)

    def verify(self) -> Iterator[tuple[str, str]]:
        """Check every entry, reading every file; yields (key, what is wrong) for each that is not whole."""
        yield from ((whole.key, whole.broken) for whole in self.read_all() if whole.broken)

    def prune(self, keep: Collection[str], *, dry_run: bool = False) -> tuple[int, int]:
        """Remove entries and failures whose key is not in `keep`, what was set aside, and stray temporary
        files.

        Returns how many files there were to remove, and their bytes. With `dry_run` nothing is removed.
        """
        kept = set(keep)
        doomed = {
            name: state.size
            for name, state in self.store.list()
            if name.endswith(".tmp")
            or name.startswith("broken/")
            or (name.startswith(("entries/", "failures/")) and key_of(name) not in kept)
        }
        # Records go first: no moment leaves a record without picture.
        records = {name for name in doomed if name.endswith(f".{RECORD}")}
        if not dry_run:
            self.store.delete(sorted(records))
            self.store.delete(sorted(doomed.keys() - records))
        return len(doomed), sum(doomed.values())


def _store(place: Place, read_only: bool) -> Store:
    if isinstance(place, Path):
        return ReadOnlyStore(place) if read_only else LocalStore(place)
    from generator.cache.objects import ObjectStore, ReadOnlyObjects

    return ReadOnlyObjects(place) if read_only else ObjectStore(place)
