"""What lies where a config says that a saved network is: looked at, never run."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.errors import ModelError, cause

_LIBRARIES = ("keras", "builtins", "tensorflow")


NO_MODULE = "a factory is named as Python imports it, `package.module:function`, not by its file"


@dataclass(frozen=True)
class OwnCode:
    """A class or function in a saved network that is no part of Keras, as the file tells of it.

    `registered` is the name that it was registered under, if it was; `module` where it was defined, if the
    file says so.
    """

    name: str
    registered: str = ""
    module: str = ""


def refusal(path: Path) -> str | None:
    """Why what lies at a path is no saved network to be opened, and what to do; None if it may be one."""
    if path.is_dir():
        return f"{path}: {_folder(path)}"
    if ".py:" in path.name:
        return f"{path}: {NO_MODULE}"
    if not path.is_file():
        return f"{path}: no such file"
    if path.name.endswith(".weights.h5"):
        return (
            f"{path}: holds weights and no network; make the network in a factory "
            "(`source: package.module:function`) and name this file as its `weights:`"
        )
    if path.suffix not in (".keras", ".h5", ".hdf5"):
        return f"{path}: not a saved network of Keras (a .keras or .h5 file); {_FACTORY}"
    return None


_FACTORY = "give a factory, `source: package.module:function`, that makes or loads it"


def _folder(path: Path) -> str:
    if (path / "saved_model.pb").is_file():
        return (
            "a SavedModel, which holds a graph but no layers; save the network as a .keras file where it was "
            f"made, or {_FACTORY}"
        )
    if (path / "config.json").is_file():
        return f"a preset of KerasHub is named as a folder, `source: ./{path.name}`"
    return f"a folder, not a saved network (a .keras or .h5 file) nor a preset of KerasHub; {_FACTORY}"


# -- what a file is made with ----------------------------------------------------------------------


Part = dict[str, Any]
"""What stands for an object in a file's config: a class name and its settings."""


def read_parts(path: Path) -> list[Part]:
    """Everything that a saved network is made of; ModelError when the file does not say what that is."""
    try:
        return list(parts_of(_config(path)))
    except RecursionError:
        raise ModelError(f"{path}: its layers are nested too deeply to be read") from None
    except Exception as error:  # whatever a broken file leads the readers of zip, HDF5 and JSON to
        raise ModelError(f"{path}: not a readable Keras model: {cause(error)}") from error


def own_code(parts: Iterable[Part]) -> list[OwnCode]:
    """The classes and functions that are not Keras' own, each once."""
    return list(dict.fromkeys(_own_code(parts)))


def lambdas(parts: Iterable[Part]) -> list[str]:
    """The names of the layers that hold Python code."""
    layers = [part["config"] for part in parts if part["class_name"] == "Lambda"]
    settings = [layer for layer in layers if isinstance(layer, dict)]
    return [str(layer.get("name")) for layer in settings if _holds_code(layer.get("function"))]


def hint(parts: Iterable[Part]) -> str:
    """What may keep Keras from reading back what it wrote itself, to be put after its reason; or nothing."""
    quantised = any(part["class_name"].startswith("Quantized") for part in parts)
    return "; it is quantised: save it before that, and quantise it in a factory" if quantised else ""


def _holds_code(function: object) -> bool:
    # Old files have the code in a list by itself.
    return isinstance(function, list) or (
        isinstance(function, dict) and function.get("class_name") == "__lambda__"
    )


def _config(path: Path) -> Any:
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read("config.json"))
    import h5py

    with h5py.File(path) as file:
        return json.loads(file.attrs["model_config"])


def parts_of(value: Any) -> Iterator[Part]:
    """Whatever in plain JSON stands for an object; RecursionError for what is nested too deeply."""
    if isinstance(value, dict):
        if isinstance(value.get("class_name"), str) and isinstance(value.get("config"), dict | str):
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from parts_of(inner)


def _own_code(parts: Iterable[Part]) -> Iterator[OwnCode]:
    for part in parts:
        name, module = part["class_name"], part.get("module")
        if name == "function" and isinstance(part["config"], str):
            registered = str(part.get("registered_name") or "").removeprefix("function")
            yield OwnCode(part["config"], registered, "" if _is_libraries(module) else str(module))
        elif isinstance(module, str) and not _is_libraries(module):
            yield OwnCode(name, str(part.get("registered_name") or ""), module)
        elif module is None and "inbound_nodes" in part and not _is_keras(name):
            # Older files say no module; what else a layer's config may hold is its constructor's business.
            yield OwnCode(name.rpartition(">")[2], name if ">" in name else "")


def _is_libraries(module: object) -> bool:
    return not isinstance(module, str) or module.partition(".")[0] in _LIBRARIES


def _is_keras(name: str) -> bool:
    import keras

    return hasattr(keras.layers, name) or name in ("Functional", "Sequential", "Model")
