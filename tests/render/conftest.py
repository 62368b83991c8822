"""The planted networks, made once."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from tests.render.planted import GABORS, SIZE, gabor


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Layers: gabors (6 linear channels), rectified, dead (off for every picture at the start), logits.

    Besides, either: its channel 0 likes the waves 0 and 3 alike, its channel 1 tells them apart.
    """
    source = keras.Input((SIZE, SIZE, 3), name="pixels")
    filters = layers.Conv2D(len(GABORS), 15, name="gabors", use_bias=False)
    x = filters(source)
    x = layers.ReLU(name="rectified")(x)
    asleep = layers.Conv2D(2, 15, activation="relu", name="dead")
    either = layers.Conv2D(2, 1, use_bias=False, name="either")
    both = layers.Concatenate()([x, asleep(source)])
    logits = layers.Dense(2, name="logits")(layers.GlobalAveragePooling2D()(both))
    network = keras.Model(source, [logits, either(x)])
    filters.kernel.assign(np.stack([gabor(*known) for known in GABORS], axis=3))
    asleep.kernel.assign(np.stack([gabor(45.0, 1 / 6), gabor(135.0, 1 / 6)], axis=3))
    asleep.bias.assign([-8.0, -8.0])
    either.kernel.assign(np.array([[1, 0, 0, 1, 0, 0], [1, 0, 0, -1, 0, 0]]).T[None, None])
    path = tmp_path_factory.mktemp("planted") / "planted.keras"
    network.save(path)
    return path
