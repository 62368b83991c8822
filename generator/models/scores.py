"""Where a network's class scores are: in its last layer, before they are made probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import keras

from generator.errors import ModelError
from generator.models.activations import Change, Changes, is_fused, keras_kind, under
from generator.models.folding import hand_on
from generator.models.functions import SIGMOID, SOFTMAX
from generator.models.graph import Step
from generator.models.precision import remade

Squash = Literal["softmax", "sigmoid", ""]

_HANDING_ON = ("Dropout", "Identity", "Flatten", "Reshape", "Squeeze", "Cast")
"""Layers that give the numbers that they take, perhaps in another shape."""


def squash(step: Step) -> Squash:
    """What a step makes probabilities with, as a layer of its own or as its activation; or nothing."""
    operation = step.operation
    ending = is_fused(operation, _squash) or keras_kind(operation) == "Activation"
    return _squash(operation.activation if ending else operation)


def _squash(activation: Any) -> Squash:
    """The same of a function or a layer."""
    kind = keras_kind(activation)
    if activation in SOFTMAX or kind == "Softmax":
        return "softmax"
    return "sigmoid" if activation in SIGMOID or kind == "Sigmoid" else ""


def linear(step: Step) -> Changes:
    """What leaves out a step's softmax or sigmoid, if it has one."""
    if not squash(step):
        return {}
    if not is_fused(step.operation, _squash):
        return {step.name: Change(hand_on, hand_on)}
    layer = remade(step.operation, activation="linear")
    if layer is None:
        raise ModelError(f"{step.name}: its logits can't be had, since the layer can't be made again")
    return {step.name: Change(layer, under(step.operation, keras.activations.linear))}


def score_layers(steps: Sequence[Step], names: int = 0) -> tuple[str, ...]:
    """The layers whose channels are a network's classes, before and after a softmax; the last one at the end.

    They end in a layer that nothing reads, of one number a class, and known to be of classes: there are as
    many class names (`names`), or it ends in a softmax or sigmoid, or is a dense layer without activation.
    """
    read = {name for step in steps for name in step.inputs}
    ends = [step for step in steps if step.name not in read and len(step.shape) == 1]
    last = next((step for step in reversed(ends) if _is_of_classes(step, names)), None)
    if last is None:
        return ()
    by_name, found = {step.name: step for step in steps}, [last]
    while _hands_on(found[-1]) and len(found[-1].inputs) == 1:
        before = by_name[found[-1].inputs[0]]
        if before.shape[-1:] != last.shape:
            break
        found.append(before)
    return tuple(step.name for step in reversed(found))


def _is_of_classes(step: Step, names: int) -> bool:
    plain = (
        isinstance(step.operation, keras.layers.Dense)
        and step.operation.activation is keras.activations.linear
    )
    return plain or bool(squash(step)) or step.shape[-1] == (names or None)


def _hands_on(step: Step) -> bool:
    return step.operation.__class__.__name__ in _HANDING_ON or (
        bool(squash(step)) and not is_fused(step.operation, _squash)
    )
