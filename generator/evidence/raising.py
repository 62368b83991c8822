"""What single activation vectors of a layer add to the class scores of the pictures that they come from.

Gradient times activation at one place of a picture, for the classes that it is most likely taken for; exact
where the scores are an affine function of the layer. Source: Carter et al. 2019.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.evidence.effects import CONSIDERED
from generator.evidence.packed import arrays_of
from generator.evidence.tally import PLACES, places_of

Array = NDArray[Any]
Picture = tuple[str, Array]
"""A picture's digest, and its pixels (height, width, colours) uint8 in the network's input size."""

VERSION = 1
"""Raised whenever the same network and pictures give another result."""
BATCH = 8


@dataclass(frozen=True)
class Raised:
    """Of P `pictures` (digests) the `classes` of the highest scores, (P, CONSIDERED or all) int32, and what
    the layer's vector at each of `places_of` a picture adds to these scores: `added` (P, PLACES, classes)
    float32."""

    pictures: tuple[str, ...]
    classes: Array
    added: Array

    def to_bytes(self) -> bytes:
        """As an .npz file; `from_bytes` reads it back."""
        stream = io.BytesIO()
        np.savez_compressed(
            stream, pictures=np.array(self.pictures, "S64"), classes=self.classes, added=self.added
        )
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Raised:
        """From what `to_bytes` gave; raises ValueError, KeyError or OSError for anything else."""
        arrays = arrays_of(data)
        pictures = tuple(name.decode() for name in arrays["pictures"].tolist())
        return cls(pictures, arrays["classes"], arrays["added"])


class Raiser:
    """Reads off a network what vectors of a `layer` add to the scores of the layer `scores`.

    `network` takes (n, height, width, colours) as `preprocess` maps pixels in [0, 1] to it; `special` tokens
    in front of the layer's are no patches.
    """

    def __init__(
        self, network: Any, preprocess: Callable[[Any], Any], layer: str, scores: str, special: int = 0
    ) -> None:
        import tensorflow as tf

        from generator.models.tail import Tail
        from generator.models.taps import input_canvas

        self.canvas = input_canvas(network)
        self.colours = int(network.inputs[0].shape[-1])
        self._scored = Tail(network, scores).scored([layer])
        self._preprocess, self._special = preprocess, special
        self._look = tf.function(self._looked_at, autograph=False)

    def read(
        self, pictures: Iterable[Picture], stopping: Callable[[], bool] = lambda: False
    ) -> Raised | None:
        """What is found on pictures; None when it was stopped, or there is none."""
        digests: list[str] = []
        classes: list[Array] = []
        added: list[Array] = []
        for batch in _batches(pictures):
            if stopping():
                return None
            numbers, found, grid = self.look(np.stack([pixels for _, pixels in batch]))
            digests += [digest for digest, _ in batch]
            classes += list(numbers)
            for (digest, _), values in zip(batch, found, strict=True):
                rows, columns = (places_of(digest) * grid).astype(np.int64).T
                added.append(values[:, rows * grid[1] + columns].T)
        if not digests:
            return None
        return Raised(tuple(digests), np.stack(classes), np.stack(added))

    def look(self, pixels: Array) -> tuple[Array, Array, tuple[int, int]]:
        """Of up to BATCH pictures (n, height, width, colours) uint8 the classes, (n, CONSIDERED) or all, and
        what each position adds, (n, classes, positions); and the rows and columns of positions."""
        count = len(pixels)
        padded = np.zeros((BATCH, *self.canvas, self.colours), np.uint8)
        padded[:count] = pixels
        numbers, added, grid = self._look(padded)
        rows, columns = grid.numpy().tolist()
        return numbers.numpy()[:count], added.numpy().swapaxes(0, 1)[:count], (rows, columns)

    def _looked_at(self, pixels: Any) -> tuple[Any, Any, Any]:
        import tensorflow as tf

        from generator.evidence.survey import grid, positions

        shown = self._preprocess(tf.cast(pixels, tf.float32) / 255)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(shown)  # a network without weights to train is followed by nothing else
            output, scores = self._scored.model(shown, training=False)
            considered = min(CONSIDERED, scores.shape[-1])
            numbers = tf.math.top_k(scores, considered).indices
            highest = tf.reduce_sum(tf.gather(scores, numbers, axis=1, batch_dims=1), axis=0)

        last = self._channels_last(output)

        def added(place: Any) -> Any:
            with tape:
                wanted = tf.gather(highest, place)
            gradient = tape.gradient(wanted, output, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            values = tf.cast(last, tf.float32) * tf.cast(self._channels_last(gradient), tf.float32)
            return tf.reduce_sum(positions(values, self._special), axis=-1)

        each = tf.map_fn(added, tf.range(considered), fn_output_signature=tf.float32, parallel_iterations=1)
        return numbers, each, tf.constant(grid(tuple(last.shape), self._special))

    def _channels_last(self, output: Any) -> Any:
        import tensorflow as tf

        axis = self._scored.axes[0] % len(output.shape)
        others = [place for place in range(len(output.shape)) if place != axis]
        return tf.transpose(output, [*others, axis])


def _batches(pictures: Iterable[Picture]) -> Iterable[list[Picture]]:
    waiting: list[Picture] = []
    for picture in pictures:
        waiting.append(picture)
        if len(waiting) == BATCH:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def classes_of(found: Sequence[Raised]) -> dict[str, tuple[Array, Array]]:
    """By digest a picture's classes and what its vectors add to their scores, (PLACES, classes)."""
    known = {}
    for one in found:
        for row, digest in enumerate(one.pictures):
            if one.added.shape[1] == PLACES:
                known[digest] = (one.classes[row], one.added[row])
    return known
