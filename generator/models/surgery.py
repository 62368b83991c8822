"""Cuts a network at a layer and makes the part before it fast and friendly to gradient ascent.

Nothing here changes what a network computes: BatchNorm is folded into the convolution before it, and the
last ReLU before the cut keeps its values and gets another gradient where it would have none.
"""

from __future__ import annotations

import copy
import math
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from keras import tree

from generator.errors import ModelError
from generator.models import layout
from generator.models.folding import FOLDABLE, Swaps, folded, hand_on, outputs, rebuilt
from generator.models.graph import Step, flatten

ReluMode = Literal["plain", "open", "linear"]
"""What becomes of the ReLUs that alone decide whether a channel is on: as they are, with a gradient where
they are off (see OpenReLU), or left out, so that the layer's value before them is seen."""


def cut(
    network: Any,
    layer: str,
    size: int | tuple[int, int],
    relu: ReluMode = "plain",
    precision: str = "float32",
    logits: bool = False,
) -> Any:
    """A Keras model from pixels (n, height, width, colours) to the named layer's output, BatchNorm folded.

    The output is (n, height, width, channels), (n, tokens, channels) or (n, channels), also of a network
    that keeps channels first. `size` is height and width, or one number for both. A network that can't take
    pictures of that size gets them resized to its own. `precision` is the number format that its layers
    compute in; with `logits` a softmax or sigmoid at the layer itself is left out. Raises ModelError when
    there is no such layer.
    """
    canvas = (size, size) if isinstance(size, int) else size
    colours = network.inputs[0].shape[-1]
    own = tuple(network.inputs[0].shape[1:])
    try:
        steps = flatten(network, (*canvas, colours))
    except ModelError:
        raise
    except (ValueError, TypeError):
        steps = flatten(network, own)
    shape = steps[0].shape
    upto = _ancestors(steps, layer)
    swaps = {**folded(upto, layer), **_relus(upto, layer, relu), **(_linear(upto[-1]) if logits else {})}
    if precision != "float32":
        swaps = _recast(upto, swaps, precision)
    swaps |= _told_apart(upto, swaps)
    final = flatten(network, shape, lambda name, operation: swaps.get(name, operation))
    found = {step.name: step for step in final}[layer]
    output = layout.to_last(found.output) if found.channels_first else found.output
    model = keras.Model(final[0].output, output)
    return model if shape[:2] == canvas else _resized(model, canvas, shape)


LARGEST_SMALL = 96
"""Pixels up to which a fixed input counts as small."""


def own_side(network: Any) -> int | None:
    """The side of a network's input if that is fixed, square and small; else None."""
    height, width = network.inputs[0].shape[1:3]
    return int(height) if height is not None and height == width and height <= LARGEST_SMALL else None


def _resized(model: Any, canvas: tuple[int, int], shape: tuple[int | None, ...]) -> Any:
    pixels = keras.Input((*canvas, shape[-1]))
    resized = keras.layers.Resizing(
        shape[0], shape[1], interpolation="bilinear", data_format="channels_last"
    )(pixels)
    return keras.Model(pixels, model(resized))


def _ancestors(steps: list[Step], layer: str) -> list[Step]:
    """The steps that the layer's output depends on, itself last."""
    by_name = {step.name: step for step in steps}
    if layer not in by_name:
        raise ModelError(f"the network has no layer {layer!r}")
    wanted, queue = {layer}, [layer]
    while queue:
        for name in by_name[queue.pop()].inputs:
            if name not in wanted:
                wanted.add(name)
                queue.append(name)
    return [step for step in steps if step.name in wanted]


def bytes_per_picture(model: Any) -> int:
    """About how much memory one picture takes on its way through a cut network and back."""
    outputs = (tensor for operation in model.operations for tensor in tree.flatten(operation.output))
    # Activations are kept for the way back, where each has a gradient of its own size beside it.
    return 8 * sum(math.prod(n or 1 for n in tensor.shape[1:]) for tensor in outputs)


# -- precision -------------------------------------------------------------------------------------


def _recast(steps: list[Step], swaps: Swaps, precision: str) -> Swaps:
    """Replacements that compute in `precision`, for what is replaced already and for what is not."""
    recast: dict[int, Any] = {}
    whole: Swaps = {}
    for step in steps:
        operation = swaps.get(step.name, step.operation)
        # A layer that is used twice stays one layer.
        whole[step.name] = recast.setdefault(id(operation), _in_precision(operation, precision))
    return whole


def _in_precision(operation: Any, precision: str) -> Any:
    if isinstance(operation, _Unfused):
        return operation.in_precision(precision)
    if not isinstance(operation, keras.layers.Layer) or isinstance(operation, keras.layers.InputLayer):
        return operation
    try:
        layer = type(operation).from_config({**operation.get_config(), "dtype": precision})
        if operation.built and operation.weights:
            layer.build_from_config(operation.get_build_config())
            layer.set_weights([weight.numpy() for weight in operation.weights])
        return layer
    except (TypeError, ValueError, NotImplementedError):
        # A layer of the user's own that can't be made again computes as it was made to.
        return operation


# -- names -----------------------------------------------------------------------------------------


