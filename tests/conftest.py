"""What the tests share: tiny networks, configs that use them, and build-site as a user runs it.

TensorFlow takes seconds to start, so whatever renders is done once a session and then only looked at.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from generator.cli import main

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = Path(__file__).resolve().parent.parent

DECOYS = [
    *("cache", "engines", "tasks", "worker", "boot", "random", "queue", "pickle", "json", "logging"),
    *("numpy", "keras", "tensorflow", "PIL", "pydantic", "typing", "encoding", "config", "tempfile"),
    *("socket", "multiprocessing", "click", "yaml", "filelock", "jinja2"),
]
"""Modules of ours, of libraries and of Python that a user's file must not take the place of."""

NETWORK = '''
"""A network of two small convolutions, as a user's own module would make it."""
import keras
from keras import layers


def build():
    keras.utils.set_random_seed(7)
    pixels = keras.Input((32, 32, 3), name="pixels")
    x = layers.Conv2D(6, 3, padding="same", use_bias=False, name="first")(pixels)
    x = layers.ReLU(name="first_relu")(layers.BatchNormalization(name="first_bn")(x))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="second")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(pixels, layers.Dense(5, activation="softmax", name="classes")(x), name="tiny")
'''


@pytest.fixture(scope="session")
def tiny_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved network, tiny.keras: first (6 channels), second (8), pool (8), classes (5), input 32 x 32."""
    path = tmp_path_factory.mktemp("models") / "tiny.keras"
    namespace: dict[str, Any] = {}
    exec(NETWORK, namespace)
    namespace["build"]().save(path)
    return path


@pytest.fixture(scope="session")
def configure(tiny_file: Path) -> Callable[..., Path]:
    """Writes a config.yaml into a folder: quick recipes on the tiny network, and what is given besides."""

    def write(folder: Path, layers: str = "[first, second]", **settings: object) -> Path:
        shared = {"size": 24, "steps": 3, **settings}
        lines = [f"{key}: {value}" for key, value in shared.items()]
        model = [f"  tiny:\n    source: {tiny_file}\n    preprocessing: unit\n    layers: {layers}"]
        path = folder / "config.yaml"
        path.write_text("\n".join([*lines, "models:", *model, ""]))
        return path

    return write


def click_run(*args: str | Path) -> Result:
    """build-site in this process."""
    return CliRunner().invoke(main, [str(arg) for arg in args], prog_name="build-site")


@dataclass(frozen=True)
class Ran:
    """What a process of build-site said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def complaints(self) -> list[str]:
        """What it said on standard error but for progress, which is shown as often as the machine is slow."""
        return [line for line in self.err.splitlines() if " a second, about " not in line]


def process_run(*args: str | Path, cwd: Path, env: dict[str, str] | None = None) -> Ran:
    """build-site in a process of its own, as a user runs it, its output going to pipes."""
    done = subprocess.run(
        command(*args), cwd=cwd, env=environment(env), capture_output=True, text=True, timeout=300
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def command(*args: str | Path) -> Sequence[str]:
    """The command line of build-site with these arguments."""
    return [sys.executable, "-m", "generator", *(str(arg) for arg in args)]


def environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """The environment for a process of build-site; the network is out of its reach."""
    nowhere = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    # --debug in this process sets TensorFlow's log level for all that it starts.
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3"}
    return {**os.environ, "PYTHONPATH": str(ROOT), **nowhere, **quiet, **(extra or {})}


@dataclass(frozen=True)
class Rendered:
    """A folder in which `build-site render` has run once, its config, and what that said."""

    folder: Path
    config: Path
    ran: Ran


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory, configure: Callable[..., Path]) -> Rendered:
    """The tiny network's 14 channels, rendered once. Tests look at it and change nothing."""
    folder = tmp_path_factory.mktemp("rendered")
    config = configure(folder)
    return Rendered(folder, config, process_run("render", config, "--jobs", "1", cwd=folder))


BROKEN = '''
"""A network with a channel that is not a number and a layer that can't be computed."""
import keras
import tensorflow as tf
from keras import layers


class Unlucky(layers.Layer):
    def call(self, x):
        tf.debugging.assert_less(tf.reduce_max(x), -1e9, message="what bad luck")
        return x


def build():
    keras.utils.set_random_seed(7)
    pixels = keras.Input((32, 32, 3), name="pixels")
    good = layers.Conv2D(4, 3, padding="same", name="good")
    y = good(pixels)
    good.bias.assign([0.0, 0.0, float("nan"), 0.0])
    return keras.Model(pixels, Unlucky(name="unlucky")(y), name="broken")
'''


@pytest.fixture(scope="session")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """A run in which good/2 (no number) and unlucky/0-1 (can't be computed) fail and good's others don't."""
    folder = tmp_path_factory.mktemp("broken")
    (folder / "unlucky_nets.py").write_text(BROKEN)
    config = folder / "config.yaml"
    config.write_text(
        "size: 24\nsteps: 3\nbatch: 1\nmodels:\n  broken:\n    source: unlucky_nets:build\n"
        "    preprocessing: unit\n"
        "    layers: [good, {name: unlucky, channels: 0-1}]\n"
    )
    return Rendered(folder, config, process_run("render", config, "--jobs", "1", cwd=folder))
