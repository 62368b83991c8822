"""Layers made again: in another number format or with another activation, with all that they have learnt."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import keras
import numpy as np
from keras import ops

from generator.models.folding import Swaps
from generator.models.graph import Step
from generator.models.probing import difference

SAME = 1e-5
"""How far a layer that is made again as it was may differ: by nothing, but for the order of sums."""


def remade(operation: Any, **changes: Any) -> Any:
    """A layer again from its config, with what `changes` says, and its state; None where that can't be.

    State is handed over as saving and loading would, each layer inside by itself, so that one which derives
    more from its weights than a config holds (an adapted Normalization) does so again.
    """
    if not isinstance(operation, keras.layers.Layer) or isinstance(operation, keras.layers.InputLayer):
        return None
    try:
        layer = type(operation).from_config({**operation.get_config(), **changes})
        if operation.built and operation.weights:
            layer.build_from_config(operation.get_build_config())
            # Another activation may be in the place of one that was a layer itself.
            gone = operation.activation if "activation" in changes else None
            parts = [part for part in operation._flatten_layers() if part is not gone]
            for old, new in zip(parts, layer._flatten_layers(), strict=True):
                store: dict[str, Any] = {}
                old.save_own_variables(store)
                new.load_own_variables(store)
    except Exception:  # a layer of the user's own may refuse in any way
        return None
    layer.trainable = False
    return layer


class Unfused:
    """A layer whose own activation is taken out, and what is called in that one's place."""

    def __init__(self, layer: Any, relu: Callable[..., Any]) -> None:
        self.layer, self.relu = layer, relu

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.relu(self.layer(*args, **kwargs))


def in_precision(operation: Any, precision: str) -> Any:
    """The operation computing in `precision`; one that can't be made again computes as it was made to."""
    if isinstance(operation, Unfused):
        return Unfused(in_precision(operation.layer, precision), in_precision(operation.relu, precision))
    return remade(operation, dtype=precision) or operation


def recast(steps: list[Step], swaps: Swaps, precision: str, alike: Collection[int]) -> Swaps:
    """Replacements that compute in `precision`, for what is replaced already and for what is not.

    Of the network's own operations only those whose id is in `alike` are made again.
    """
    made: dict[int, Any] = {}
    whole: Swaps = {}
    for step in steps:
        operation = swaps.get(step.name, step.operation)
        if step.name not in swaps and id(operation) not in alike:
            continue
        # A layer that is used twice stays one layer.
        if id(operation) not in made:
            made[id(operation)] = in_precision(operation, precision)
        whole[step.name] = made[id(operation)]
    return whole


def with_finite_weights(steps: list[Step], swaps: Swaps) -> Swaps:
    """Replacements for operations with weights that are infinite or no numbers, with zeros in their places.

    One that can't be made again stays as it is.
    """
    made: dict[int, Any] = {}
    for step in steps:
        operation = swaps.get(step.name, step.operation)
        layer = operation.layer if isinstance(operation, Unfused) else operation
        if id(operation) in made or not isinstance(layer, keras.layers.Layer) or _is_finite(layer):
            continue
        again = remade(layer)
        if again is not None:
            again.set_weights([np.nan_to_num(one, nan=0, posinf=0, neginf=0) for one in layer.get_weights()])
            made[id(operation)] = Unfused(again, operation.relu) if layer is not operation else again
    operations = {step.name: swaps.get(step.name, step.operation) for step in steps}
    return {name: made[id(operation)] for name, operation in operations.items() if id(operation) in made}


def _is_finite(layer: Any) -> bool:
    return all(bool(ops.all(ops.isfinite(weight))) for weight in layer.weights if weight.dtype != "int32")


class Rehearsal:
    """Calls a layer, and finds out whether the same layer made again would give the same.

    What else than its config and its weights makes a layer what it is, nobody knows but the layer; one that
    gives something else when it is made again in its own precision is not made again in another.
    """

    def __init__(self, operation: Any) -> None:
        self._operation, self._again = operation, remade(operation)
        self.alike = self._again is not None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given = self._operation(*args, **kwargs)
        self.alike = self.alike and self._agrees(given, lambda: self._again(*args, **kwargs))
        return given

    def _agrees(self, given: Any, again: Callable[[], Any]) -> bool:
        try:
            pairs = zip(keras.tree.flatten(given), keras.tree.flatten(again()), strict=True)
            return all(difference(found, expected) <= SAME for expected, found in pairs)
        except Exception:  # a layer of the user's own may fail in any way
            return False
