"""What calls have in common: a config made of their arguments, its plan, and the plan worked off here."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from operator import index
from pathlib import Path
from typing import Any

from generator.cache.entries import Cache
from generator.config.addresses import place_of
from generator.config.problems import Problem
from generator.config.reading import config_of
from generator.config.schema import Config
from generator.engines.inprocess import InProcess
from generator.errors import UserError
from generator.inquiries.pursuit import Pursuit
from generator.pipeline import Outcome, run
from generator.pipeline import Progress as Told
from generator.plan import Job, Plan

Settings = dict[str, Any]
"""Settings as they would stand in a config."""

Channels = int | str | Iterable[int | str]
"""Numbers, ranges such as `"0-15"`, or `"all"`, as in a config."""

Progress = Callable[[int, int], None]
"""Told how many pieces of work are done, and how many there are."""


@cache
def own_folder() -> Path:
    """A folder for this process, gone when it ends."""
    folder = Path(tempfile.mkdtemp(prefix="pocket-microscope-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def cache_of(path: str | Path | None) -> Cache:
    """The cache at a path or an object store's address, or the one of this process."""
    place = own_folder() / "cache" if path is None else place_of(path)
    return Cache(place.expanduser().absolute() if isinstance(place, Path) else place)


def checked(values: Settings) -> Config:
    """The config of settings; UserError says the first thing that is wrong with them."""
    file = config_of(values, Path.cwd())
    refuse(file.problems)
    return file.config


def refuse(problems: Iterable[Problem]) -> None:
    """Raise UserError for the first problem, if there is any; nothing is written to `output`."""
    for problem in problems:
        if problem.location[:1] != ("output",):
            raise UserError(_said(problem))


def _said(problem: Problem) -> str:
    """The problem after the setting's name, where the message alone would not name it."""
    named = [part for part in problem.location if isinstance(part, str)]
    itself = problem.message.startswith(("no ", "recipe ", "channels ", "layer "))
    return problem.message if itself or not named else f"{named[-1]}: {problem.message}"


def asked(channels: Channels) -> list[int | str] | str:
    """Channels as a config takes them."""
    if isinstance(channels, str):
        return channels
    if isinstance(channels, Iterable):
        return [one if isinstance(one, str) else _number(one) for one in channels]
    return [_number(channels)]


def _number(channel: Any) -> int:
    try:
        return index(channel)
    except TypeError:
        raise UserError(f"channels: {channel!r} is no channel; give numbers, ranges or 'all'") from None


def recipes_of(name: str, settings: Mapping[str, Any]) -> Settings:
    """A built-in recipe with some of its settings changed, under its own name."""
    return {name: {"base": name, **settings}} if settings else {}


class _Counting(Told):
    def __init__(self, total: int, tell: Progress | None) -> None:
        self._done, self._total, self._tell = 0, total, tell

    def advance(self, pictures: int) -> None:
        self._done += pictures
        if self._tell:
            self._tell(self._done, max(self._done, self._total))

    def found(self, pieces: int) -> None:
        self.advance(pieces)


def worked_off(
    plan: Plan, jobs: Sequence[Job], pursuits: Sequence[Pursuit], cache: Cache, progress: Progress | None
) -> Outcome:
    """Make in this process what is due; warns of each thing that could not be made."""
    there = cache.snapshot().entries if pursuits else {}
    due = len(jobs) + sum(one.due(there) for one in pursuits)
    if not due:
        return Outcome()
    with cache.store.only_run():
        outcome = run(plan, jobs, InProcess(), _Counting(due, progress), pursuits=pursuits)
    for failure in outcome.failures:
        warnings.warn(f"{failure.title}: {failure.reason}", stacklevel=4)
    return outcome
