"""Derived layers as planning knows them: anatomies that have them, settings by which workers find them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from generator.config.derived import DictionaryConfig
from generator.config.problems import Location, Problem
from generator.config.schema import Config, ModelConfig
from generator.errors import UserError
from generator.models.anatomy import Anatomy, Layer, derived_layer, with_derived
from generator.models.deriving import Asked, asked_for
from generator.models.dictionary import Dictionary
from generator.models.dictionary_file import read_dictionary

IsWrong = Callable[..., bool]
"""Whether there is a problem at a field already."""


@dataclass(frozen=True)
class Derivation:
    """A config whose dictionaries are known by their contents, anatomies with derived layers, and what is
    wrong with those that are asked for."""

    config: Config
    anatomies: Mapping[str, Anatomy]
    problems: tuple[Problem, ...]


def derived(config: Config, anatomies: Mapping[str, Anatomy], is_wrong: IsWrong) -> Derivation:
    """The derived layers that a config asks for; `anatomies` are the networks' own."""
    models, known, problems = dict(config.models), dict(anatomies), list[Problem]()
    for name, anatomy in anatomies.items():
        model = _Model(("models", name), models[name], anatomy, is_wrong)
        known[name] = with_derived(anatomy, tuple(model.layers()))
        models[name] = model.settings()
        problems += model.problems
    return Derivation(config.model_copy(update={"models": models}), known, tuple(problems))


class _Model:
    """The derived layers of one network."""

    def __init__(self, at: Location, config: ModelConfig, anatomy: Anatomy, is_wrong: IsWrong) -> None:
        self._at, self._config, self._anatomy = at, config, anatomy
        self._is_wrong = is_wrong
        self._dictionaries: dict[int, Dictionary] = {}
        self.problems: list[Problem] = []

    def settings(self) -> ModelConfig:
        """The network's settings, once its layers are known."""
        layers = list(self._config.layers)
        for index, dictionary in self._dictionaries.items():
            setting = layers[index].dictionary
            if setting is not None:
                known = setting.known(dictionary.digest)
                layers[index] = layers[index].model_copy(update={"dictionary": known})
        return self._config.model_copy(update={"layers": layers})

    def layers(self) -> Iterator[Layer]:
        """Each derived layer that is asked for and can be; of others it is said what is wrong."""
        own = {layer.name for layer in self._anatomy.layers}
        found: dict[str, Layer] = {}
        for asked in asked_for(self._config, self._anatomy):
            at: Location = (*self._at, "layers", asked.index, asked.part)
            if self._is_wrong(*at):
                continue
            try:
                layer = self._layer(asked)
                _check_name(layer, own, found)
            except UserError as error:
                self.problems.append(Problem(at, error.message))
                continue
            if found.setdefault(layer.name, layer) is layer:
                yield layer

    def _layer(self, asked: Asked) -> Layer:
        assert isinstance(asked.setting, DictionaryConfig)
        found = self._dictionaries.get(asked.index) or read_dictionary(asked.setting.file)
        self._dictionaries[asked.index] = found
        if found.channels != asked.base.channels:
            raise UserError(
                f"{asked.setting.file}: is of {found.channels} channels, as its `decoder` "
                f"{found.decoder.shape} is (features, channels), but layer {asked.base.name!r} has "
                f"{asked.base.channels}"
            )
        features, numbers = found.features, found.parameters
        return derived_layer(asked.name, asked.base, "Dictionary", features, numbers, found.digest)


def _check_name(layer: Layer, own: set[str], found: Mapping[str, Layer]) -> None:
    """Raises UserError for a name that another has, and for what there is already by another name."""
    if layer.name in own:
        raise UserError(
            f"the network has a layer {layer.name!r} of its own; give the dictionary another `name`"
        )
    same = found.get(layer.name)
    if same is not None and same.derived != layer.derived:
        raise UserError(f"{layer.name!r} is asked for twice and not alike; give one of them another `name`")
    for other in found.values():
        if other.derived == layer.derived and other.name != layer.name:
            raise UserError(f"{layer.name!r} is the same as {other.name!r}; ask for one of them")
