"""Lucent at its defaults: Fourier parameterization, its standard transforms, Adam 0.05, 512 steps.

Lucent enlarges pictures below 224 px to 224 before the network sees them; the variant `own-size` turns
that off (`fixed_image_size`), which makes it faster and lets it optimise what the scorer measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from lucent.optvis import objectives, param, render, transform
from lucent.util import set_seed

from benchmarks.tools.common import OFFSET, SCALE, Job, Report, main
from benchmarks.tools.lite0_torch import Lite0, load

TOLERANCE = 1e-3


class Lucent:
    """Renders one picture at a time, as Lucent's `render_vis` does."""

    def __init__(self, job: Job) -> None:
        self._size, self._fixed = job.size, job.size if job.variant == "own-size" else None
        self._network = load(np.load(job.weights))
        view = self._fixed or max(job.size, 224)
        self.report = Report(f"Lucent {version('torch-lucent')}", job.steps or 512, view)
        self.report.facts["logits differ by"] = _check(self._network, job.probe)
        self.report.facts["torch"] = torch.__version__

    def render(self, layer: str, channels: Sequence[int]) -> Any:
        """The pictures, one after the other."""
        return np.concatenate([self._one(layer, channel) for channel in channels])

    def _one(self, layer: str, channel: int) -> Any:
        set_seed(channel)
        np.random.seed(channel)
        return render.render_vis(
            self._network,
            objectives.channel(layer, channel),
            param_f=lambda: param.image(self._size),
            # Its own preprocessing is torchvision's, which this network does not want.
            transforms=[*transform.standard_transforms, lambda x: x * SCALE + OFFSET],
            preprocess=False,
            thresholds=(self.report.steps,),
            progress=False,
            show_image=False,
            fixed_image_size=self._fixed,
        )[-1]


def _check(network: Lite0, probe: str) -> float:
    """How far the logits are from Keras' on the probe picture; SystemExit when that is too far."""
    known = np.load(probe)
    with torch.no_grad():
        logits = network(torch.from_numpy(known["input"].transpose(0, 3, 1, 2).copy())).numpy()
    difference = float(np.abs(logits - known["logits"]).max())
    print(f"  torch's logits differ from Keras' by at most {difference:.2g}", flush=True)
    if difference > TOLERANCE:
        raise SystemExit("the torch network is not the Keras network")
    return difference


if __name__ == "__main__":
    main(Lucent)
