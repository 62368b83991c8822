"""Pages while pictures are made: written early, and anew now and then, at little cost to the run."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from generator.cache.entries import Cache
from generator.engines.tasks import Result
from generator.gallery.running import Running
from generator.gallery.site import build_site
from generator.inquiries.everything import settled
from generator.pipeline import Progress
from generator.plan import Job, Plan
from generator.schedule import queue

SHARE = 0.03
"""How much of a run's time pages may take while it goes on."""
ADVANCE = 20.0
"""Seconds of that which may be spent early, for a run that is long enough."""
BETWEEN = 5.0
"""How many times as long as it took to write pages they stay as they are, at least."""
SHORTEST = 10.0
"""Seconds between two times at least."""


class Refresher(Progress):
    """Writes the gallery of a plan, in a thread of its own, while `jobs` of it are rendered.

    A gallery that can't be written is left to whoever writes it at the end, who also says why.
    """

    def __init__(self, plan: Plan, jobs: Sequence[Job]) -> None:
        by_key = {job.key: job for job in jobs}
        self._plan = plan
        self._due = {key: by_key[key] for key in queue(plan, jobs)}
        self._all = len(self._due)
        self._started = self._ended = time.monotonic()
        self._spent = self._last = 0.0
        self._thread: threading.Thread | None = None
        self._given_up = False

    def heard(self, result: Result) -> None:
        """Some pictures are there; write pages if that is worth its time."""
        for output in result.outputs:
            self._due.pop(output.key, None)
        if self._due and not self._given_up and self._may():
            self._thread = threading.Thread(
                target=self._refresh, args=[list(self._due.values())], daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """Wait until no pages are being written."""
        if self._thread is not None:
            self._thread.join()

    def _may(self) -> bool:
        if self._thread is not None and self._thread.is_alive():
            return False
        now = time.monotonic()
        if self._last and now - self._ended < max(SHORTEST, BETWEEN * self._last):
            return False
        left = self._left(now) or 0.0
        return self._spent + self._last <= SHARE * (now - self._started) + min(SHARE * left, ADVANCE)

    def _left(self, now: float) -> float | None:
        """Seconds until all is done."""
        done = self._all - len(self._due)
        return (now - self._started) / done * len(self._due) if done else None

    def _refresh(self, due: Sequence[Job]) -> None:
        with suppress(OSError, AttributeError):  # rendering goes before, where a thread can have a rank
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
        started = time.monotonic()
        running = Running(time.time(), self._all - len(due), due, self._left(started))
        cache = Cache(self._plan.config.cache)
        try:
            build_site(self._plan, cache, settled(self._plan, cache), running)
        except Exception:  # whatever it is, the last writing meets it too, and is not in a thread
            self._given_up = True
        self._ended = time.monotonic()
        self._last = self._ended - started
        self._spent += self._last
