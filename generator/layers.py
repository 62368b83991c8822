"""Which layers a config asks for, and what is wrong with what it asks of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from generator.config.channels import Channels
from generator.config.problems import Location, Problem
from generator.config.schema import Config, ModelConfig
from generator.models.anatomy import Anatomy, Layer
from generator.models.deriving import asked_for, matching_layers

NO_DATASET = "an atlas shows what a layer sees in a data set's pictures; name one under `datasets`"


@dataclass(frozen=True)
class Request:
    """What an entry of a model's layers asks for of some layers: which channels, by which recipes.

    `at` is the part of the entry that says so, its own location or that of its concepts or dictionary;
    `channels_at` and `recipes_at` are where these are said, both locations in the model's settings.
    """

    layers: tuple[Layer, ...]
    channels: Channels
    recipes: tuple[str, ...]
    at: Location
    channels_at: Location
    recipes_at: Location


def requests(model: ModelConfig, anatomy: Anatomy) -> Iterator[Request]:
    """All that a model's settings ask for of layers, derived ones after those that they stand behind."""
    derived: dict[tuple[int, str], list[Layer]] = {}
    for asked in asked_for(model, anatomy):
        layers = [layer for layer in anatomy.layers if layer.name == asked.name and layer.derived]
        derived.setdefault((asked.index, asked.part), []).extend(layers)
    for index, entry in enumerate(model.layers):
        at: Location = ("layers", index)
        own = entry.recipes if entry.recipes is not None else model.recipes
        own_at: Location = (*at, "recipes") if entry.recipes is not None else ("recipes",)
        channels, said = (entry.channels, True) if entry.channels is not None else (model.channels, False)
        yield Request(
            tuple(matching_layers(entry.name, anatomy)),
            channels,
            tuple(own),
            at,
            (*at, "channels") if said else ("channels",),
            own_at,
        )
        for part in (entry.concepts, entry.dictionary):
            if part is not None:
                inside = (*at, "concepts" if part is entry.concepts else "dictionary")
                every = Channels() if part is entry.concepts else model.channels
                yield Request(
                    tuple(derived.get((index, str(inside[-1])), ())),
                    every if part.channels is None else part.channels,
                    tuple(own if part.recipes is None else part.recipes),
                    inside,
                    ("channels",) if part.channels is None else (*inside, "channels"),
                    own_at if part.recipes is None else (*inside, "recipes"),
                )


def layer_problems(config: Config, anatomies: Mapping[str, Anatomy]) -> Iterator[Problem]:
    """Layers that no network has, with the nearest names, channels out of range, recipes for other layers."""
    for name, anatomy in anatomies.items():
        if config.models[name].classes and (message := _classes_unfit(anatomy)):
            yield Problem(("models", name, "classes"), message)
        for request in requests(config.models[name], anatomy):
            at: Location = ("models", name, *request.at)
            entry = config.models[name].layers[int(request.at[1])]
            if not request.layers and len(request.at) == 2:
                yield Problem(at, _no_layer(entry.name, name, anatomy))
            if len(request.at) == 2 and entry.atlas:
                yield from _atlas_problems(config, name, request, (*at, "atlas"))
            for layer in request.layers:
                for text in request.channels.beyond(layer.channels):
                    yield Problem(("models", name, *request.channels_at), _no_channel(text, layer))
                for recipe_name in request.recipes:
                    yield from _recipe_beyond(recipe_name, config, layer)
            for recipe_name in request.recipes:
                if message := _unfit(recipe_name, config, request.layers, anatomy):
                    yield Problem(("models", name, *request.recipes_at), message)


def _atlas_problems(config: Config, model: str, request: Request, at: Location) -> Iterator[Problem]:
    """What keeps an atlas from being made, or from having a page."""
    if config.dataset_of(model) is None:
        yield Problem(at, NO_DATASET)
    if not all(request.channels.select(layer.channels) for layer in request.layers):
        yield Problem(at, "an atlas is shown beside a layer's channels; give it some, `channels: first 8`")
    if config.recipe("cell").objective != "direction":
        yield Problem(("recipes", "cell", "objective"), "an atlas's cells are of directions; leave it out")


def _classes_unfit(anatomy: Anatomy) -> str:
    """What is wrong with the number of a network's class names, or nothing."""
    flat = [layer for layer in anatomy.layers if len(layer.shape) == 1 and not layer.derived]
    if any(layer.channels == len(anatomy.classes) for layer in flat):
        return ""
    ends = [
        f"layer {layer.name!r} has {layer.channels:,}" for layer in flat if layer.name not in anatomy.read
    ]
    return f"names {len(anatomy.classes):,} classes, but {' and '.join(ends) or 'the network has none'}"


def _unfit(name: str, config: Config, layers: Sequence[Layer], anatomy: Anatomy) -> str:
    """What keeps a recipe's objective from some of the layers, or nothing."""
    read, objective = anatomy.read, config.recipe(name).aim
    ends = {layer.name for layer in anatomy.layers if layer.name not in read and not layer.derived}
    found = [
        (layer, why)
        for layer in layers
        if (why := objective.unfit(layer.shape, layer.name in ends, layer.special))
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
