"""Networks of the user's own: saved files, factories, and the modules that they need."""

from __future__ import annotations

import difflib
import importlib
import inspect
import sys
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from generator.config.schema import ModelConfig
from generator.errors import ModelError
from generator.models import files, input_range, layout, preprocessing, untrusted
from generator.models.files import OwnCode
from generator.models.graph import check_graph, flatten
from generator.models.preprocessing import Assumed
from generator.models.scopes import give_safe_names
from generator.models.tracing import check_inside, check_traced, with_graph
from generator.models.users_code import told, told_as


@dataclass(frozen=True)
class Opened:
    """A network, what is taken to be its preprocessing, and one sentence on where it comes from.

    `imagenet` says that its weights are known to be ImageNet's.
    """

    network: Any
    preprocessing: Assumed
    origin: str
    imagenet: bool = False


# -- saved networks --------------------------------------------------------------------------------


def saved(path: Path, config: ModelConfig) -> Opened:
    """The network in a .keras or .h5 file. Code that lies in the file itself is never run.

    Raises ModelError when it can't be opened: what it is instead, or what of the user's own it needs.
    """
    if reason := files.refusal(path):
        raise ModelError(reason)
    held = untrusted.check_file(path)
    parts = files.read_parts(path)
    untrusted.check_layers(path, parts)
    if layers := files.lambdas(parts):
        raise ModelError(
            f"{path}: its layer {layers[0]} is a Lambda, whose Python code is not run from a file; make the "
            "network in a factory (`source: package.module:function`) and load its weights there"
        )
    found = modules(config.imports)
    import keras

    try:
        with (
            untrusted.weights_within(path, held),
            told_as(f"{path}: not a readable Keras model"),
            warnings.catch_warnings(action="ignore"),
        ):
            objects = _objects(files.own_code(parts) if found else (), found)
            network = keras.saving.load_model(path, objects, compile=False, safe_mode=True)
    except ModelError as error:
        why = why_not_opened(path, files.own_code(parts), config, found)
        raise ModelError(why or f"{error.message}{files.hint(parts)}") from error
    return adopted(network, str(path), config.weights, f"saved model {path.name}")


def _objects(wanted: Iterable[OwnCode], modules: Sequence[ModuleType]) -> dict[str, Any]:
    """Of the classes and functions that a file needs those that the modules define, registered or not."""
    found = ((code.name, getattr(module, code.name, None)) for code in wanted for module in modules)
    return {name: value for name, value in found if value is not None}


def why_not_opened(
    path: Path, needed: Sequence[OwnCode], config: ModelConfig, modules: Sequence[ModuleType]
) -> str:
    """What of the user's own code a file needs and does not get; nothing if that is not what it lacks."""
    import keras

    given = _objects(needed, modules)
    missing = [
        code
        for code in needed
        if code.name not in given and keras.saving.get_registered_object(code.registered) is None
    ]
    if not missing:
        return ""
    if pythons := [code for code in missing if code.module.partition(".")[0] in sys.stdlib_module_names]:
        name = f"{pythons[0].module}.{pythons[0].name}"
        return f"{path}: names {name}, a part of Python and none of a network; what is it to do there?"
    names = ", ".join(dict.fromkeys(code.name for code in missing))
    if config.imports:
        return f"{path}: needs {names}, which no module of `imports:` ({', '.join(config.imports)}) defines"
    module = next((code.module for code in missing if code.module), "my_module")
    return (
        f"{path}: needs code of your own: {names}; name the module that defines it, beside the config: "
        f"`imports: [{module}]`"
    )


# -- factories -------------------------------------------------------------------------------------


def made(source: str, config: ModelConfig) -> Opened:
    """The network that a factory, `package.module:function`, returns.

    Raises ModelError for whatever its code raises, with the line that did.
    """
    modules(config.imports)
    module_name, _, function_name = source.partition(":")
    if module_name.endswith(".py"):
        raise ModelError(f"{source}: {files.NO_MODULE}")
    module = _module(module_name, source)
    factory = getattr(module, function_name, None)
    if not callable(factory):
        raise ModelError(f"{source}: {_no_function(module, function_name)}")
    seed()
    with told_as(f"{source}: the factory raised"):
        network = factory()
    return adopted(network, source, config.weights, f"made by {source}")


# -- networks that are open already ------------------------------------------------------------------


