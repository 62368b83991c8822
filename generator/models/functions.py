"""Activation functions, under every name that they have: Keras', those of `keras.ops` and TensorFlow's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


def _called(*names: str) -> tuple[Callable[..., Any], ...]:
    places = (keras.activations, keras.ops, tf.nn)
    return tuple(getattr(place, name) for name in names for place in places if hasattr(place, name))


RELU6 = _called("relu6")
RELUS = (*_called("relu"), *RELU6)
SOFTMAX = _called("softmax")
SIGMOID = _called("sigmoid")
RISING = _called(
    *("linear", "leaky_relu", "elu", "selu", "celu"),
    *("sigmoid", "hard_sigmoid", "tanh", "softplus", "softsign"),
)
"""Elementwise, and never falling where their input rises."""
