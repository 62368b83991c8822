"""What a picture is to maximise, as functions of a layer's output. Source of the names: Lucid."""

from __future__ import annotations

import tensorflow as tf

from generator.recipes import Recipe


def activation(output: tf.Tensor, channels: tf.Tensor, objective: str) -> tf.Tensor:
    """The activation that a recipe is about: (n,), in the layer's units.

    `output` is (n, height, width, features) or (n, features), `channels` (n,) integers. For `channel` and
    `negative` the mean over positions, for `neuron` the unit at the centre.
    """
    chosen = tf.gather(tf.cast(output, tf.float32), channels, axis=-1, batch_dims=1)
    if len(output.shape) == 2:
        return chosen
    if objective == "neuron":
        return chosen[:, output.shape[1] // 2, output.shape[2] // 2]
    return tf.reduce_mean(chosen, axis=(1, 2))


def sign(recipe: Recipe) -> float:
    """1 when the recipe's activation is to rise, -1 when it is to fall."""
    return -1.0 if recipe.objective == "negative" else 1.0
