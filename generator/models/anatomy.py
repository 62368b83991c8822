"""What is known of a network without opening it again: its layers, shapes, channels, receptive fields.

An Anatomy is a plain frozen value that goes to and from JSON, so that planning and the gallery need no
TensorFlow. `read_anatomy` makes one from an opened Keras model; it asks the model's graph and knows no
layer by name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from generator.models.batches import rows
from generator.models.graph import Step
from generator.models.sight import sights
from generator.models.tokens import special_tokens
from generator.models.trial import Sight

LARGEST_SMALL = 96
"""Pixels up to which a fixed input counts as small."""


@dataclass(frozen=True)
class Derived:
    """What a derived layer is: the features of a dictionary behind the layer `base`. `digest` is the SHA-256
    (hex) of all that determines the dictionary."""

    base: str
    digest: str


@dataclass(frozen=True)
class Layer:
    """A named tensor inside a network.

    `shape` is the output's shape without the batch axis (None where the network does not fix it):
    (height, width, channels), (tokens, channels) or (channels,), channels last whatever the network does;
    `channels` the size of its feature axis, `inputs` the names of the layers that feed it. `renderable` says
    that its channels can be visualised, `special` how many tokens in front are no patches of
    the picture: class and distillation token, registers.

    `receptive_field` is the height and width in input pixels of what a unit sees, of the unit that sees most
    where they differ; `stride` how far apart are what neighbours see; `bounds` where what the first unit
    sees begins and ends, as `box` needs it. They are None where that is no box, as for tokens, or all of the
    input, as behind a global pooling. They say what the graph lets a unit see, borders left aside: a field
    may be larger than the input. `derived` says of a derived layer what it is; the network has no such.
    """

    name: str
    kind: str
    shape: tuple[int | None, ...]
    channels: int
    inputs: tuple[str, ...]
    parameters: int
    receptive_field: tuple[int, int] | None
    stride: tuple[float, float] | None
    bounds: tuple[tuple[float, float], tuple[float, float]] | None
    renderable: bool
    special: int = 0
    derived: Derived | None = None

    @property
    def identity(self) -> str:
        """What names it in keys: its name, or of a derived layer what it is, whatever it is called."""
        return f"{self.derived.base} through {self.derived.digest}" if self.derived else self.name

    def box(self, row: int, column: int) -> tuple[int, int, int, int] | None:
        """Top, left, bottom, right (both past the last) of a box of input pixels that holds all a unit sees.

        It may reach beyond the picture. None where a unit sees no box.
        """
        if self.stride is None or self.bounds is None:
            return None
        starts, ends = [], []
        for unit, stride, (first, last) in zip((row, column), self.stride, self.bounds, strict=True):
            starts.append(math.ceil(first + unit * stride - _ROUNDING))
            ends.append(math.floor(last + unit * stride + _ROUNDING) + 1)
        return starts[0], starts[1], ends[0], ends[1]


_ROUNDING = 1e-6


@dataclass(frozen=True)
class Anatomy:
    """A network as planning and the gallery see it.

    `name` is its title, `source` where it came from and `weights` which it has, both in words for a page:
    of a file its name, never its path; `origin` one sentence on that, `fingerprint` the SHA-256 of all that
    it computes, `input_shape` (height, width, colours), `preprocessing` in words with the reason for it,
    `classes` the class names of its output or empty, `preprocessing_guessed` whether nobody said and nothing
    in the network shows which preprocessing it wants, `imagenet` whether its classes are ImageNet's, whatever
    the config calls them, `scores` the layers whose channels are its classes, the network's last one at the
    end; empty where it is not known to have classes.
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
    imagenet: bool = False
    scores: tuple[str, ...] = ()

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

    @property
    def read(self) -> frozenset[str]:
        """The names of the layers that another of the network's own layers reads."""
        return frozenset(before for layer in self.layers if not layer.derived for before in layer.inputs)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Anatomy:
        """An anatomy from what `to_json` gave; raises KeyError or TypeError for anything else."""
        layers = tuple(map(_layer_of, values["layers"]))
        lists = {name: tuple(values[name]) for name in ("input_shape", "classes", "scores")}
        return cls(**{**values, **lists, "layers": layers})


def with_derived(anatomy: Anatomy, derived: Sequence[Layer]) -> Anatomy:
    """The same network with derived layers, each after the layer behind which it stands."""
    behind: dict[str, list[Layer]] = {}
    for layer in derived:
        behind.setdefault(layer.inputs[0], []).append(layer)
    layers = [one for own in anatomy.layers for one in (own, *behind.get(own.name, ()))]
    return replace(anatomy, layers=tuple(layers))


def derived_layer(name: str, base: Layer, kind: str, features: int, parameters: int, digest: str) -> Layer:
    """A derived layer of so many features behind the layer `base`, whose units see what its own see."""
    return replace(
        base,
        name=name,
        kind=kind,
        shape=(*base.shape[:-1], features),
        channels=features,
        inputs=(base.name,),
        parameters=parameters,
        derived=Derived(base.name, digest),
    )


def own_side(input_shape: Sequence[int | None]) -> int | None:
    """The side of an input (height, width, colours) that is fixed, square and small; else None."""
    height, width = input_shape[:2]
    return height if height is not None and height == width and height <= LARGEST_SMALL else None


def _layer_of(values: dict[str, Any]) -> Layer:
    derived = values.get("derived")
    plain = {name: _tuples(value) for name, value in values.items()}
    return Layer(**{**plain, "derived": derived and Derived(**derived)})


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


# -- reading it off a graph ------------------------------------------------------------------------


def read_layers(steps: list[Step]) -> tuple[Layer, ...]:
    """The layers of a network, from input to output, from the steps of its graph."""
    known = zip(steps, sights(steps), special_tokens(steps), strict=True)
    return tuple(_layer(step, sight, special) for step, sight, special in known)


def _layer(step: Step, sight: Sight | None, special: int) -> Layer:
    shape = tuple(step.shape)
    return Layer(
        name=step.name,
        kind=type(step.whole or step.operation).__name__,
        shape=shape,
        channels=shape[-1] or 0 if shape else 0,
        inputs=step.inputs,
        parameters=_parameters(step.whole or step.operation),
        receptive_field=(sight[0].field, sight[1].field) if sight else None,
        stride=(sight[0].stride, sight[1].stride) if sight else None,
        bounds=(sight[0].bounds, sight[1].bounds) if sight else None,
        renderable=len(shape) in (1, 2, 3)
        and bool(shape[-1])
        and bool(step.inputs)
        and _one_each(step.output),
        special=special,
    )


def _one_each(output: Any) -> bool:
    """Whether a symbolic tensor has one row for each picture: it is not of windows, nor the same for all."""
    return output.shape[0] is None and rows(output) == 1


def _parameters(operation: Any) -> int:
    return sum(math.prod(weight.shape) for weight in getattr(operation, "weights", ()))
