"""What a picture is to maximise, as functions of a layer's output. Source of names and formulas: Lucid.

The words of each objective, and where it can be pursued, are in config/objectives.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from generator.config.objectives import ObjectiveName
from generator.config.recipes import Recipe
from generator.render.wanted import Wanted, grid, positions

Score = Callable[[tf.Tensor, Wanted, "tf.Tensor | None"], tf.Tensor]
"""Of a layer's output, (n, height, width, features), (n, tokens, features) or (n, features), what each
picture is of, and the output for the photo where there is one: what a recipe is about, (n,), in the layer's
units; for `negative` the activation that is to fall."""


def score(recipe: Recipe) -> Score:
    """The recipe's objective, before its sign."""
    return SCORES[recipe.objective](recipe)


# -- of a unit -------------------------------------------------------------------------------------


def _mean(_: Recipe) -> Score:
    return lambda output, wanted, photo: wanted.mean(positions(output, wanted.special))


def _neuron(recipe: Recipe) -> Score:
    down, right = recipe.position or (0.5, 0.5)

    def unit(output: tf.Tensor, wanted: Wanted, _: tf.Tensor | None) -> tf.Tensor:
        if wanted.places is not None:
            return wanted.mean(positions(output, wanted.special))
        height, width = grid(output.shape, wanted.special)
        row, column = min(int(down * height), height - 1), min(int(right * width), width - 1)
        return wanted.along(positions(output, wanted.special)[:, row * width + column])

    return unit


def _class_token(_: Recipe) -> Score:
    def token(output: tf.Tensor, wanted: Wanted, _: tf.Tensor | None) -> tf.Tensor:
        if len(output.shape) != 3 or not wanted.special:
            raise ValueError("this layer has no class token; the recipe is for layers of transformers")
        return wanted.along(output[:, 0])

    return token


