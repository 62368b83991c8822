"""Derived layers as planning knows them: anatomies that have them, settings by which workers find them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from generator.config.derived import ConceptsConfig
from generator.config.problems import Location, Problem
from generator.config.schema import Config, ModelConfig
from generator.datasets.sources import DataSet
from generator.errors import UserError
from generator.inquiries.concepts import concepts_key, placeholder
from generator.inquiries.surveys import Survey, survey_of
from generator.models.anatomy import Anatomy, Layer, derived_layer, with_derived
from generator.models.deriving import CONCEPTS, DICTIONARY, Asked, asked_for
from generator.models.dictionary import Dictionary
from generator.models.dictionary_file import read_dictionary

IsWrong = Callable[..., bool]
"""Whether there is a problem at a field already."""


@dataclass(frozen=True)
class Derivation:
    """A config that says where dictionaries are and what is in them, anatomies with derived layers, and what
    is wrong with those that are asked for."""

    config: Config
    anatomies: Mapping[str, Anatomy]
    problems: tuple[Problem, ...]


def derived(
    config: Config,
    anatomies: Mapping[str, Anatomy],
    datasets: Mapping[str, DataSet],
    is_wrong: IsWrong = lambda *location: False,
) -> Derivation:
    """The derived layers that a config asks for; `anatomies` are the networks' own.

    Concepts of models whose data set is not among `datasets`, because it can't be used, are left out.
    """
    models, known, problems = dict(config.models), dict(anatomies), list[Problem]()
    for name, anatomy in anatomies.items():
        source = config.dataset_of(name)
        dataset = datasets.get(source) if source else None
        survey = survey_of(config, name, anatomy, dataset, ()) if dataset else None
        model = _Model(("models", name), models[name], anatomy, is_wrong, survey, bool(source))
        known[name] = with_derived(anatomy, tuple(model.layers()))
        models[name] = model.settings()
        problems += model.problems
    return Derivation(config.model_copy(update={"models": models}), known, tuple(problems))


class _Model:
    """The derived layers of one network, which is shown a data set (`has_dataset`) by `survey`."""

    def __init__(
        self,
        at: Location,
        config: ModelConfig,
        anatomy: Anatomy,
        is_wrong: IsWrong,
        survey: Survey | None,
        has_dataset: bool,
    ) -> None:
        self._at, self._config, self._anatomy = at, config, anatomy
        self._is_wrong, self._survey, self._has_dataset = is_wrong, survey, has_dataset
        self._dictionaries: dict[int, Dictionary] = {}
        self._concepts: dict[int, dict[str, Path]] = {}
        self.problems: list[Problem] = []

    def settings(self) -> ModelConfig:
        """The network's settings, once its layers are known."""
        layers = list(self._config.layers)
        for index, layer in enumerate(layers):
            known: dict[str, object] = {}
            if layer.dictionary is not None and index in self._dictionaries:
                known["dictionary"] = layer.dictionary.known(self._dictionaries[index].digest)
            if layer.concepts is not None and index in self._concepts:
                known["concepts"] = layer.concepts.known(self._concepts[index])
            layers[index] = layer.model_copy(update=known)
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
                if layer is not None:
                    _check_name(layer, own, found)
            except UserError as error:
                self.problems.append(Problem(at, error.message))
                continue
            if layer is not None and found.setdefault(layer.name, layer) is layer:
                yield layer

    def _layer(self, asked: Asked) -> Layer | None:
        if isinstance(asked.setting, ConceptsConfig):
            return self._layer_of_concepts(asked, asked.setting.count)
        found = self._dictionaries.get(asked.index) or read_dictionary(asked.setting.file)
        self._dictionaries[asked.index] = found
        if found.channels != asked.base.channels:
            raise UserError(
                f"{asked.setting.file}: is of {found.channels} channels, as its `decoder` "
                f"{found.decoder.shape} is (features, channels), but layer {asked.base.name!r} has "
                f"{asked.base.channels}"
            )
        return derived_layer(
            asked.name, asked.base, DICTIONARY, found.features, found.parameters, found.digest
        )

    def _layer_of_concepts(self, asked: Asked, count: int) -> Layer | None:
        base = asked.base
        if count > base.channels:
            raise UserError(
                f"layer {base.name!r} has {base.channels} channels, and no more concepts than that"
            )
        if not self._has_dataset:
            raise UserError("concepts are found in a data set; name one under `datasets`, or leave them out")
        if self._survey is None:
            return None
        key = concepts_key(self._survey, base.name, count)
        self._concepts.setdefault(asked.index, {})[base.name] = placeholder(key)
        return derived_layer(asked.name, base, CONCEPTS, count, count * base.channels, key)


def _check_name(layer: Layer, own: set[str], found: Mapping[str, Layer]) -> None:
    """Raises UserError for a name that another has, and for what there is already by another name."""
    if layer.name in own:
        raise UserError(f"the network has a layer {layer.name!r} of its own; give this one another `name`")
    same = found.get(layer.name)
    if same is not None and same.derived != layer.derived:
        raise UserError(f"{layer.name!r} is asked for twice and not alike; give one of them another `name`")
    for other in found.values():
        if other.derived == layer.derived and other.name != layer.name:
            raise UserError(f"{layer.name!r} is the same as {other.name!r}; ask for one of them")
