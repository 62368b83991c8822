"""The output folder: writes only what changed, removes what is no longer wanted, touches nothing else.

`.pocket-microscope.json` in the folder lists the files that are ours. What each of them was made from is
kept in the cache, so that the folder itself depends on nothing but the gallery. Pictures may have a folder of
their own, for another host. Nothing is written or removed through a link inside the folder: a list of files
may come from a stranger, with the rest of a site.

New files wait in a folder beside until all are there, and are then moved to their places: pictures before the
pages that show them, and what is no longer wanted goes in the opposite order. So a build that fails leaves
the gallery as it was, and no reader of the gallery meets a page whose pictures are still to come.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from generator.cache.local import write_atomically
from generator.errors import UserError
from generator.gallery.disk import WAITING, check_writable, clear, files, folders, remove
from generator.gallery.names import is_picture
from generator.gallery.pages_host import needed_files
from generator.gallery.place import Place

MANIFEST = ".pocket-microscope.json"
_WHAT = "Files that Pocket Microscope wrote and may replace or remove. It leaves all others alone."
_BROKEN_JSON = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


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
    """The folder that the gallery is written to; see the module's text.

    Beside its files it remembers values from build to build: `recall` gives back what `remember` was given.
    To be closed, which gives up what was not finished.
    """

    def __init__(self, folder: Path, memory: Path, pictures: Path | None = None) -> None:
        self.folder = folder
        self._pictures = pictures and pictures.absolute()
        self._memory = memory
        self._before: dict[str, Known] = {}
        self._pictures_before: Path | None = None
        self._values_before: dict[str, Any] = {}
        self._read_memory()
        self._now: dict[str, Known] = {}
        self._values: dict[str, Any] = {}
        self._ours = _read_manifest(folder / MANIFEST)
        self._disk, self._astray = self._look()
        self._claimed: set[str] = set()
        self._waiting: set[str] = set()
        self._tally = Tally()

    def _read_memory(self) -> None:
        with suppress(*_BROKEN_JSON):
            memory = json.loads(self._memory.read_bytes())
            self._before = {path: Known(*known) for path, known in memory["files"].items()}
            self._values_before = dict(memory["values"])
            self._pictures_before = Path(memory["pictures"]) if memory["pictures"] else None

    def _look(self) -> tuple[dict[str, tuple[int, int]], set[str]]:
        """The files that are there, and pictures in the folder that have one of their own now."""
        if self._pictures is None:
            return dict(files(self.folder)), set()
        there = {path: state for path, state in files(self.folder) if not is_picture(path)}
        astray = {path for path, _ in files(self.folder) if is_picture(path)}
        return there | {p: s for p, s in files(self._pictures) if is_picture(p)}, astray

    def _root(self, path: str) -> Path:
        """The folder that a file is in."""
        return self._pictures if self._pictures and is_picture(path) else self.folder

    # -- before a build ----------------------------------------------------------------------------

    def check(self, planned: Collection[str]) -> None:
        """Raises UserError when the planned files can't be written, or would replace what is not ours."""
        for path in sorted(planned):
            if self.is_foreign(path):
                raise self._in_the_way(path, "would be overwritten, but Pocket Microscope did not write it")
        for path in sorted(folders(planned) & self._disk.keys()):
            what = "a link" if self.place(path).file.is_symlink() else "a file"
            raise self._in_the_way(path, f"is {what} where the gallery needs a folder")
        for path in sorted(folders(self._disk) & set(planned)):
            raise self._in_the_way(path, "is a folder where the gallery needs a file")
        for root in self._roots():
            check_writable(root)

    def _roots(self) -> list[Path]:
        return [self.folder, *([self._pictures] if self._pictures else [])]

    def _in_the_way(self, path: str, why: str) -> UserError:
        return UserError(f"{self.place(path).file}: {why}; move it away, or choose another `output`")

    def is_foreign(self, path: str) -> bool:
        """Whether there is such a file and it is not ours."""
        return path in self._disk and path not in self._ours

    # -- a build, step by step ---------------------------------------------------------------------

    def begin(self, planned: Iterable[str]) -> None:
        """Say which files are to be written, before the first is. Raises UserError as `check` does."""
        self._claimed = set(planned)
        self.check(self._claimed)
        self.close()

    def close(self) -> None:
        """Remove what waits for its place, of this build or one that was killed."""
        for root in self._roots():
            clear(root / WAITING)

    def is_current(self, path: str, source: str) -> bool:
        """Whether a file is there as last written, and was made from the same."""
        known = self._before.get(path)
        return known is not None and known.source == source and self._disk.get(path) == known[:2]

    def keep(self, path: str) -> None:
        """A file stays as it is."""
        self._now[path] = self._before[path]
        self._tally.unchanged += 1

    def write(self, path: str, data: bytes, source: str = "") -> None:
        """Write a file unless it holds that already. Without a source it is never current."""
        self.wrote(path, source, self.place(path).write(data))

    def place(self, path: str) -> Place:
        """Where a file is to be written by others, who then tell `wrote`."""
        root = self._root(path)
        return Place(root / path, root / WAITING / path)

    def wrote(self, path: str, source: str, changed: bool) -> None:
        """Take note of a file that was written at its place (`changed`) or found to be right."""
        if changed:
            self._waiting.add(path)
        state = self._current(path).stat()
        self._now[path] = Known(state.st_size, state.st_mtime_ns, source)
        self._tally.written += changed
        self._tally.unchanged += not changed

    def read(self, path: str) -> bytes:
        """A file that this build wrote or kept."""
        return self._current(path).read_bytes()

    def _current(self, path: str) -> Path:
        place = self.place(path)
        return place.waiting if path in self._waiting else place.file

    def source(self, path: str) -> str:
        """What a file was made from that this build wrote or kept; nothing where it is never current."""
        known = self._now.get(path)
        return known.source if known else ""

    def remember(self, name: str, source: str, value: Any) -> None:
        """Keep a value (plain JSON) of that name for the next build, and what it was made from."""
        self._values[name] = [source, value]

    def recall(self, name: str, source: str) -> Any:
        """The value that the last build kept under a name, if it was made from the same; else None."""
        try:
            known, value = self._values_before[name]
        except (KeyError, TypeError, ValueError):
            return None
        return value if known == source else None

    def finish(self) -> Tally:
        """Put new files in their places, remove our files that this build did not write or keep, and remember
        the others."""
        if not self._claimed <= self._ours:
            # Before the first is in its place: a killed build leaves no unlisted file.
            self._write_manifest(self._ours | self._claimed)
        for path in sorted(self._waiting, key=_rank):
            self.place(path).settle()
        # What lies behind a link is not on the disk as far as we are concerned.
        removable = self._ours & self._disk.keys() | self._claimed
        for path in sorted(removable - self._now.keys() - {MANIFEST}, key=_rank, reverse=True):
            self._tally.removed += remove(path, self._root(path))
        for path in sorted(self._astray & self._ours):
            self._tally.removed += remove(path, self.folder)
        if self._pictures_before and self._pictures_before != self._pictures:
            self._tally.removed += _remove_from(self._pictures_before, filter(is_picture, self._ours))
        self._write_manifest(set(self._now))
        self.close()
        pictures = str(self._pictures) if self._pictures else ""
        memory = {"files": self._now, "values": self._values, "pictures": pictures}
        write_atomically(self._memory, json.dumps(memory, separators=(",", ":")).encode(), durable=False)
        self._tally.bytes = sum(
            known.size for path, known in self._now.items() if self._root(path) == self.folder
        )
        self._tally.largest = max(
            ((path, known.size) for path, known in self._now.items()), key=lambda f: f[1]
        )
        return self._tally

    def remove(self) -> None:
        """Remove all that is ours: this gallery is no longer wanted."""
        for folder in (self.folder, self._pictures_before):
            if folder:
                _remove_from(folder, self._ours | {MANIFEST})
        self._memory.unlink(missing_ok=True)

    # -- details -----------------------------------------------------------------------------------

    def _write_manifest(self, ours: set[str]) -> None:
        text = json.dumps({"what": _WHAT, "files": sorted(ours)}, indent=0, ensure_ascii=False) + "\n"
        place = self.place(MANIFEST)
        if place.write(text.encode()):
            place.settle()


