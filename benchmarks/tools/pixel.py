"""Plain pixel ascent, as in many a tutorial: noise, normalised gradient, 10 steps of 0.1, no transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.tools.common import OFFSET, SCALE, Job, Report, main

RATE = 0.1


class Pixel:
    """One picture at a time, with a compiled step per layer."""

    def __init__(self, job: Job) -> None:
        self._network = keras.models.load_model(job.network, compile=False)
        self._steps: dict[str, Any] = {}
        self.report = Report("plain pixel ascent", job.steps or 10, job.size)
        self._size = job.size

    def render(self, layer: str, channels: Sequence[int]) -> Any:
        """The pictures, one after the other."""
        return np.concatenate([self._one(layer, channel) for channel in channels])

    def _one(self, layer: str, channel: int) -> Any:
        noise = np.random.default_rng(channel).uniform(0.4, 0.6, (1, self._size, self._size, 3))
        picture = tf.constant(noise, tf.float32)
        for _ in range(self.report.steps):
            picture = self._step(layer)(picture, tf.constant(channel))
        return picture.numpy()

    def _step(self, layer: str) -> Any:
        if layer not in self._steps:
            self._steps = {layer: tf.function(_ascent(self._cut(layer)))}
        return self._steps[layer]

    def _cut(self, layer: str) -> Any:
        return keras.Model(self._network.inputs[0], self._network.get_layer(layer).output)


def _ascent(network: Any) -> Any:
    def step(picture: tf.Tensor, channel: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(picture)
            output = network(picture * SCALE + OFFSET, training=False)
            reached = tf.reduce_mean(tf.gather(output, channel, axis=-1))
        uphill = tape.gradient(reached, picture)
        normalised = uphill / (tf.sqrt(tf.reduce_mean(uphill**2)) + 1e-8)
        return tf.clip_by_value(picture + RATE * normalised, 0, 1)

    return step


if __name__ == "__main__":
    main(Pixel)
