"""Whether an entry is whole to the last byte: its record, its files, and that a picture can be opened."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from generator.cache.encoding import RECORD, entry_name, read_record
from generator.cache.store import Store
from generator.images import opened


class BrokenEntry(Exception):
    """An entry is not whole; the text says in a few words what is wrong with it."""


@dataclass(frozen=True)
class Whole:
    """An entry as read: its record as it stands in the store, and its files by kind; or what is `broken`."""

    key: str
    record: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict)
    broken: str = ""

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self.record) + sum(map(len, self.files.values()))


def read_entry(key: str, store: Store) -> Whole:
    """An entry with every byte of it verified."""
    try:
        return Whole(key, *_read_whole(key, store))
    except BrokenEntry as broken:
        return Whole(key, broken=str(broken))


def _read_whole(key: str, store: Store) -> tuple[bytes, dict[str, bytes]]:
    """The record of an entry as it stands in the store, and its files by kind.

    Raises BrokenEntry when any byte of them is not the one that was stored.
    """
    record = store.get(entry_name(key, RECORD)) or b""
    entry = read_record(key, record)
    if entry is None:
        raise BrokenEntry("its record can't be read")
    files: dict[str, bytes] = {}
    for kind, facts in entry.files.items():
        # A kind becomes part of a file's name, and the record may be a stranger's.
        if not kind.isalnum():
            raise BrokenEntry(f"its record names a file of a kind that there can't be, {kind!r}")
        what = "picture" if kind == "png" else kind
        data = store.get(entry_name(key, kind))
        if data is None:
            raise BrokenEntry(f"its {what} is missing")
        if hashlib.sha256(data).hexdigest() != facts.sha256:
            raise BrokenEntry(f"its {what} is not the one that was rendered")
        if kind == "png" and not _is_picture(data, entry.record["width"], entry.record["height"]):
            raise BrokenEntry("its picture can't be opened or has another size than its record says")
        files[kind] = data
    return record, files


def _is_picture(data: bytes, width: int, height: int) -> bool:
    try:
        with opened(data) as image:
            if image.size != (width, height):
                return False
            image.load()
            return True
    except Exception:  # Pillow's readers raise whatever a broken file leads them to
        return False
