"""How a long run looks: a bar with ETA and rate on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from generator.engines.tasks import Result
from generator.pipeline import Progress

SECONDS_BETWEEN_LINES = 15.0


class Reporter(Progress):
    """Shows on standard error how far `total` pictures are, and after them so many `pieces` of evidence; says
    nothing when `quiet`."""

    def __init__(self, total: int, pieces: int = 0, *, quiet: bool = False) -> None:
        self._pictures = _Meter(total, "pictures", quiet=quiet)
        self._pieces = _Meter(pieces, "pieces of evidence", quiet=quiet)

    def __enter__(self) -> Reporter:
        if self._pictures.total:
            self._pictures.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._pictures.end()
        self._pieces.end()

    def advance(self, pictures: int) -> None:
        """Show that `pictures` more are done or failed."""
        self._pictures.advance(pictures)

    def found(self, pieces: int) -> None:
        """Show that so many pieces of evidence more are done or failed."""
        self._pictures.end()
        self._pieces.begin()
        self._pieces.advance(pieces)


class Several(Progress):
    """Tells each of several."""

    def __init__(self, *told: Progress) -> None:
        self._told = told

    def advance(self, pictures: int) -> None:
        """Pass it on."""
        for one in self._told:
            one.advance(pictures)

    def found(self, pieces: int) -> None:
        """Pass it on."""
        for one in self._told:
            one.found(pieces)

    def heard(self, result: Result) -> None:
        """Pass it on."""
        for one in self._told:
            one.heard(result)


class _Meter:
    """How far something is."""

    def __init__(self, total: int, unit: str, *, quiet: bool) -> None:
        self.total = total
        self._unit, self._quiet = unit, quiet
        self._done = 0
        self._started = self._spoke = time.monotonic()
        self._bar: Any = None
        self._running = False

    def begin(self) -> None:
        if self._running:
            return
        self._running = True
        self._started = self._spoke = time.monotonic()
        if not self._quiet and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=self.total, unit=f" {self._unit}", smoothing=0.1, dynamic_ncols=True)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def advance(self, count: int) -> None:
        if not count:  # a task that was stopped before its first was finished
            return
        self._done += count
        if self._bar is not None:
            self._bar.update(count)
        elif not self._quiet and time.monotonic() - self._spoke >= SECONDS_BETWEEN_LINES:
            self._spoke = time.monotonic()
            click.echo(self._line(), err=True)

    def _line(self) -> str:
        elapsed = time.monotonic() - self._started
        rate = self._done / elapsed
        left = max(0, self.total - self._done) / rate
        minutes, seconds = divmod(round(left), 60)
        return (
            f"{self._done:,} of {max(self.total, self._done):,} {self._unit}, {rate:.2f} a second, "
            f"about {minutes} min {seconds:02d} s left"
        )
