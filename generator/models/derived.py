"""Derived layers in an opened network: side branches whose channels are the features of dictionaries.

The branch is a dense layer on each position and an activation. It leads nowhere, so nothing of the network
itself is changed. `attach` notes it on the network; `flatten` then tells its steps after the network's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from generator.errors import ModelError
from generator.models import layout
from generator.models.dictionary import Dictionary
from generator.models.graph import Step

NEAREST = 60
"""Steps in which the nearest sum of concepts is approached."""


@dataclass(frozen=True)
class Branch:
    """A derived layer: its name, the layer behind which it stands, the two operations that make it, and what
    each feature stands for there, (features, channels). `positive` is what leaves out what is below zero
    before that, or None."""

    name: str
    base: str
    encode: Any
    activate: Any
    decoder: NDArray[Any]
    positive: Any = None


def attach(network: Any, dictionaries: Sequence[tuple[str, str, Dictionary]]) -> None:
    """Let a network have derived layers, each (name, base, dictionary), instead of those that it had."""
    network.derived = tuple(
        Branch(name, base, _encoder(found), activation_of(found), found.decoder, _positive(found))
        for name, base, found in dictionaries
    )


def branch_of(network: Any, layer: str) -> Branch | None:
    """The derived layer of that name; None if it is one of the network's own."""
    return next((one for one in getattr(network, "derived", ()) if one.name == layer), None)


def branches(network: Any, steps: Sequence[Step], replace: Callable[[str, Any], Any]) -> list[Step]:
    """The steps of a network's derived layers; `steps` are its own. ModelError where one doesn't fit."""
    by_name = {step.name: step for step in steps}
    found = []
    for branch in network.derived:
        base = by_name.get(branch.base)
        channels = branch.encode.kernel.shape[0]
        if base is None or base.shape[-1:] != (channels,):
            raise ModelError(f"{branch.name}: there is no layer {branch.base} of {channels} channels")
        tensor = layout.to_last(base.output) if base.channels_first else base.output
        operations = {"/positive": branch.positive, "/encoder": branch.encode, "": branch.activate}
        before = base.name
        for part, operation in operations.items():
            if operation is not None:
                name = f"{branch.name}{part}"
                tensor = replace(name, operation)(tensor)
                found.append(Step(name, operation, tensor, (before,)))
                before = name
    return found


def _positive(dictionary: Dictionary) -> Any:
    """Sums of parts that are none less than none say nothing of what is below zero."""
    if dictionary.activation != "nonnegative":
        return None
    return keras.layers.ReLU(dtype="float32", name=f"positive_{dictionary.digest[:16]}")


def _encoder(dictionary: Dictionary) -> Any:
    layer = keras.layers.Dense(dictionary.features, dtype="float32", name=f"encoder_{dictionary.digest[:16]}")
    layer.build((None, dictionary.channels))
    layer.set_weights([dictionary.encoder, dictionary.bias])
    layer.trainable = False
    return layer


def activation_of(dictionary: Dictionary) -> Any:
    """What a dictionary makes features with, as a layer."""
    settings = {"dtype": "float32", "name": f"features_{dictionary.digest[:16]}"}
    layer: Any
    if dictionary.activation == "jumprelu":
        layer = JumpReLU(**settings)
    elif dictionary.activation == "topk":
        layer = TopK(dictionary.k, **settings)
    elif dictionary.activation == "nonnegative":
        layer = NonNegative(**settings)
    else:
        return keras.layers.ReLU(**settings)
    layer.build((None, dictionary.features))
    if dictionary.activation == "jumprelu":
        layer.set_weights([dictionary.threshold])
    if dictionary.activation == "nonnegative":
        layer.set_weights([_stretch(dictionary.decoder)])
    layer.trainable = False
    return layer


