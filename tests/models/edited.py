"""A module of a user's own as text, with code of every kind in it, and edits to that text."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def importable(folder: Path, edit: tuple[str, str] = ("", "")) -> Iterator[None]:
    """The modules `edited_nets` and `edited_helpers` in a new folder, with `edit` made in their text.

    They are there only meanwhile, and as if they had never been imported before.
    """
    texts = {"edited_nets": NETS, "edited_helpers": HELPERS}
    assert edit[0] in NETS + HELPERS, f"nothing to edit: {edit[0]}"
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text.replace(*edit) if edit[0] else text)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        try:
            yield
        finally:
            for name in texts:
                sys.modules.pop(name, None)


NETS = '''
"""A network of a user's own."""

import functools

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

import edited_helpers
from edited_helpers import tilted

TABLE = np.array([0.5, 1.5, 2.5], "float32")
GAINS = {"first": 1.25, "second": 0.75}


def shifted(x, by=0.3):
    """Moves x."""
    return x + by


def outer(x, *, times=1.5):
    return shifted(x) * GAINS["first"] * times


@functools.lru_cache
def slope():
    return 1.1


def made(factor):
    def inner(x):
        return x * factor
    return inner


class Gate:
    threshold = 0.2

    def __init__(self):
        self.level = 0.4

    def __call__(self, x):
        return self.bent(x)

    def bent(self, x):
        return x * self.level + self.threshold


GATE = Gate()


class Base(layers.Layer):
    power = 2.0

    def mixed(self, x):
        return x * self.power


class Own(Base):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.offset = 0.7
        self.steps = [{"by": 0.15}]
        self.gate = Gate()
        self.bend = functools.partial(ops.leaky_relu, negative_slope=0.3)
        self.state = tf.Variable([1.0, 2.0, 3.0])
        self.conv = layers.Conv2D(3, 3, padding="same", activation="tanh")
        self.random = keras.random.SeedGenerator()

    def build(self, shape):
        self.fixed = ops.ones((3,)) * 0.9
        super().build(shape)

    @property
    def twice(self):
        return 2.0 * self.offset

    @staticmethod
    def lifted(x):
        return x + 0.05

    @classmethod
    def lowered(cls, x):
        return x - 0.06 * cls.power

    @tf.function
    def floored(self, x):
        return tf.minimum(x, 9.0)

    def unused(self, x):
        return [v for v in x if v not in {"a", "b", "c", "d"}]

    def call(self, x, scale=1.0):
        from edited_helpers import late

        local = self.mixed(self.conv(x)) * scale
        local = self.gate(GATE(local)) - self.twice * self.steps[0]["by"]
        local = self.bend(self.lifted(self.lowered(local))) * self.state * self.fixed
        local = late(tilted(edited_helpers.turned(local))) * TABLE * slope()
        return self.floored(outer(local))


class Row(layers.Layer):
    def call(self, x):
        return x - 0.3

    def compute_output_shape(self, shape):
        return shape


class Part(keras.Model):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.first = layers.Dense(3, activation=lambda x: x * 1.2 + 0.1)
        self.rest = [layers.Activation(shifted), layers.LeakyReLU(negative_slope=0.25)]

    def call(self, x):
        x = self.first(x)
        for layer in self.rest:
            x = layer(x)
        return x


def pixels():
    keras.utils.set_random_seed(4)
    return keras.Input((4, 4, 3), name="pixels")


def own():
    x = pixels()
    return keras.Model(x, Own(name="own")(x, scale=1.3))


def part():
    x = pixels()
    return keras.Model(x, Part(name="part")(x))


def calls():
    y = layers.Lambda(lambda x: x * 0.8, name="lambda")(x := pixels())
    y = layers.Lambda(made(1.01), name="closure")(y)
    y = y + layers.Dense(3, activation=outer, name="dense")(y) * 0.1
    y = ops.map(lambda row: row * 0.99, y)
    return keras.Model(x, layers.BatchNormalization(name="last")(y))


