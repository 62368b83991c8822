"""Which derived layers a network's settings ask for, and the dictionaries that make them.

Needs no TensorFlow.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from generator.config.derived import ConceptsConfig, DictionaryConfig
from generator.config.schema import ModelConfig
from generator.errors import UserError
from generator.models.anatomy import Anatomy, Layer, derived_layer
from generator.models.dictionary import Dictionary
from generator.models.dictionary_file import read_dictionary

CONCEPTS, DICTIONARY = "Concepts", "Dictionary"
"""Kinds of derived layers."""
Part = Literal["concepts", "dictionary"]


def matching_layers(pattern: str, anatomy: Anatomy) -> list[Layer]:
    """The renderable layers that a name, a glob, `conv` or `all` stands for, from input to output.

    Derived layers go by their names only.
    """
    exact = [layer for layer in anatomy.layers if layer.renderable and layer.name == pattern]
    layers = [layer for layer in anatomy.layers if layer.renderable and not layer.derived]
    if exact or pattern == "all":
        return exact or layers
    if pattern == "conv":
        return [layer for layer in layers if "Conv" in layer.kind]
    return [layer for layer in layers if fnmatch.fnmatchcase(layer.name, pattern)]


@dataclass(frozen=True)
class Asked:
    """A derived layer that is asked for: its name, the layer behind which it stands, and the setting, which
    is the `part` of the model's layers[`index`]."""

    name: str
    base: Layer
    index: int
    part: Part
    setting: ConceptsConfig | DictionaryConfig

    @property
    def file(self) -> Path | None:
        """The file with its dictionary; None for concepts that are not found yet."""
        if isinstance(self.setting, DictionaryConfig):
            return self.setting.file
        return self.setting.found.get(self.base.name)


def asked_for(config: ModelConfig, anatomy: Anatomy) -> Iterator[Asked]:
    """Every derived layer that a network's settings ask for, in their order; two may go by one name."""
    for index, layer in enumerate(config.layers):
        for base in matching_layers(layer.name, anatomy) if layer.concepts or layer.dictionary else ():
            if layer.concepts:
                yield Asked(f"{base.name}.concepts", base, index, "concepts", layer.concepts)
            if layer.dictionary:
                name = f"{base.name}.{layer.dictionary.called}"
                yield Asked(name, base, index, "dictionary", layer.dictionary)


def without_derived(config: ModelConfig) -> ModelConfig:
    """The settings of the network alone."""
    alone = {"concepts": None, "dictionary": None}
    layers = [layer.model_copy(update=alone) for layer in config.layers]
    return config.model_copy(update={"layers": layers})


def layers_of(found: Iterable[tuple[str, str, Dictionary]], anatomy: Anatomy) -> list[Layer]:
    """The derived layers of dictionaries, each (name, base, dictionary), by the network's own anatomy."""
    return [
        derived_layer(name, anatomy.layer(base), DICTIONARY, one.features, one.parameters, one.digest)
        for name, base, one in found
    ]


def dictionaries(config: ModelConfig, anatomy: Anatomy) -> list[tuple[str, str, Dictionary]]:
    """(name, base, dictionary) of each derived layer whose dictionary is there, by a network's own anatomy.

    Raises UserError when a file can't be read, or is not the one that was planned.
    """
    found: dict[str, tuple[str, str, Dictionary]] = {}
    for asked in asked_for(config, anatomy):
        if asked.file is None or asked.name in found:
            continue
        if asked.part == "concepts" and not asked.file.is_file():
            continue  # not found yet; nothing is asked of them before they are
        dictionary = read_dictionary(asked.file)
        planned = asked.setting.digest if isinstance(asked.setting, DictionaryConfig) else ""
        if planned not in ("", dictionary.digest):
            raise UserError(f"{asked.file}: changed since the plan was made; run again")
        found[asked.name] = (asked.name, asked.base.name, dictionary)
    return list(found.values())
