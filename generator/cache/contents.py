"""What a store holds at one moment: its whole entries and its failures, from one listing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from generator.cache.encoding import RECORD, Facts, entry_name, key_of, read_record
from generator.cache.index import Index
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


def contents_of(store: Store) -> Snapshot:
    """What is there now. Reads the records of entries that are new or changed since the last time."""
    index = Index(store)
    entries: dict[str, Stamp] = {}
    unknown: dict[str, dict[str, State]] = {}
    for key, files in files_of(store):
        if RECORD not in files:
            continue
        if index.knows(key, files):
            entries[key] = _stamp(files)
        else:
            unknown[key] = files
    for key, files in _whole(unknown, store):
        index.add(key, files)
        entries[key] = _stamp(files)
    index.close(entries)
    return Snapshot(entries, failures_of(store))


def _whole(listed: dict[str, dict[str, State]], store: Store) -> Iterator[tuple[str, dict[str, State]]]:
    """Those entries among listed ones that are whole, by their records."""
    keys = list(listed)
    for at in range(0, len(keys), store.at_once):
        some = keys[at : at + store.at_once]
        store.ahead([entry_name(key, RECORD) for key in some])
        yield from ((key, listed[key]) for key in some if is_whole(key, store, listed[key].get))


def is_whole(key: str, store: Store, state: Callable[[str], State | None]) -> bool:
    """Whether the record can be read, and each file that it names is there in its size."""
    entry = read_record(key, store.get(entry_name(key, RECORD)))
    return entry is not None and all(
        _is_file(key, kind, facts, state(kind), store) for kind, facts in entry.files.items()
    )


def _is_file(key: str, kind: str, facts: Facts, state: State | None, store: Store) -> bool:
    if facts.size is not None:
        return state is not None and state.size == facts.size
    data = store.get(entry_name(key, kind))
    return data is not None and hashlib.sha256(data).hexdigest() == facts.sha256


def failures_of(store: Store) -> dict[str, Stamp]:
    """All failures by key."""
    return {
        key_of(name): Stamp(state.written, state.size, True)
        for name, state in store.list("failures/")
        if name.endswith(f".{RECORD}")
    }


def files_of(store: Store) -> Iterator[tuple[str, dict[str, State]]]:
    """Each key that has any file, with its files by kind; leftovers of killed runs are passed over."""
    before, files = "", dict[str, dict[str, State]]()
    for name, state in store.list("entries/"):
        folder, _, file = name.rpartition("/")
        if folder != before:
            yield from files.items()
            before, files = folder, {}
        key, _, kind = file.partition(".")
        if not kind.endswith(".tmp"):
            files.setdefault(key, {})[kind] = state
    yield from files.items()


def _stamp(files: Mapping[str, State]) -> Stamp:
    record = files[RECORD]
    others = sorted((kind, state) for kind, state in files.items() if kind != RECORD)
    return Stamp(record.written, record.size, False, tuple(others))
