"""How much memory networks take: their weights, and pictures on their way through one and back.

Rough, and rather too much than too little: what a framework holds in between depends on its version and on
the processor. `tests/engines/test_footprint.py` holds it against what a process really takes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from generator.models.graph import Step, flatten

FLOAT = 4
"""Bytes of a number; networks in shorter formats are taken to need as much."""

CANVASES = 24
"""Numbers that are held for each number of a picture: parameters, their moments, spectrum, views, and what
the gradient needs of each."""


@dataclass(frozen=True)
class Footprint:
    """Bytes: of `each` picture under way, of the network's own `weights`, and of the `copies` of weights
    that a cut network makes."""

    each: int
    weights: int
    copies: int


def footprint(network: Any, cut: Any) -> Footprint:
    """Of a network and of a part of it that was cut for pictures of one size."""
    canvas = tuple(cut.inputs[0].shape[1:])
    steps = flatten(cut, canvas)
    shapes = {step.name: step.output.shape for step in steps}
    # Activations are kept for the way back, where each has a gradient of its own size beside it.
    activations = 2 * sum(_activations(step, [shapes[name] for name in step.inputs]) for step in steps)
    own = {id(weight) for weight in network.weights}
    copies = [weight for weight in cut.weights if id(weight) not in own]
    return Footprint(
        each=FLOAT * (activations + CANVASES * math.prod(canvas)),
        weights=_bytes(network.weights),
        copies=_bytes(copies),
    )


def _activations(step: Step, before: list[Any]) -> int:
    """Numbers that are kept of what an operation gives for a picture.

    Of a layer made of others as many for each of them; of one that only changes numbers in their places
    none, for its input or its output is enough.
    """
    inner = sum(len(weight.shape) > 1 for weight in getattr(step.operation, "weights", ()))
    if not inner and step.output.shape in before:
        return 0
    return max(1, inner) * int(math.prod(n or 1 for n in step.output.shape[1:]))


def _bytes(weights: list[Any]) -> int:
    numbers: int = sum(math.prod(weight.shape) for weight in weights)
    return FLOAT * numbers
