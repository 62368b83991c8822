"""Channels first or last: everything outside sees channels last, whatever a network does inside.

A network that takes (n, channels, height, width) is wrapped in one that takes pictures as they are; its
layers' outputs are turned where they are shown. TensorFlow computes both layouts on a CPU, so nothing of
the network itself is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from generator.models.graph import Step

_ANY_LAYOUT = ("Rescaling", "Normalization", "Flatten")
"""Layers whose `data_format` says nothing: it is Keras' default, and they work on either layout."""

_TO_LAST, _TO_FIRST = (2, 3, 1), (3, 1, 2)


def is_first(operation: Any, output: Any, inputs: Sequence[bool]) -> bool:
    """Whether an operation's output is (n, channels, height, width), given whether its inputs are."""
    if len(output.shape) != 4:
        return False
    order = _order(operation)
    if order in (_TO_LAST, _TO_FIRST):
        return order == _TO_FIRST
    said = _data_format(operation)
    return any(inputs) if said is None else said == "channels_first"


def takes_first(steps: Sequence[Step]) -> bool:
    """Whether a network wants (n, channels, height, width), by the first operation that cares.

    Networks without any such are asked for their input's shape: nobody has pictures 1 or 3 pixels high.
    """
    like_input = {steps[0].name}
    for step in steps[1:]:
        if not like_input.intersection(step.inputs):
            continue
        order, said = _order(step.operation), _data_format(step.operation)
        if order in (_TO_LAST, _TO_FIRST):
            return order == _TO_LAST
        if said is not None:
            return said == "channels_first"
        if len(step.output.shape) == 4:
            like_input.add(step.name)
    first, _, last = steps[0].output.shape[1:]
    return first in (1, 3) and last not in (1, 3)


def settled(steps: list[Step]) -> list[Step]:
    """The steps, where one that says nothing itself, nor anything before it, is taken as its readers take it.

    Such as a gate's (n, 1, 1, channels) or (n, channels, 1, 1), made of a dense layer's output.
    """
    if not any(step.channels_first for step in steps):
        return steps
    told = _told(steps)
    readers: dict[str, list[Step]] = {}
    whole = []
    for step in reversed(steps):
        if step.name not in told and len(step.output.shape) == 4:
            step = replace(step, channels_first=any(_reads_first(s) for s in readers.get(step.name, [])))
        for name in step.inputs:
            readers.setdefault(name, []).append(step)
        whole.append(step)
    return whole[::-1]


def _told(steps: list[Step]) -> set[str]:
    """The steps whose layout is known from themselves or from what is before them."""
    told = {steps[0].name}
    for step in steps[1:]:
        if _order(step.operation) or _data_format(step.operation) or told.intersection(step.inputs):
            # What comes out of a pooling or a dense layer has no layout to hand on.
            told |= {step.name} if len(step.output.shape) == 4 else set()
    return told


def _reads_first(reader: Step) -> bool:
    order = _order(reader.operation)
    return order == _TO_LAST if order in (_TO_LAST, _TO_FIRST) else reader.channels_first


def _order(operation: Any) -> tuple[int, ...]:
    """The order of axes that a Permute or transpose makes, the batch counted as 0; else nothing."""
    if type(operation).__name__ == "Permute":
        return tuple(operation.dims)
    if type(operation).__name__ == "Transpose" and operation.axes:
        return tuple(operation.axes[1:])
    return ()


def _data_format(operation: Any) -> str | None:
    said = None if type(operation).__name__ in _ANY_LAYOUT else getattr(operation, "data_format", None)
    return None if said is None else str(said)


# -- turning ---------------------------------------------------------------------------------------


def pictures_in(network: Any) -> Any:
    """A network of (n, channels, height, width) as one of (n, height, width, channels)."""
    import keras

    wanted = network.inputs[0]
    channels, height, width = wanted.shape[1:]
    pixels = keras.Input((height, width, channels), name=wanted.name, dtype=wanted.dtype)
    whole = keras.Model(pixels, network(to_first(pixels)), name=network.name)
    whole.turns_pictures = True
    return whole


def inside(network: Any) -> Any:
    """The network that `pictures_in` wrapped, or the network itself."""
    return network.layers[-1] if getattr(network, "turns_pictures", False) else network


def to_first(tensor: Any) -> Any:
    """(n, height, width, channels) -> (n, channels, height, width)."""
    import keras

    return keras.layers.Permute(_TO_FIRST)(tensor)


def to_last(tensor: Any) -> Any:
    """(n, channels, height, width) -> (n, height, width, channels)."""
    import keras

    return keras.layers.Permute(_TO_LAST)(tensor)
