"""What other caches hold and this one lacks, copied into it once every byte is verified."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from generator.cache.checking import BrokenEntry, read_whole
from generator.cache.entries import Cache
from generator.errors import UserError

NAMES = {"entries", "failures", "models", "datasets", "timings.json", "index.json", "render.lock"}
"""What a cache that was ever used holds some of."""


@dataclass
class Merged:
    """What became of one cache's entries: how many were copied, with how many bytes, how many were there
    already, those that are broken, with what is wrong, and how many failures were carried over."""

    copied: int = 0
    bytes: int = 0
    there: int = 0
    failures: int = 0
    broken: list[tuple[str, str]] = field(default_factory=list)


def open_other(folder: Path, own: Cache) -> Cache:
    """A cache to be merged into our own one, for reading only.

    Raises UserError for a folder that is none, is our own, or can't be read.
    """
    if folder.is_file():
        raise UserError(f"{folder}: is no folder; name other caches' folders, and a config by --config")
    try:
        found = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise UserError(f"{folder}: can't be merged: {error.strerror or error}") from error
    if folder.resolve() == own.folder.resolve():
        raise UserError(f"{folder}: is the config's own cache; name the others")
    # An empty one is what a shard leaves that had nothing to do.
    if found and not found & NAMES:
        hint = f"; did you mean {folder / 'cache'}?" if "cache" in found else ""
        raise UserError(f"{folder}: is no cache: it holds neither entries nor failures{hint}")
    for part in (folder / "entries", *folder.glob("entries/*"), folder / "failures"):
        if part.is_dir() and not os.access(part, os.R_OK | os.X_OK):
            raise UserError(f"{part}: can't be read; nothing was merged")
    return Cache(folder, read_only=True)


def merge(others: Iterable[Cache], into: Cache) -> Iterator[tuple[Cache, Merged]]:
    """Copy from one cache after the other what is missing, and tell of each what was done.

    A failure is carried over only where there is neither an entry nor a failure. What is there stays as it
    is, and no other cache is changed. Raises CacheError when ours can't be written.
    """
    now = into.snapshot()
    there, failed = set(now.entries), set(now.failures)
    for other in others:
        done = Merged()
        for key in other.recorded():
            if key in there:
                done.there += 1
            elif _copied(key, other, into, done):
                there.add(key)
        for key in sorted(other.failures().keys() - there - failed):
            failure = other.failure(key)
            if failure is not None and failure.key == key:
                into.put_failure(failure)
                failed.add(key)
                done.failures += 1
        yield other, done


def _copied(key: str, other: Cache, into: Cache, done: Merged) -> bool:
    try:
        record, files = read_whole(key, other.store)
    except BrokenEntry as broken:
        done.broken.append((key, str(broken)))
        return False
    # As it stands: an entry that is made anew would have another record.
    into.put_written(key, record, files)
    done.copied += 1
    done.bytes += len(record) + sum(map(len, files.values()))
    return True