def _remove_from(folder: Path, ours: Iterable[str]) -> int:
    """Remove these files of a folder, and itself if that was all; returns how many were there."""
    there = sorted(dict(files(folder)).keys() & set(ours), key=_rank, reverse=True)
    count = sum(remove(path, folder) for path in there)
    with suppress(OSError):  # what is not ours stays, and so does the folder
        folder.rmdir()
    return count


def _rank(path: str) -> tuple[int, str]:
    """By which files are put in their places: what pages show, then data and scripts, then pages."""
    kind = path.rpartition(".")[2]
    return {"webp": 0, "gif": 0, "jpg": 0, "css": 1, "html": 3}.get(kind, 2), path


def _read_manifest(path: Path) -> set[str]:
    with suppress(*_BROKEN_JSON):
        return {name for name in json.loads(path.read_bytes())["files"] if _inside(name)}
    return set()


def _inside(name: str) -> bool:
    """Whether a path stays in the folder and can be one of a gallery's: not `.git/config`, for instance."""
    hidden = name.startswith(".") and name not in needed_files()
    return not hidden and "\\" not in name and not {"", ".", ".."} & set(name.split("/")) and _is_text(name)


def _is_text(name: str) -> bool:
    # JSON can hold halves of characters, which no file can be named by or listed with.
    return not any("\ud800" <= character <= "\udfff" for character in name)