def live(network: Any, source: str) -> Opened:
    """A network that the caller has made, with the weights that it has.

    Layers that are used get further nodes, and names that TensorFlow can bear: see `undisturbed`.
    """
    return adopted(network, source, "imagenet", "handed over as a live model")


def seed() -> None:
    """Make random weights the same in every process, so that their pictures keep their keys."""
    import keras

    keras.utils.set_random_seed(0)


def modules(names: Iterable[str]) -> list[ModuleType]:
    """The modules that a config's `imports` names, imported; ModelError for one that can't be."""
    return [_module(name, f"imports: {name}") for name in names]


def _module(name: str, subject: str) -> ModuleType:
    """A module of the user's, found beside the config or installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if f"{name}.".startswith(f"{error.name}."):
            words = f"there is no module {error.name!r} beside the config, nor is one installed"
            raise ModelError(f"{subject}: {words}") from error
        raise ModelError(f"{subject}: its module can't be imported: {told(error)}") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ModelError(f"{subject}: its module can't be imported: {told(error)}") from error


def _no_function(module: ModuleType, name: str) -> str:
    own = [key for key, value in vars(module).items() if _is_function_of(module, value)]
    nearest = difflib.get_close_matches(name, own, n=3, cutoff=0)
    there = f"; it has {', '.join(nearest)}" if nearest else ""
    return f"{module.__name__} has no function {name!r}{there}; a factory is `package.module:function`"


def _is_function_of(module: ModuleType, value: object) -> bool:
    return inspect.isfunction(value) and value.__module__ == module.__name__


# -- both ------------------------------------------------------------------------------------------


def adopted(
    network: Any,
    source: str,
    weights: str,
    origin: str,
    said: Assumed | None = None,
    *,
    imagenet: bool = False,
) -> Opened:
    """A network of the user's own, with weights from a file if one is named; else it keeps those it has.

    `said` is what it is known to want; without that it is asked, be it for a preprocessor that it carries or
    for what it does to its input. Raises ModelError when it can't be shown.
    """
    said = said or _carried(network, source)
    with told_as(source):
        graph = with_graph(network, source)
    if weights not in ("imagenet", "none"):
        _load_weights(network, Path(weights))
        origin += f", weights from {Path(weights).name}"
    elif graph is not network and source.endswith(".keras"):
        # Keras leaves a subclassed model that it can't build by itself without its weights; now it is built.
        _load_weights(network, Path(source))
    if graph is not network:
        with told_as(source):
            check_traced(network, graph, source)
    network = graph
    give_safe_names(network)
    check_graph(network)
    shape = tuple(network.inputs[0].shape)
    if len(shape) != 4:
        raise ModelError(f"{source}: takes input {shape}, not pictures (n, height, width, colours)")
    with told_as(source):
        check_inside(network)
    steps = flatten(network, shape[1:])
    network = layout.pictures_in(network) if layout.takes_first(steps) else network
    colours = network.inputs[0].shape[-1]
    if not colours:
        raise ModelError(f"{source}: takes input {shape}; how many colours must be known")
    untrusted.check_sizes(source, steps)
    whole = "int" in network.inputs[0].dtype
    if whole:
        said = Assumed(preprocessing.named("raw", colours), "it takes whole numbers")
    known = imagenet and weights in ("imagenet", "none")
    return Opened(network, said or input_range.assumed(steps, colours), origin, known)


def _carried(network: Any, source: str) -> Assumed | None:
    """What a task of KerasHub knows of the pictures that it takes, by the converter that it carries."""
    converter = getattr(getattr(network, "preprocessor", None), "image_converter", None)
    if converter is None:
        return None
    mapping = preprocessing.of_converter(converter, source)
    return Assumed(mapping, "as its own preprocessor prepares pictures for it")


def _load_weights(network: Any, path: Path) -> None:
    if not path.is_file():
        raise ModelError(f"{path}: no such weights file")
    if path.suffix not in (".keras", ".h5", ".hdf5"):
        raise ModelError(f"{path}: not weights of Keras (a .weights.h5, .h5 or .keras file)")
    what = f"not weights for {network.name}"
    untrusted.check_file(path, what)
    with (
        told_as(f"{path}: {what}"),
        warnings.catch_warnings(action="ignore"),
    ):
        network.load_weights(path)
