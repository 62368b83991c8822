"""Who renders into a cache, told to whoever comes second."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Holder:
    """A run that has a cache for itself: where it runs, and since when (seconds since 1970)."""

    machine: str
    process: int
    since: float

    @classmethod
    def me(cls) -> Holder:
        """This process, from now on."""
        return cls(platform.node(), os.getpid(), time.time())

    @classmethod
    def read(cls, data: bytes | None) -> Holder | None:
        """From what `written` gave; None where that can't be read."""
        try:
            found = json.loads(data or b"")
            return cls(str(found["machine"]), int(found["process"]), float(found["since"]))
        except (ValueError, TypeError, KeyError):
            return None

    @property
    def written(self) -> bytes:
        """As JSON."""
        return json.dumps(asdict(self)).encode()

    def __str__(self) -> str:
        """`process 4711 on ada, since 2026-11-25 08:12`."""
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.since))
        return f"process {self.process} on {self.machine}, since {since}"


def busy(holder: Holder | None) -> str:
    """What is said of a cache that somebody else has."""
    return f"another build-site renders into this cache{f' ({holder})' if holder else ''}"


Waiting = Callable[[Holder | None], None]
"""Told once, before it is waited for another run to end."""
