"""How a layer is rendered on the device there is: on a graphics card in batches that keep it busy."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any

from generator.engines import memory
from generator.engines.opened import reserve
from generator.engines.pictures import PictureTask
from generator.engines.tasks import Bench

FORMATS = ("float32", "bfloat16")
LARGEST = 1024
"""Pictures of a batch at most, however much memory there is."""


@dataclass(frozen=True)
class Setup:
    """How a layer is rendered on this machine: the format it computes in, the pictures of a step, and whether
    XLA compiles it."""

    precision: str = "float32"
    batch: int = 1
    compiled: bool = False


@dataclass(frozen=True)
class Needs:
    """Bytes: of `each` picture while it is made, of the network's `weights`, and of their `copies` in what is
    compiled for a layer."""

    each: int
    weights: int
    copies: int


_agreed: dict[Hashable, str] = {}
"""The setup that all workers agreed on for a graphics card."""


def on_card(
    task: PictureTask,
    bench: Bench,
    card: memory.Card,
    place: Hashable,
    needs: Needs,
    renderer: Callable[[Setup], Any],
) -> Setup:
    """How to render a task on a graphics card: as it was measured there before, or is measured now.

    A key has one batch size on a device, whatever a task brings: smaller lots are filled up. `place` is what
    the task's compiled step depends on, `renderer` makes one for a setup.
    """
    name, _, known = (task.card or "").rpartition(": ")
    if name == card.name:
        return _read(known)
    if (place, card.name) not in _agreed:
        room = card.memory * task.share - needs.weights - reserve(needs.copies)
        own = _written(_measured(task, needs, room, renderer))
        _agreed[place, card.name] = bench.agree(f"card {card.name} {' '.join(task.pace[:2])}", own)
    return _read(_agreed[place, card.name])


def _measured(task: PictureTask, needs: Needs, room: float, renderer: Callable[[Setup], Any]) -> Setup:
    from generator.render.tuning import suited

    wish = task.recipe.precision
    formats = FORMATS if wish == "auto" else (wish,)

    def others(best: Setup) -> list[Setup]:
        return [replace(best, compiled=True), *(replace(best, precision=other) for other in formats)]

    return suited(
        Setup(formats[0], min(task.batch, max(1, int(room // needs.each)))),
        lambda setup: replace(setup, batch=2 * setup.batch),
        others,
        renderer,
        lambda setup: setup.batch <= LARGEST and setup.batch * needs.each <= room,
    )


def told_of_card(setup: Setup) -> dict[str, str]:
    """What later tasks of the same kind are to know of the graphics card, if there is one."""
    card = memory.graphics_card()
    return {} if card is None else {"card": f"{card.name}: {_written(setup)}", "batch": str(setup.batch)}


def _written(setup: Setup) -> str:
    return f"{setup.precision} {setup.batch} {'xla' if setup.compiled else 'plain'}"


def _read(text: str) -> Setup:
    precision, batch, compiler = text.split()
    return Setup(precision, int(batch), compiler == "xla")
