"""What the machine could do: its measured rate of matrix multiplication, and what a network asks of it."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import numpy as np


@cache
def matmul_rate(size: int = 2048, seconds: float = 3.0, precision: str = "float32") -> float:
    """Best measured FLOP/s of TensorFlow's square matrix product with all threads."""
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
    return 2 * size**3 / best


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
