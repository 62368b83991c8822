"""What libraries and users' code raise, told by its cause in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from generator.errors import cause, typed_cause


class Raising(layers.Layer):  # type: ignore[misc]
    """Raises whatever it is run on."""

    def call(self, x: Any) -> Any:
        """Never returns."""
        raise ValueError("the cause\nand more")


class Around(layers.Layer):  # type: ignore[misc]
    """Runs a layer that raises."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Raising()

    def call(self, x: Any) -> Any:
        """Never returns."""
        return self.inner(x)


class Unlucky(layers.Layer):  # type: ignore[misc]
    """Fails on numbers only."""

    def call(self, x: Any) -> Any:
        """Never returns."""
        return tf.reshape(x, [96])

    def compute_output_shape(self, shape: Any) -> Any:
        """A lie, so that it can be built."""
        return shape


class Silent(Exception):
    """Says nothing."""


def silent() -> None:
    raise Silent


def traced(x: Any) -> Any:
    if x.shape[0] == 1:
        raise TypeError("the cause")
    return x


ZEROS = np.zeros((1, 4, 4, 3), "float32")
OF_ANY_NUMBER = tf.function(Unlucky().call, input_signature=[tf.TensorSpec((None, 4, 4, 3))])
IN_A_GRAPH = tf.function(lambda x: Around()(x))


def named_badly() -> None:
    network = keras.Sequential([keras.Input((4, 4, 3)), layers.Conv2D(1, 1, name="my layer")])
    tf.function(lambda x: network(x))(ZEROS)


@pytest.mark.filterwarnings("ignore:Layer 'around")
@pytest.mark.parametrize(
    ("raises", "words"),
    [
        (lambda: Raising()(ZEROS), "ValueError: the cause"),
        (lambda: Around()(ZEROS), "ValueError: the cause"),
        (lambda: Around()(keras.Input((4, 4, 3))), "ValueError: the cause"),
        (lambda: IN_A_GRAPH(ZEROS), "ValueError: the cause"),
        (lambda: tf.function(traced)(tf.zeros([1])), "TypeError: the cause"),
        (lambda: Unlucky()(ZEROS), "InvalidArgumentError: Input to reshape is a tensor with 48 values"),
        (lambda: OF_ANY_NUMBER(ZEROS), "InvalidArgumentError: Input to reshape is a tensor with 48 values"),
        (lambda: layers.Conv2D(3, 9)(ZEROS), "ValueError: Computed output size would be zero or negative."),
        (lambda: layers.Dense.from_config({"size": 1}), "TypeError: Dense.__init__() missing 1 required"),
        (named_badly, "ValueError: 'my layer' is not a valid scope name."),
        (silent, "Silent"),
        (lambda: {}["key"], "KeyError: 'key'"),
    ],
)
def test_the_cause_is_told_and_not_what_is_around_it(raises: Callable[[], Any], words: str) -> None:
    with pytest.raises(Exception) as caught:
        raises()
    assert typed_cause(caught.value).startswith(words)
    assert "\n" not in cause(caught.value) and "encountered when calling" not in cause(caught.value)


def test_a_cause_is_a_line_of_some_length() -> None:
    assert len(cause(ValueError("word " * 1000))) < 500
