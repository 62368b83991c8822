"""Xplique at its defaults: Fourier, decay 0.85, its standard transformations, Adam 0.05, 256 steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import xplique
from xplique.features_visualizations import Objective, optimize

from benchmarks.tools.common import OFFSET, SCALE, Job, Report, main


class Xplique:
    """Renders as many pictures at a time as the job's batch says, one by default."""

    def __init__(self, job: Job) -> None:
        self._network = keras.models.load_model(job.network, compile=False)
        self._size = job.size
        self.report = Report(f"Xplique {xplique.__version__}", job.steps or 256, job.size)

    def render(self, layer: str, channels: Sequence[int]) -> Any:
        """The pictures."""
        tf.random.set_seed(channels[0])
        options = {} if self.report.steps == 256 else {"nb_steps": self.report.steps}
        pictures, _ = optimize(
            Objective.channel(self._network, layer, list(channels)),
            values_range=(OFFSET, SCALE + OFFSET),
            # Its default is a picture of 512 px, shrunk to the network's input; all tools make one size.
            custom_shape=(self._size, self._size),
            **options,
        )
        return (np.asarray(pictures[-1]) - OFFSET) / SCALE


if __name__ == "__main__":
    main(Xplique)
