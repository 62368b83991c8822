"""Which tokens of a transformer's layers are no patches of the picture: class, distillation, registers.

The network is asked, not counted: before tokens are mixed, such a token is the same whatever the picture is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.models.graph import Step
from generator.models.probing import SIDE, application, called, evaluated, probe

Array = NDArray[Any]
SAME = 1e-6
"""How far a token that does not depend on the picture may be from itself, as a share of the largest value."""


def special_tokens(steps: Sequence[Step]) -> list[int]:
    """For each step how many tokens in front are none of the picture; 0 where its output has no tokens.

    A layer with as many tokens as a layer before it has them in the same places. Any other is asked twice:
    by itself, what follows where the patches before it change, and as part of the network, what follows
    where the picture does.
    """
    makers = {id(step.output): place for place, step in reversed(list(enumerate(steps)))}
    found = [0] * len(steps)
    asked = {place for place, step in enumerate(steps) if _is_new(step, steps, makers)}
    by_picture = _by_picture(steps, sorted(asked)) if asked else {}
    for place, step in enumerate(steps):
        if not _has_tokens(step):
            continue
        if makers[id(step.output)] != place:  # another name for what there is
            found[place] = found[makers[id(step.output)]]
        elif place in asked:
            found[place] = max(_by_itself(step, steps, makers, found), by_picture.get(place, 0))
        else:
            found[place] = max(found[before] for before in _alike(step, steps, makers))
    return found


def _has_tokens(step: Step) -> bool:
    return len(step.shape) == 2 and bool(step.inputs)


def _before(step: Step, makers: dict[int, int]) -> list[int]:
    """The places of the steps that a step reads."""
    tensors = application(step.output).input_tensors
    return [makers[id(tensor)] for tensor in tensors if id(tensor) in makers]


def _alike(step: Step, steps: Sequence[Step], makers: dict[int, int]) -> list[int]:
    """The places of the steps with as many tokens that a step reads."""
    read = _before(step, makers)
    return [place for place in read if _has_tokens(steps[place]) and steps[place].shape[0] == step.shape[0]]


def _is_new(step: Step, steps: Sequence[Step], makers: dict[int, int]) -> bool:
    return _has_tokens(step) and not _alike(step, steps, makers)


def _by_picture(steps: Sequence[Step], asked: Sequence[int]) -> dict[int, int]:
    """How many tokens stay when the picture changes."""
    source, outputs = steps[0].output, [steps[place].output for place in asked]
    picture = probe(source.shape[1:])
    try:
        one, other = (
            evaluated(source, outputs, np.asarray(255 * shown).astype(source.dtype))
            for shown in (picture, 1 - picture)
        )
    except Exception:  # a layer of the user's own may fail in any way
        return {}
    return {place: _unchanged(*pair) for place, *pair in zip(asked, one, other, strict=True)}


def _by_itself(step: Step, steps: Sequence[Step], makers: dict[int, int], found: Sequence[int]) -> int:
    """How many tokens stay when all patches that an operation reads change."""
    node = application(step.output)
    random = np.random.default_rng(2021)
    one, other = {}, {}
    for tensor in node.input_tensors:
        shape = [size or SIDE for size in (1, *tensor.shape[1:])]
        one[id(tensor)], other[id(tensor)] = random.normal(size=(2, *shape)).astype(tensor.dtype)
        if id(tensor) in makers and (kept := found[makers[id(tensor)]]):
            other[id(tensor)][:, :kept] = one[id(tensor)][:, :kept]
    try:
        output = list(map(id, node.outputs)).index(id(step.output))
        arguments = [node.arguments.fill_in(values) for values in (one, other)]
        pair = [called(node.operation, None, *given)[output] for given in arguments]
    except Exception:  # a layer of the user's own may fail in any way
        return 0
    return _unchanged(*pair)


def _unchanged(one: Any, other: Any) -> int:
    """How many tokens in front are alike in two outputs (n, tokens, channels); 0 where all of them are."""
    one, other = (np.asarray(output, "float64") for output in (one, other))
    apart = np.abs(one - other).max(axis=(0, 2)) > SAME * np.abs(one).max(initial=0)
    return int(apart.argmax()) if apart.any() else 0
