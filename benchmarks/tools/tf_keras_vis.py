"""tf-keras-vis at its defaults: pixels in 0..255, jitter 4, rotation 1, total variation, norm, 200 steps."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tf_keras_vis.activation_maximization import ActivationMaximization
from tf_keras_vis.utils.scores import CategoricalScore

from benchmarks.tools.common import OFFSET, SCALE, Job, Report, main


class TfKerasVis:
    """Renders as many pictures at a time as the job's batch says, one by default."""

    def __init__(self, job: Job) -> None:
        self._network = keras.models.load_model(job.network, compile=False)
        self._size, self._visualizers = job.size, {}
        steps = job.steps or 200
        self.report = Report(f"tf-keras-vis {version('tf-keras-vis')}", steps, job.size)

    def render(self, layer: str, channels: Sequence[int]) -> Any:
        """The pictures."""
        tf.random.set_seed(channels[0])
        np.random.seed(channels[0])
        options = {} if self.report.steps == 200 else {"steps": self.report.steps}
        if len(channels) > 1:
            # Without a seed input it renders one picture; this is the one that it draws itself.
            options["seed_input"] = tf.random.uniform((len(channels), self._size, self._size, 3), 0, 255)
        pictures = self._visualizer(layer)(CategoricalScore(list(channels)), **options)
        return np.asarray(pictures) / 255

    def _visualizer(self, layer: str) -> ActivationMaximization:
        if layer not in self._visualizers:
            self._visualizers = {layer: ActivationMaximization(self._cut(layer))}
        return self._visualizers[layer]

    def _cut(self, layer: str) -> Any:
        """The network up to the layer. Its step size and weights of regularizers are made for pixels in
        0..255, so the network gets a rescaling in front instead of other defaults."""
        upto = keras.Model(self._network.inputs[0], self._network.get_layer(layer).output)
        pixels = keras.Input((self._size, self._size, 3))
        return keras.Model(pixels, upto(keras.layers.Rescaling(SCALE / 255, OFFSET)(pixels)))


if __name__ == "__main__":
    main(TfKerasVis)
