"""What tasks need elsewhere: files and modules that a network's settings name, and pictures of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from generator.config.content import content_digest
from generator.config.schema import LayerConfig, ModelConfig, is_hub, is_place
from generator.datasets.sources import Item
from generator.engines.tasks import NamedFile
from generator.models.efficientnet_lite import VARIANTS

_NO_FILE = ("imagenet", "none")
"""What `weights` says where it names no file."""


def model_files(name: str, config: ModelConfig) -> list[NamedFile]:
    """The network's file, its weights, class names and dictionaries, where they are files. OSError if
    unreadable."""
    named = [Path(config.source)] if is_place(config.source or name) else []
    named += [] if config.weights in _NO_FILE else [Path(config.weights)]
    named += [] if config.classes is None else [config.classes]
    named += [path for layer in config.layers for path in _dictionaries(layer)]
    return [NamedFile(path, content_digest(path)) for path in named]


def moved_model(config: ModelConfig, places: Mapping[Path, Path]) -> ModelConfig:
    """The same settings with these files at other places."""
    changes = {
        field: str(places[Path(named)])
        for field in ("source", "weights")
        if (named := getattr(config, field)) and Path(named) in places
    }
    classes = config.classes and places.get(config.classes)
    layers = [_moved_layer(layer, places) for layer in config.layers]
    return config.model_copy(update={**changes, "classes": classes or config.classes, "layers": layers})


def _dictionaries(layer: LayerConfig) -> Iterator[Path]:
    if layer.dictionary is not None:
        yield layer.dictionary.file
    if layer.concepts is not None:
        # Until they are found nothing is asked of them.
        yield from (path for path in layer.concepts.found.values() if path.is_file())


def _moved_layer(layer: LayerConfig, places: Mapping[Path, Path]) -> LayerConfig:
    dictionary, concepts = layer.dictionary, layer.concepts
    if dictionary is not None:
        file = places.get(dictionary.file, dictionary.file)
        dictionary = dictionary.model_copy(update={"file": file})
    if concepts is not None:
        concepts = concepts.known({base: places.get(path, path) for base, path in concepts.found.items()})
    return layer.model_copy(update={"dictionary": dictionary, "concepts": concepts})


def model_modules(name: str, config: ModelConfig) -> Sequence[str]:
    """The modules that are imported to open it: a factory's, those of `imports`, a package of weights."""
    source = config.source or name
    modules = list(config.imports)
    if is_hub(source):
        modules.append("keras_hub")
    elif not is_place(source) and ":" in source:
        modules.append(source.partition(":")[0])
    if source in VARIANTS and config.weights == "imagenet":
        modules.append(VARIANTS[source].package)
    return modules


def dataset_files(dataset: Path, items: Iterable[Item]) -> list[NamedFile]:
    """The pictures of a data set that lies in a folder; an archive is too large to be sent anywhere."""
    if not dataset.is_dir():
        return [NamedFile(dataset, travels=False)]
    names = {item.name: item.digest for item in items}
    return [NamedFile(dataset / name, digest, root=dataset) for name, digest in names.items()]
