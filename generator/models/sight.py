"""What the units of each layer see of the input, read off the graph: by rule or, for want of one, by trial.

The rules are for convolutions, poolings and what acts on each place by itself, as most layers do. Any other
operation, a user's own among them, is run by itself on noise: what a unit's gradient reaches is what it sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from generator.models.bytecode import is_library
from generator.models.fields import OWN, Axis, same_padding, spread, through, together, window
from generator.models.graph import Step
from generator.models.probing import application
from generator.models.trial import Input, Reads, Sight, tried

_BY_ITSELF = (
    *("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "BatchNormalization", "Normalization", "Rescaling"),
    *("Dropout", "SpatialDropout2D", "Identity", "Add", "Subtract", "Multiply"),
    *("Average", "Maximum", "Minimum", "Divide", "TrueDivide", "Cast", "Relu", "Relu6", "Sigmoid", "Silu"),
    *("Gelu", "Tanh", "HardSigmoid", "HardSilu"),
)
"""Operations of Keras that act on each place by itself, whatever their settings but the activation."""


def sights(steps: Sequence[Step]) -> list[Sight | None]:
    """For each step what its units see; None where that is no box, as of tokens, or all of the input."""
    known: dict[int, tuple[Step, Sight | None]] = {}
    for step in steps:
        if id(step.output) not in known:
            inputs = _inputs(step, known)
            known[id(step.output)] = step, _sight(step, inputs) if inputs else (OWN, OWN)
    return [known[id(step.output)][1] for step in steps]


def _inputs(step: Step, known: dict[int, tuple[Step, Sight | None]]) -> list[Input]:
    if not step.inputs:
        return []
    found = []
    for tensor in application(step.output).input_tensors:
        turned = id(tensor) not in known  # the pictures, turned for a network that keeps channels first
        (source,) = application(tensor).input_tensors if turned else (tensor,)
        maker, sight = known[id(source)]
        found.append(Input(tensor, maker.channels_first or turned, maker.shape, sight))
    return found


def _sight(step: Step, inputs: list[Input]) -> Sight | None:
    if len(step.shape) != 3 or any(read.sight is None for read in inputs):
        return None
    reads = _ruled(step, inputs) or tried(step, inputs)
    rows, columns = (together(_through(axis, reads, inputs)) for axis in (0, 1))
    return (rows, columns) if rows and columns else None


def _through(axis: int, reads: Sequence[Reads], inputs: Sequence[Input]) -> Iterator[Axis | None]:
    for read, given in zip(reads, inputs, strict=True):
        yield through(read[axis], given.sight and given.sight[axis])


# -- by rule ---------------------------------------------------------------------------------------


def _ruled(step: Step, inputs: list[Input]) -> list[Reads] | None:
    """What the step's units read of each of its inputs, if that is plain from what operation it is."""
    operation, kind = step.operation, type(step.operation).__name__
    if not is_library(type(operation)) or not _activates_each(operation):
        return None
    kernel = _pair(getattr(operation, "kernel_size", None) or getattr(operation, "pool_size", None))
    if kernel and len(inputs) == 1:
        return _windows(step, inputs[0], kernel)
    if kind == "ZeroPadding2D":
        (top, _), (left, _) = operation.padding
        return [(window(1, 1, 1, top), window(1, 1, 1, left))]
    if kind == "Cropping2D":
        (top, _), (left, _) = operation.cropping
        return [(window(1, 1, 1, -top), window(1, 1, 1, -left))]
    apart = kind in _BY_ITSELF or _along_channels(step)
    as_large = all(read.shape[:2] == step.shape[:2] for read in inputs)
    return [(OWN, OWN)] * len(inputs) if apart and as_large else None


def _along_channels(step: Step) -> bool:
    """Whether this is an operation along an axis, and that the channels'."""
    if type(step.operation).__name__ not in ("Concatenate", "Dense", "LayerNormalization", "Softmax"):
        return False
    axis = getattr(step.operation, "axis", -1)
    (axis,) = axis if isinstance(axis, list | tuple) and len(axis) == 1 else (axis,)
    return axis in ((1, -3) if step.channels_first else (3, -1))


def _activates_each(operation: Any) -> bool:
    """Whether a layer's activation, if it has one, acts on each place by itself."""
    activation = getattr(operation, "activation", None)
    return activation is None or (is_library(activation) and "softmax" not in str(activation))


def _windows(step: Step, read: Input, kernel: tuple[int, int]) -> list[Reads] | None:
    operation, padding = step.operation, str(step.operation.padding).lower()
    strides = _pair(operation.strides) or kernel
    dilations = _pair(getattr(operation, "dilation_rate", None)) or (1, 1)
    if padding not in ("valid", "same"):
        return None
    settings = list(zip(kernel, strides, dilations, strict=True))
    if "Transpose" in type(operation).__name__:
        cut = [0, 0] if padding == "valid" else _cut_off(operation, read, settings)
        rows, columns = (spread(*setting, before) for setting, before in zip(settings, cut, strict=True))
    else:
        padded = padding == "same"
        rows, columns = (
            window(*setting, same_padding(*setting, size) if padded else 0)
            for setting, size in zip(settings, read.shape, strict=False)
        )
    return [(rows, columns)]


def _cut_off(operation: Any, read: Input, settings: list[tuple[int, int, int]]) -> list[int]:
    """How many units before the first a transposed convolution with `padding="same"` leaves out."""
    *sides, channels = (side or 64 for side in read.shape)
    shape = (1, channels, *sides) if read.channels_first else (1, *sides, channels)
    made = operation.compute_output_shape(shape)[2 if read.channels_first else 1 :]
    return [
        max((size - 1) * stride + (kernel - 1) * dilation + 1 - new, 0) // 2
        for size, new, (kernel, stride, dilation) in zip(sides, made, settings, strict=False)
    ]


def _pair(value: Any) -> tuple[int, int] | None:
    if not value:
        return None
    first, second = (value, value) if isinstance(value, int) else value
    return int(first), int(second)
