"""Code of the user's own: what a network needs of it can be given, and what it raises is told in a line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from generator.config.schema import ModelConfig
from generator.errors import ModelError
from generator.models.zoo import Model, open_model
from tests.conftest import click_run

MODULE = """
import keras
from keras import layers


class Plain(layers.Layer):
    def call(self, x):
        return x * 2


@keras.saving.register_keras_serializable("mine")
class Known(layers.Layer):
    def call(self, x):
        return x * 3


def triple(x):
    return x * 3


@keras.saving.register_keras_serializable("mine")
class Net(keras.Model):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.conv = layers.Conv2D(2, 3, name="conv")

    def call(self, x):
        return self.conv(x)
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of networks made with a module that is not there any more when they are opened."""
    folder = tmp_path_factory.mktemp("saved")
    before = dict(keras.saving.get_custom_objects())
    space: dict[str, Any] = {"__name__": "own_parts"}
    exec(MODULE, space)
    source = keras.Input((8, 8, 3))
    subclassed = space["Net"]()
    subclassed(keras.ops.zeros((1, 8, 8, 3)))
    networks = {
        "plain": keras.Model(source, space["Plain"](name="plain")(source)),
        "known": keras.Model(source, space["Known"](name="known")(source)),
        "function": keras.Model(source, layers.Conv2D(2, 1, activation=space["triple"])(source)),
        "both": keras.Model(source, space["Plain"]()(space["Known"]()(source))),
        "net": subclassed,
        "lambda": keras.Model(source, layers.Lambda(lambda x: x * 2, name="code")(source)),
    }
    for name, network in networks.items():
        network.save(folder / f"{name}.keras")
        if name != "net":
            network.save(folder / f"{name}.h5")
    networks["plain"].save_weights(folder / "plain.weights.h5")
    networks["lambda"].export(folder / "exported", verbose=False)
    forget(before)
    return folder


def forget(before: dict[str, Any]) -> None:
    known = keras.saving.get_custom_objects()
    for name in set(known) - set(before):
        del known[name]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path with the modules own_parts and own_nets."""
    before = dict(keras.saving.get_custom_objects())
    (tmp_path / "own_parts.py").write_text(MODULE)
    (tmp_path / "own_nets.py").write_text(FACTORIES)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("own_parts", "own_nets", "own_broken", "own_exits", "own_needs"):
        sys.modules.pop(name, None)
    forget(before)


def opened(source: str | Path, **settings: object) -> Model:
    return open_model("m", ModelConfig.model_validate({"source": str(source), "layers": "all", **settings}))


def refused(source: str | Path, **settings: object) -> str:
    """Why a network can't be opened: always a single line."""
    with pytest.raises(ModelError) as caught:
        opened(source, **settings)
    assert "\n" not in caught.value.message
    return caught.value.message


# -- saved networks --------------------------------------------------------------------------------

NEEDED = {
    "plain.keras": ("Plain", "own_parts"),
    "known.keras": ("Known", "own_parts"),
    "both.keras": ("Known, Plain", "own_parts"),
    "function.keras": ("triple", "my_module"),
    "net.keras": ("Net", "own_parts"),
    "plain.h5": ("Plain", "my_module"),
    "known.h5": ("Known", "my_module"),
    "both.h5": ("Known, Plain", "my_module"),
}


@pytest.mark.parametrize("name", NEEDED)
def test_a_file_that_needs_code_of_ones_own_says_what_and_how_to_give_it(saved: Path, name: str) -> None:
    classes, module = NEEDED[name]
    assert refused(saved / name) == (
        f"{saved / name}: needs code of your own: {classes}; name the module that defines it, beside the "
        f"config: `imports: [{module}]`"
    )


