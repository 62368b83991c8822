"""How much memory pictures are taken to need, beside what a process really takes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import pytest
from keras import layers

from generator.models.footprint import FLOAT, Footprint, footprint
from generator.models.surgery import cut
from tests.conftest import ROOT, environment

FEW, MANY = 2, 10


def body(x: keras.KerasTensor) -> keras.KerasTensor:
    for number, channels in enumerate((24, 32, 48)):
        x = layers.Conv2D(channels, 3, padding="same", activation="relu", name=f"conv{number}")(x)
    return x


def any_size() -> keras.Model:
    """Takes pictures of any size."""
    pixels = keras.Input((None, None, 3))
    return keras.Model(pixels, layers.GlobalAveragePooling2D()(body(pixels)))


def one_size() -> keras.Model:
    """Takes pictures of 160 pixels only: smaller ones are enlarged for it."""
    pixels = keras.Input((160, 160, 3))
    return keras.Model(pixels, layers.Dense(2)(layers.Flatten()(layers.AveragePooling2D(40)(body(pixels)))))


def normalized() -> keras.Model:
    """Has a normalization that is folded into a copy of the convolution before it."""
    pixels = keras.Input((160, 160, 3))
    x = layers.Conv2D(24, 3, padding="same", use_bias=False)(pixels)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    return keras.Model(pixels, layers.Conv2D(32, 3, padding="same", name="conv2")(x))


def nested() -> keras.Model:
    pixels = keras.Input((160, 160, 3))
    return keras.Model(pixels, layers.GlobalAveragePooling2D()(any_part()(pixels)))


def any_part() -> keras.Model:
    pixels = keras.Input((None, None, 3))
    return keras.Model(pixels, body(pixels), name="part")


def of(build: Callable[[], keras.Model], layer: str, size: int) -> Footprint:
    network = build()
    return footprint(network, cut(network, layer, size))


ACTIVATIONS = 160 * 160 * (24 + 32 + 48) * FLOAT


def test_a_network_that_pictures_are_enlarged_for_takes_what_it_takes() -> None:
    assert of(one_size, "conv2", 32).each > 2 * ACTIVATIONS


def test_what_counts_is_the_size_of_the_pictures_and_not_of_the_networks_own() -> None:
    assert of(any_size, "conv2", 160).each == pytest.approx(25 * of(any_size, "conv2", 32).each, rel=0.01)


def test_layers_of_nested_models_count() -> None:
    assert of(nested, "part/conv2", 160).each == of(any_size, "conv2", 160).each


def test_weights_and_their_copies_count() -> None:
    numbers = (3 * 24 * 9 + 4 * 24) + (24 * 32 * 9 + 32)
    found = of(normalized, "conv2", 160)
    assert found.weights == FLOAT * numbers
    assert found.copies == FLOAT * (3 * 24 * 9 + 24)
    assert of(any_size, "conv2", 160).copies == 0


MEASURED = f"""
import json, re, sys
from pathlib import Path
from generator.config.cookbook import BUILT_IN
from generator.config.schema import ModelConfig
from generator.engines.rendering import footprint_of
from tests.rendering import picture_task, work

source, size = sys.argv[1], int(sys.argv[2])
config = ModelConfig.model_validate({{"source": source, "layers": "all"}})
recipe = BUILT_IN["channel"].model_copy(update={{"size": size, "steps": 2, "precision": "float32"}})

def peak(batch):
    task = picture_task("net", config, "conv2", recipe, range(batch))
    assert [picture.error for picture in work(task)] == [""] * batch
    # Not getrusage(): what it says of a process begins with the most that the one that started it has held.
    held = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
    return int(held[1]) * 1024, footprint_of(task).each

few, each = peak({FEW})
many, _ = peak({MANY})
print(json.dumps({{"each": each, "measured": (many - few) / {MANY - FEW}}}))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux' /proc")
@pytest.mark.parametrize(("build", "size"), [(any_size, 160), (one_size, 100), (normalized, 160)])
def test_it_is_of_the_order_of_what_a_process_takes(build: Callable[[], keras.Model], size: int) -> None:
    source = f"{__name__}:{build.__name__}"
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, source, str(size)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert 0.4 < found["each"] / found["measured"] < 5, found
