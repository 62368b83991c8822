"""The one network that every tool is given, and the scorer's own copy of it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from generator.models import efficientnet_lite
from generator.models.torch_checkpoint import read_checkpoint

NAME = "efficientnet-lite0"


@lru_cache(maxsize=2)
def network(size: int) -> Any:
    """EfficientNet-Lite0 with ImageNet weights for pictures of that size, as published: nothing folded."""
    return efficientnet_lite.build(NAME, efficientnet_lite.weights_path(NAME), size)


def cut(layer: str, size: int) -> Any:
    """The network from its input to a layer."""
    import keras

    return keras.Model(network(size).inputs[0], network(size).get_layer(layer).output)


def hand_out(folder: Path, size: int) -> dict[str, str]:
    """Write the network for the peers: a Keras file, its tensors, and a probe with the right logits."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "network": folder / f"lite0-{size}.keras",
        "weights": folder / "lite0.npz",
        "probe": folder / "probe.npz",
    }
    network(size).save(files["network"])
    tensors = read_checkpoint(efficientnet_lite.weights_path(NAME))
    np.savez(files["weights"], **{k: v for k, v in tensors.items() if not k.endswith("tracked")})
    _write_probe(files["probe"])
    return {name: str(path) for name, path in files.items()}


def _write_probe(path: Path) -> None:
    """A picture of the network's own 224 px with edges, gradients and noise, and its logits."""
    import keras

    y, x = np.mgrid[0:224, 0:224] / 224
    waves = np.stack(
        [np.sin(9 * x + 4 * y), np.cos(17 * x * y), (np.hypot(x - 0.5, y - 0.5) < 0.3) * 1.0], -1
    )
    noise = np.random.default_rng(0).uniform(-0.2, 0.2, waves.shape)
    values = np.clip(waves * 0.8 + noise, -1, 1)[None].astype("float32")
    logits = keras.Model(network(224).inputs[0], network(224).get_layer("logits").output)
    np.savez(path, input=values, logits=logits(values, training=False).numpy())
