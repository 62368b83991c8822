"""Files of networks that a stranger might send: a sound one, changed in one place each."""

from __future__ import annotations

import base64
import copy
import io
import json
import marshal
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
from keras import layers

Json = dict[str, Any]
Replacement = Callable[[h5py.Group, str, tuple[int, ...]], None]
WEIGHTS = "model.weights.h5"
_HUGE = {"input_shape": [None, 10**9]}


def save_sound(folder: Path) -> None:
    """A network, good.keras and good.h5, and a module that leaves a file `canary` when it is imported."""
    source = keras.Input((16, 16, 3), name="pixels")
    known = layers.Conv2D(4, 3, activation="relu", name="conv")(source)
    mean = layers.GlobalAveragePooling2D(name="mean")(known)
    network = keras.Model(source, layers.Dense(5, name="dense")(mean))
    for name in ("good.keras", "good.h5"):
        network.save(folder / name)
    mark = f"open({str(folder / 'canary')!r}, 'w')"
    module = f"{mark}\nclass Evil:\n    pass\ndef evil(x):\n    {mark}\n    return x\n"
    (folder / "evil_module.py").write_text(module)


# -- files with other parts ------------------------------------------------------------------------


def archive(good: Path, **parts: bytes | None) -> bytes:
    """good.keras with other members; None leaves one out."""
    stream = io.BytesIO()
    with zipfile.ZipFile(good / "good.keras") as old, zipfile.ZipFile(stream, "w") as new:
        for name, data in {**{name: old.read(name) for name in old.namelist()}, **parts}.items():
            if data is not None:
                new.writestr(name, data)
    return stream.getvalue()


def configured(good: Path, change: Callable[[Json], None]) -> bytes:
    """good.keras with a changed config."""
    with zipfile.ZipFile(good / "good.keras") as old:
        config = json.loads(old.read("config.json"))
    change(config)
    return archive(good, **{"config.json": json.dumps(config).encode()})


def layer(config: Json, name: str) -> Json:
    return next(part for part in config["config"]["layers"] if part["name"] == name)


def other_layer(**part: Any) -> Callable[[Json], None]:
    """A config whose pooling is another layer."""
    return lambda config: layer(config, "mean").update({"registered_name": None, "build_config": {}, **part})


def activation(**function: Any) -> Callable[[Json], None]:
    def change(config: Json) -> None:
        layer(config, "conv")["config"]["activation"] = {"class_name": "function", **function}

    return change


def old_config(good: Path, change: Callable[[Json], None]) -> bytes:
    """good.h5 with a changed config."""
    stream = io.BytesIO((good / "good.h5").read_bytes())
    with h5py.File(stream, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config)
        file.attrs["model_config"] = json.dumps(config)
    return stream.getvalue()


def bytecode(mark: Path) -> str:
    """A function that leaves a mark, as Keras wrote functions down."""
    source = f"lambda x: open({str(mark)!r}, 'w') and x"
    return base64.b64encode(marshal.dumps(eval(source).__code__)).decode()


def weights(good: Path, change: Callable[[h5py.File], None], path: str = WEIGHTS) -> bytes:
    """The numbers of good.keras (or all of good.h5), changed."""
    if path == "good.h5":
        stream = io.BytesIO((good / path).read_bytes())
    else:
        with zipfile.ZipFile(good / "good.keras") as old:
            stream = io.BytesIO(old.read(path))
    with h5py.File(stream, "r+") as file:
        change(file)
    return stream.getvalue()


def replaced(make: Replacement) -> Callable[[h5py.File], None]:
    """The first numbers of a file made in another way."""

    def change(file: h5py.File) -> None:
        found: list[str] = []
        file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
        group, _, name = found[0].rpartition("/")
        shape = file[found[0]].shape
        del file[found[0]]
        make(file[group], name, shape)

    return change


def _external(group: h5py.Group, name: str, _: tuple[int, ...]) -> None:
    group[name] = h5py.ExternalLink("/etc/secret.h5", "numbers")


