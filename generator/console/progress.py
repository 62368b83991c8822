"""How a long run looks: a bar with ETA and rate on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from generator.pipeline import Progress

SECONDS_BETWEEN_LINES = 15.0


class Reporter(Progress):
    """Shows the progress of `total` pictures on standard error; says nothing when `quiet`."""

    def __init__(self, total: int, *, quiet: bool = False) -> None:
        self._total, self._quiet = total, quiet
        self._done = 0
        self._started = self._spoke = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Reporter:
        if not self._quiet and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=self._total, unit=" pictures", smoothing=0.1, dynamic_ncols=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self, pictures: int) -> None:
        """Show that `pictures` more are done or failed."""
        if not pictures:  # a task that was stopped before its first was finished
            return
        self._done += pictures
        if self._bar is not None:
            self._bar.update(pictures)
        elif not self._quiet and time.monotonic() - self._spoke >= SECONDS_BETWEEN_LINES:
            self._spoke = time.monotonic()
            click.echo(self._line(), err=True)

    def _line(self) -> str:
        elapsed = time.monotonic() - self._started
        rate = self._done / elapsed
        left = (self._total - self._done) / rate
        minutes, seconds = divmod(round(left), 60)
        return (
            f"{self._done:,} of {self._total:,} pictures, {rate:.2f} a second, "
            f"about {minutes} min {seconds:02d} s left"
        )
