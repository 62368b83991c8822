"""A network's class scores as they come of the layers inside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from generator.models.graph import Step
from generator.models.probing import application
from generator.models.scores import linear, squash
from generator.models.taps import between, input_canvas, opened, rebuilt


@dataclass(frozen=True)
class Scored:
    """A model that gives the class scores, (n, classes), last; and the axes of channels of layers, which are
    as the network itself has them."""

    model: Any
    axes: tuple[int, ...]


class Tail:
    """What comes of a network's layers: the scores of the classes that its layer `scores` gives.

    A softmax or sigmoid of that layer itself, `squash`, is left out. Raises ModelError when it can't be.
    """

    def __init__(self, network: Any, scores: str) -> None:
        self._network, self._scores, self._canvas = network, scores, input_canvas(network)
        steps, self._original = rebuilt(network, self._canvas, self._without_softmax)
        self._input, self._steps = steps[0], {step.name: step for step in steps}
        self.squash = squash(next(step for step in self._original if step.name == scores))
        self._affine: dict[str, bool] = {}

    def _without_softmax(self, steps: Sequence[Step]) -> dict[str, Any]:
        (last,) = [step for step in steps if step.name == self._scores]
        return {name: change.made for name, change in linear(last).items()}

    def scored(self, layers: Sequence[str]) -> Scored:
        """From network input to the outputs of the named layers, and the scores."""
        found = [self._steps[layer] for layer in layers]
        outputs = [step.output for step in [*found, self._steps[self._scores]]]
        return Scored(keras.Model(self._input.output, outputs), tuple(map(_axis, found)))

    def affine(self, layer: str) -> Scored | None:
        """From a layer's output, and then what else is read on the way from there, to the scores.

        None where these are no affine function of the layer's output, or no function of it at all.
        """
        way = between(self._original, layer, self._scores)
        if not way or not all(map(self._is_affine, reversed(way))):
            return None
        inside = {step.name for step in way}
        names = dict.fromkeys([layer, *(name for step in way for name in step.inputs)])
        outside = [name for name in names if name not in inside]
        begun = {name: _begin(operation) for name, operation in self._makers(outside).items()}
        steps, _ = rebuilt(
            self._network, self._canvas, lambda steps: {**self._without_softmax(steps), **begun}
        )
        by_name = {step.name: step for step in steps}
        model = keras.Model([by_name[name].output for name in outside], by_name[self._scores].output)
        return Scored(model, (_axis(by_name[layer]),))

    def _makers(self, names: Sequence[str]) -> dict[str, Any]:
        """The operations that make these layers' outputs; one of several outputs has the first one's name."""
        first: dict[int, str] = {}
        made = {}
        for step in self._original[1:]:
            name = first.setdefault(id(application(step.output)), step.name)
            if step.name in names:
                made[name] = step.operation
        return made

    def _is_affine(self, step: Step) -> bool:
        if step.name not in self._affine:
            without = step.name == self._scores and bool(self.squash)
            self._affine[step.name] = without or opened(step) == {}
        return self._affine[step.name]


def _begin(operation: Any) -> Callable[..., Any]:
    """In an operation's place: inputs of a model instead of its outputs."""

    def call(*args: Any, **kwargs: Any) -> Any:
        outputs = operation(*args, **kwargs)
        return keras.tree.map_structure(lambda one: keras.Input(one.shape[1:], dtype=one.dtype), outputs)

    return call


def _axis(step: Step) -> int:
    return 1 if step.channels_first else -1