def _soft(group: h5py.Group, name: str, _: tuple[int, ...]) -> None:
    group[name] = h5py.SoftLink("/elsewhere")


def _raw(group: h5py.Group, name: str, shape: tuple[int, ...]) -> None:
    group.create_dataset(name, shape, "float32", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def _virtual(group: h5py.Group, name: str, shape: tuple[int, ...]) -> None:
    layout = h5py.VirtualLayout(shape, "float32")
    layout[...] = h5py.VirtualSource("/etc/secret.h5", "numbers", shape)
    group.create_virtual_dataset(name, layout)


def _filled(group: h5py.Group, name: str, _: tuple[int, ...]) -> None:
    group.create_dataset(name, (40_000, 40_000), "float32", chunks=(1000, 1000), fillvalue=1)


def _many(group: h5py.Group, name: str, _: tuple[int, ...]) -> None:
    for number in range(200):
        group.create_dataset(f"{name}{number}", (1000, 5000), "float32", chunks=(1000, 1000), fillvalue=1)


LINKS = {"external": _external, "soft": _soft, "raw": _raw, "virtual": _virtual}


def _nested(depth: int) -> bytes:
    return b'{"class_name": "Functional", "config": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


def _spread(config: Json) -> None:
    config["config"]["layers"][0]["config"]["batch_shape"] = [None, 1_000_000, 1_000_000, 3]


def _enlarged(config: Json) -> None:
    other_layer(module="keras.layers", class_name="Resizing", config={"height": 10**6, "width": 10**6})(
        config
    )


def _eager(config: Json) -> None:
    """A layer that takes a number instead of a picture, and would make 40 GB of it while it is opened."""
    number = {"class_name": "__numpy__", "config": {"value": [[[[1.0]]]], "dtype": "float32"}}
    config["config"]["layers"].append(
        {
            "module": "keras.layers",
            "class_name": "UpSampling2D",
            "config": {"name": "bomb", "size": [100_000, 100_000]},
            "registered_name": None,
            "name": "bomb",
            "inbound_nodes": [{"args": [number], "kwargs": {}}],
        }
    )


def _elsewhere(name: str, **config: object) -> Callable[[Path], bytes]:
    part = other_layer(module="keras.layers", class_name=name, config={"name": "mean", **config})
    return lambda good: configured(good, part)


def _function(module: str | None, name: str, **more: object) -> Callable[[Path], bytes]:
    settings = {"module": module, "config": name, "registered_name": name, **more}
    return lambda good: configured(good, activation(**settings))


def _class(
    module: str | None, name: str, registered: str | None = None, **config: object
) -> Callable[[Path], bytes]:
    part = {"module": module, "class_name": name, "registered_name": registered, "config": config}
    return lambda good: configured(good, other_layer(**part))


def _lambda_layer(good: Path) -> bytes:
    config = {"name": "mean", "function": _lambda(good), "arguments": {}}
    return configured(good, other_layer(module="keras.layers", class_name="Lambda", config=config))


def _lambda_activation(good: Path) -> bytes:
    return configured(good, lambda config: layer(config, "conv")["config"].update(activation=_lambda(good)))


def _typespec(good: Path) -> bytes:
    spec = {"class_name": "__typespec__", "module": "evil_module", "spec_name": "Evil", "config": []}
    return configured(good, activation(**spec, registered_name=None))


def _lambda(good: Path) -> Json:
    return {"class_name": "__lambda__", "config": {"value": [bytecode(good / "canary"), None, None]}}


def _h5_lambda(function: Callable[[Path], object], **more: object) -> Callable[[Path], bytes]:
    def make(good: Path) -> bytes:
        part = {
            "name": "mean",
            "function": function(good),
            "function_type": "lambda",
            "arguments": {},
            **more,
        }
        return old_config(good, lambda config: layer(config, "mean").update(class_name="Lambda", config=part))

    return make


def _h5(**part: object) -> Callable[[Path], bytes]:
    return lambda good: old_config(good, lambda config: layer(config, "mean").update(part))


def _packed(good: Path, name: str, size: int) -> bytes:
    """good.keras with a member of zeros, packed; it says that there are more than there are."""
    stream = io.BytesIO(archive(good, **{name: None}))
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, bytes(1 << 20))
        file.filelist[-1].file_size = size
    return stream.getvalue()


