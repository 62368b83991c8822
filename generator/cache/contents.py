"""What a store holds at one moment: its whole entries and its failures, from one listing."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
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


class Entries(Mapping[str, Stamp]):
    """The stamps of whole entries by key, packed: of a million, 300 MB where as many Stamps take 900."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._numbers = array("q")
        self._kinds: dict[tuple[str, ...], int] = {}

    def add(self, key: str, files: Mapping[str, State]) -> None:
        """Put an entry in, its record among its files."""
        self._places[key] = len(self._numbers)
        self._numbers.append(self._kinds.setdefault(tuple(files), len(self._kinds)))
        for state in files.values():
            self._numbers.extend(state)

    def __getitem__(self, key: str) -> Stamp:
        place = self._places[key]
        kinds = list(self._kinds)[self._numbers[place]]
        numbers = self._numbers[place + 1 : place + 1 + 2 * len(kinds)]
        files = {kind: State(*numbers[2 * at : 2 * at + 2]) for at, kind in enumerate(kinds)}
        record = files.pop(RECORD)
        return Stamp(record.written, record.size, False, tuple(sorted(files.items())))

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


@dataclass(frozen=True)
class Snapshot:
    """What a cache held at one moment: the whole entries, and the failures, by key."""

    entries: Mapping[str, Stamp]
    failures: Mapping[str, Stamp]


def contents_of(store: Store, wanted: Collection[str] | None = None) -> Snapshot:
    """What is there now, of all or at least of the `wanted` keys.

    Reads the records of entries that are new or changed since the last time.
    """
    index = Index(store)
    entries = Entries()
    # Where it is near, looking for a few is quicker than listing all.
    some = wanted is not None and store.at_once == 1 and len(index) > FEW * len(wanted)
    found = _asked_for(wanted or (), store, index) if some else files_of(store)
    unknown: dict[str, dict[str, State]] = {}
    for key, files in found:
        if RECORD not in files:
            continue
        if index.knows(key, files):
            entries.add(key, files)
            continue
        unknown[key] = files
        if len(unknown) >= store.at_once:
            _judge(unknown, store, index, entries)
            unknown = {}
    _judge(unknown, store, index, entries)
    index.close(complete=not some)
    return Snapshot(entries, failures_of(store))


FEW = 4
"""How many times as many entries as are wanted there must be, for each to be looked for by itself."""


def _asked_for(wanted: Iterable[str], store: Store, index: Index) -> Iterator[tuple[str, dict[str, State]]]:
    """The files of each of these keys: mostly a record and a picture, else what the record says."""
    for key in wanted:
        files = _files(key, (RECORD, "png"), store)
        if RECORD in files and not index.has(key, files):
            entry = read_record(key, store.get(entry_name(key, RECORD)))
            files = _files(key, (RECORD, *(entry.files if entry else ())), store)
        yield key, files


def _files(key: str, kinds: Iterable[str], store: Store) -> dict[str, State]:
    states = ((kind, store.state(entry_name(key, kind))) for kind in kinds)
    return {kind: state for kind, state in states if state is not None}


def _judge(listed: dict[str, dict[str, State]], store: Store, index: Index, entries: Entries) -> None:
    """Take up those entries among listed ones that are whole, by their records."""
    if listed:
        store.ahead([entry_name(key, RECORD) for key in listed])
    for key, files in listed.items():
        if is_whole(key, store, files.get):
            index.add(key, files)
            entries.add(key, files)


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
    before, files = "/", dict[str, dict[str, State]]()
    for name, state in store.list("entries/"):
        if not name.startswith(before):
            yield from files.items()
            before, files = name[: name.rindex("/") + 1], {}
        key, _, kind = name[len(before) :].partition(".")
        if kind.endswith(".tmp"):
            continue
        if key in files:
            files[key][kind] = state
        else:
            files[key] = {kind: state}
    yield from files.items()