def _stretch(decoder: NDArray[Any]) -> NDArray[Any]:
    """The products of a decoder's rows over their largest eigenvalue, by which a step never goes too far."""
    products = decoder.astype(np.float64) @ decoder.T.astype(np.float64)
    largest = float(np.linalg.eigvalsh(products)[-1])
    return (products / (largest if largest > 0 else 1.0)).astype(np.float32)


# -- activations -----------------------------------------------------------------------------------


class Gate(keras.layers.Layer):  # type: ignore[misc]
    """An activation that keeps some of what it is given, and of the rest zero."""

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The same: told, so that Keras need not run it to find out."""
        return input_shape


def _kept(layer: Any, name: str, shape: tuple[int, ...]) -> Any:
    """A weight of a layer that is no longer trained; zeros, until it is set."""
    return layer.add_weight(shape=shape, initializer="zeros", trainable=False, name=name)


class JumpReLU(Gate):
    """z where it is above a threshold, which each feature has of its own and is not below 0, else 0.

    Source: Rajamanoharan et al. 2024, Jumping Ahead (arXiv:2407.14435).
    """

    def build(self, input_shape: Any) -> None:
        """Make room for the thresholds."""
        self.threshold = _kept(self, "threshold", (input_shape[-1],))

    def call(self, z: Any) -> Any:
        """(n, ..., features), and the same."""
        return ops.where(z > ops.maximum(self.threshold, 0), z, 0)


class TopK(Gate):
    """max(z, 0) where z is among the k largest of its position, else 0.

    Source: Gao et al. 2024, Scaling and evaluating sparse autoencoders (arXiv:2406.04093).
    """

    def __init__(self, k: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.k = k

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes the same layer of."""
        return {**super().get_config(), "k": self.k}

    def call(self, z: Any) -> Any:
        """(n, ..., features), and the same."""
        # One comparison: what is not above zero is off, too.
        smallest = ops.maximum(ops.top_k(z, self.k)[0][..., -1:], np.finfo("float32").tiny)
        return ops.where(z >= smallest, z, 0)


class NonNegative(Gate):
    """The f >= 0 whose reconstruction is nearest, where z is that of no bound: argmin (f - z)' G (f - z).

    G holds the products of the decoder's rows, here over their largest eigenvalue. Approached by projected
    gradients with momentum. Source: Beck and Teboulle 2009, A fast iterative shrinkage-thresholding
    algorithm for linear inverse problems.
    """

    def build(self, input_shape: Any) -> None:
        """Make room for G."""
        count = input_shape[-1]
        self.products = _kept(self, "products", (count, count))

    def call(self, z: Any) -> Any:
        """(n, ..., features), and the same."""
        pull = ops.matmul(z, self.products)
        found = ahead = ops.relu(z)
        momentum = 1.0
        for _ in range(NEAREST):
            nearer = ops.relu(ahead - ops.matmul(ahead, self.products) + pull)
            grown = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            ahead = nearer + (momentum - 1) / grown * (nearer - found)
            found, momentum = nearer, grown
        return found


class OpenGate(keras.layers.Layer):  # type: ignore[misc]
    """A gate that passes gradient through where it is off, if it is off everywhere; see OpenReLU."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(dtype="float32")
        # No layer within, for that is what is looked for in layers of a user's own.
        self._gate: Callable[[Any], Any] = lambda z: gate(z)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The same."""
        return input_shape

    def call(self, z: Any) -> Any:
        """What the gate gives; the gradient is that of an objective to be increased."""

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def opened(z: tf.Tensor) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(z)
                found = self._gate(z)

            def gradient(upstream: tf.Tensor) -> tf.Tensor:
                plain = tape.gradient(found, z, output_gradients=upstream)
                axes = list(range(1, len(z.shape)))
                dead = tf.reduce_all(tf.equal(plain, 0.0), axis=axes, keepdims=True)
                return tf.where(tf.logical_and(dead, upstream > 0), upstream, plain)

            return found, gradient

        return opened(z)
