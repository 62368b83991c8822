"""Whether other networks recognise the picture of a class, which they had no part in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.models.anatomy import Anatomy

Array = NDArray[Any]

VERSION = 1
"""Raised whenever the same network and picture give another rank."""


def same_classes(one: Anatomy, other: Anatomy) -> bool:
    """Whether two networks are known to tell the same classes apart, in the same order."""
    if not one.scores or not other.scores:
        return False
    if one.imagenet and other.imagenet:
        return True
    return bool(one.classes) and one.classes == other.classes


def judges(model: str, anatomies: Mapping[str, Anatomy]) -> tuple[str, ...]:
    """The other networks that know a network's classes."""
    own = anatomies[model]
    return tuple(name for name, other in anatomies.items() if name != model and same_classes(own, other))


class Judge:
    """A network that is shown pictures of classes; the scores are those of its layer `scores`."""

    def __init__(self, network: Any, preprocess: Callable[[Any], Any], scores: str) -> None:
        import tensorflow as tf

        from generator.models.tail import Tail
        from generator.models.taps import input_canvas

        tail = Tail(network, scores)
        self.canvas = input_canvas(network)
        self.colours = int(network.inputs[0].shape[-1])
        self._squash, model = tail.squash, tail.scored([]).model
        self._scores = tf.function(
            lambda pictures: model(preprocess(pictures), training=False), autograph=False
        )

    def rank(self, pixels: Array, number: int) -> tuple[int, float | None] | None:
        """At which place, from 1, the network has the class of that number on a picture, and its probability.

        `pixels` are (height, width, colours) uint8 in the network's input size. None where not all scores are
        numbers; of a network that gives scores only, the probability is None.
        """
        (found,) = self._scores(pixels[None].astype(np.float32) / 255)
        scores = np.asarray(found, np.float64).reshape(-1)
        if not np.isfinite(scores).all():
            return None
        return int((scores > scores[number]).sum()) + 1, self._probability(scores, number)

    def _probability(self, scores: Array, number: int) -> float | None:
        if self._squash == "softmax":
            return float(1 / np.exp(scores - scores[number]).sum())
        return float(1 / (1 + np.exp(-scores[number]))) if self._squash == "sigmoid" else None
