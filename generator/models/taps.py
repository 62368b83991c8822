"""Several layers of a network at once, and what lies between two of them seen as a linear map."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from generator.models import layout
from generator.models.folding import Swaps, hand_on
from generator.models.graph import Step, flatten, no_layer
from generator.models.precision import remade
from generator.models.probing import application
from generator.models.surgery import _told_apart as told_apart

Canvas = tuple[int, int]

USUAL_SIDE = 224
"""Pixels of the input's side where a network leaves it open."""


def input_canvas(network: Any) -> Canvas:
    """Height and width of the pictures that a network is shown: its own, or USUAL_SIDE where it is open."""
    height, width = network.inputs[0].shape[1:3]
    return int(height or USUAL_SIDE), int(width or USUAL_SIDE)


def tapped(network: Any, layers: Sequence[str], canvas: Canvas | None = None) -> Any:
    """A model from network input (n, *canvas, colours) to the outputs of the named layers, in that order.

    Outputs have channels last. It computes what the network does, operation by operation. Raises ModelError
    when there is no such layer.
    """
    steps, _ = rebuilt(network, canvas or input_canvas(network), lambda steps: {})
    return _model(steps, layers, [step.name for step in steps if step.channels_first])


def rebuilt(
    network: Any, canvas: Canvas, swaps_of: Callable[[list[Step]], Swaps]
) -> tuple[list[Step], list[Step]]:
    """(new steps, original steps) of the network on a canvas, with the swaps that `swaps_of` gives."""
    shape = (*canvas, network.inputs[0].shape[-1])
    steps = flatten(network, shape)
    swaps: Swaps = swaps_of(steps)
    swaps |= told_apart(steps, swaps)
    return flatten(network, shape, lambda name, operation: swaps.get(name, operation)), steps


def _model(steps: list[Step], layers: Sequence[str], turned: Collection[str]) -> Any:
    """From network input to layers; of those in `turned` the channels are brought to the end."""
    by_name = {step.name: step for step in steps}
    for layer in layers:
        if layer not in by_name:
            raise no_layer(layer)
    found = [by_name[layer] for layer in layers]
    outputs = [layout.to_last(step.output) if step.name in turned else step.output for step in found]
    return keras.Model(steps[0].output, outputs)


DEEPEST = 6
"""Activations in a row that may be left open: of EfficientNet-Lite0 three blocks have six, and what their
weights make of usual inputs is of the size of their outputs; of four blocks it is 10,000 times that."""

# -- what lies between two layers -------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """From a layer to a later one, as a linear map where it can be one.

    `model` gives the outputs of both, with activations left open and maxima taken as means, so that the
    later one is an affine function of the earlier; it is None where `obstacle` names a layer between them
    that weights alone do not describe (attention, normalisation by the picture itself, products).
    `opened` says whether there was an activation to open: without one the map is exact, behind more than
    DEEPEST in a row it says nothing, which is an obstacle too. The later output has channels last; the
    earlier is the layer's own, for gradients, and `first` says that it has them first.
    """

    model: Any
    obstacle: str = ""
    opened: bool = False
    first: bool = False


_LINEAR = (
    "Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose", "Dense", "EinsumDense", "Rescaling",
    "BatchNormalization", "Add", "Subtract", "Average", "Concatenate", "Dropout", "SpatialDropout2D",
    "GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization", "Identity",
    "AveragePooling2D", "GlobalAveragePooling2D", "ZeroPadding2D", "Cropping2D", "UpSampling2D", "Flatten",
    "Reshape", "Permute", "Mean", "Pad", "Transpose", "GetItem", "Cast", "Squeeze", "ExpandDims", "Stack",
    "InputLayer", "Resizing",
)  # fmt: skip
_ACTIVATIONS = (
    "ReLU", "Relu", "Relu6", "LeakyReLU", "LeakyRelu", "PReLU", "ELU", "Elu", "Selu", "Silu", "Gelu", "Swish",
    "HardSwish", "HardSilu", "Softplus", "Mish", "Celu", "JumpReLU", "TopK", "NonNegative",
)  # fmt: skip
_BOUNDED = ("sigmoid", "hard_sigmoid", "softmax", "log_softmax", "tanh", "hard_tanh")
_MAXIMA = ("MaxPooling2D", "GlobalMaxPooling2D")


def way(network: Any, earlier: str, later: str, canvas: Canvas | None = None) -> Way:
    """The way from one layer to a later one. Raises ModelError when either is not there."""
    canvas = canvas or input_canvas(network)
    shape = (*canvas, network.inputs[0].shape[-1])
    steps_between = between(flatten(network, shape), earlier, later)
    if not steps_between:
        return Way(None, "nothing: they are not connected")
    swaps: Swaps = {}
    deep: dict[str, int] = {}
    for step in steps_between:
        swap = opened(step)
        if swap is None:
            return Way(None, f"{step.name} ({type(step.operation).__name__})")
        swaps |= swap
        deep[step.name] = bool(swap) + max((deep.get(before, 0) for before in step.inputs), default=0)
    if deep[later] > DEEPEST:
        return Way(None, f"{deep[later]} activations in a row")
    # Without its activation an operation may not show any more where it has its channels: asked are the old.
    steps, before = rebuilt(network, canvas, lambda steps: dict(swaps))
    turned = {step.name for step in before if step.channels_first}
    model = _model(steps, [earlier, later], turned - {earlier})
    return Way(model, opened=bool(swaps), first=earlier in turned)


def between(steps: list[Step], earlier: str, later: str) -> list[Step]:
    """The steps on any way from `earlier` (left out) to `later` (included), in order."""
    reached = {earlier}
    for step in steps:
        if reached & set(step.inputs):
            reached.add(step.name)
    needed = {later} if later in reached else set()
    for step in reversed(steps):
        if step.name in needed and step.name != earlier:
            needed |= reached & set(step.inputs)
    return [step for step in steps if step.name in needed and step.name != earlier]


def opened(step: Step) -> Swaps | None:
    """What to call in a step's place so that it is linear: nothing if it is; None if it can't be."""
    operation, kind = step.operation, type(step.operation).__name__
    activation = getattr(operation, "activation", None)
    # It may be a layer, such as Softmax().
    name = getattr(activation, "__name__", type(activation).__name__.lower())
    if kind in _ACTIVATIONS or (kind == "Activation" and name not in _BOUNDED):
        return {step.name: hand_on}
    if kind in _MAXIMA:
        return {step.name: _averaging(operation)}
    if kind in ("Multiply", "TrueDivide", "Divide"):
        return {} if _by_constant(step) else None
    if kind not in _LINEAR or name in _BOUNDED:
        return None
    if activation is None or name == "linear":
        return {}
    layer = remade(operation, activation="linear")
    return None if layer is None else {step.name: layer}


def _by_constant(step: Step) -> bool:
    """Whether one tensor is multiplied or divided by a constant: a product of it with itself has two."""
    arguments = application(step.output).arguments
    first = next(iter((*arguments.args, *arguments.kwargs.values())), None)
    return len(arguments.keras_tensors) == 1 and (
        type(step.operation).__name__ == "Multiply" or first is arguments.keras_tensors[0]
    )


def _averaging(operation: Any) -> Any:
    config = {key: value for key, value in operation.get_config().items() if key != "name"}
    kind = {"MaxPooling2D": "AveragePooling2D", "GlobalMaxPooling2D": "GlobalAveragePooling2D"}
    return getattr(keras.layers, kind[type(operation).__name__])(**config)
