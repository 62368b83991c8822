"""Which range of values a network wants as input, by what it does to it before its first learned layer.

Black, grey and white pictures of every range that is usual are sent through what stands in front of the first
layer that has learnt anything. The range is taken for which that layer then gets values as such layers want
them: about as far apart as 1, about centred, and grey half way between black and white.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.models.graph import Step
from generator.models.preprocessing import Assumed, Preprocessing, named
from generator.models.probing import SIDE, application, evaluated

RANGES = {"unit": 0.0, "raw": 0.0, "tf": 2.0}
"""The ranges that are tried, and what speaks against each from the start: few keep pixels in [-1, 1]."""

SENSIBLE = 6.0
"""The most that may speak against a range that is taken for found."""
CLEAR = 0.5
"""How much more must speak against every other."""

ENOUGH = 4096

Array = NDArray[Any]


@dataclass(frozen=True)
class _Front:
    """The steps before the first learned layers, the input included; those layers; and what these read."""

    steps: list[Step]
    learned: list[Step]
    read: list[Any]


def assumed(steps: Sequence[Step], colours: int) -> Assumed:
    """The range that a network of these steps seems to want; [0, 1], and said to be a guess, if none does."""
    front = _front(steps, colours)
    before = f" before its first weights, in {front.learned[0].name}" if front.learned else ""
    nothing = f"a guess, since the network does nothing to its input{before}"
    try:
        changes, against = _tried(front, colours)
    except Exception:  # a layer of the user's own may not take pictures of one colour
        return Assumed(named("unit", colours), "a guess, since the network can't be asked", guessed=True)
    if not changes:
        return Assumed(named("unit", colours), nothing, guessed=True)
    name, second = sorted(RANGES, key=lambda name: against[name].total)[:2]
    best = against[name]
    clear = best.total < SENSIBLE and best.total + CLEAR < against[second].total
    reason = (
        f"the network makes that {best.low:.3g} and {best.high:.3g} itself ({', '.join(changes)}){before}"
    )
    return Assumed(named(name, colours), reason if clear else f"a guess; {reason}", guessed=not clear)


def _front(steps: Sequence[Step], colours: int) -> _Front:
    front, learned = [steps[0]], []
    names = {steps[0].name}
    for step in steps[1:]:
        if not names.issuperset(step.inputs) or not step.inputs:
            continue
        if _has_learnt(step.operation, colours):
            learned.append(step)
        else:
            front.append(step)
            names.add(step.name)
    read = [tensor for step in learned for tensor in application(step.output).input_tensors]
    return _Front(front, learned, read or [front[-1].output])


def _has_learnt(operation: Any, colours: int) -> bool:
    """Whether an operation has weights that are more than a number a colour, as a normalisation's are."""
    sizes = [math.prod(weight.shape) for weight in getattr(operation, "weights", ())]
    return type(operation).__name__ != "Normalization" and any(size > colours for size in sizes)


@dataclass(frozen=True)
class _Against:
    """What black and white of a range become, and how much speaks against it."""

    low: float
    high: float
    total: float


def _tried(front: _Front, colours: int) -> tuple[list[str], dict[str, _Against]]:
    """The operations that change values, by kind, and what speaks against each range."""
    source, outputs = front.steps[0].output, [step.output for step in front.steps] + front.read
    shown = [
        [_some(values) for values in evaluated(source, outputs, picture[None])]
        for picture in _pictures(source.shape[1:], colours)
    ]
    values = [np.stack(column) for column in zip(*shown, strict=True)]
    typical = {step.name: np.median(v, axis=1) for step, v in zip(front.steps, values, strict=False)}
    changes = [
        type(step.operation).__name__
        for step in front.steps[1:]
        if not np.allclose(typical[step.name], typical[step.inputs[0]], rtol=0.01, atol=0.01)
    ]
    seen = np.concatenate(values[len(front.steps) :], axis=1)
    seen = seen[:, np.ptp(seen, axis=0) > 0]  # coordinates and the like say nothing of a range
    if not seen.size:
        return [], {}
    shades = dict(zip(RANGES, np.split(seen, len(RANGES)), strict=True))
    return list(dict.fromkeys(changes)), {name: _against(s, RANGES[name]) for name, s in shades.items()}


def _pictures(shape: Sequence[int | None], colours: int) -> Array:
    """Black, grey and white of each range in turn, as network input."""
    shades = np.array([0.0, 0.5, 1.0], "float32")[:, None, None, None]
    size = [side or SIDE for side in shape]
    display = np.broadcast_to(shades, (3, *size))
    ranges: list[Preprocessing] = [named(name, colours) for name in RANGES]
    whole: Array = np.concatenate([mapping(display) for mapping in ranges]).astype("float32")
    return whole


def _some(values: Any) -> Array:
    """At most ENOUGH numbers of an output, always from the same places."""
    flat: Array = np.asarray(values, "float64").reshape(-1)
    places = np.linspace(0, flat.size - 1, min(flat.size, ENOUGH)).astype(int)
    some: Array = flat[places]
    return some


def _against(shades: Array, prior: float) -> _Against:
    """What speaks against a range by what its black, grey and white become, (3, values)."""
    black, grey, white = shades
    low, high = float(np.median(black)), float(np.median(white))
    half = float(np.median(np.abs(white - black))) / 2
    if not half or not math.isfinite(half):
        return _Against(low, high, math.inf)
    centre = float(np.median(np.abs(white + black))) / 2
    bend = float(np.median(np.abs(grey - (black + white) / 2)))
    return _Against(low, high, prior + abs(math.log(half)) + (centre + 3 * bend) / half)
