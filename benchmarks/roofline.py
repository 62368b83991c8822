"""What the machine could do: its measured rate of matrix multiplication, and what a network asks of it."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


def best_matmul_rate(memory: Path, precision: str = "float32") -> float:
    """The best FLOP/s of matrix products that this and earlier runs measured, kept in a JSON file.

    Another process on the machine lowers a measurement, nothing raises it.
    """
    known = json.loads(memory.read_text()) if memory.exists() else {}
    name = f"{precision} on {platform.node()}, {len(os.sched_getaffinity(0))} cores"
    known[name] = max(matmul_rate(precision), known.get(name, 0.0))
    memory.write_text(json.dumps(known, indent=1))
    return float(known[name])


def matmul_rate(
    precision: str = "float32", sizes: Sequence[int] = (1024, 2048), seconds: float = 4.0
) -> float:
    """Best measured FLOP/s of TensorFlow's square matrix products with all threads, of several sizes."""
    return max(2 * size**3 / _quickest(size, precision, 4.0) for size in sizes)


def _quickest(size: int, precision: str, seconds: float) -> float:
    import tensorflow as tf

    values = np.random.default_rng(0).standard_normal((size, size))
    a = tf.constant(values, tf.as_dtype(precision))
    multiply = tf.function(lambda x: tf.matmul(x, x))
    multiply(a)
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        multiply(a).numpy()
        best = min(best, time.perf_counter() - started)
    return best


def forward_flops(network: Any) -> int:
    """Multiplications and additions of one picture's forward pass: convolutions and dense layers only."""
    import keras

    total = 0
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            total += 2 * int(np.prod(layer.kernel.shape)) * _positions(layer)
        elif isinstance(layer, keras.layers.Dense):
            total += 2 * int(np.prod(layer.kernel.shape))
    return total


def _positions(layer: Any) -> int:
    return int(np.prod(layer.output.shape[1:3]))


def step_flops(network: Any) -> int:
    """One step of ascent: forward, and the gradient to the input, which costs the same again."""
    return 2 * forward_flops(network)