class _Called(keras.layers.Layer):  # type: ignore[misc]
    """An operation under another name."""

    def __init__(self, operation: Any) -> None:
        super().__init__(autocast=False)
        self.operation = operation

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """What the operation gives."""
        return self.operation(*args, **kwargs)


def _told_apart(steps: list[Step], swaps: Swaps) -> Swaps:
    """Replacements for operations whose names are taken: Keras wants each once, nested models don't care."""
    owners: dict[str, int] = {steps[0].output.name: 0}
    called: dict[int, _Called] = {}
    apart: Swaps = {}
    for step in steps[1:]:
        operation = swaps.get(step.name, step.operation)
        name = getattr(getattr(operation, "layer", operation), "name", None)
        if name is not None and owners.setdefault(name, id(operation)) != id(operation):
            # A layer that is used twice stays one layer.
            apart[step.name] = called.setdefault(id(operation), _Called(operation))
    return apart


# -- ReLU ------------------------------------------------------------------------------------------


class OpenReLU(keras.layers.Layer):  # type: ignore[misc]
    """A ReLU without cap that passes gradient through where it is off, if it is off everywhere.

    For pictures whose gradient vanishes altogether, what pushes an inactive unit up is let through, so
    that no channel stays dead because its start was. Source: Lucid, `redirected_relu_grad`; theirs stops
    after 16 steps, ours by itself once the channel is on. A cap (ReLU6) is left out because a picture
    whose channel has reached it would stop improving while it is still noise.
    """

    def call(self, x: Any) -> Any:
        """max(x, 0); the gradient is that of an objective to be increased."""

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def opened(x: tf.Tensor) -> Any:
            def gradient(upstream: tf.Tensor) -> tf.Tensor:
                plain = tf.where(x > 0, upstream, 0.0)
                axes = list(range(1, len(x.shape)))
                dead = tf.reduce_all(tf.equal(plain, 0.0), axis=axes, keepdims=True)
                return tf.where(tf.logical_and(dead, upstream > 0), upstream, plain)

            return tf.nn.relu(x), gradient

        return opened(x)


def _relus(steps: list[Step], layer: str, mode: ReluMode) -> Swaps:
    """Replacements for the ReLUs between the layer and the operations that last mixed channels."""
    if mode == "plain":
        return {}
    by_name = {step.name: step for step in steps}
    swaps: Swaps = {}
    queue, seen = [layer], set()
    while queue:
        step = by_name[queue.pop()]
        if step.name in seen:
            continue
        seen.add(step.name)
        if _is_relu(step.operation):
            swaps[step.name] = OpenReLU() if mode == "open" else hand_on
        elif _has_relu(step.operation):
            swaps[step.name] = _Unfused(step.operation, mode)
        elif not _mixes_channels(step.operation):
            queue.extend(step.inputs)
    return swaps


_RELUS = (keras.activations.relu, keras.activations.relu6)


def _is_relu(operation: Any) -> bool:
    kind = type(operation).__name__
    if kind == "ReLU":
        return not operation.negative_slope and not operation.threshold
    return kind in ("Relu", "Relu6") or (kind == "Activation" and operation.activation in _RELUS)


def _has_relu(operation: Any) -> bool:
    return isinstance(operation, FOLDABLE) and operation.activation in _RELUS


# -- logits ----------------------------------------------------------------------------------------

_SQUASHING = (keras.activations.softmax, keras.activations.sigmoid)
_FUSED = (*FOLDABLE, keras.layers.Conv2DTranspose, keras.layers.SeparableConv2D, keras.layers.EinsumDense)


def _linear(step: Step) -> Swaps:
    """A replacement for the step that leaves out its softmax or sigmoid, if it has one."""
    operation = step.operation
    kind = type(operation).__name__
    activation = getattr(operation, "activation", None)
    if kind in ("Softmax", "Sigmoid") or (kind == "Activation" and activation in _SQUASHING):
        return {step.name: hand_on}
    if isinstance(operation, _FUSED) and activation in _SQUASHING:
        return {step.name: _without_activation(operation)}
    return {}


def _without_activation(operation: Any) -> Any:
    layer = type(operation).from_config({**operation.get_config(), "activation": "linear"})
    layer.build_from_config(operation.get_build_config())
    layer.set_weights([weight.numpy() for weight in operation.weights])
    layer.trainable = False
    return layer


def _mixes_channels(operation: Any) -> bool:
    kinds = (
        keras.layers.Dense,
        keras.layers.Conv2D,
        keras.layers.Conv2DTranspose,
        keras.layers.SeparableConv2D,
    )
    return isinstance(operation, kinds)


class _Unfused:
    """A layer whose own activation is taken out and replaced by an open ReLU, or by nothing."""

    def __init__(self, operation: Any, mode: ReluMode) -> None:
        kernel = operation.kernel.numpy()
        bias = operation.bias.numpy() if operation.use_bias else np.zeros(outputs(operation, kernel))
        self.layer = rebuilt(operation, kernel, bias, "linear")
        self._relu = OpenReLU() if mode == "open" else hand_on

    def in_precision(self, precision: str) -> Any:
        """The same, computing in another precision."""
        other = copy.copy(self)
        other.layer = _in_precision(self.layer, precision)
        other._relu = _in_precision(self._relu, precision)
        return other

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._relu(self.layer(*args, **kwargs))
