"""What was measured on this machine: how long things take, and which of several ways is the fastest."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

from generator.cache.entries import Cache
from generator.engines.tasks import Pace, Result, Task

_NAME = "timings"

SLOWEST = 30
"""How many times its usual time a task may take before it is taken to hang, …"""
AT_LEAST = 15 * 60.0
"""… but never less than this, in seconds: a first task opens and compiles, and others may slow it down."""
UNMEASURED = 12 * 3600.0
"""Seconds that a task may take of whose network nothing was measured yet."""


class Timings:
    """Measurements by machine and pace, kept in the cache."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        known = cache.recall(_NAME)
        self._all: dict[str, dict[str, dict[str, Any]]] = known if isinstance(known, dict) else {}
        self._mine = self._all.setdefault(f"{platform.node()} {platform.processor()}", {})

    def add(self, result: Result, jobs: int) -> None:
        """Take a result into account: `jobs` such tasks run at a time. CacheError if it can't be kept."""
        pace = result.task.pace
        known = self._mine.setdefault(_name(pace), {})
        whole = len(result.outputs) == len(result.task.keys)
        if result.seconds > 0 and whole:
            seconds = result.seconds / len(result.outputs) / jobs
            # A layer's first task includes opening and compiling; the fastest tells the steady speed.
            known["seconds"] = min(seconds, known.get("seconds", seconds))
            known["work"] = pace.effort
        if result.learnt and known.get("learnt") != result.learnt:
            known["learnt"] = dict(result.learnt)
            self.save()  # even if this run is killed, the next one does likewise

    def save(self) -> None:
        """Write what was measured; CacheError when that can't be."""
        self._cache.remember(_NAME, self._all)

    def learnt(self, pace: Pace) -> Mapping[str, str]:
        """What workers found out about tasks of that pace."""
        found: dict[str, str] = self._mine.get(_name(pace), {}).get("learnt", {})
        return found

    def estimate(self, pace: Pace, count: int) -> float | None:
        """Seconds that so many outputs will take, by their own or their network's speed; None if unknown."""
        own = self._mine.get(_name(pace), {}).get("seconds")
        if own is not None:
            return float(own) * count
        mine = (known for name, known in self._mine.items() if name.startswith(f"{pace.network} "))
        kin = [known["seconds"] / known["work"] for known in mine if "seconds" in known]
        return sum(kin) / len(kin) * pace.effort * count if kin else None

    def limit(self, task: Task, jobs: int) -> float:
        """Seconds after which a task, one of `jobs` at a time, is taken to hang."""
        usual = self.estimate(task.pace, len(task.keys))
        return UNMEASURED if usual is None else max(AT_LEAST, SLOWEST * usual * jobs)


def _name(pace: Pace) -> str:
    return f"{pace.network} {pace.what}"
