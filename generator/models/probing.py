"""Runs a network's graph on numbers, one operation after the other, as it is or with some of them changed.

What a cut network gives is held against this, and what a network does to its input first is found out by it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Instead = Mapping[int, Callable[..., Any]]
"""By the id of an operation's symbolic output, what is to be called in that operation's place."""


SIDE = 64
"""Pixels along an axis of the probe, where a network leaves it open."""


def probe(shape: Sequence[int | None]) -> Array:
    """A picture (1, height, width, colours) in [0, 1] that is always the same: blots of every size and noise.

    Noise alone is evened out by the first convolutions, and what comes after them is then hardly tried.
    """
    height, width, colours = (side or SIDE for side in shape)
    random = np.random.default_rng(2021)
    picture = random.random((height, width, colours))
    cell = 2
    while cell < max(height, width):
        grid = random.random((-(-height // cell), -(-width // cell), colours))
        picture += np.kron(grid, np.ones((cell, cell, 1)))[:height, :width]
        cell *= 2
    picture -= picture.min()
    scaled: Array = (picture / picture.max())[None].astype("float32")
    return scaled


def evaluated(source: Any, outputs: Sequence[Any], values: Any, instead: Instead | None = None) -> list[Any]:
    """What symbolic outputs are for `values` at the symbolic source, computed without training.

    Whatever an operation raises is raised. What no later operation reads is given up on the way, so that a
    large picture takes no more memory than it must.
    """
    instead = instead or {}
    nodes = _in_order(source, outputs)
    known = {id(source): values}
    wanted = {id(tensor) for tensor in outputs}
    last = {id(tensor): place for place, node in enumerate(nodes) for tensor in node.input_tensors}
    for place, node in enumerate(nodes):
        args, kwargs = node.arguments.fill_in(known)
        changed = next((instead[id(t)] for t in node.outputs if id(t) in instead), None)
        results = called(node.operation, changed, args, kwargs)
        known.update(zip(map(id, node.outputs), results, strict=True))
        for tensor in node.input_tensors:
            if last[id(tensor)] == place and id(tensor) not in wanted:
                known.pop(id(tensor), None)
    return [known[id(tensor)] for tensor in outputs]


def difference(found: Any, expected: Any) -> float:
    """Root mean square of the difference of two outputs, as a share of that of the expected one.

    Infinite where the shapes differ, or where not the same values are finite; those that aren't count for
    nothing.
    """
    found, expected = _numbers(found), _numbers(expected)
    if found.shape != expected.shape:
        return math.inf
    finite = np.isfinite(expected)
    if not np.array_equal(np.isfinite(found), finite):
        return math.inf
    error, scale = _size((found - expected)[finite]), _size(expected[finite])
    return error / scale if scale else (math.inf if error else 0.0)


def _numbers(output: Any) -> Array:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(output, "float32")), "float64")


def _size(values: Array) -> float:
    return math.sqrt(float(np.mean(values**2))) if values.size else 0.0


def called(
    operation: Any, changed: Callable[..., Any] | None, args: Any, kwargs: dict[str, Any]
) -> list[Any]:
    """What an operation, or what is `changed` in its place, gives outside of training, as a flat list."""
    from keras import tree

    if "training" in getattr(operation, "_call_context_args", ()):
        kwargs = {**kwargs, "training": False}
    return list(tree.flatten((changed or operation)(*args, **kwargs)))


def _in_order(source: Any, outputs: Sequence[Any]) -> list[Any]:
    """The applications of operations between source and outputs, each after those that it reads."""
    order: dict[int, Any] = {}
    stack = [(node, False) for node in map(application, outputs) if node is not None]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.setdefault(id(node), node)
        elif id(node) not in order:
            stack.append((node, True))
            makers = (application(t) for t in node.input_tensors if t is not source)
            stack += [(maker, False) for maker in makers if maker is not None]
    return [node for node in order.values() if not node.is_input]


def application(tensor: Any) -> Any:
    """The application of an operation that made a symbolic tensor; None for one that nothing made."""
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index] if history.operation is not None else None
