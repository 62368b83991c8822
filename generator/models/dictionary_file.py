"""Dictionaries as they stand in files: .npz, or .safetensors; nothing in them is run."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.datasets.arrays import Rows
from generator.errors import ModelError, UserError, cause
from generator.models.dictionary import KNOWN, Dictionary, from_arrays

Array = NDArray[Any]

SUFFIXES = (".npz", ".safetensors")
LARGEST = 1 << 30
"""Bytes of all its arrays together."""


def read_dictionary(path: Path) -> Dictionary:
    """The dictionary in a file. Raises ModelError, in one line with the fix, when it holds none."""
    try:
        read = {".npz": _npz, ".safetensors": _safetensors}[path.suffix.lower()]
    except KeyError:
        raise ModelError(f"{path}: a dictionary is an .npz or a .safetensors file") from None
    try:
        return from_arrays(read(path))
    except OSError as error:
        raise ModelError(f"{path}: can't be read: {error.strerror or cause(error)}") from None
    except UserError as error:
        said = error.message.removeprefix(f"{path}: ")
        raise ModelError(f"{path}: {said}") from None


def _npz(path: Path) -> dict[str, Array]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
        known = [name for name in members if name in KNOWN]
        _bounded(sum(members[name].file_size for name in known))
        return {name: Rows(path, name).whole() for name in known} or dict.fromkeys(members, np.zeros(0))
    except (OSError, UserError):
        raise
    except Exception as error:  # whatever broken data lead an unpacker to
        raise ModelError(f"is no .npz that can be read: {cause(error)}") from None


def _safetensors(path: Path) -> dict[str, Array]:
    from safetensors import safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            known = [name for name in names if name in KNOWN]
            _bounded(sum(8 * math.prod(file.get_slice(name).get_shape()) for name in known))
            arrays = {name: np.asarray(file.get_tensor(name)) for name in known}
            # Text is no tensor: what says one word stands in the file's metadata.
            told = {name: np.array(word) for name, word in (file.metadata() or {}).items()}
    except (OSError, UserError):
        raise
    except Exception as error:
        raise ModelError(f"is no .safetensors file that can be read: {cause(error)}") from None
    return _words(told) | (arrays or dict.fromkeys(names, np.zeros(0)))


def _words(told: dict[str, Array]) -> dict[str, Array]:
    """What metadata may say: the activation function's name, and how many features are on."""
    found = {"activation": told["activation"]} if "activation" in told else {}
    if "k" in told:
        try:
            found["k"] = np.array(int(str(told["k"])))
        except ValueError:
            raise ModelError(f"metadata: `k` is {str(told['k'])[:40]!r}, no whole number") from None
    return found


def _bounded(size: int) -> None:
    if size > LARGEST:
        raise ModelError(f"holds {size >> 20:,} MB of arrays; {LARGEST >> 20:,} MB at most are read")
