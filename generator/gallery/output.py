"""The output folder: writes only what changed, removes what is no longer wanted, touches nothing else.

`.pocket-microscope.json` in the folder lists the files that are ours. What each of them was made from is
kept in the cache, so that the folder itself depends on nothing but the gallery.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from generator.cache.entries import write_atomically
from generator.errors import CacheError, UserError

MANIFEST = ".pocket-microscope.json"
_WHAT = "Files that Pocket Microscope wrote and may replace or remove. It leaves all others alone."


class Known(NamedTuple):
    """A file of ours as it was written: its size, time of writing, and what it was made from."""

    size: int
    written: int
    source: str


@dataclass
class Tally:
    """What a build did to the output folder."""

    written: int = 0
    unchanged: int = 0
    removed: int = 0
    bytes: int = 0
    largest: tuple[str, int] = ("", 0)


class Output:
    """The folder that the gallery is written to; see the module's text."""

    def __init__(self, folder: Path, memory: Path) -> None:
        self.folder = folder
        self.summaries: dict[str, Any] = {}
        self._memory = memory
        self._before = self._remembered()
        self._now: dict[str, Known] = {}
        self._ours = _read_manifest(folder / MANIFEST)
        self._disk = dict(_files(folder)) if folder.is_dir() else {}
        self._tally = Tally()

    def _remembered(self) -> dict[str, Known]:
        try:
            memory = json.loads(self._memory.read_bytes())
            self.summaries = dict(memory["summaries"])
            return {path: Known(*known) for path, known in memory["files"].items()}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    # -- a build, step by step ---------------------------------------------------------------------

    def begin(self, planned: Iterable[str]) -> None:
        """Claim the files to be written, before the first is: a killed build leaves no unlisted file.

        Raises UserError when one of them is there already and not ours.
        """
        claimed = set(planned)
        foreign = sorted(path for path in claimed if self.is_foreign(path))
        if foreign:
            raise UserError(
                f"{self.folder / foreign[0]}: would be overwritten, but Pocket Microscope did not write it; "
                "move it away, or choose another `output`"
            )
        if not claimed <= self._ours:
            self._write_manifest(self._ours | claimed)

    def is_foreign(self, path: str) -> bool:
        """Whether there is such a file and it is not ours."""
        return path in self._disk and path not in self._ours

    def is_current(self, path: str, source: str) -> bool:
        """Whether a file is there as last written, and was made from the same."""
        known = self._before.get(path)
        return known is not None and known.source == source and self._disk.get(path) == known[:2]

    def keep(self, path: str) -> None:
        """A file stays as it is."""
        self._now[path] = self._before[path]
        self._tally.unchanged += 1

    def write(self, path: str, data: bytes, source: str = "") -> None:
        """Write a file unless it holds that already."""
        self.wrote(path, source, write_if_changed(self.folder / path, data))

    def wrote(self, path: str, source: str, changed: bool) -> None:
        """Take note of a file that was written elsewhere (`changed`) or found to be right."""
        state = (self.folder / path).stat()
        self._now[path] = Known(state.st_size, state.st_mtime_ns, source)
        self._tally.written += changed
        self._tally.unchanged += not changed

    def finish(self) -> Tally:
        """Remove our files that this build did not write or keep, and remember the others."""
        for path in sorted(self._ours - self._now.keys() - {MANIFEST}):
            self._tally.removed += self._remove(path)
        self._write_manifest(set(self._now))
        memory = {"files": self._now, "summaries": self.summaries}
        write_atomically(self._memory, json.dumps(memory, separators=(",", ":")).encode(), durable=False)
        self._tally.bytes = sum(known.size for known in self._now.values())
        self._tally.largest = max(
            ((path, known.size) for path, known in self._now.items()), key=lambda f: f[1]
        )
        return self._tally

    # -- details -----------------------------------------------------------------------------------

    def _write_manifest(self, ours: set[str]) -> None:
        text = json.dumps({"what": _WHAT, "files": sorted(ours)}, indent=0, ensure_ascii=False) + "\n"
        write_if_changed(self.folder / MANIFEST, text.encode())

    def _remove(self, path: str) -> bool:
        file = self.folder / path
        try:
            file.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise CacheError(f"{file}: can't be removed: {error.strerror}") from error
        for folder in file.parents:
            if folder == self.folder or any(folder.iterdir()):
                break
            folder.rmdir()
        return True


def write_if_changed(path: Path, data: bytes) -> bool:
    """Write `data` to `path` unless it holds just that; returns whether it was written."""
    try:
        if path.read_bytes() == data:
            return False
    except OSError:
        pass  # not there, or not readable: writing tells
    write_atomically(path, data, durable=False)
    return True


def _read_manifest(path: Path) -> set[str]:
    try:
        files = json.loads(path.read_bytes())["files"]
        return {name for name in files if _inside(name)}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _inside(name: str) -> bool:
    """Whether a path stays in the folder: a manifest may come from a stranger with the rest of a site."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name and path.parts != ()


def _files(folder: Path, prefix: str = "") -> Iterator[tuple[str, tuple[int, int]]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path), f"{prefix}{entry.name}/")
            else:
                state = entry.stat(follow_symlinks=False)
                yield f"{prefix}{entry.name}", (state.st_size, state.st_mtime_ns)
