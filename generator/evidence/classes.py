"""What a layer's channels do to the network's class scores: found out.

Where the scores are an affine function of the layer (behind it are pooling and a dense layer) it is read off
exactly. Elsewhere it is gradient times activation on photos, for the classes that each may be taken for.
Source: Simonyan et al. 2013; Shrikumar et al. 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from generator.evidence.effects import CONSIDERED, Effects, strongest
from generator.models.tail import Scored, Tail
from generator.models.taps import input_canvas

Array = NDArray[Any]
Picture = tuple[str, Array]
"""A picture's digest, and its pixels (height, width, colours) uint8 in the network's input size."""

BATCH = 8
NOTHING = 1e-5
"""Exact effects below this share of a layer's largest are rounding."""


class Scorer:
    """Reads off a network what some of its layers do to the scores of the layer `scores`.

    `network` takes (n, height, width, colours) as `preprocess` maps pixels in [0, 1] to it. Which layers
    need photos is in `layers`; the others are `exact`.
    """

    def __init__(
        self, network: Any, preprocess: Callable[[Any], Any], layers: Sequence[str], scores: str
    ) -> None:
        self.canvas = input_canvas(network)
        self.colours = int(network.inputs[0].shape[-1])
        tail = Tail(network, scores)
        rests = {layer: tail.affine(layer) for layer in layers}
        self._rests = {layer: rest for layer, rest in rests.items() if rest is not None}
        self.exact = tuple(self._rests)
        self.layers = tuple(layer for layer in layers if layer not in self._rests)
        self._scored = tail.scored(self.layers)
        self._preprocess = preprocess
        self._gradients = tf.function(self._gradients_of, autograph=False)

    def read(
        self, pictures: Iterable[Picture], stopping: Callable[[], bool] = lambda: False
    ) -> Mapping[str, Effects] | None:
        """The effects of each layer that needs no photos or has some; None when it was stopped."""
        found = {}
        for layer, rest in self._rests.items():
            if stopping():
                return None
            weights = _slopes(rest)
            numbers = np.arange(weights.shape[1])
            found[layer] = strongest(weights, weights, np.zeros_like(numbers), numbers, exact=True)
        if not self.layers:
            return found
        sums = _Sums(len(self.layers))
        for batch in _batches([pixels for _, pixels in pictures]):
            for place in range(min(CONSIDERED, self._scored.model.outputs[-1].shape[-1])):
                if stopping():
                    return None
                sums.add(*self.effects(batch, place))
        return found | (dict(zip(self.layers, sums.effects(), strict=True)) if sums.counts else {})

    def effects(self, pixels: Array, place: int) -> tuple[Array, list[Array]]:
        """What is added to the place-th highest class score of up to BATCH photos.

        They are (n, height, width, colours) uint8. Gives that class of each, (n,), and of each layer what its
        channels add, (n, channels).
        """
        count = len(pixels)
        padded = np.zeros((BATCH, *self.canvas, self.colours), np.uint8)
        padded[:count] = pixels
        numbers, effects = self._gradients(tf.constant(padded), tf.constant(place))
        return numbers.numpy()[:count], [effect.numpy()[:count] for effect in effects]

    def _gradients_of(self, pixels: tf.Tensor, place: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        shown = self._preprocess(tf.cast(pixels, tf.float32) / 255)
        with tf.GradientTape() as tape:
            tape.watch(shown)  # a network without weights to train is followed by nothing else
            *outputs, scores = self._scored.model(shown, training=False)
            ranked = tf.math.top_k(scores, min(CONSIDERED, scores.shape[-1])).indices
            number = tf.gather(ranked, place, axis=1)
            wanted = tf.reduce_sum(tf.gather(scores, number, axis=1, batch_dims=1))
        gradients = tape.gradient(wanted, outputs, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        pairs = zip(outputs, gradients, self._scored.axes, strict=True)
        return number, [_added(output, gradient, axis) for output, gradient, axis in pairs]


def _added(output: tf.Tensor, gradient: tf.Tensor, axis: int) -> tf.Tensor:
    """Gradient times activation, where that is above 0, summed over positions: (n, channels)."""
    values = tf.nn.relu(tf.cast(output, tf.float32)) * tf.cast(gradient, tf.float32)
    positions = [place for place in range(1, len(values.shape)) if place != axis % len(values.shape)]
    return tf.reduce_sum(values, axis=positions)


def _batches(pictures: Sequence[Array]) -> Iterable[Array]:
    return (np.stack(pictures[at : at + BATCH]) for at in range(0, len(pictures), BATCH))


class _Sums:
    """Effects, summed by layer and class over the photos that are taken for it."""

    def __init__(self, layers: int) -> None:
        self.counts: dict[int, int] = {}
        self._sums: list[dict[int, Array]] = [{} for _ in range(layers)]

    def add(self, numbers: Array, effects: Sequence[Array]) -> None:
        """What was found of some photos: a class of each, and the effects of each layer's channels on it."""
        for row, number in enumerate(map(int, numbers)):
            self.counts[number] = self.counts.get(number, 0) + 1
            for sums, effect in zip(self._sums, effects, strict=True):
                sums[number] = sums.get(number, 0) + effect[row].astype(np.float64)

    def effects(self) -> list[Effects]:
        """Of each layer, from the classes that any photo was taken for."""
        numbers = np.array(sorted(self.counts))
        counts = np.array([self.counts[number] for number in sorted(self.counts)], np.int32)
        found = []
        for sums in self._sums:
            whole = np.stack([sums[number] for number in numbers], axis=1)
            found.append(strongest(whole / counts, whole / (counts + 1), counts, numbers, exact=False))
        return found


def _slopes(rest: Scored) -> Array:
    """How much each class's score rises when a channel does by one at all positions, (channels, classes)."""
    layer, *others = rest.model.inputs
    axis = rest.axes[0] % len(layer.shape)
    channels = layer.shape[axis]
    slopes = []
    for start in range(0, channels, BATCH):
        some = np.arange(start, min(start + BATCH, channels))
        planes = np.zeros((len(some) + 1, *layer.shape[1:]), np.float32)
        np.moveaxis(planes, axis, 1)[np.arange(len(some)), some] = 1
        values = [planes, *(np.zeros((len(planes), *other.shape[1:]), np.float32) for other in others)]
        scores = np.asarray(rest.model(values, training=False), np.float64)
        slopes.append(scores[:-1] - scores[-1])
    whole = np.concatenate(slopes)
    whole[np.abs(whole) < NOTHING * np.abs(whole).max()] = 0
    return whole
