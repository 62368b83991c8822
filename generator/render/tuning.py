"""Which precision, batch size and compiler render a layer fastest here: asked of the machine, not guessed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

WORTH_MEASURING = 60.0
"""Seconds a layer must take before other setups are tried: trying one costs a few seconds itself."""

ROUNDS, STEPS = 3, 2
"""How often each setup is timed, and over how many steps of a batch."""

CLEARLY = 0.9
"""Of the time of the sure setup, what another may take at most to be preferred."""

GAIN = 0.95
"""Of the time a picture, what a batch twice as large may take at most to be worth its memory."""


class Steps(Protocol):
    """Something that can take optimisation steps of a whole batch."""

    @property
    def batch(self) -> int:
        """Pictures that a step advances."""

    def rehearse(self, steps: int) -> None:
        """Take so many steps, for their time only."""


Setup = TypeVar("Setup")


def seconds_per_step(renderer: Steps) -> float:
    """Seconds that a step of one picture takes just now; of a renderer that has taken one before."""
    started = time.perf_counter()
    renderer.rehearse(STEPS)
    return (time.perf_counter() - started) / STEPS / renderer.batch


def fastest(setups: Sequence[Setup], renderer: Callable[[Setup], Steps], steps: int) -> tuple[Setup, bool]:
    """The setup to render with, and whether all were measured: the first, or one that is clearly faster.

    `steps` is how many steps of a picture the layer takes in all. Only the first setup is timed when it
    would be done within WORTH_MEASURING seconds anyway; setups that the machine can't run are passed over.
    """
    sure, *others = setups
    if not others:
        return sure, False
    renderer(sure).rehearse(1)  # compiles
    if seconds_per_step(renderer(sure)) * steps < WORTH_MEASURING:
        return sure, False
    running = [sure, *(setup for setup in others if _runs(renderer, setup))]
    # Whatever else the machine does makes steps longer, never shorter: the shortest time of a setup is its
    # own. Timed in turns, all of them meet the same load.
    turns = [[seconds_per_step(renderer(setup)) for setup in running] for _ in range(ROUNDS)]
    times = [min(of_setup) for of_setup in zip(*turns, strict=True)]
    best = min(range(len(running)), key=lambda index: times[index])
    return running[best] if times[best] < CLEARLY * times[0] else sure, True


def suited(
    setup: Setup,
    larger: Callable[[Setup], Setup],
    others: Callable[[Setup], Sequence[Setup]],
    renderer: Callable[[Setup], Steps],
    fits: Callable[[Setup], bool],
) -> Setup:
    """The setup for a device that large batches keep busy, such as a graphics card.

    The batch is doubled by `larger` while it `fits` and a picture's time falls by that; of the best batch
    `others`, such as another number format or another compiler, are tried in turn, each taken where it is
    clearly faster than the best before. What the machine can't run is passed over.
    """
    renderer(setup).rehearse(1)  # compiles
    best, each = setup, seconds_per_step(renderer(setup))
    while fits(bigger := larger(best)) and _runs(renderer, bigger):
        found = seconds_per_step(renderer(bigger))
        if found > GAIN * each:
            break
        best, each = bigger, found
    tried = {best}
    while ahead := [other for other in others(best) if other not in tried]:
        tried.add(ahead[0])
        if _runs(renderer, ahead[0]) and (found := seconds_per_step(renderer(ahead[0]))) < CLEARLY * each:
            best, each = ahead[0], found
    return best


def _runs(renderer: Callable[[Setup], Steps], setup: Setup) -> bool:
    """Whether a setup can take a step here; the first, which compiles it."""
    try:
        renderer(setup).rehearse(1)
    except Exception:  # out of memory, or a format that some operation does not know
        return False
    return True