def inside():
    inner = keras.Sequential([keras.Input((None, None, 3)), Row(name="row in it"), layers.ELU(alpha=0.6)])
    return keras.Model(x := pixels(), layers.TimeDistributed(Row(), name="rows")(inner(x)))
'''

HELPERS = """
RATE = 0.45


def turned(x):
    return x[:, ::-1] * RATE


def tilted(x):
    return x * RATE + 0.07


def late(x):
    return x * 1.02
"""

ACTING = {
    "own": [
        ("by=0.3", "by=0.31"),
        ("return x + by", "return x - by"),
        ('* GAINS["first"]', '* GAINS["second"]'),
        ('"first": 1.25', '"first": 1.26'),
        ("times=1.5", "times=1.6"),
        ("0.5, 1.5, 2.5", "0.5, 1.5, 2.6"),
        ("return 1.1", "return 1.11"),
        ("threshold = 0.2", "threshold = 0.3"),
        ("self.level = 0.4", "self.level = 0.5"),
        ("x * self.level + self.threshold", "x * self.threshold + self.level"),
        ("return self.bent(x)", "return -self.bent(x)"),
        ("power = 2.0", "power = 3.0"),
        ("return x * self.power", "return x + self.power"),
        ("self.offset = 0.7", "self.offset = 0.8"),
        ('"by": 0.15', '"by": 0.16'),
        ("negative_slope=0.3", "negative_slope=0.2"),
        ("[1.0, 2.0, 3.0]", "[1.0, 2.0, 4.0]"),
        ('activation="tanh"', 'activation="sigmoid"'),
        ('padding="same", activation', 'dilation_rate=2, padding="same", activation'),
        ("ops.ones((3,)) * 0.9", "ops.ones((3,)) * 0.8"),
        ("2.0 * self.offset", "2.1 * self.offset"),
        ("return x + 0.05", "return x + 0.04"),
        ("x - 0.06", "x - 0.08"),
        ("tf.minimum(x, 9.0)", "tf.minimum(x, 0.9)"),
        ("scale=1.3", "scale=1.4"),
        ("* TABLE * slope()", "* TABLE"),
        ("self.gate(GATE(local))", "self.gate(local)"),
        ("set_random_seed(4)", "set_random_seed(5)"),
        ("RATE = 0.45", "RATE = 0.46"),
        ("x[:, ::-1]", "x[:, ::1]"),
        ("RATE + 0.07", "RATE + 0.08"),
        ("x * 1.02", "x * 1.03"),
    ],
    "part": [
        ("x * 1.2 + 0.1", "x * 1.3 + 0.1"),
        ("layers.Activation(shifted)", "layers.Activation(outer)"),
        ("negative_slope=0.25", "negative_slope=0.5"),
    ],
    "calls": [
        ("return x * factor", "return x / factor"),
        ("made(1.01)", "made(1.02)"),
        ("x * 0.8, name", "x * 0.7, name"),
        ("activation=outer", "activation=shifted"),
        ("(y) * 0.1", "(y) * 0.2"),
        ("row * 0.99", "row * 0.98"),
        ("layers.BatchNormalization(", "layers.BatchNormalization(epsilon=0.1, "),
    ],
    "inside": [
        ("alpha=0.6", "alpha=0.5"),
        ("x - 0.3", "x - 0.4"),
    ],
}
"""For each factory what is there, and what is put in its place: it changes what the network gives."""

IDLE = {
    "own": [
        ('"""Moves x."""', '"""Adds to x."""'),
        ("    return x + by", "    # in one line or three\n\n    return (\n        x + by\n    )"),
        ("local", "value"),
        ("\nRATE", "\n\n\n# How much is left.\nUNUSED = 3\nRATE"),
    ],
    "calls": [
        ('name="last")', 'name="last", trainable=False)'),
    ],
    "inside": [
        ("layers.ELU(alpha=0.6)", "layers.ELU(0.6)"),
    ],
}
"""Edits that change nothing of what is computed."""