def _bomb(good: Path) -> bytes:
    """good.keras with 300 MB of zeros as its weights, packed to 1.3 MB."""
    stream = io.BytesIO(archive(good, **{WEIGHTS: None}))
    deflated = zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED, compresslevel=1)
    with deflated as file, file.open(WEIGHTS, "w") as member:
        for _ in range(300):
            member.write(bytes(1 << 20))
    return stream.getvalue()


def _loop(config: Json) -> None:
    """Two layers, each of which takes the other's output."""
    first, second = layer(config, "mean"), layer(config, "dense")
    first["inbound_nodes"] = copy.deepcopy(second["inbound_nodes"])
    first["inbound_nodes"][0]["args"][0]["config"]["keras_history"][0] = "dense"


def _set(name: str, **settings: object) -> Callable[[Path], bytes]:
    return lambda good: configured(good, lambda config: layer(config, name)["config"].update(settings))


def _set_old(name: str, **settings: object) -> Callable[[Path], bytes]:
    return lambda good: old_config(good, lambda config: layer(config, name)["config"].update(settings))


def _changed(change: Callable[[Json], None]) -> Callable[[Path], bytes]:
    return lambda good: configured(good, change)


def _member(name: str, data: bytes | None = b"x") -> Callable[[Path], bytes]:
    return lambda good: archive(good, **{name: data})


def _weights(make: Replacement) -> Callable[[Path], bytes]:
    return lambda good: archive(good, **{WEIGHTS: weights(good, replaced(make))})


def _weights_old(make: Replacement) -> Callable[[Path], bytes]:
    return lambda good: weights(good, replaced(make), "good.h5")


def _attribute(value: object) -> Callable[[Path], bytes]:
    return lambda good: weights(good, lambda file: file.attrs.update(model_config=value), "good.h5")