@pytest.mark.parametrize("name", NEEDED)
def test_imports_opens_it(saved: Path, module: Path, name: str) -> None:
    model = opened(saved / name, imports=["own_parts"])
    pixels = np.random.default_rng(0).random((1, 8, 8, 3), "float32")
    factor = {"plain": 2, "known": 3, "both": 6}.get(name.partition(".")[0])
    if factor:
        np.testing.assert_allclose(model.network(pixels), factor * pixels, rtol=1e-6)
    assert len(model.anatomy.layers) > 1


def test_a_module_that_does_not_help_is_named(saved: Path, module: Path) -> None:
    (module / "own_needs.py").write_text("")
    assert refused(saved / "plain.keras", imports="own_needs") == (
        f"{saved / 'plain.keras'}: needs Plain, which no module of `imports:` (own_needs) defines"
    )
    assert refused(saved / "plain.keras", imports=["nowhere"]) == (
        "imports: nowhere: there is no module 'nowhere' beside the config, nor is one installed"
    )
    assert refused("VGG16", imports=["own_parts"], weights="none").startswith(
        "VGG16: needs no code of your own"
    )


@pytest.mark.parametrize("name", ["lambda.keras", "lambda.h5"])
def test_code_in_a_file_is_not_run(saved: Path, module: Path, name: str) -> None:
    for settings in ({}, {"imports": ["own_parts"]}):
        assert refused(saved / name, **settings) == (
            f"{saved / name}: its layer code is a Lambda, whose Python code is not run from a file; make the "
            "network in a factory (`source: package.module:function`) and load its weights there"
        )


def test_imports_are_read_from_a_config_and_found_beside_it(
    saved: Path, module: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (module / "own_parts.py").rename(folder / "own_parts.py")
    config = folder / "config.yaml"
    model = f"models:\n  m:\n    source: {saved / 'plain.keras'}\n    layers: [plain]\n"
    config.write_text(model)
    said = click_run("plan", config)
    assert said.exit_code == 2
    assert f"{config}:2: models.m: {saved / 'plain.keras'}: needs code of your own: Plain; " in said.output
    config.write_text(model + "    imports: own_parts\n")
    said = click_run("plan", config)
    assert said.exit_code == 0 and "m/plain (channel)" in said.output, said.output


# -- what is no saved network ----------------------------------------------------------------------


def preset(folder: Path) -> Path:
    (folder / "vit").mkdir()
    (folder / "vit" / "config.json").write_text('{"module": "keras_hub.src.models.vit", "class_name": "ViT"}')
    return folder / "vit"


def text(folder: Path) -> Path:
    (folder / "net.pt").write_bytes(b"torch")
    return folder / "net.pt"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            preset,
            "a preset without weights; put model.weights.h5 or model.safetensors beside its config.json",
        ),
        (
            lambda folder: folder,
            "a folder, not a saved network (a .keras or .h5 file) nor a preset of KerasHub; give a",
        ),
        (lambda folder: folder / "gone", "no such file"),
        (text, "not a saved network of Keras (a .keras or .h5 file); give a factory, "),
    ],
)
def test_a_place_that_holds_no_network_is_told_for_what_it_is(
    make: Callable[[Path], Path], words: str, tmp_path: Path
) -> None:
    place = make(tmp_path)
    assert refused(place).startswith(f"{place}: {words}")


def test_exported_graphs_and_bare_weights_are_told_too(saved: Path) -> None:
    assert refused(saved / "exported").startswith(
        f"{saved / 'exported'}: a SavedModel, which holds a graph but"
    )
    assert refused(saved / "plain.weights.h5") == (
        f"{saved / 'plain.weights.h5'}: holds weights and no network; make the network in a factory "
        "(`source: package.module:function`) and name this file as its `weights:`"
    )


def test_a_folder_is_looked_for_beside_the_config(tmp_path: Path) -> None:
    preset(tmp_path)
    (tmp_path / "config.yaml").write_text("models:\n  m:\n    source: ./vit\n    layers: all\n")
    said = click_run("plan", tmp_path / "config.yaml")
    assert said.exit_code == 2 and f"{tmp_path / 'vit'}: a preset without weights" in said.output


