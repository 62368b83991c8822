"""Runs a tool as a process and watches how much memory it and its children hold (Linux)."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def run_measured(command: Sequence[str], env: Mapping[str, str], cwd: Path) -> int:
    """Run a command to its end; the largest sum of its process tree's resident memory, in bytes.

    Pages that processes share are counted for each of them. Raises CalledProcessError when it fails.
    """
    process = subprocess.Popen(command, env={**os.environ, **env}, cwd=cwd)
    peak, done = [0], threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, peak, done))
    watcher.start()
    try:
        status = process.wait()
    finally:
        done.set()
        watcher.join()
    if status:
        raise subprocess.CalledProcessError(status, list(command))
    return peak[0]


def _watch(pid: int, peak: list[int], done: threading.Event) -> None:
    # Four looks a second cost nothing that a measurement could feel.
    while not done.wait(0.25):
        peak[0] = max(peak[0], sum(_resident(member) for member in _tree(pid)))


def _tree(pid: int) -> list[int]:
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(c) for t in threads for c in (t / "children").read_text().split()]
    except OSError:
        return []
    return [pid, *(member for child in children for member in _tree(child))]


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0
