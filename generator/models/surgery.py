"""Cuts a network at a layer and makes the part before it fast and friendly to gradient ascent.

Nothing here changes what a network computes: BatchNorm is folded into the convolution before it, layers may
compute in another number format, and the last ReLU before the cut keeps its values and gets another gradient
where it would have none. That this is so is tried on a picture whenever a network is cut.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import keras
import tensorflow as tf

from generator.errors import ModelError, NotRenderable
from generator.models import layout
from generator.models.activations import Changes, ReluMode, relus
from generator.models.folding import Swaps, folded
from generator.models.graph import Step, flatten, no_layer
from generator.models.precision import Rehearsal, recast, with_finite_weights
from generator.models.probing import difference, evaluated, probe
from generator.models.scores import linear

TOLERANCES = {"float32": 1e-4, "bfloat16": 0.25}
"""How far a cut network's output may be from the network's own: root mean square, as a share of its own.

Most that was measured, at 160 pixels: 5e-6 in float32; in bfloat16 0.065 with trained weights (EfficientNet-
Lite0, `head`), 0.025 with random ones (eleven families of keras.applications).
"""


def cut(
    network: Any,
    layer: str,
    size: int | tuple[int, int],
    relu: ReluMode = "plain",
    precision: str = "float32",
    logits: bool = False,
    preprocess: Callable[[Any], Any] = lambda pixels: pixels,
    finite: bool = False,
) -> Any:
    """A Keras model from pixels (n, height, width, colours) to the named layer's output, BatchNorm folded.

    The output is (n, height, width, channels), (n, tokens, channels) or (n, channels), also of a network
    that keeps channels first. `size` is height and width, or one number for both. A network that can't take
    pictures of that size gets them resized to its own, or where that is open to the next larger one it takes.
    `precision` is the number format that its layers compute in; with `logits` a softmax or sigmoid at the
    layer itself is left out; with `finite` weights that are infinite or no numbers are zero, so that one
    channel's don't make gradients of all of them useless.

    What it gives for a picture, which `preprocess` makes network input of, has been found to be what the
    network's own operations give, with the same ReLUs open or left out, within TOLERANCES. Raises ModelError
    when there is no such layer, or when it is not.
    """
    canvas = (size, size) if isinstance(size, int) else size
    steps = _flattened(network, canvas)
    shape = steps[0].shape
    upto = _ancestors(steps, layer)
    changes = {**relus(upto, layer, relu), **(linear(upto[-1]) if logits else {})}
    trial = _Trial(upto, changes, precision, preprocess(probe(shape)))
    folds = folded(upto, layer)
    for chosen in (folds, {}) if folds else ({},):
        swaps = trial.swaps(chosen)
        model = _assembled(network, shape, layer, swaps | _told_apart(upto, swaps))
        if trial.passes(model, swaps):
            if finite and (mended := with_finite_weights(upto, swaps)):
                swaps = swaps | mended
                model = _assembled(network, shape, layer, swaps | _told_apart(upto, swaps))
            return model if shape[:2] == canvas else _resized(model, canvas, shape)
    raise NotRenderable(trial.verdict)


def _flattened(network: Any, canvas: tuple[int, int]) -> list[Step]:
    """The steps of a network on pictures of a canvas, or of its own or the next larger size that it takes."""
    *own, colours = network.inputs[0].shape[1:]
    *sizes, last = _sizes(canvas, own)
    for size in sizes:
        try:
            return flatten(network, (*size, colours))
        except ModelError:
            raise
        except (ValueError, TypeError):
            continue
    return flatten(network, (*last, colours))


def _sizes(canvas: tuple[int, int], own: Sequence[int | None]) -> list[tuple[int, ...]]:
    """Sizes to try: the canvas, then the network's own, whose open sides halve evenly more and more often."""
    halvings = [2**power for power in range(1, 7)] if None in own else [1]
    return [canvas] + [
        tuple(fixed or -(-side // by) * by for side, fixed in zip(canvas, own, strict=True))
        for by in halvings
    ]


def _assembled(network: Any, shape: tuple[int | None, ...], layer: str, swaps: Swaps) -> Any:
    steps = flatten(network, shape, lambda name, operation: swaps.get(name, operation))
    found = {step.name: step for step in steps}[layer]
    output = layout.to_last(found.output) if found.channels_first else found.output
    return keras.Model(steps[0].output, output)


class _Trial:
    """A network's own operations up to a layer, and whether a cut network gives what they give."""

    def __init__(self, steps: list[Step], changes: Changes, precision: str, picture: Any) -> None:
        self._steps, self._changes, self._precision = steps, changes, precision
        self._picture = tf.cast(picture, steps[0].output.dtype)
        self.verdict = ""

    def swaps(self, folds: Swaps) -> Swaps:
        """All replacements, `folds` among them, in the precision that is asked for."""
        made = {**folds, **{name: change.made for name, change in self._changes.items()}}
        if self._precision == "float32":
            return made
        _, rehearsals = self._own
        alike = {id_ for id_, rehearsal in rehearsals.items() if rehearsal.alike}
        return recast(self._steps, made, self._precision, alike)

    def passes(self, model: Any, swaps: Swaps) -> bool:
        """Whether a model with those replacements gives what the network gives; if not, `verdict` says so."""
        own = {name: change.own for name, change in self._changes.items()}
        if all(made is own.get(name) for name, made in swaps.items()):
            return True  # nothing was made again: these are the network's own operations
        expected, _ = self._own
        (found,) = evaluated(model.inputs[0], model.outputs, self._picture)
        error = difference(found, expected)
        self.verdict = (
            f"{self._steps[-1].name}: computed in {self._precision} it differs from what the network gives, "
            f"by {error:.2g} of its size where {TOLERANCES[self._precision]:g} is allowed"
            + ("" if self._precision == "float32" else "; `precision: float32` is what it is made for")
        )
        return error <= TOLERANCES[self._precision] or not self._steady

    @cached_property
    def _steady(self) -> bool:
        """Whether the network gives the same twice: another can't be held against anything."""
        again, _ = self._computed()
        return difference(again, self._own[0]) <= TOLERANCES[self._precision]

    @cached_property
    def _own(self) -> tuple[Any, dict[int, Rehearsal]]:
        return self._computed()

    def _computed(self) -> tuple[Any, dict[int, Rehearsal]]:
        """What the network itself gives, channels last, and how its layers fared that may be made again."""
        rehearsals: dict[int, Rehearsal] = {}
        instead: dict[int, Callable[..., Any]] = {}
        for step in self._steps[1:]:
            if step.name in self._changes:
                instead[id(step.output)] = self._changes[step.name].own
            elif self._precision != "float32" and isinstance(step.operation, keras.layers.Layer):
                rehearsal = rehearsals.setdefault(id(step.operation), Rehearsal(step.operation))
                instead[id(step.output)] = rehearsal
        source, last = self._steps[0], self._steps[-1]
        (output,) = evaluated(source.output, [last.output], self._picture, instead)
        return (layout.to_last(output) if last.channels_first else output), rehearsals


def _resized(model: Any, canvas: tuple[int, int], shape: tuple[int | None, ...]) -> Any:
    pixels = keras.Input((*canvas, shape[-1]))
    resized = keras.layers.Resizing(
        shape[0], shape[1], interpolation="bilinear", data_format="channels_last"
    )(pixels)
    return keras.Model(pixels, model(resized))


def _ancestors(steps: list[Step], layer: str) -> list[Step]:
    """The steps that the layer's output depends on, itself last."""
    by_name = {step.name: step for step in steps}
    if layer not in by_name:
        raise no_layer(layer)
    wanted, queue = {layer}, [layer]
    while queue:
        for name in by_name[queue.pop()].inputs:
            if name not in wanted:
                wanted.add(name)
                queue.append(name)
    return [step for step in steps if step.name in wanted]


# -- names -----------------------------------------------------------------------------------------


class _Called(keras.layers.Layer):  # type: ignore[misc]
    """An operation under another name."""

    def __init__(self, operation: Any) -> None:
        super().__init__(autocast=False)
        self.operation = operation
        if hasattr(operation, "call"):  # Keras looks at what is given to each argument by itself
            self._call_signature = inspect.signature(operation.call)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """What the operation gives."""
        return self.operation(*args, **kwargs)


def _told_apart(steps: list[Step], swaps: Swaps) -> Swaps:
    """Replacements for operations whose names are taken: Keras wants each once, nested models don't care."""
    owners: dict[str, int] = {steps[0].output.name: 0}
    called: dict[int, _Called] = {}
    apart: Swaps = {}
    for step in steps[1:]:
        operation = swaps.get(step.name, step.operation)
        name = getattr(getattr(operation, "layer", operation), "name", None)
        if name is not None and owners.setdefault(name, id(operation)) != id(operation):
            # A layer that is used twice stays one layer.
            apart[step.name] = called.setdefault(id(operation), _Called(operation))
    return apart
