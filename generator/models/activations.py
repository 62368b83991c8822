"""Which ReLUs of a network are opened or left out for a layer's pictures.

Each change comes twice: as what is built into the cut network, and as the network's own operation under the
same change, which the cut network is held against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from generator.errors import ModelError
from generator.models.derived import Gate, OpenGate
from generator.models.folding import hand_on
from generator.models.functions import RELU6, RELUS, RISING
from generator.models.graph import Step
from generator.models.precision import Unfused, remade
from generator.models.probing import application

ReluMode = Literal["plain", "open", "linear"]
"""What becomes of the ReLUs that alone decide whether a channel is on: as they are, with a gradient where
they are off (see OpenReLU), or left out, so that the layer's value before them is seen."""


@dataclass(frozen=True)
class Change:
    """What is called in an operation's place: `made` in the cut network, `own` in the network itself."""

    made: Callable[..., Any]
    own: Callable[..., Any]


Changes = dict[str, Change]
"""By a step's name."""


class OpenReLU(keras.layers.Layer):  # type: ignore[misc]
    """A ReLU that passes gradient through where it is off, if it is off everywhere.

    For pictures whose gradient vanishes altogether, what pushes an inactive unit up is let through, so
    that no channel stays dead because its start was. Source: Lucid, `redirected_relu_grad`; theirs stops
    after 16 steps, ours by itself once the channel is on. `cap` is the highest value (6 for a ReLU6).
    """

    def __init__(self, cap: float | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.cap = cap

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes the same layer of."""
        return {**super().get_config(), "cap": self.cap}

    def call(self, x: Any) -> Any:
        """max(x, 0), at most the cap; the gradient is that of an objective to be increased."""

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def opened(x: tf.Tensor) -> Any:
            def gradient(upstream: tf.Tensor) -> tf.Tensor:
                plain = tf.where(x > 0, upstream, 0.0)
                axes = list(range(1, len(x.shape)))
                dead = tf.reduce_all(tf.equal(plain, 0.0), axis=axes, keepdims=True)
                if self.cap is not None:
                    plain = tf.where(x < self.cap, plain, 0.0)
                return tf.where(tf.logical_and(dead, upstream > 0), upstream, plain)

            return tf.nn.relu(x) if self.cap is None else tf.clip_by_value(x, 0, self.cap), gradient

        return opened(x)


# -- ReLU ------------------------------------------------------------------------------------------

_FUSED = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
    keras.layers.Dense,
    keras.layers.EinsumDense,
)
"""Layers that end in an activation of their own. A subclass of the user's may do anything: it is not one."""


def relus(steps: list[Step], layer: str, mode: ReluMode) -> Changes:
    """What becomes of the ReLUs between the layer and the operations that last mixed channels.

    Those that the layer's value is still the value of, and that nothing else on the way to it reads, are
    left out, or opened without their cap: a picture whose channel has reached it would stop improving while
    it is still noise. So are, when opening, those behind a depthwise convolution, which decide on one channel
    too. Others behind which no channels are mixed are opened so that no value changes.
    """
    if mode == "plain":
        return {}
    opens = mode == "open"
    changes: Changes = {}
    for step in _ends(steps, layer, _spares_channels, alone=False):
        changes |= _changed(step, OpenReLU(_cap(step.operation)))
    for step in _ends(steps, layer, lambda step: _lets_through(step) or (opens and _is_depthwise(step))):
        changes |= _changed(step, OpenReLU() if opens else None)
    return changes


def _ends(
    steps: list[Step], layer: str, passes: Callable[[Step], bool], alone: bool = True
) -> Iterator[Step]:
    """Where one comes to, walking from the layer towards the input through all steps that let one pass.

    With `alone` only those steps that nothing else reads, be it through steps that let one pass.
    """
    readers: dict[str, list[str]] = {step.name: [] for step in steps}
    passed: set[str] = set()
    read_alone: set[str] = set()
    for step in reversed(steps):
        if step.name == layer or not passed.isdisjoint(readers[step.name]):
            if read_alone.issuperset(readers[step.name]):
                read_alone.add(step.name)
            if passes(step):
                passed.add(step.name)
            elif step.name in read_alone or not alone:
                yield step
                read_alone.discard(step.name)
        for name in step.inputs:
            readers[name].append(step.name)


def _changed(step: Step, relu: OpenReLU | None) -> Changes:
    """A step with another ReLU in the place of its own, or with none; nothing if it has no ReLU."""
    if isinstance(step.operation, Gate):
        gate = OpenGate(step.operation) if relu else hand_on
        return {step.name: Change(gate, gate)}
    if _is_relu(step.operation):
        return {step.name: Change(relu or hand_on, relu or hand_on)}
    if not is_fused(step.operation, _rectifies):
        return {}
    layer = remade(step.operation, activation="linear")
    if layer is not None:
        # A layer may not be given another layer once it is built.
        own = relu.call if relu else keras.activations.linear
        return {step.name: Change(Unfused(layer, relu or hand_on), under(step.operation, own))}
    if relu is not None:
        return {}
    raise ModelError(f"{step.name}: its ReLU can't be left out, since the layer can't be made again")


def _cap(operation: Any) -> float | None:
    """The highest value that a ReLU, or a layer's own, gives; None if there is none."""
    relu = getattr(operation, "activation", operation)
    if keras_kind(relu) == "ReLU":
        return relu.max_value  # type: ignore[no-any-return]
    return 6.0 if relu in RELU6 or keras_kind(relu) == "Relu6" else None


def _is_depthwise(step: Step) -> bool:
    operation = step.operation
    return type(operation) is keras.layers.DepthwiseConv2D and not _rectifies(operation.activation)


def _spares_channels(step: Step) -> bool:
    """Whether a step is neither a ReLU nor one of Keras' layers that mix channels."""
    operation = step.operation
    if isinstance(operation, keras.layers.DepthwiseConv2D):
        return not is_fused(operation, _rectifies)
    return not isinstance(operation, (*_FUSED, Gate)) and not _is_relu(operation)


def _is_relu(operation: Any) -> bool:
    kind = keras_kind(operation)
    if kind == "ReLU":
        return not operation.negative_slope and not operation.threshold
    return kind in ("Relu", "Relu6") or (kind == "Activation" and _rectifies(operation.activation))


def _rectifies(activation: Any) -> bool:
    """Whether what a layer ends in, a function or another layer, is a ReLU."""
    return activation in RELUS or _is_relu(activation)


def is_fused(operation: Any, fits: Callable[[Any], object]) -> bool:
    """Whether an operation is a layer of Keras' own that ends in an activation of a kind that fits."""
    return type(operation) in _FUSED and bool(fits(operation.activation))


def keras_kind(operation: Any) -> str:
    """The name of an operation of Keras' own; of another's, which may do anything, nothing."""
    kind = type(operation)
    return kind.__name__ if kind.__module__.startswith("keras.") else ""


def under(operation: Any, activation: Callable[..., Any]) -> Callable[..., Any]:
    """A layer's own call, as if another activation were in it."""

    def call(*args: Any, **kwargs: Any) -> Any:
        before = operation.activation
        operation.activation = activation
        try:
            return operation(*args, **kwargs)
        finally:
            operation.activation = before

    return call


# -- what a ReLU is looked for through -------------------------------------------------------------

_PASSED = {
    *("Identity", "Copy", "Cast", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
    *("GaussianDropout", "GaussianNoise", "AlphaDropout", "ActivityRegularization"),
    # Without training, BatchNorm is a line through each channel by itself.
    "BatchNormalization",
    *("LeakyReLU", "LeakyRelu", "PReLU", "ELU", "Elu", "Selu", "Celu", "Sigmoid", "Tanh", "Softplus"),
    *("Softsign", "LogSigmoid", "HardSigmoid", "HardTanh", "Clip"),
    *("Add", "Average", "Concatenate"),
    *("MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "MaxPool", "AdaptiveMaxPool"),
    *("AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "AveragePool", "AdaptiveAveragePool"),
    *("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D"),
    *("GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D"),
    # Values that only change places.
    *("Flatten", "Reshape", "Permute", "Transpose", "Squeeze", "ExpandDims", "GetItem", "Moveaxis"),
    *("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", "Pad", "Cropping1D", "Cropping2D", "Cropping3D"),
    *("UpSampling1D", "UpSampling2D", "UpSampling3D", "Resizing"),
}
"""Operations that are elementwise and never fall where their input rises, sums, poolings, concatenations."""


def _lets_through(step: Step) -> bool:
    """Whether a layer's value is still that of the ReLUs before this step, place by place or pooled.

    A convolution, a product of two tensors, an attention, or a layer of the user's own makes something else
    of what a ReLU gives: there, the ReLU is part of what is computed.
    """
    operation, kind = step.operation, keras_kind(step.operation)
    if kind == "Activation":
        return operation.activation in RISING
    if kind == "Rescaling":
        return bool(np.all(np.asarray(operation.scale) >= 0))
    if kind in ("Multiply", "Divide", "TrueDivide", "Subtract"):
        return _by_constant(step, signed=kind == "Subtract")
    if kind in ("Mean", "Max"):
        return _pools_places(step)
    return kind in _PASSED


def _by_constant(step: Step, signed: bool) -> bool:
    """Whether a tensor meets a constant, not the other way round; a factor must not turn its sign."""
    arguments = application(step.output).arguments
    values = [*arguments.args, *arguments.kwargs.values()]
    if len(arguments.keras_tensors) != 1:
        return False
    (tensor,) = arguments.keras_tensors
    if keras_kind(step.operation) != "Multiply" and values[0] is not tensor:
        return False
    constants = [value for value in values if value is not tensor]
    return signed or all(bool(np.all(np.asarray(value) >= 0)) for value in constants)


def _pools_places(step: Step) -> bool:
    """Whether a mean or maximum is taken over places only."""
    (tensor,) = application(step.output).arguments.keras_tensors
    rank, axes = len(tensor.shape), step.operation.axis
    if axes is None or rank != 4:
        return False
    axes = {axis % rank for axis in (axes if isinstance(axes, tuple | list) else (axes,))}
    return axes in ({1, 2}, {2, 3}) and (axes == {2, 3}) == (tensor.shape[1] == step.shape[-1])
