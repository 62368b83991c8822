"""What is done of photos of the user's where TensorFlow is."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.config.content import checked_content
from generator.datasets import decoding
from generator.datasets.decoding import PictureError
from generator.engines.opened import kept, network
from generator.engines.photos import PhotoTask
from generator.engines.tasks import Bench, Output, Result
from generator.errors import UserError


def view(task: PhotoTask, bench: Bench) -> Result:
    """What layers see in a photo. Told to stop, it gives nothing."""
    from generator.evidence.viewing import Viewer

    started = time.perf_counter()
    model = network(task.model, task.config, task.fingerprint)
    names = tuple(name for name, _ in task.layers)
    viewer = kept(
        ("viewer", task.fingerprint, names),
        lambda: Viewer(
            model.network,
            model.preprocessing,
            names,
            task.scores,
            {layer.name: layer.special for layer in model.anatomy.layers},
        ),
    )
    if bench.stopping():
        return Result(task, (), time.perf_counter() - started)
    seen = viewer.view(_pixels(task, viewer))
    outputs = tuple(
        Output(key, {"kind": "photo view", "layer": name}, {"npz": seen[name].to_bytes()})
        for name, key in task.layers
    )
    return Result(task, outputs, time.perf_counter() - started)


def _pixels(task: PhotoTask, viewer: Any) -> NDArray[np.uint8]:
    """The photo as the network takes it; UserError when it can't be read, or is not the one of the plan."""
    ((_, data),) = checked_content(task.photo, task.digest)
    try:
        image = decoding.decoded(data)
    except PictureError as error:
        raise UserError(f"{task.photo}: {error.message}") from None
    return decoding.array(decoding.fitted(image, viewer.canvas, task.fit), viewer.colours)
