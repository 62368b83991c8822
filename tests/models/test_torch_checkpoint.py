"""The restricted reader of torch's legacy checkpoints: right about tensors, deaf to everything else."""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generator.errors import ModelError
from generator.models.torch_checkpoint import read_checkpoint

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
FACTS = {"little_endian": True, "protocol_version": PROTOCOL}


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """As much of torch as pickling a checkpoint names: its functions and storage types, by reference."""
    module, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "HalfStorage", "LongStorage"):
        setattr(module, name, type(name, (), {"__module__": "torch", "__qualname__": name}))

    def _rebuild_tensor_v2(*arguments: object) -> None: ...

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", module)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    yield module


class Tensor:
    """Pickles as a tensor does: a view on a storage."""

    def __init__(self, torch: Any, kind: str, key: str, view: tuple[Any, ...]) -> None:
        self.storage, self.view = ("storage", getattr(torch, kind), key, "cpu", 0, None), view

    def __reduce__(self) -> tuple[Any, ...]:
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2  # type: ignore[attr-defined]
        return rebuild, (Persistent(self.storage), *self.view, False, OrderedDict())


class Persistent:
    def __init__(self, identity: tuple[Any, ...]) -> None:
        self.identity = identity


class Pickler(pickle.Pickler):
    def persistent_id(self, value: object) -> object:
        return value.identity if isinstance(value, Persistent) else None


def dumped(value: object) -> bytes:
    stream = io.BytesIO()
    Pickler(stream, protocol=2).dump(value)
    return stream.getvalue()


def checkpoint(state: object, storages: dict[str, np.ndarray[Any, Any]], **head: object) -> bytes:
    """A legacy checkpoint; `head` may replace its magic, protocol or facts."""
    parts = {"magic": MAGIC, "protocol": PROTOCOL, "facts": FACTS, **head}
    data = b"".join(dumped(parts[name]) for name in ("magic", "protocol", "facts"))
    data += dumped(state) + dumped(sorted(storages))
    for key in sorted(storages):
        data += struct.pack("<q", storages[key].size) + storages[key].tobytes()
    return data


def written(folder: Path, data: bytes) -> Path:
    path = folder / "weights.pth"
    path.write_bytes(data)
    return path


def test_tensors_are_read_as_torch_laid_them_out(torch: Any, tmp_path: Path) -> None:
    numbers = np.arange(12, dtype="float32")
    halves, longs = np.array([0.5, 1.5], "float16"), np.array([7], "int64")
    state = OrderedDict(
        rows=Tensor(torch, "FloatStorage", "0", (0, (3, 4), (4, 1))),
        turned=Tensor(torch, "FloatStorage", "0", (0, (4, 3), (1, 4))),
        part=Tensor(torch, "FloatStorage", "0", (5, (2,), (1,))),
        halves=Tensor(torch, "HalfStorage", "1", (0, (2,), (1,))),
        count=Tensor(torch, "LongStorage", "2", (0, (), ())),
        note="no tensor",
    )
    found = read_checkpoint(written(tmp_path, checkpoint(state, {"0": numbers, "1": halves, "2": longs})))
    assert list(found) == ["rows", "turned", "part", "halves", "count"]
    np.testing.assert_array_equal(found["rows"], numbers.reshape(3, 4))
    np.testing.assert_array_equal(found["turned"], numbers.reshape(3, 4).T)
    np.testing.assert_array_equal(found["part"], [5, 6])
    assert found["halves"].dtype == np.float16 and int(found["count"]) == 7


class Evil:
    """Runs a command when a trusting unpickler meets it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("place", ["magic", "facts", "state"])
def test_code_in_a_file_is_refused_and_not_run(torch: Any, tmp_path: Path, place: str) -> None:
    evil = Evil(tmp_path / "mark")
    data = checkpoint(evil, {}) if place == "state" else checkpoint({}, {}, **{place: evil})
    with pytest.raises(ModelError, match=r"weights\.pth: refused .* it asks for (posix|nt)\.system"):
        read_checkpoint(written(tmp_path, data))
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("name", ["builtins eval", "builtins getattr", "numpy load", "os system"])
def test_every_name_but_a_tensors_is_refused(tmp_path: Path, name: str) -> None:
    module, attribute = name.split()
    call = f"c{module}\n{attribute}\n(S'1'\ntR.".encode()
    data = dumped(MAGIC) + dumped(PROTOCOL) + dumped(FACTS) + call
    with pytest.raises(ModelError, match=f"it asks for {module}.{attribute}, which no tensor needs"):
        read_checkpoint(written(tmp_path, data))


@pytest.mark.parametrize(
    "view", [(8, (2, 4), (4, 1)), (0, (2, 4), (-4, 1)), (-1, (2,), (1,)), (0, (9, 9), (9, 1))]
)
def test_a_tensor_outside_its_storage_is_refused(torch: Any, tmp_path: Path, view: tuple[Any, ...]) -> None:
    state = {"t": Tensor(torch, "FloatStorage", "0", view)}
    data = checkpoint(state, {"0": np.zeros(8, "float32")})
    with pytest.raises(ModelError, match="reaches outside its storage"):
        read_checkpoint(written(tmp_path, data))


def test_a_file_cut_anywhere_is_refused(torch: Any, tmp_path: Path) -> None:
    state = {"t": Tensor(torch, "FloatStorage", "0", (0, (8,), (1,)))}
    data = checkpoint(state, {"0": np.zeros(8, "float32")})
    for length in range(len(data)):
        with pytest.raises(ModelError, match=r"weights\.pth: "):
            read_checkpoint(written(tmp_path, data[:length]))


def test_the_newer_zip_format_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "weights.pth", "w") as file:
        file.writestr("archive/data.pkl", b"")
    with pytest.raises(ModelError, match=r"zip format.*_use_new_zipfile_serialization=False"):
        read_checkpoint(tmp_path / "weights.pth")


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ({"magic": 1}, "not in torch's legacy format"),
        ({"protocol": 1000}, "not in torch's legacy format"),
        ({"facts": {"little_endian": False}}, "big-endian"),
        ({"facts": 3}, "not a readable torch checkpoint"),
    ],
)
def test_other_formats_are_named(tmp_path: Path, head: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        read_checkpoint(written(tmp_path, checkpoint({}, {}, **head)))


@pytest.mark.parametrize(("data", "words"), [(b"", "too early"), (b"hello there", "readable|refused")])
def test_what_is_no_checkpoint_at_all(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        read_checkpoint(written(tmp_path, data))
    assert "\n" not in caught.value.message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.pth: no such weights file"):
        read_checkpoint(tmp_path / "none.pth")
