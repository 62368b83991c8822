"""Run by itself: parameterizations of every number of colours, over and over, against their own inverse."""

from __future__ import annotations

import itertools

import numpy as np
import tensorflow as tf

from generator.config.recipes import Recipe
from generator.render.parameterizations import DARKEST, Canvas, parameterization

COLOURS = (1, 2, 3, 4, 5)
PICTURES = (1, 4)
CANVASES: tuple[Canvas, ...] = ((1, 32), (32, 1), (28, 28), (17, 40), (64, 64))
KINDS = ("fourier", "pixels", "maco")
REPEATS = 2


def round_trips(kind: str, canvas: Canvas, colours: int, pictures: int) -> None:
    """A picture through its parameters and back, and a gradient the same way; AssertionError if they err."""
    space = parameterization(Recipe(parameterization=kind), canvas, colours)
    random = np.random.default_rng(0)
    shown = random.uniform(2 * DARKEST, 1 - 2 * DARKEST, (pictures, *canvas, colours)).astype("float32")
    parameters = tf.constant(space.parameters(shown).astype("float32"))
    for _ in range(REPEATS):
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            again = space.picture(parameters)
        uphill = tape.gradient(again, parameters, output_gradients=tf.ones_like(again))
        assert np.isfinite(uphill).all(), "a gradient is no number"
        if kind != "maco":
            np.testing.assert_allclose(again, shown, atol=1e-4)


def main() -> None:
    """All of them."""
    for kind, canvas, colours, pictures in itertools.product(KINDS, CANVASES, COLOURS, PICTURES):
        round_trips(kind, canvas, colours, pictures)


if __name__ == "__main__":
    main()
