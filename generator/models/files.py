"""What lies where a config says that a saved network is: looked at, never run."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        return (
            "a preset of KerasHub, which its own package opens; give a factory, `source: package.module:"
            f"function`, that returns e.g. keras_hub.models.Backbone.from_preset({path.name!r})"
        )
    return f"a folder, not a saved network (a .keras or .h5 file); {_FACTORY}"


# -- what a file is made with ----------------------------------------------------------------------


def own_code(path: Path) -> list[OwnCode]:
    """The classes and functions of a saved network that are not Keras' own, each once; none if unreadable."""
    try:
        found = list(_own_code(_config(path)))
    except (OSError, ValueError, KeyError, RecursionError, zipfile.BadZipFile):
        return []
    return list(dict.fromkeys(found))


def lambdas(path: Path) -> list[str]:
    """The names of the layers of a saved network that hold Python code; none if it can't be read."""
    try:
        parts = list(_parts(_config(path)))
    except (OSError, ValueError, KeyError, RecursionError, zipfile.BadZipFile):
        return []
    layers = (part["config"] for part in parts if part["class_name"] == "Lambda")
    return [str(layer.get("name")) for layer in layers if _holds_code(layer.get("function"))]


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


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    """Everything in a config that stands for an object: a class name and its settings."""
    if isinstance(value, dict):
        if isinstance(value.get("class_name"), str) and "config" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _parts(inner)


def _own_code(config: Any) -> Iterator[OwnCode]:
    for part in _parts(config):
        name, module = part["class_name"], part.get("module")
        if name == "function" and isinstance(part["config"], str):
            registered = str(part.get("registered_name") or "").removeprefix("function")
            yield OwnCode(part["config"], registered)
        elif isinstance(module, str) and module.partition(".")[0] not in _LIBRARIES:
            yield OwnCode(name, str(part.get("registered_name") or ""), module)
        elif module is None and "inbound_nodes" in part and not _is_keras(name):
            # Older files say no module; what else a layer's config may hold is its constructor's business.
            yield OwnCode(name.rpartition(">")[2], name if ">" in name else "")


def _is_keras(name: str) -> bool:
    import keras

    return hasattr(keras.layers, name) or name in ("Functional", "Sequential", "Model")
