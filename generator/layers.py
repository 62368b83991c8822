"""Which layers a config asks for, and what is wrong with what it asks of them."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterator, Mapping, Sequence

from generator.config.channels import Channels
from generator.config.problems import Location, Problem
from generator.config.schema import Config, LayerConfig, ModelConfig
from generator.models.anatomy import Anatomy, Layer


def channels_of(selection: LayerConfig, model: ModelConfig) -> Channels:
    """The channels that are asked for of the layers of a selection."""
    return selection.channels if selection.channels is not None else model.channels


def recipes_of(selection: LayerConfig, model: ModelConfig) -> Sequence[str]:
    """The names of the recipes that are asked for of them."""
    return selection.recipes if selection.recipes is not None else model.recipes


def selected(model: ModelConfig, anatomy: Anatomy) -> Iterator[tuple[LayerConfig, Layer]]:
    """Each selection of layers with each layer that it stands for."""
    for selection in model.layers:
        for layer in matching_layers(selection.name, anatomy):
            yield selection, layer


def matching_layers(pattern: str, anatomy: Anatomy) -> list[Layer]:
    """The renderable layers that a name, a glob, `conv` or `all` stands for, from input to output."""
    layers = [layer for layer in anatomy.layers if layer.renderable]
    exact = [layer for layer in layers if layer.name == pattern]
    if exact or pattern == "all":
        return exact or layers
    if pattern == "conv":
        return [layer for layer in layers if "Conv" in layer.kind]
    return [layer for layer in layers if fnmatch.fnmatchcase(layer.name, pattern)]


def layer_problems(config: Config, anatomies: Mapping[str, Anatomy]) -> Iterator[Problem]:
    """Layers that no network has, with the nearest names, channels out of range, recipes for other layers."""
    for name, anatomy in anatomies.items():
        if config.models[name].classes and (message := _classes_unfit(anatomy)):
            yield Problem(("models", name, "classes"), message)
        for index, selection in enumerate(config.models[name].layers):
            location: Location = ("models", name, "layers", index)
            layers = matching_layers(selection.name, anatomy)
            if not layers:
                yield Problem(location, _no_layer(selection.name, name, anatomy))
            if selection.channels is not None:
                place: Location = (*location, "channels")
            else:
                place = ("models", name, "channels")
            for layer in layers:
                for text in channels_of(selection, config.models[name]).beyond(layer.channels):
                    yield Problem(place, _no_channel(text, layer))
                for recipe_name in recipes_of(selection, config.models[name]):
                    yield from _recipe_beyond(recipe_name, config, layer)
            above: Location = location if selection.recipes is not None else ("models", name)
            for recipe_name in recipes_of(selection, config.models[name]):
                if message := _unfit(recipe_name, config, layers, anatomy):
                    yield Problem((*above, "recipes"), message)


def _classes_unfit(anatomy: Anatomy) -> str:
    """What is wrong with the number of a network's class names, or nothing."""
    read = {before for layer in anatomy.layers for before in layer.inputs}
    flat = [layer for layer in anatomy.layers if len(layer.shape) == 1]
    if any(layer.channels == len(anatomy.classes) for layer in flat):
        return ""
    ends = [f"layer {layer.name!r} has {layer.channels:,}" for layer in flat if layer.name not in read]
    return f"names {len(anatomy.classes):,} classes, but {' and '.join(ends) or 'the network has none'}"


def _unfit(name: str, config: Config, layers: Sequence[Layer], anatomy: Anatomy) -> str:
    """What keeps a recipe's objective from some of the layers, or nothing."""
    read = {before for layer in anatomy.layers for before in layer.inputs}
    objective = config.recipe(name).aim
    found = [
        (layer, why) for layer in layers if (why := objective.unfit(layer.shape, layer.name not in read))
    ]
    if not found:
        return ""
    others = f" (nor for {len(found) - 1} more of its layers)" if len(found) > 1 else ""
    layer, why = found[0]
    return f"recipe {name!r} is not for layer {layer.name!r}, which {why}{others}"


def _recipe_beyond(name: str, config: Config, layer: Layer) -> Iterator[Problem]:
    """Channels that a recipe names and the layer does not have."""
    recipe = config.recipe(name)
    named = {"direction": [channel for channel, _ in recipe.direction], "towards": [recipe.towards or 0]}
    for setting, channels in named.items():
        for channel in channels:
            if not 0 <= channel < layer.channels:
                yield Problem(("recipes", name, setting), _no_channel(str(channel), layer))


def _no_layer(pattern: str, model: str, anatomy: Anatomy) -> str:
    exists = any(layer.name == pattern for layer in anatomy.layers)
    if exists:
        return f"layer {pattern!r} of {model} has no channels that can be rendered"
    names = [layer.name for layer in anatomy.layers if layer.renderable]
    nearest = difflib.get_close_matches(pattern, names, n=3, cutoff=0)
    return f"no layer {pattern!r} in {model}; the nearest are {', '.join(nearest)}"


def _no_channel(text: str, layer: Layer) -> str:
    return f"channels {text}: layer {layer.name!r} has {layer.channels}, 0 to {layer.channels - 1}"
