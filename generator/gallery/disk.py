"""What is done to files and folders of an output, whatever is in them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from generator.errors import CacheError, UserError

WAITING = ".pocket-microscope-new"
"""The folder in which new files wait; there only while a gallery is written."""
LOCK = ".pocket-microscope.lock"
"""Held by whoever writes the gallery; likewise."""


def check_writable(folder: Path) -> None:
    """Raises UserError when nothing can be written to a folder, be it there or yet to be made."""
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise UserError(
            f"{folder}: the gallery can't be written there: {error.strerror or error}; "
            "choose another `output`"
        ) from error


def remove(path: str, root: Path) -> bool:
    """Remove a file, and the folders that are empty without it; returns whether it was there."""
    file = root / path
    try:
        file.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise CacheError(f"{file}: can't be removed: {error.strerror}") from error
    for folder in file.parents:
        if folder == root or any(folder.iterdir()):
            break
        folder.rmdir()
    return True


def clear(waiting: Path) -> None:
    """Remove a folder and all in it, or a link that stands in its place."""
    try:
        if waiting.is_dir() and not waiting.is_symlink():
            shutil.rmtree(waiting)
        else:
            waiting.unlink(missing_ok=True)
    except FileNotFoundError:
        pass  # the output vanished as a whole
    except OSError as error:
        raise CacheError(f"{waiting}: can't be removed: {error.strerror or error}") from error


def folders(paths: Iterable[str]) -> set[str]:
    """All folders on the way to the files of these paths."""
    above = {path.rpartition("/")[0] for path in paths} - {""}
    return above | folders(above) if above else above


def files(folder: Path, prefix: str = "") -> Iterator[tuple[str, tuple[int, int]]]:
    """All files below a folder by their relative paths, those apart that are there only for a while; a link
    counts as a file, whatever it points to."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not prefix and entry.name in (WAITING, LOCK):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from files(Path(entry.path), f"{prefix}{entry.name}/")
                continue
            with suppress(FileNotFoundError):
                state = entry.stat(follow_symlinks=False)
                yield f"{prefix}{entry.name}", (state.st_size, state.st_mtime_ns)
