"""What other caches hold and this one lacks, copied into it once every byte is verified."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from generator.cache.encoding import failure_name
from generator.cache.entries import Cache
from generator.config.addresses import Place, unusable_address
from generator.errors import UserError

NAMES = {"entries", "failures", "models", "datasets", "timings.json", "index", "index.json", "render.lock"}
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


def open_other(place: Place, own: Cache) -> Cache:
    """A cache to be merged into our own one, for reading only.

    Raises UserError for a place that is none, is our own, or can't be read.
    """
    if isinstance(place, Path):
        _check_folder(place, own.place)
        return Cache(place, read_only=True)
    if why := unusable_address(place):
        raise UserError(f"{place}: {why}")
    if place == own.place:
        raise UserError(f"{place}: is the config's own cache; name the others")
    other = Cache(place, read_only=True)
    if not any(name.split("/")[0] in NAMES for name, _ in other.store.list()):
        raise UserError(f"{place}: is no cache: it holds neither entries nor failures")
    return other


def _check_folder(folder: Path, own: Place) -> None:
    if folder.is_file():
        raise UserError(f"{folder}: is no folder; name other caches' folders, and a config by --config")
    try:
        found = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise UserError(f"{folder}: can't be merged: {error.strerror or error}") from error
    if isinstance(own, Path) and folder.resolve() == own.resolve():
        raise UserError(f"{folder}: is the config's own cache; name the others")
    # An empty one is what a shard leaves that had nothing to do.
    if found and not found & NAMES:
        hint = f"; did you mean {folder / 'cache'}?" if "cache" in found else ""
        raise UserError(f"{folder}: is no cache: it holds neither entries nor failures{hint}")
    within = [part for top in ("entries", "failures") for part in (folder / top, *folder.glob(f"{top}/*"))]
    for part in within:
        if part.is_dir() and not os.access(part, os.R_OK | os.X_OK):
            raise UserError(f"{part}: can't be read; nothing was merged")


def merge(others: Iterable[Cache], into: Cache) -> Iterator[tuple[Cache, Merged]]:
    """Copy from one cache after the other what is missing, and tell of each what was done.

    A failure is carried over only where there is neither an entry nor a failure. What is there stays as it
    is, and no other cache is changed. Raises CacheError when ours can't be written.
    """
    now = into.snapshot()
    there, failed = set(now.entries), set(now.failures)
    for other in others:
        done = Merged()
        done.there = _copy_entries(other, into, there, done)
        failed |= _copy_failures(other, into, there | failed, done)
        yield other, done


def _copy_entries(other: Cache, into: Cache, there: set[str], done: Merged) -> int:
    """Copy what is not there yet, adding its keys to `there`; returns how many were."""
    before = set(there)
    waiting: dict[str, tuple[bytes, Mapping[str, bytes]]] = {}
    for whole in other.read_all(before):
        if whole.broken:
            done.broken.append((whole.key, whole.broken))
            continue
        # As it stands: an entry that is made anew would have another record.
        waiting[whole.key] = whole.record, whole.files
        done.copied += 1
        done.bytes += whole.size
        there.add(whole.key)
        if len(waiting) >= into.store.at_once:
            into.put_written(waiting)
            waiting = {}
    into.put_written(waiting)
    return len(before.intersection(other.recorded()))


def _copy_failures(other: Cache, into: Cache, known: set[str], done: Merged) -> set[str]:
    copied = set()
    keys = sorted(other.failures().keys() - known)
    other.store.ahead([failure_name(key) for key in keys])
    for key in keys:
        failure = other.failure(key)
        if failure is not None and failure.key == key:
            into.put_failure(failure)
            copied.add(key)
    done.failures = len(copied)
    return copied
