"""What is known of a network without opening it again: its layers, shapes, channels, receptive fields.

An Anatomy is a plain frozen value that goes to and from JSON, so that planning and the gallery need no
TensorFlow. `read_anatomy` makes one from an opened Keras model; it asks the model's graph and knows no
layer by name.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Layer:
    """A named tensor inside a network.

    `shape` is the output's shape without the batch axis (None where the network does not fix it),
    `channels` the size of its feature axis, `inputs` the names of the layers that feed it,
    `receptive_field` and `stride` in input pixels (None where they are not defined, as behind a
    global pooling). `renderable` says that its channels can be visualised.
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

    `name` is its title, `source` and `weights` where network and weights came from in the user's words,
    `origin` one sentence on that for the gallery, `fingerprint` the SHA-256 of graph, weights and
    preprocessing, `input_shape` (height, width, colours), `preprocessing` in words, `classes` the class
    names of its output or empty.
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
