"""A network's file, looked at before Keras opens it: it may come from a stranger.

Keras runs no code that lies in a file, and refuses much of what is refused here. But it was got round again
and again, and what a stranger's file can't do should not hang on one library alone: no links out of the
file, no more weights than it holds, nothing that is computed or read elsewhere while it is being opened.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from generator.errors import ModelError, cause
from generator.models.files import Part
from generator.models.graph import Step

WEIGHTS = "model.weights.h5"
LONGEST_CONFIG = 64 << 20
"""Bytes of the longest description of a network's layers; those of keras.applications have up to 600,000."""

UNPACKED, SHARE = 256 << 20, 100
"""What takes more bytes than the first, and so many times those that lie in the file, is no weights."""

MOST_NUMBERS = 1 << 30
"""Numbers that a step of a network may give for one picture: 4 GB. The first of VGG16 gives 3 million."""

_ELSEWHERE = {
    "TFSMLayer": "runs a graph that lies in another file",
    "TorchModuleWrapper": "holds a pickled module of PyTorch",
    "FlaxLayer": "holds code of JAX",
    "JaxLayer": "holds code of JAX",
}
"""Layers of Keras that would run what a file brings along."""


def check_file(path: Path, what: str = "not a readable Keras model") -> int:
    """Look at a .keras or .h5 file of a network or of weights; how many bytes its weights take in memory.

    Raises ModelError for what no network needs, with the reason, and for what is no such file.
    """
    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                return _archive(path, archive)
        with path.open("rb") as stream:
            return _numbers(path, stream)
    except ModelError:
        raise
    except Exception as error:  # whatever a broken file leads the readers of zip and HDF5 to
        raise ModelError(f"{path}: {what}: {cause(error)}") from error


def _archive(path: Path, archive: zipfile.ZipFile) -> int:
    for member in archive.infolist():
        place = PurePosixPath(member.filename)
        if place.is_absolute() or ".." in place.parts or "\\" in member.filename or ":" in member.filename:
            raise ModelError(f"{path}: holds a file that would lie outside of it, {member.filename!r}")
        if _is_bomb(member.file_size, member.compress_size):
            raise ModelError(f"{path}: its {member.filename} would unpack to {_sized(member.file_size)}")
        if member.filename == "config.json" and member.file_size > LONGEST_CONFIG:
            raise ModelError(f"{path}: its config.json is {_sized(member.file_size)} long")
    if WEIGHTS not in archive.namelist():
        raise ModelError(f"{path}: not a readable Keras model: it holds no {WEIGHTS}")
    return _numbers(path, io.BytesIO(archive.read(WEIGHTS)))


def _is_bomb(size: int, stored: int) -> bool:
    return size > UNPACKED and size > SHARE * stored


def _sized(count: int) -> str:
    return f"{count / 2**20:,.0f} MB"


# -- HDF5 ------------------------------------------------------------------------------------------


def _numbers(path: Path, stream: Any) -> int:
    import h5py

    total = stored = 0
    with h5py.File(stream) as file:
        for dataset in _datasets(path, file):
            if dataset.external or dataset.is_virtual:
                raise ModelError(f"{path}: its numbers {dataset.name} lie in another file")
            size = math.prod(dataset.shape or ()) * dataset.dtype.itemsize
            total, stored = total + size, stored + dataset.id.get_storage_size()
            if _is_bomb(size, dataset.id.get_storage_size()):
                raise ModelError(f"{path}: its numbers {dataset.name} would unpack to {_sized(size)}")
    if _is_bomb(total, stored):
        raise ModelError(f"{path}: its numbers would unpack to {_sized(total)}")
    return total


def _datasets(path: Path, file: Any) -> Iterator[Any]:
    """All arrays of an HDF5 file, each once; ModelError for a link that is followed when its name is read."""
    import h5py

    seen: set[int] = set()
    waiting = [file]
    while waiting:
        group = waiting.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                place = getattr(link, "filename", "") or getattr(link, "path", "")
                raise ModelError(f"{path}: its {group.name.rstrip('/')}/{name} is a link to {place!r}")
            found = group[name]
            address = h5py.h5o.get_info(found.id).addr
            if address in seen:
                continue
            seen.add(address)
            if isinstance(found, h5py.Group):
                waiting.append(found)
            elif isinstance(found, h5py.Dataset):
                yield found


# -- layers ----------------------------------------------------------------------------------------


def check_layers(path: Path, parts: Iterable[Part]) -> None:
    """Look at everything that a file's config names by its class.

    Raises ModelError for a layer that brings code along, and for one that would be computed on opening.
    """
    for part in parts:
        name = part["class_name"]
        if name in _ELSEWHERE:
            raise ModelError(f"{path}: its layer {_name(part)} is a {name}, which {_ELSEWHERE[name]}")
        nodes = part.get("inbound_nodes")
        for node in nodes if isinstance(nodes, list) else ():
            if isinstance(node, dict) and not _takes_a_tensor(node):
                raise ModelError(f"{path}: its layer {_name(part)} takes no picture, nor what one led to")


def _name(part: Part) -> str:
    config = part["config"]
    return str(config.get("name")) if isinstance(config, dict) else str(part.get("name"))


def _takes_a_tensor(value: object) -> bool:
    if isinstance(value, dict):
        return value.get("class_name") == "__keras_tensor__" or _takes_a_tensor(list(value.values()))
    return isinstance(value, list) and any(_takes_a_tensor(inner) for inner in value)


def check_sizes(source: str, steps: Iterable[Step]) -> None:
    """ModelError for a step that gives more numbers for a single picture than MOST_NUMBERS."""
    for step in steps:
        numbers = math.prod(size or 1 for size in step.output.shape[1:])
        if numbers > MOST_NUMBERS:
            raise ModelError(f"{source}: its {step.name} gives {numbers:,} numbers for a picture")


@contextmanager
def weights_within(path: Path, held: int) -> Iterator[None]:
    """Let a network be made of about as many weights as its file holds, and no more.

    A few bytes can ask for a layer of any size. Raises ModelError before the first is made that is too many.
    """
    import keras

    made, own = keras.Variable.__init__, vars(keras.Variable).get("__init__")
    most = UNPACKED + 4 * held
    room = most

    def counted(variable: Any, initializer: Any, shape: Any = None, *others: Any, **options: Any) -> None:
        nonlocal room
        # What is given as numbers is in the file, and what is no shape is Keras' to refuse.
        if isinstance(shape, tuple | list) and all(isinstance(size, int) for size in shape):
            room -= 4 * math.prod(shape)
        if room < 0:
            raise ModelError(f"{path}: holds {_sized(held)} of weights and asks for more than {_sized(most)}")
        made(variable, initializer, shape, *others, **options)

    keras.Variable.__init__ = counted
    try:
        yield
    finally:
        if own is None:
            del keras.Variable.__init__
        else:
            keras.Variable.__init__ = own