def _interpolation(recipe: Recipe) -> Score:
    """From the unit to another channel, a job's pictures in equal steps (Lucid's channel_interpolate)."""
    steps = np.linspace(0, 1, recipe.pictures, dtype="float32")

    def mixed(output: tf.Tensor, wanted: Wanted, _: tf.Tensor | None) -> tf.Tensor:
        share = tf.tile(tf.constant(steps), [output.shape[0] // len(steps)])
        places = positions(output, wanted.special)
        here = wanted.mean(places)
        there = tf.reduce_mean(tf.cast(places[..., recipe.towards], tf.float32), axis=1)
        return (1 - share) * here + share * there

    return mixed


# -- of a layer ------------------------------------------------------------------------------------


def _layer(_: Recipe) -> Score:
    """Lucid's deepdream (Mordvintsev et al. 2015)."""
    return lambda output, wanted, photo: tf.reduce_mean(
        tf.cast(positions(output, wanted.special), tf.float32) ** 2, axis=(1, 2)
    )


def _direction(recipe: Recipe) -> Score:
    """The recipe's direction, or each picture's own."""

    def along(output: tf.Tensor, wanted: Wanted, _: tf.Tensor | None) -> tf.Tensor:
        places = positions(output, wanted.special)
        if wanted.directions:
            return _dot_cossim(places, wanted.features[:, None], recipe.cossim)
        weights = np.zeros(output.shape[-1], "float32")
        for channel, weight in recipe.direction:
            weights[channel] = weight
        return _dot_cossim(places, tf.constant(weights), recipe.cossim)

    return along


def _caricature(recipe: Recipe) -> Score:
    def response(output: tf.Tensor, wanted: Wanted, photo: tf.Tensor | None) -> tf.Tensor:
        there = positions(photo, wanted.special)
        return _dot_cossim(positions(output, wanted.special), there, recipe.cossim)

    return response


def _dot_cossim(output: tf.Tensor, wanted: tf.Tensor, power: float) -> tf.Tensor:
    """Mean over positions of the product with what is wanted, times the cosine of their angle to a power."""
    output, wanted = tf.cast(output, tf.float32), tf.cast(wanted, tf.float32)
    product = tf.reduce_sum(output * wanted, axis=-1)
    if power:
        lengths = tf.norm(output, axis=-1) * tf.norm(wanted, axis=-1)
        product *= tf.maximum(0.1, product / (lengths + 1e-4)) ** power
    return tf.reduce_mean(product, axis=1)


SCORES: Mapping[ObjectiveName, Callable[[Recipe], Score]] = {
    "channel": _mean,
    "negative": _mean,
    "logit": _mean,
    "diversity": _mean,
    "neuron": _neuron,
    "class-token": _class_token,
    "interpolation": _interpolation,
    "layer": _layer,
    "direction": _direction,
    "caricature": _caricature,
}


# -- costs -----------------------------------------------------------------------------------------


def likeness(output: tf.Tensor, pictures: tf.Tensor, together: int, special: int = 0) -> tf.Tensor:
    """How alike a job's pictures are, (jobs,): to the layer, and where it has no positions to the eye too.

    `output` and `pictures` hold `together` of them a job, one job after the other; `special` tokens in front
    are no positions. Source: Lucid, `diversity`. Where there is but one position, or one channel, what
    excites the wanted feature is alike to the layer whatever it looks like: the pictures' squared
    correlation is then added to their outputs'.
    """
    places = tf.cast(positions(output, special), tf.float32)
    _, count, features = places.shape
    if min(count, features) > 1:
        return _alike(places, together)
    shown = [tf.reshape(tensor, (tensor.shape[0], 1, -1)) for tensor in (places, pictures)]
    return tf.add_n([_alike(x - tf.reduce_mean(x, axis=-1, keepdims=True), together) for x in shown])


def _alike(places: tf.Tensor, together: int) -> tf.Tensor:
    """Mean cosine similarity of the Gram matrices of each job's (together, positions, features), (jobs,)."""
    jobs, count, features = places.shape[0] // together, places.shape[1], places.shape[2]
    places = tf.reshape(places, (jobs, together, count, features))
    if count < features:
        # <G_i, G_j> of Gram matrices equals the squared sum of products between positions: smaller here.
        between = tf.einsum("japf,jbqf->jabpq", places, places)
        products = tf.reduce_sum(between * between, axis=(3, 4))
    else:
        grams = tf.reshape(tf.matmul(places, places, transpose_a=True), (jobs, together, -1))
        products = tf.matmul(grams, grams, transpose_b=True)
    length = tf.sqrt(tf.linalg.diag_part(products) + 1e-10)
    cosines = products / (length[:, :, None] * length[:, None, :])
    others = 1 - np.eye(together, dtype="float32")
    return tf.reduce_sum(cosines * others, axis=(1, 2)) / others.sum()


def sparsity(output: tf.Tensor, special: int = 0) -> tf.Tensor:
    """How few of a layer's channels answer to each picture, (n,): 0 all or none of them, 1 a single one.

    Of the channels' mean activations, `special` tokens in front left out. Source: Treves and Rolls 1991, in
    the form of Vinje and Gallant 2000.
    """
    means = tf.reduce_mean(tf.cast(positions(output, special), tf.float32), axis=1)
    count = means.shape[-1]
    square = tf.reduce_mean(means**2, axis=-1)
    share = tf.reduce_mean(tf.abs(means), axis=-1) ** 2 / (square + 1e-30)
    few = (1 - share) / (1 - 1 / count) if count > 1 else tf.ones_like(share)
    return tf.where(square > 0, few, 0.0)


def regularization(pictures: tf.Tensor, recipe: Recipe) -> tf.Tensor | None:
    """What the recipe's regularisers cost, summed over the pictures; None when it has none.

    `pictures` (n, height, width, colours) in [0, 1]; constants and signs are Lucid's.
    """
    terms: list[tuple[float, Callable[[tf.Tensor], Any]]] = [
        (recipe.l1, lambda x: tf.reduce_sum(tf.abs(x - 0.5))),
        (recipe.l2, lambda x: tf.reduce_sum(tf.sqrt(1e-6 + tf.reduce_sum((x - 0.5) ** 2, axis=(1, 2, 3))))),
        (recipe.total_variation, lambda x: tf.reduce_sum(tf.image.total_variation(x))),
        (recipe.blur, lambda x: 0.5 * tf.reduce_sum((x - tf.stop_gradient(_blurred(x))) ** 2)),
    ]
    costs = [weight * term(pictures) for weight, term in terms if weight]
    return tf.add_n(costs) if costs else None


def _blurred(pictures: tf.Tensor) -> tf.Tensor:
    colours = pictures.shape[-1]
    kernel = np.full((3, 3, colours, 1), 0.5, "float32")
    kernel[1, 1] = 1.0
    sums, weights = (
        tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], "SAME") for x in (pictures, tf.ones_like(pictures))
    )
    return sums / weights
