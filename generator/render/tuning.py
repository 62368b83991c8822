"""Which precision and batch size render a layer fastest here: asked of the machine, not guessed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

WORTH_MEASURING = 60.0
"""Seconds a layer must take before other setups are tried: trying one costs a few seconds itself."""

STEPS = 3


class Steps(Protocol):
    """Something that can take optimisation steps of a whole batch."""

    @property
    def batch(self) -> int:
        """Pictures that a step advances."""

    def rehearse(self, steps: int) -> None:
        """Take so many steps, for their time only."""


Setup = TypeVar("Setup")


def seconds_per_step(renderer: Steps) -> float:
    """Seconds that a step of one picture takes, the first step (which compiles) left out."""
    renderer.rehearse(1)
    started = time.perf_counter()
    renderer.rehearse(STEPS)
    return (time.perf_counter() - started) / STEPS / renderer.batch


def fastest(setups: Sequence[Setup], renderer: Callable[[Setup], Steps], steps: int) -> tuple[Setup, bool]:
    """The fastest of the setups, and whether they were measured.

    `steps` is how many steps of a picture the layer takes in all. Only the first setup is timed when it
    would be done within WORTH_MEASURING seconds anyway; setups that the machine can't run are passed over.
    """
    if len(setups) == 1:
        return setups[0], False
    first = seconds_per_step(renderer(setups[0]))
    if first * steps < WORTH_MEASURING:
        return setups[0], False
    times = {0: first}
    for index, setup in enumerate(setups[1:], start=1):
        try:
            times[index] = seconds_per_step(renderer(setup))
        except Exception:  # out of memory, or a format that some operation does not know
            continue
    return setups[min(times, key=lambda index: times[index])], True
