"""BatchNorm folded into the convolution before it: the same values for fewer operations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from generator.models.graph import Step

Swaps = dict[str, Callable[..., Any]]
"""By a step's name, what is to be called in its operation's place."""

FOLDABLE = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)


def folded(steps: list[Step], layer: str) -> Swaps:
    """Replacements that fold each BatchNorm into the layer before it, where only it reads that layer."""
    by_name = {step.name: step for step in steps}
    readers = Counter(name for step in steps for name in step.inputs)
    uses = Counter(id(step.operation) for step in steps)
    swaps: Swaps = {}
    for step in steps:
        if type(step.operation) is not keras.layers.BatchNormalization or len(step.inputs) != 1:
            continue
        before = by_name[step.inputs[0]]
        alone = readers[before.name] == 1 and uses[id(before.operation)] == 1 and before.name != layer
        if alone and _can_fold(before.operation, step):
            swaps[before.name] = _fold(before, step.operation)
            swaps[step.name] = hand_on
    return swaps


def hand_on(x: Any, *_: Any, **__: Any) -> Any:
    """In an operation's place: its first input, as it is."""
    return x


def _can_fold(operation: Any, norm: Step) -> bool:
    last = len(norm.shape)
    first = getattr(operation, "data_format", "channels_last") == "channels_first"
    return (
        type(operation) in FOLDABLE
        and operation.activation is keras.activations.linear
        and norm.operation.axis in ((1, -last) if first else (-1, last))
    )


def _fold(before: Step, norm: Any) -> Any:
    operation = before.operation
    kernel = operation.kernel.numpy()
    bias = operation.bias.numpy() if operation.use_bias else 0.0
    scale = 1 / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
    if norm.scale:
        scale = scale * norm.gamma.numpy()
    shift = norm.beta.numpy() if norm.center else 0.0
    # A depthwise kernel's outputs are its last two axes, (in, multiplier), taken together.
    depthwise = isinstance(operation, keras.layers.DepthwiseConv2D)
    whole = kernel * (scale.reshape(kernel.shape[2:]) if depthwise else scale)
    return rebuilt(operation, whole, (bias - norm.moving_mean.numpy()) * scale + shift)


def rebuilt(operation: Any, kernel: Any, bias: Any, activation: str | None = None) -> Any:
    """A convolution or dense layer again with other weights, and with another activation if one is named."""
    config = {**operation.get_config(), "use_bias": True, "name": f"{operation.name}_folded"}
    config |= {} if activation is None else {"activation": activation}
    layer = type(operation).from_config(config)
    channels, open_axes = kernel.shape[-2] * getattr(operation, "groups", 1), (None,) * (kernel.ndim - 2)
    first = getattr(operation, "data_format", "channels_last") == "channels_first"
    layer.build((None, channels, *open_axes) if first else (None, *open_axes, channels))
    layer.set_weights([kernel, bias])
    layer.trainable = False
    return layer


def outputs(operation: Any, kernel: Any) -> int:
    """How many features a layer with that kernel gives."""
    depthwise = isinstance(operation, keras.layers.DepthwiseConv2D)
    return int(np.prod(kernel.shape[2:] if depthwise else kernel.shape[-1:]))
