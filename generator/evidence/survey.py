"""One pass of pictures through a network, all chosen layers at once: a tally of each layer comes of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from generator.evidence.sparse_tally import SparseCounter
from generator.evidence.tally import Counter, Tally
from generator.models.derived import branch_of
from generator.models.taps import Canvas, input_canvas, tapped

Array = NDArray[Any]

BATCH = 16
"""Pictures that go through the network together. One number for all: sums at other batch sizes round
otherwise, and a survey is to be the same however it is cut into blocks."""

Picture = tuple[str, Array]
"""A picture's digest, and its pixels (height, width, colours) uint8 in the network's input size."""


class Surveyor:
    """Shows pictures to a network and reads off some of its layers.

    `network` takes (n, height, width, colours) as `preprocess` maps pixels in [0, 1] to it; `special` says of
    layers how many tokens in front are no patches.
    """

    def __init__(
        self,
        network: Any,
        preprocess: Callable[[Any], Any],
        layers: Sequence[str],
        special: Mapping[str, int] | None = None,
    ) -> None:
        self.layers = tuple(layers)
        self._special = [(special or {}).get(layer, 0) for layer in layers]
        self.canvas: Canvas = input_canvas(network)
        self.colours = int(network.inputs[0].shape[-1])
        self._model = tapped(network, layers, self.canvas)
        self._derived = {layer for layer in layers if branch_of(network, layer)}
        self._preprocess = preprocess
        self._look = tf.function(self._forward, autograph=False)

    def _forward(self, pixels: tf.Tensor) -> list[tf.Tensor]:
        outputs = self._model(self._preprocess(tf.cast(pixels, tf.float32) / 255), training=False)
        pairs = zip(_listed(outputs), self._special, strict=True)
        return [tf.cast(positions(output, special), tf.float32) for output, special in pairs]

    def look(self, pixels: Array) -> list[Array]:
        """What each layer does on up to BATCH pictures (n, height, width, colours) uint8.

        Of each layer (n, positions, channels) float32.
        """
        count = len(pixels)
        padded = np.zeros((BATCH, *self.canvas, self.colours), np.uint8)
        padded[:count] = pixels
        # `numpy()` would copy them.
        return [np.asarray(memoryview(output))[:count] for output in self._look(tf.constant(padded))]

    def grids(self) -> dict[str, tuple[int, int]]:
        """Rows and columns of each layer's positions; those that make no plane are one row."""
        return {
            layer: grid(tuple(output.shape), special)
            for layer, output, special in zip(self.layers, self._model.outputs, self._special, strict=True)
        }

    def _counter(self, layer: str, channels: int) -> Counter:
        kind = SparseCounter if layer in self._derived else Counter
        return kind(channels, self.grids()[layer])

    def survey(
        self, pictures: Iterable[Picture], stopping: Callable[[], bool] = lambda: False
    ) -> dict[str, Tally]:
        """The tally of each layer on the pictures; nothing when there are none, or when it was stopped."""
        counters: dict[str, Counter] = {}
        for batch in _batches(pictures):
            if stopping():
                return {}
            outputs = self.look(np.stack([pixels for _, pixels in batch]))
            for layer, output in zip(self.layers, outputs, strict=True):
                counter = counters.setdefault(layer, self._counter(layer, output.shape[-1]))
                counter.add([digest for digest, _ in batch], output)
        return {layer: counter.tally() for layer, counter in counters.items()}


def _listed(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]


def _batches(pictures: Iterable[Picture]) -> Iterator[list[Picture]]:
    waiting = iter(pictures)
    while batch := list(itertools.islice(waiting, BATCH)):
        yield batch


def positions(output: tf.Tensor, special: int) -> tf.Tensor:
    """A layer's output as (n, positions, channels); a transformer's `special` tokens are no positions."""
    if len(output.shape) == 2:
        return output[:, None]
    if len(output.shape) == 3:
        return output[:, special:]
    return tf.reshape(output, (output.shape[0] or -1, np.prod(output.shape[1:-1]), output.shape[-1]))


def grid(shape: tuple[int | None, ...], special: int = 0) -> tuple[int, int]:
    """Rows and columns of the positions of an output of that shape, (n, height, width, channels) or less."""
    if len(shape) == 4:
        return int(shape[1] or 1), int(shape[2] or 1)
    if len(shape) == 3:
        count = int(shape[1] or 1) - special
        side = int(np.sqrt(count))
        return (side, side) if side * side == count else (1, count)
    return 1, 1
