"""The place of a file in the output, and where the new one waits until all of a gallery is there.

A module of its own, for the processes that encode pictures import it and need nothing else.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from generator.errors import CacheError


@dataclass(frozen=True)
class Place:
    """A file of the gallery, and where the one that will replace it waits."""

    file: Path
    waiting: Path

    def write(self, data: bytes) -> bool:
        """Let new content wait for its place, unless the file holds just that; returns whether it does.

        What a link points to is not its content. Raises CacheError when it can't be written.
        """
        with suppress(OSError):  # not there, or not readable: it is made anew
            if self.file.read_bytes() == data and not self.file.is_symlink():
                return False
        try:
            self.waiting.parent.mkdir(parents=True, exist_ok=True)
            self.waiting.write_bytes(data)
        except OSError as error:
            raise CacheError(f"{self.file}: can't write: {error.strerror or error}") from error
        return True

    def settle(self) -> None:
        """Put the new file in its place, at once and as a whole. A link is replaced, and what it points to
        stays. Raises CacheError when that can't be done."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.waiting.replace(self.file)
        except OSError as error:
            raise CacheError(f"{self.file}: can't write: {error.strerror or error}") from error
