"""How much memory is free for us, containers' limits included."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

UNKNOWN = 4 << 30
"""Bytes that are taken to be free where the system does not say."""

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")


def available(proc: Path = PROC, cgroups: Path = CGROUPS) -> int:
    """Bytes that can be taken before the system or our container has none left."""
    return max(0, min([_of_the_machine(proc), *_of_containers(proc, cgroups)]))


def _of_the_machine(proc: Path) -> int:
    # Not SC_AVPHYS_PAGES: there, memory that holds files' pages counts as taken, though it is given up.
    kilobytes = _field(proc / "meminfo", "MemAvailable:")
    return UNKNOWN if kilobytes is None else kilobytes << 10


def _of_containers(proc: Path, cgroups: Path) -> Iterator[int]:
    """What is left of the limit of each control group that we are in, and of those around it."""
    for line in _lines(proc / "self" / "cgroup"):
        _, controllers, place = line.split(":", 2)
        if not controllers:  # version 2
            yield from _left(cgroups, place, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root = cgroups / "memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            yield from _left(root, place, *names)


def _left(root: Path, place: str, limit: str, usage: str, files: str) -> Iterator[int]:
    """Bytes left in each group from `place` up to the root; inside a container the root is its own."""
    parts = [part for part in place.split("/") if part not in ("", "..")]
    for depth in range(len(parts), -1, -1):
        group = root.joinpath(*parts[:depth])
        most, used = _number(group / limit), _number(group / usage)
        if most is not None and used is not None:
            # Pages of files count as used, but are given up when something else wants the memory.
            yield most - used + (_field(group / "memory.stat", files) or 0)


def of_graphics_card() -> int | None:
    """Bytes that TensorFlow may take of the first graphics card that it sees; None where it sees none."""
    card = graphics_card()
    return None if card is None else card.memory


@dataclass(frozen=True)
class Card:
    """A graphics card: what it is called, and the bytes that TensorFlow may take of it."""

    name: str
    memory: int


@lru_cache(maxsize=1)
def graphics_card() -> Card | None:
    """The first graphics card that TensorFlow sees; to be asked once that is imported."""
    tensorflow = sys.modules.get("tensorflow")
    seen = tensorflow.config.list_physical_devices("GPU") if tensorflow else []
    if not tensorflow or not seen:
        return None
    from tensorflow.python.client.device_lib import list_local_devices

    name = tensorflow.config.experimental.get_device_details(seen[0]).get("device_name", "graphics card")
    found = (int(each.memory_limit) for each in list_local_devices() if each.device_type == "GPU")
    return next((Card(str(name), limit) for limit in found), None)


def kills(proc: Path = PROC) -> int | None:
    """How many processes the system has ended for want of memory since it started; None if it won't say."""
    return _field(proc / "vmstat", "oom_kill")


def resident(proc: Path = PROC) -> int:
    """Bytes of memory that this process holds; 0 where the system does not say."""
    return (_field(proc / "self" / "status", "VmRSS:") or 0) << 10


def _field(file: Path, name: str) -> int | None:
    found = (line.split() for line in _lines(file) if line.startswith(name))
    return next((int(words[1]) for words in found if words[0] == name), None)


def _number(file: Path) -> int | None:
    lines = _lines(file)
    return int(lines[0]) if lines and lines[0].isdecimal() else None  # else "max"


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
