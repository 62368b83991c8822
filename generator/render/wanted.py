"""What each picture of a batch is of, as tensors: the compiled step takes these, whatever the units are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from generator.targets import Direction, Place, Unit


class Wanted(NamedTuple):
    """Features and places that a batch of n pictures is to excite.

    `features` are numbers of channels, (n,) int32, or directions among them, (n, channels) float32; `places`
    weights of the layer's positions, (n, positions) float32 that add up to 1, or None for all alike;
    `special` is how many of the layer's tokens come before its positions.
    """

    features: tf.Tensor
    places: tf.Tensor | None = None
    special: int = 0

    @property
    def directions(self) -> bool:
        """Whether the features are directions instead of channels."""
        return len(self.features.shape) == 2

    def along(self, output: tf.Tensor) -> tf.Tensor:
        """(n, ..., channels) -> (n, ...) float32: how far each position goes the wanted way."""
        output = tf.cast(output, tf.float32)
        if not self.directions:
            return tf.gather(output, self.features, axis=-1, batch_dims=1)
        between = [1] * (len(output.shape) - 2)
        count, channels = self.features.shape
        return tf.reduce_sum(output * tf.reshape(self.features, (count, *between, channels)), axis=-1)

    def mean(self, places: tf.Tensor) -> tf.Tensor:
        """(n, positions, channels) -> (n,): the mean over the wanted places."""
        along = self.along(places)
        if self.places is None:
            return tf.reduce_mean(along, axis=1)
        return tf.reduce_sum(along * self.places, axis=1)


def wanted(units: Sequence[Unit], shape: Sequence[int], special: int = 0) -> Wanted:
    """The units of a batch for a layer whose output, batch axis included, has this shape.

    `special` of its tokens, in front, are no positions. Units of a kind go together: ValueError where there
    are several, or a direction of another length.
    """
    kinds = {type(unit) for unit in units}
    if len(kinds) > 1:
        raise ValueError("units of several kinds take a batch each")
    if kinds == {Direction}:
        directions = tf.constant([_checked(unit, shape[-1]) for unit in units], tf.float32)
        return Wanted(directions, special=special)
    # A picture of a whole layer asks for no channel, but the step has a place for one.
    numbers = tf.constant([max(0, unit.channel) for unit in units], tf.int32)
    maps = [_map(unit, *grid(shape, special)) for unit in units if isinstance(unit, Place)]
    return Wanted(numbers, tf.constant(np.stack(maps)) if maps else None, special)


def _checked(unit: Unit, channels: int) -> tuple[float, ...]:
    assert isinstance(unit, Direction)
    if len(unit.weights) != channels:
        raise ValueError(f"a direction of {len(unit.weights)} weights in a layer of {channels} channels")
    return unit.weights


def _map(unit: Place, height: int, width: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    row, column = min(int(unit.down * height), height - 1), min(int(unit.right * width), width - 1)
    weights = np.zeros(height * width, "float32")
    weights[row * width + column] = 1.0
    return weights


# -- a layer's positions ---------------------------------------------------------------------------


def positions(output: tf.Tensor, special: int) -> tf.Tensor:
    """(n, positions, features): a transformer's `special` tokens in front are no positions."""
    if len(output.shape) == 2:
        return output[:, None]
    if len(output.shape) == 3:
        return output[:, special:]
    return tf.reshape(output, (output.shape[0], -1, output.shape[-1]))


def grid(shape: Sequence[int], special: int = 0) -> tuple[int, int]:
    """Rows and columns of the positions of an output (n, ...); tokens that make no square are one row."""
    if len(shape) == 4:
        return shape[1], shape[2]
    count = shape[1] - special if len(shape) == 3 else 1
    side = int(np.sqrt(count))
    return (side, side) if side * side == count else (1, count)
