"""What a layer's channels do to the network's class scores: found out.

Where the scores are an affine function of the layer (behind it are pooling and a dense layer) it is read off
exactly. Elsewhere it is gradient times activation on photos, for the classes that each may be taken for.
Features of a derived layer do what their directions do among the channels of the layer behind it.
Source: Simonyan et al. 2013; Shrikumar et al. 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from generator.evidence.effects import CONSIDERED, Effects, strongest
from generator.models.derived import branch_of
from generator.models.tail import Scored, Tail
from generator.models.taps import input_canvas

Array = NDArray[Any]
Picture = tuple[str, Array]
"""A picture's digest, and its pixels (height, width, colours) uint8 in the network's input size."""

BATCH = 8
DOUBT = 2
"""Photos without effect that are added to those of a class where classes are put in order: of one photo more
than half of what is found is chance, as far as two halves of a data set agree."""
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
        self._branches = {layer: branch for layer in layers if (branch := branch_of(network, layer))}
        rests = {layer: tail.affine(self._base(layer)) for layer in layers}
        self._rests = {layer: rest for layer, rest in rests.items() if rest is not None}
        self.exact = tuple(self._rests)
        self.layers = tuple(layer for layer in layers if layer not in self._rests)
        derived = [layer for layer in self.layers if layer in self._branches]
        self._scored = tail.scored([*map(self._base, self.layers), *derived])
        self._preprocess = preprocess
        self._gradients = tf.function(self._gradients_of, autograph=False)

    def _base(self, layer: str) -> str:
        """The network's own layer whose channels a layer's effects come from: mostly itself."""
        return self._branches[layer].base if layer in self._branches else layer

    def read(
        self, pictures: Iterable[Picture], stopping: Callable[[], bool] = lambda: False
    ) -> Mapping[str, Effects] | None:
        """The effects of each layer that needs no photos or has some; None when it was stopped."""
        found = {}
        for layer, rest in self._rests.items():
            if stopping():
                return None
            weights = _slopes(rest)
            if layer in self._branches:
                weights = self._branches[layer].decoder @ weights
            numbers = np.arange(weights.shape[1])
            found[layer] = strongest(weights, weights, np.zeros_like(numbers), numbers, exact=True)
        if not self.layers:
            return found
        sums = _Sums(len(self.layers))
        for batch in _batches([pixels for _, pixels in pictures]):
            if stopping():
                return None
            sums.add(*self.effects(batch))
        return found | (dict(zip(self.layers, sums.effects(), strict=True)) if sums.counts else {})

    def effects(self, pixels: Array) -> tuple[Array, list[Array]]:
        """The classes of the highest scores of up to BATCH photos, and what is added to these scores.

        Photos are (n, height, width, colours) uint8. Gives their classes, (n, CONSIDERED) or all that there
        are, and of each layer what its channels add, (n, CONSIDERED, channels).
        """
        count = len(pixels)
        padded = np.zeros((BATCH, *self.canvas, self.colours), np.uint8)
        padded[:count] = pixels
        numbers, effects = self._gradients(tf.constant(padded))
        return numbers.numpy()[:count], [effect.numpy().swapaxes(0, 1)[:count] for effect in effects]

    def _active(self, outputs: Sequence[tf.Tensor], features: Sequence[tf.Tensor]) -> Iterator[tf.Tensor]:
        """Of each layer what its channels, or its features, do."""
        own = iter(features)
        for layer, output, axis in zip(self.layers, outputs, self._scored.axes, strict=False):
            yield _last(next(own), -1) if layer in self._branches else _last(output, axis)

    def _along(self, gradients: Iterable[tf.Tensor]) -> Iterator[tf.Tensor]:
        """Gradients along channels as those along channels, or along features."""
        for layer, gradient in zip(self.layers, gradients, strict=False):
            branch = self._branches.get(layer)
            yield tf.tensordot(gradient, branch.decoder.T, 1) if branch else gradient

    def _gradients_of(self, pixels: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        shown = self._preprocess(tf.cast(pixels, tf.float32) / 255)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(shown)  # a network without weights to train is followed by nothing else
            *outputs, scores = self._scored.model(shown, training=False)
            outputs, features = outputs[: len(self.layers)], outputs[len(self.layers) :]
            considered = min(CONSIDERED, scores.shape[-1])
            numbers = tf.math.top_k(scores, considered).indices
            highest = tf.reduce_sum(tf.gather(scores, numbers, axis=1, batch_dims=1), axis=0)

        def added(place: tf.Tensor) -> list[tf.Tensor]:
            with tape:
                wanted = tf.gather(highest, place)
            gradients = tape.gradient(wanted, outputs, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            found = map(_last, gradients, self._scored.axes)
            return list(map(_added, self._active(outputs, features), self._along(found)))

        # The way there once, the way back once a class: built once, and what it needs is kept meanwhile.
        kinds = [tf.float32] * len(outputs)
        each = tf.map_fn(added, tf.range(considered), fn_output_signature=kinds, parallel_iterations=1)
        return numbers, each


def _last(values: tf.Tensor, axis: int) -> tf.Tensor:
    """In float32, with the axis of channels at the end."""
    return tf.experimental.numpy.moveaxis(tf.cast(values, tf.float32), axis, -1)


def _added(output: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """Gradient times activation, where that is above 0, summed over positions: (n, channels)."""
    values = tf.nn.relu(output) * gradient
    return tf.reduce_sum(values, axis=list(range(1, len(values.shape) - 1)))


def _batches(pictures: Sequence[Array]) -> Iterable[Array]:
    return (np.stack(pictures[at : at + BATCH]) for at in range(0, len(pictures), BATCH))


class _Sums:
    """Effects, summed by layer and class over the photos that are taken for it."""

    def __init__(self, layers: int) -> None:
        self.counts: dict[int, int] = {}
        self._sums: list[dict[int, Array]] = [{} for _ in range(layers)]

    def add(self, numbers: Array, effects: Sequence[Array]) -> None:
        """What was found of some photos: the classes of each, and the effects of channels on these."""
        for place in np.ndindex(numbers.shape):
            number = int(numbers[place])
            self.counts[number] = self.counts.get(number, 0) + 1
            for sums, effect in zip(self._sums, effects, strict=True):
                sums[number] = sums.get(number, 0) + effect[place].astype(np.float64)

    def effects(self) -> list[Effects]:
        """Of each layer, from the classes that any photo was taken for."""
        numbers = np.array(sorted(self.counts))
        counts = np.array([self.counts[number] for number in sorted(self.counts)], np.int32)
        found = []
        for sums in self._sums:
            whole = np.stack([sums[number] for number in numbers], axis=1)
            found.append(strongest(whole / counts, whole / (counts + DOUBT), counts, numbers, exact=False))
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