@pytest.mark.parametrize("source", ["nets/own_nets.py:raises", "own_nets.py:raises", "/x/own_nets.py:raises"])
def test_a_factory_named_by_its_file_is_told_how_it_is_named(module: Path, source: str) -> None:
    words = "a factory is named as Python imports it, `package.module:function`, not by its file"
    assert refused(source) == f"{source}: {words}"


def test_from_elsewhere_nothing_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("models:\n  m:\n    source: gs://keras/vit\n    layers: all\n")
    said = click_run("plan", tmp_path / "config.yaml")
    assert (
        said.exit_code == 2
        and "models.m: gs://keras/vit: is not fetched; give a preset (`kerashub:NAME`" in said.output
    )


# -- factories -------------------------------------------------------------------------------------

FACTORIES = """
import sys
import keras
from keras import layers


def raises():
    return helper()


def helper():
    raise TypeError("not today")


def exits():
    sys.exit(3)


def gives_up():
    class Enough(BaseException):
        pass
    raise Enough("of this")


def in_keras():
    return layers.Dense(-1)


def wants_more(size):
    return size


class Leaving(layers.Layer):
    def call(self, x):
        sys.exit("left")


class LeavingNet(keras.Model):
    def build(self, shape):
        self.built = True

    def call(self, x):
        sys.exit("left")


def leaves():
    source = keras.Input((8, 8, 3))
    return keras.Model(source, Leaving()(source))


def leaves_when_traced():
    network = LeavingNet()
    network.build((None, 8, 8, 3))
    return network


number = 5
"""


def line_of(code: str) -> int:
    return FACTORIES[: FACTORIES.index(code)].count("\n") + 1


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("raises", f"raised: TypeError: not today (own_nets.py:{line_of('raise TypeError')})"),
        ("exits", f"raised: its code ended the program, sys.exit(3) (own_nets.py:{line_of('sys.exit(3)')})"),
        ("gives_up", "raised: Enough: of this (own_nets.py:"),
        ("in_keras", "raised: ValueError: Received an invalid value for `units`"),
        ("wants_more", "raised: TypeError: wants_more() missing 1 required positional argument"),
        ("leaves", "raised: its code ended the program, sys.exit('left') (own_nets.py:"),
    ],
)
def test_what_a_factory_raises_is_told_as_the_factorys_with_its_line(
    module: Path, function: str, words: str
) -> None:
    assert refused(f"own_nets:{function}").startswith(f"own_nets:{function}: the factory {words}")


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("leaves_when_traced", "its code ended the program, sys.exit('left') (own_nets.py:"),
        ("raise", "own_nets has no function 'raise'; it has raises, "),
        ("number", "own_nets has no function 'number'; it has "),
    ],
)
def test_what_else_is_wrong_with_a_factory(module: Path, function: str, words: str) -> None:
    assert refused(f"own_nets:{function}").startswith(f"own_nets:{function}: {words}")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import nothing_such", "ModuleNotFoundError: No module named 'nothing_such' (own_broken.py:1)"),
        ("x = 1\nx.y", "AttributeError: 'int' object has no attribute 'y' (own_broken.py:2)"),
        ("def f(:\n", "SyntaxError: invalid syntax (own_broken.py, line 1)"),
        ("import sys\nsys.exit()", "its code ended the program, sys.exit(None) (own_broken.py:2)"),
    ],
)
def test_so_is_what_a_module_raises(saved: Path, module: Path, code: str, words: str) -> None:
    (module / "own_broken.py").write_text(code)
    said = f"own_broken:build: its module can't be imported: {words}"
    assert refused("own_broken:build") == said
    asked = refused(saved / "plain.keras", imports=["own_broken"])
    assert asked == said.replace("own_broken:build", "imports: own_broken")


def test_ctrl_c_in_a_factory_is_ctrl_c(module: Path) -> None:
    (module / "own_exits.py").write_text("def build():\n    raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        opened("own_exits:build")