OWN, LAMBDA, PYTHONS = "needs code of your own", "is a Lambda, whose Python code", "a part of Python"
KERAS, UNREADABLE = "not a readable Keras model: (Type|Value)Error: ", "not a readable Keras model: "
LIES, OUTSIDE, BOMB, WIDE = "is a link to|lie in another file", "lie outside", "would unpack", "asks for more"
PAYLOADS: dict[str, tuple[str, Callable[[Path], bytes]]] = {
    # what is named to be called
    "os-system.keras": (PYTHONS, _function("os", "system")),
    "posix.keras": (PYTHONS, _function("posix", "system")),
    "eval.keras": (OWN, _function("builtins", "eval")),
    "exec.keras": (OWN, _function(None, "exec")),
    "own-function.keras": (OWN, _function("evil_module", "evil")),
    "dotted.keras": (OWN, _function("keras", "utils.get_file")),
    "get-file.keras": (OWN, _function("keras.utils", "get_file")),
    "load-model.keras": (OWN, _function("keras.saving", "load_model")),
    "unsafe.keras": (OWN, _function("keras.config", "enable_unsafe_deserialization")),
    "inner.keras": (OWN, _function("keras.src.utils.python_utils", "func_load")),
    "popen.keras": (PYTHONS, _class("subprocess", "Popen", args=["touch", "canary"], shell=True)),
    "own-class.keras": (OWN, _class("evil_module", "Evil")),
    "own-package.keras": (OWN, _class("keras_evil.layers", "Evil")),
    "registered.keras": (OWN, _class("evil_module", "Evil", "evil_module>Evil")),
    "borrowed.keras": (KERAS, _class("keras.layers", "Dense", "evil_module>Evil", units=3)),
    "no-layer.keras": (KERAS, _class("keras.utils", "get_file", fname="a", origin="http://127.0.0.1:9/")),
    "no-class.keras": (KERAS, _class("keras.src.saving.saving_lib", "zipfile")),
    "typespec.keras": (KERAS, _typespec),
    # code that lies in the file, and files beside it
    "lambda.keras": (LAMBDA, _lambda_layer),
    "lambda-activation.keras": (KERAS, _lambda_activation),
    "saved-model.keras": ("is a TFSMLayer", _elsewhere("TFSMLayer", filepath="/tmp")),
    "torch.keras": ("is a TorchModuleWrapper", _elsewhere("TorchModuleWrapper", module="gASVIQ==")),
    "flax.keras": ("is a FlaxLayer", _elsewhere("FlaxLayer", module="x")),
    "vocabulary.keras": (KERAS, _elsewhere("StringLookup", vocabulary="/etc/passwd")),
    "lambda-list.h5": (LAMBDA, _h5_lambda(lambda good: [bytecode(good / "canary"), None, None])),
    "lambda-dict.h5": (LAMBDA, _h5_lambda(_lambda)),
    "lambda-text.h5": (KERAS, _h5_lambda(lambda good: bytecode(good / "canary"))),
    "lambda-name.h5": (KERAS, _h5_lambda(lambda _: "evil", function_type="function", module="evil_module")),
    "lambda-system.h5": (KERAS, _h5_lambda(lambda _: "system", function_type="function", module="os")),
    "own-class.h5": (OWN, _h5(class_name="Evil")),
    "own-package.h5": (OWN, _h5(class_name="evil_module>Evil")),
    "saved-model.h5": ("is a TFSMLayer", _h5(class_name="TFSMLayer", config={"filepath": "/tmp"})),
    # what would lie outside the file
    "up.keras": (OUTSIDE, _member("../up.txt")),
    "assets.keras": (OUTSIDE, _member("assets/../../up.txt")),
    "rooted.keras": (OUTSIDE, _member("/tmp/up.txt")),
    "windows.keras": (OUTSIDE, _member("..\\up.txt")),
    **{f"{name}.keras": (LIES, _weights(make)) for name, make in LINKS.items()},
    **{f"{name}.h5": (LIES, _weights_old(make)) for name, make in LINKS.items()},
    # what would take more memory or disk than there is
    "filled.keras": (BOMB, _weights(_filled)),
    "filled.h5": (BOMB, _weights_old(_filled)),
    "many.h5": (BOMB, _weights_old(_many)),
    "zip-bomb.keras": (BOMB, _bomb),
    "zip-asset.keras": (BOMB, lambda good: _packed(good, "assets/vocabulary.txt", 300 << 20)),
    "zip-config.keras": ("MB long", lambda good: _packed(good, "config.json", 80 << 20)),
    "wide.keras": (WIDE, _set("dense", units=10**9)),
    "filters.keras": (WIDE, _set("conv", filters=10**9)),
    "wide.h5": (WIDE, _set_old("dense", units=10**9)),
    "built.keras": (WIDE, _changed(lambda config: layer(config, "dense").update(build_config=_HUGE))),
    "input.keras": ("pixels gives", _changed(_spread)),
    "output.keras": ("resizing.* gives", _changed(_enlarged)),
    "eager.keras": ("takes no picture", _changed(_eager)),
    # what is no network
    "deep.keras": ("nested too deeply", _member("config.json", _nested(100_000))),
    "list.keras": (UNREADABLE, _member("config.json", b"[]")),
    "text.keras": (UNREADABLE, _member("config.json", b"touch canary")),
    "layers.keras": (UNREADABLE, _changed(lambda config: config["config"].update(layers=7))),
    "no-config.keras": (UNREADABLE, _member("config.json", None)),
    "no-weights.keras": (UNREADABLE, _member(WEIGHTS, None)),
    "loop.keras": (UNREADABLE, _changed(_loop)),
    "no-config.h5": (UNREADABLE, _attribute("")),
    "number.h5": (UNREADABLE, _attribute(7)),
}
"""Files that are refused, and why."""
