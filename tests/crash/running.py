"""build-site as the crash tests run it: in a process group of its own, whose processes can all be found."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from tests.conftest import command, environment

PATIENCE = 600
"""Seconds until something that takes a few is given up: other work may keep the machine busy."""


class Run:
    """build-site in a process group of its own, whose descendants can be found by a mark.

    `deaf`: started as by a shell that ignores Ctrl-C for its background jobs.
    """

    def __init__(self, *arguments: str | Path, folder: Path, deaf: bool = False) -> None:
        self.mark = uuid.uuid4().hex
        before = ("sh", "-c", "trap '' INT; exec \"$@\"", "sh") if deaf else ()
        self.process = subprocess.Popen(
            [*before, *command(*arguments)],
            cwd=folder,
            env=environment({"POCKET_TEST_MARK": self.mark}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def descendants(self) -> list[int]:
        """Ids of all processes that carry this run's mark, its own included."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                alive = (folder / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
                marked = f"POCKET_TEST_MARK={self.mark}".encode() in (folder / "environ").read_bytes()
            except OSError:
                continue
            if alive and marked:
                found.append(int(folder.name))
        return found

    def ended(self, code: int) -> str:
        """Waits for the end, checks the exit code and that nothing is left; what was said on stderr."""
        _, said = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == code, said
        wait_until(lambda: not self.descendants())
        return said


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)
