"""Shows a photo to a network and reads off what its layers see, what it says, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from generator.evidence.lens import CLASSES, NOTHING_SAID, Seen, Verdict, averaged
from generator.models.derived import branch_of
from generator.models.tail import Tail
from generator.models.taps import input_canvas, tapped

Array = NDArray[Any]


class Viewer:
    """Shows one photo at a time to a network, and reads off `layers`.

    `network` takes (n, height, width, colours) as `preprocess` maps pixels in [0, 1] to it. `scores` is its
    last layer of classes, empty where it has none; `special` says of layers how many of their tokens, in
    front, are no patches of the picture.
    """

    def __init__(
        self,
        network: Any,
        preprocess: Callable[[Any], Any],
        layers: Sequence[str],
        scores: str = "",
        special: Mapping[str, int] | None = None,
    ) -> None:
        self.layers = tuple(layers)
        self._special = special or {}
        self.canvas = input_canvas(network)
        self.colours = int(network.inputs[0].shape[-1])
        self._preprocess = preprocess
        self._squash, self._exact = "", frozenset[str]()
        self._has_classes = bool(scores)
        # A derived layer leads nowhere: the layer behind which it stands does.
        self._branches = {layer: branch for layer in layers if (branch := branch_of(network, layer))}
        self._bases = [self._branches[one].base if one in self._branches else one for one in layers]
        if scores:
            tail = Tail(network, scores)
            self._squash = tail.squash
            ways = zip(layers, self._bases, strict=True)
            self._exact = frozenset(layer for layer, base in ways if tail.affine(base) is not None)
            scored = tail.scored([*layers, *self._bases])
            self._model, self._axes = scored.model, scored.axes
        else:
            self._model, self._axes = tapped(network, layers, self.canvas), (-1,) * len(layers)

    def view(self, pixels: Array) -> dict[str, Seen]:
        """What each layer sees in a photo (height, width, colours) uint8 of the network's input size."""
        shown = self._preprocess(tf.constant(pixels[None], tf.float32) / 255)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(shown)  # a network without weights to train is followed by nothing else
            outputs = _listed(self._model(shown, training=False))
            scores = outputs.pop() if self._has_classes else None
            numbers, highest = _highest(scores)
        verdict = NOTHING_SAID if scores is None else self._verdict(scores.numpy()[0], numbers)
        gradients = [tape.gradient(one, outputs[len(self.layers) :]) for one in highest]
        return {
            layer: self._seen(place, outputs[place], [found[place] for found in gradients], verdict)
            for place, layer in enumerate(self.layers)
        }

    def _seen(self, place: int, output: tf.Tensor, gradients: list[Any], verdict: Verdict) -> Seen:
        values = _positions(output, self._axes[place])
        added = np.zeros((0, values.shape[-1]), np.float32)
        # A layer that does not lead to the scores has no gradients.
        if gradients and all(gradient is not None for gradient in gradients):
            slopes = (self._slopes(place, gradient) for gradient in gradients)
            added = np.stack([(slope * values).sum(axis=0) for slope in slopes]).astype(np.float32)
        special = self._special.get(self.layers[place], 0)
        plane = _plane(values, tuple(_last(output, self._axes[place]).shape), special)
        means = plane.mean(axis=(0, 1)).astype(np.float32)
        return Seen(averaged(plane), means, verdict, added, self.layers[place] in self._exact)

    def _slopes(self, place: int, gradient: tf.Tensor) -> Array:
        """How much a score rises with each channel, or feature, at each position: (positions, channels)."""
        slopes = _positions(gradient, self._axes[place + len(self.layers)])
        branch = self._branches.get(self.layers[place])
        return slopes @ branch.decoder.T.astype(np.float64) if branch else slopes

    def _verdict(self, scores: Array, numbers: Array) -> Verdict:
        scores = scores.astype(np.float64)
        told = scores[numbers]
        if self._squash == "softmax":
            shares = np.exp(told - scores.max()) / np.exp(scores - scores.max()).sum()
        else:
            shares = 1 / (1 + np.exp(-told)) if self._squash == "sigmoid" else np.zeros(0)
        return Verdict(numbers.astype(np.int32), told, shares)


def _highest(scores: tf.Tensor | None) -> tuple[Array, list[tf.Tensor]]:
    """The classes of the highest scores, and these scores, each to be followed back."""
    if scores is None:
        return np.zeros(0, np.int32), []
    numbers = tf.math.top_k(scores[0], min(CLASSES, scores.shape[-1])).indices.numpy()
    return numbers, [tf.cast(scores[0, number], tf.float32) for number in numbers]


def _listed(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]


def _last(tensor: Any, axis: int) -> Array:
    """One photo's values (..., channels) in double precision."""
    return np.moveaxis(np.asarray(tf.cast(tensor, tf.float32))[0], axis - 1 if axis > 0 else axis, -1)


def _positions(tensor: Any, axis: int) -> Array:
    """The same as (positions, channels), special tokens among them: they lead to the classes too."""
    values = _last(tensor, axis).astype(np.float64)
    return values.reshape(-1, values.shape[-1])


def _plane(values: Array, shape: tuple[int, ...], special: int) -> Array:
    """Values (positions, channels) of a layer of that shape, channels last, as (rows, columns, channels).

    What makes no plane is one row.
    """
    if len(shape) == 3:
        return values.reshape(shape)
    values = values[special:]
    side = round(len(values) ** 0.5)
    return values.reshape((side, side, -1) if side * side == len(values) else (1, *values.shape))
