"""What is known of a network without opening it again: its layers, shapes, channels, receptive fields.

An Anatomy is a plain frozen value that goes to and from JSON, so that planning and the gallery need no
TensorFlow. `read_anatomy` makes one from an opened Keras model; it asks the model's graph and knows no
layer by name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from generator.models.graph import Step

LARGEST_SMALL = 96
"""Pixels up to which a fixed input counts as small."""


@dataclass(frozen=True)
class Layer:
    """A named tensor inside a network.

    `shape` is the output's shape without the batch axis (None where the network does not fix it):
    (height, width, channels), (tokens, channels) or (channels,), channels last whatever the network does;
    `channels` the size of its feature axis, `inputs` the names of the layers that feed it, `receptive_field`
    and `stride` in input pixels (None where they are not defined, as for tokens or behind a global pooling).
    `renderable` says that its channels can be visualised.
    """

    name: str
    kind: str
    shape: tuple[int | None, ...]
    channels: int
    inputs: tuple[str, ...]
    parameters: int
    receptive_field: int | None
    stride: int | None
    renderable: bool


@dataclass(frozen=True)
class Anatomy:
    """A network as planning and the gallery see it.

    `name` is its title, `source` where it came from and `weights` which it has, both in words for a page:
    of a file its name, never its path; `origin` one sentence on that, `fingerprint` the SHA-256 of all that
    it computes, `input_shape` (height, width, colours), `preprocessing` in words with the reason for it,
    `classes` the class names of its output or empty, `preprocessing_guessed` whether nobody said and nothing
    in the network shows which preprocessing it wants.
    """

    name: str
    source: str
    weights: str
    origin: str
    fingerprint: str
    input_shape: tuple[int | None, ...]
    preprocessing: str
    parameters: int
    layers: tuple[Layer, ...]
    classes: tuple[str, ...] = ()
    preprocessing_guessed: bool = False

    @property
    def own_side(self) -> int | None:
        """The side of the network's input if that is fixed, square and small; else None."""
        return own_side(self.input_shape)

    def layer(self, name: str) -> Layer:
        """The layer of that name; KeyError if there is none."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Anatomy:
        """An anatomy from what `to_json` gave; raises KeyError or TypeError for anything else."""
        layers = tuple(
            Layer(**{**layer, "shape": tuple(layer["shape"]), "inputs": tuple(layer["inputs"])})
            for layer in values["layers"]
        )
        shapes = {"input_shape": tuple(values["input_shape"]), "classes": tuple(values["classes"])}
        return cls(**{**values, **shapes, "layers": layers})


def own_side(input_shape: Sequence[int | None]) -> int | None:
    """The side of an input (height, width, colours) that is fixed, square and small; else None."""
    height, width = input_shape[:2]
    return height if height is not None and height == width and height <= LARGEST_SMALL else None


def special_tokens(tokens: int) -> int:
    """How many leading tokens are no patches of a square picture: class token, distillation token.

    What is left of `tokens` beside the largest square, where that is 2 at most; else 0.
    """
    rest = tokens - math.isqrt(tokens) ** 2
    return rest if rest <= 2 else 0


# -- reading it off a graph ------------------------------------------------------------------------


_Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class _Sight:
    """What a unit sees of the input: its field and the distance to its neighbour's, in input pixels."""

    field: int
    stride: int


def read_layers(steps: list[Step]) -> tuple[Layer, ...]:
    """The layers of a network, from input to output, from the steps of its graph."""
    sights: dict[str, _Sight | None] = {}
    shapes = {step.name: step.shape for step in steps}
    layers = []
    for step in steps:
        inputs = [sights[name] for name in step.inputs]
        sights[step.name] = sight = _sight(step, inputs, [shapes[name] for name in step.inputs])
        layers.append(_layer(step, sight))
    return tuple(layers)


def _layer(step: Step, sight: _Sight | None) -> Layer:
    shape = tuple(step.shape)
    return Layer(
        name=step.name,
        kind=type(step.operation).__name__,
        shape=shape,
        channels=shape[-1] or 0 if shape else 0,
        inputs=step.inputs,
        parameters=_parameters(step.operation),
        receptive_field=sight.field if sight else None,
        stride=sight.stride if sight else None,
        renderable=len(shape) in (1, 2, 3) and bool(shape[-1]) and bool(step.inputs),
    )


def _parameters(operation: Any) -> int:
    return sum(math.prod(weight.shape) for weight in getattr(operation, "weights", ()))


def _sight(step: Step, inputs: list[_Sight | None], shapes: list[_Shape]) -> _Sight | None:
    if not inputs:
        return _Sight(1, 1)
    known = [sight for sight in inputs if sight is not None]
    if len(known) < len(inputs) or len(step.shape) != 3:
        return None
    widest = _Sight(max(s.field for s in known), max(s.stride for s in known))
    operation = step.operation
    kernel = _first(getattr(operation, "kernel_size", None) or getattr(operation, "pool_size", None))
    if kernel is None:
        return widest if _keeps_place(step, shapes) else None
    if "Transpose" in type(operation).__name__:
        return None
    reach = (kernel - 1) * (_first(getattr(operation, "dilation_rate", None)) or 1)
    stride = _first(getattr(operation, "strides", None)) or 1
    return _Sight(widest.field + reach * widest.stride, widest.stride * stride)


def _first(value: Any) -> int | None:
    return (value[0] if isinstance(value, tuple | list) else value) if value else None


def _keeps_place(step: Step, inputs: list[_Shape]) -> bool:
    """Whether each position of the output depends on the same position of the inputs only."""
    name = type(step.operation).__name__
    moves = ("UpSampling", "Resizing", "Permute", "Reshape", "Attention", "Transpose")
    same = any(shape[:-1] == step.shape[:-1] for shape in inputs)
    borders = ("Padding", "Cropping", "Pad")
    return not any(word in name for word in moves) and (same or any(word in name for word in borders))
