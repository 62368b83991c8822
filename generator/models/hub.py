"""Presets of KerasHub: networks with the preprocessing that they were trained with, from a folder or fetched.

KerasHub is an extra, imported when a config names a preset. It reads what Keras, Hugging Face's transformers
and timm save.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

from generator.config.schema import ModelConfig, is_place
from generator.errors import ModelError
from generator.models import files, hub_folder, own, untrusted
from generator.models.hub_folder import CONFIG, CONVERTER, TASK, check_settings, read_json
from generator.models.own import Opened, adopted
from generator.models.preprocessing import Assumed, of_converter
from generator.models.users_code import told_as

_EXTRA = "needs KerasHub: pip install 'pocket-microscope[hub]'"


def opened(source: str, config: ModelConfig) -> Opened:
    """The network of a preset: a folder, `kerashub:NAME`, `hf://OWNER/MODEL` or `kaggle://...`.

    An image classifier where the preset is one, else its backbone; of one that takes more than pictures the
    part that depends on them alone. Raises ModelError when it can't be had, and for what a preset should not
    hold.
    """
    if is_place(source):
        folder, held = Path(source), hub_folder.check_weights(Path(source))
        hub = _library(source)
    else:
        hub = _library(source)
        folder = hub_folder.fetched(source, _get_file())
        held = hub_folder.check_weights(folder)
    modules = own.modules(config.imports)
    settings = read_json(folder, CONFIG) or {}
    kind = _kind(hub, folder, settings)
    _check(hub, folder, config, modules)
    own.seed()
    try:
        with (
            untrusted.weights_within(folder, held),
            told_as(f"{folder}: not a readable preset"),
            warnings.catch_warnings(action="ignore"),
        ):
            converter = _converter(hub, folder, settings)
            network = kind.from_preset(str(folder), **_shape(kind, settings, converter))
    except ModelError as error:
        raise ModelError(f"{error.message}{files.hint(files.parts_of(settings))}") from error
    network = pictures_part(network)
    said = None
    if converter is not None:
        mapping = of_converter(converter, str(folder))
        said = Assumed(mapping, "as its preset prepares pictures for it")
    name = folder.name if is_place(source) else hub_folder.preset_of(source)
    known = not is_place(source) and bool(re.search(r"imagenet|in1k", source))
    return adopted(network, source, config.weights, f"KerasHub's preset {name}", said, imagenet=known)


def _library(source: str) -> Any:
    try:
        import keras_hub
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == "keras_hub"
        raise ModelError(f"{source}: {_EXTRA}{'' if missing else f' ({error})'}") from error
    return keras_hub


def _get_file() -> Any:
    from keras_hub.src.utils.preset_utils import get_file

    return get_file


# -- what it is ------------------------------------------------------------------------------------


def _kind(hub: Any, folder: Path, settings: dict[str, Any]) -> Any:
    """The class that opens a preset: one of image classifiers, or of backbones."""
    import keras

    classifier = hub.models.ImageClassifier
    if "registered_name" in settings:
        task = read_json(folder, TASK) or {}
        found = keras.saving.get_registered_object(str(task.get("registered_name")))
        is_classifier = isinstance(found, type) and issubclass(found, classifier)
    elif "architecture" in settings:
        is_classifier = bool(settings.get("num_classes"))
    else:
        is_classifier = "ForImageClassification" in str(settings.get("architectures"))
    return classifier if is_classifier else hub.models.Backbone


def _check(hub: Any, folder: Path, config: ModelConfig, modules: list[Any]) -> None:
    """Look at the settings that are read; ModelError for what they should not hold, or what they lack."""
    allowed = (
        hub.models.Backbone,
        hub.models.ImageClassifier,
        hub.models.Preprocessor,
        hub.layers.ImageConverter,
    )
    for name in (CONFIG, TASK, "preprocessor.json", CONVERTER):
        settings = read_json(folder, name)
        if settings is None or (name in (TASK, "preprocessor.json") and not _is_read(hub, settings)):
            continue
        needed = check_settings(folder / name, settings, allowed)
        if why := own.why_not_opened(folder / name, needed, config, modules):
            raise ModelError(why)


def _is_read(hub: Any, settings: dict[str, Any]) -> bool:
    """Whether a task's or preprocessor's settings are those of an image classifier: others are not opened."""
    import keras

    found = keras.saving.get_registered_object(str(settings.get("registered_name")))
    kinds = hub.models.ImageClassifier, hub.models.ImageClassifierPreprocessor
    return isinstance(found, type) and issubclass(found, kinds)


def _converter(hub: Any, folder: Path, settings: dict[str, Any]) -> Any:
    """The layer that makes network input of pictures, if the preset says one."""
    if "registered_name" in settings and not (folder / CONVERTER).is_file():
        return None
    try:
        return hub.layers.ImageConverter.from_preset(str(folder))
    except ValueError as error:
        if "Unable to find a subclass" in str(error):
            return None
        raise


def _shape(kind: Any, settings: dict[str, Any], converter: Any) -> dict[str, Any]:
    """The size of pictures that a preset's preprocessing makes, for a network that leaves it open."""
    size = getattr(converter, "image_size", None)
    saved = settings.get("config", {}).get("image_shape") if "registered_name" in settings else None
    is_open = "architecture" in settings or (isinstance(saved, list) and None in saved)
    if not size or not is_open:
        return {}
    first = getattr(converter, "data_format", "") == "channels_first"
    return {"image_shape": (3, *size) if first else (*size, 3)}


# -- pictures alone --------------------------------------------------------------------------------


def pictures_part(network: Any) -> Any:
    """Of a network of several inputs the part that depends on its pictures alone; one of one input as it is.

    Raises ModelError when there is not just one input of pictures.
    """
    import keras

    if len(network.inputs) == 1:
        return network
    pictures = [tensor for tensor in network.inputs if len(tensor.shape) == 4]
    if len(pictures) != 1:
        names = ", ".join(tensor.name for tensor in network.inputs)
        raise ModelError(f"{network.name}: takes {names}; only what takes one picture can be shown")
    known: set[int] = {id(pictures[0])}
    read: set[int] = set()
    made: list[Any] = []
    for node in _nodes(network):
        if not node.is_input and known.issuperset(map(id, node.input_tensors)):
            known.update(map(id, node.outputs))
            read.update(map(id, node.input_tensors))
            made += node.outputs
    ends = [tensor for tensor in made if id(tensor) not in read]
    return keras.Model(pictures[0], ends if len(ends) > 1 else ends[0], name=network.name)


def _nodes(network: Any) -> list[Any]:
    return [
        node
        for depth in sorted(network._nodes_by_depth, reverse=True)
        for node in network._nodes_by_depth[depth]
    ]
