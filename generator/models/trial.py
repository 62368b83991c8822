"""An operation run by itself on noise, to see how far the gradient of a unit reaches.

That tells what a unit reads of layers of a user's own, and of Keras' that no rule is known for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.models.fields import Axis, measured
from generator.models.graph import Step
from generator.models.probing import application, called

Sight = tuple[Axis, Axis]
"""What units see along the rows and along the columns of the input."""
Reads = tuple[Axis | None, Axis | None]
"""What units read of another layer along its rows and columns; None where it is no stretch, or all."""

SIDE = 32
"""Height and width on which an operation is tried first: it leaves room around a unit."""

PICTURES, MANY = 4, 2**18
"""How many pieces of noise are tried at once, for units are off in some; of `MANY` numbers one."""


@dataclass(frozen=True)
class Input:
    """A tensor that an operation reads: its shape is told channels last, however its axes stand."""

    tensor: Any
    channels_first: bool
    shape: tuple[int | None, ...]
    sight: Sight | None

    def sides(self, side: int | None) -> tuple[int, int]:
        """Height and width to try: its own, or `side` in place of both."""
        return (side or self.shape[0] or SIDE, side or self.shape[1] or SIDE)


def tried(step: Step, inputs: Sequence[Input]) -> list[Reads]:
    """For each input what the step's units read of it by rows and columns; None where that is no box.

    It is so for all of the input, as for what has no gradient.
    """
    nothing: list[Reads] = [(None, None)] * len(inputs)
    for side in (SIDE, None):
        try:
            found = _Trial(step, inputs, side).reads()
        except Exception:  # an operation may take no other size, or do what can't be differentiated
            continue
        if all(rows and columns for rows, columns in found):
            return found
    return nothing


class _Trial:
    """An operation called on noise in place of its inputs."""

    def __init__(self, step: Step, inputs: Sequence[Input], side: int | None) -> None:
        import tensorflow as tf

        self._step, self._inputs, self._side = step, inputs, side
        self._noise = [self._of(given) for given in inputs]
        # In a graph TensorFlow leaves out the gradients of weights: some of its kernels end the process.
        self._gradients = tf.function(self._gradients_of)
        self._made = (0, 0)
        self._seen: dict[tuple[int, int], list[NDArray[Any]]] = {}

    def reads(self) -> list[Reads]:
        """What the units read of each input."""
        return [(self._along(0, place), self._along(1, place)) for place in range(len(self._inputs))]

    def _of(self, given: Input) -> Any:
        """Noise of an input's shape and type."""
        import tensorflow as tf

        channels = given.shape[2] or 1
        height, width = given.sides(self._side)
        count = PICTURES if height * width * channels < MANY else 1
        shape = (count, channels, height, width) if given.channels_first else (count, height, width, channels)
        values = np.random.default_rng(len(self._inputs)).normal(size=shape)
        return tf.constant(values, given.tensor.dtype)

    def _along(self, axis: int, place: int) -> Axis | None:
        """What units along an axis read of the input at a place; other inputs may be read otherwise."""
        given = self._inputs[place]
        self._reached((0, 0))  # tells how many units there are
        middle = [side // 2 for side in self._made]

        def span(unit: int) -> tuple[int, int] | None:
            at = (unit, middle[1]) if axis == 0 else (middle[0], unit)
            touched = np.flatnonzero(self._reached(at)[place].any(axis=1 - axis))
            return (int(touched[0]), int(touched[-1])) if touched.size else None

        read, made = given.sides(self._side)[axis], self._made[axis]
        found = measured(span, read, made)
        more, new = read - (given.shape[axis] or read), made - (self._step.shape[axis] or made)
        # What does not grow in step with its input is another operation on another size.
        return found if found and abs(more - new * found.stride) <= max(found.stride, 1) else None

    def _reached(self, at: tuple[int, int]) -> list[NDArray[Any]]:
        """For each input, by row and column, whether the unit at a place of the output depends on it."""
        import tensorflow as tf

        if at not in self._seen:
            gradients, made = self._gradients(tf.constant(at))
            self._made = int(made[0]), int(made[1])
            self._seen[at] = [
                (np.asarray(gradient) != 0).any(axis=(0, 1) if given.channels_first else (0, 3))
                for gradient, given in zip(gradients, self._inputs, strict=True)
            ]
        return self._seen[at]

    def _gradients_of(self, at: Any) -> Any:
        """The gradients of a random sum of the features at a place, and the output's height and width."""
        import tensorflow as tf

        node = application(self._step.output)
        known = {id(given.tensor): noise for given, noise in zip(self._inputs, self._noise, strict=True)}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self._noise)
            args, kwargs = node.arguments.fill_in(known)
            out = called(node.operation, None, args, kwargs)[self._step.output._keras_history.tensor_index]
        first, shape = self._step.channels_first, tf.shape(out)
        made = shape[2:4] if first else shape[1:3]
        mask = tf.one_hot(at[0], made[0])[:, None] * tf.one_hot(at[1], made[1])
        # The plain sum may be constant, as that of a softmax is; a random one is not.
        weights = tf.random.stateless_normal(shape, (0, 1)) * (mask if first else mask[:, :, None])
        weights = tf.cast(weights, out.dtype)
        gradients = tape.gradient(out, self._noise, output_gradients=weights, unconnected_gradients="zero")
        return gradients, made
