"""How a gradient becomes a step of the parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from generator.config.recipes import Recipe
from generator.render.parameterizations import Parameterization

COLDEST = 0.1
"""The share of the step size that is left at the end of the cooldown."""

COARSE_STRIDE = 32
"""Pixels between the units of a layer from which on weight decay is what the recipe says."""

TINY = 1e-30
"""Stands for zero in a denominator: a gradient that is zero stays zero."""


def step_size(recipe: Recipe, step: int) -> float:
    """The step size at a step (from 0): the recipe's, then falling linearly over its cooldown."""
    left = 1 - step / recipe.steps
    if left >= recipe.cooldown:
        return recipe.learning_rate
    return recipe.learning_rate * (COLDEST + (1 - COLDEST) * left / recipe.cooldown)


class Climber:
    """Moves the parameters of `pictures` pictures uphill, by the recipe's ascent; each on its own.

    `stride` is the distance of the layer's units in pixels.
    """

    def __init__(self, recipe: Recipe, space: Parameterization, pictures: int, stride: float) -> None:
        self._recipe, self._space = recipe, space
        self._bands = _Bands(space.bands) if space.bands is not None and recipe.equalize else None
        self._decay = recipe.weight_decay * min(1.0, stride / COARSE_STRIDE) ** 2
        moments = {"plain": 0, "normalized": 1, "adam": 2}[recipe.ascent]
        shape = (pictures, *space.shape)
        self._moments = [tf.Variable(tf.zeros(shape), trainable=False) for _ in range(moments)]

    def start(self) -> None:
        """Forget the steps before."""
        for moment in self._moments:
            moment.assign(tf.zeros_like(moment))

    def climb(self, parameters: tf.Variable, uphill: tf.Tensor, rate: tf.Tensor, step: tf.Tensor) -> None:
        """One step; `rate` its size, `step` its number from 1 since `start`."""
        if self._recipe.ascent == "adam":
            self._adam(parameters, uphill, rate, step)
        elif self._recipe.ascent == "plain":
            self._plain(parameters, uphill, rate)
        else:
            self._normalized(parameters, uphill, rate)
        if self._space.clipped:
            parameters.assign(tf.clip_by_value(parameters, 0, 1))

    def _normalized(self, parameters: tf.Variable, uphill: tf.Tensor, rate: tf.Tensor) -> None:
        """Momentum on the gradient over its root mean square.

        In the 1/f scaled, decorrelated space this climbs about twice as fast as Adam, which spends its
        steps on coefficients that hardly matter (`python -m benchmarks.ascents`).
        """
        evenly = _evenly(uphill, self._bands, self._recipe.equalize)
        keep = self._recipe.momentum
        move = keep * self._moments[0] + ((1 - keep) * evenly) * uphill
        kept = (1 - self._decay) * parameters
        if self._space.grey:
            kept += self._decay * self._space.grey
        parameters.assign(kept + rate * self._moments[0].assign(move))

    def _adam(self, parameters: tf.Variable, uphill: tf.Tensor, rate: tf.Tensor, step: tf.Tensor) -> None:
        tf.raw_ops.ResourceApplyAdam(
            var=parameters.handle,
            m=self._moments[0].handle,
            v=self._moments[1].handle,
            beta1_power=self._recipe.momentum**step,
            beta2_power=0.999**step,
            lr=rate,
            beta1=self._recipe.momentum,
            beta2=0.999,
            epsilon=1e-8,
            grad=-uphill,
        )

    def _plain(self, parameters: tf.Variable, uphill: tf.Tensor, rate: tf.Tensor) -> None:
        """Source: the DeepDream tutorial of TensorFlow, `gradients /= tf.math.reduce_std(gradients)`."""
        deviation = tf.math.reduce_std(uphill, axis=list(range(1, len(uphill.shape))), keepdims=True)
        parameters.assign_add(rate * tf.math.divide_no_nan(uphill, deviation))


class _Bands:
    """The frequency bands of Fourier coefficients, (height, width): means over each, and values for each."""

    def __init__(self, bands: NDArray[Any]) -> None:
        self._shape, self._of = bands.shape, bands.reshape(-1)
        count = np.bincount(self._of).astype("float32")
        self.share = count / count.sum()
        # Made here, not where the step is compiled: there it would be a constant of the graph, of which
        # TensorFlow makes several copies. It is 120 MB for a picture of 1,024 px.
        self._mean = tf.constant(np.eye(len(count), dtype="float32")[self._of] / count)

    def mean(self, values: tf.Tensor) -> tf.Tensor:
        """Means of (n, height, width) over each band, (n, bands)."""
        return tf.matmul(tf.reshape(values, (-1, len(self._of))), self._mean)

    def spread(self, values: tf.Tensor) -> tf.Tensor:
        """A value for each band, (n, bands), at each coefficient, (n, 1, height, width)."""
        return tf.reshape(tf.gather(values, self._of, axis=1), (-1, 1, *self._shape))


def _evenly(gradient: tf.Tensor, bands: _Bands | None, amount: float) -> tf.Tensor:
    """What to multiply a picture's gradient by, to divide it by its root mean square, bands evened out.

    Deep layers push low frequencies hardest and leave detail behind, shallow ones the other way round; by
    an `amount` of 1 all bands come out with the same power, by 0 as they were.
    """
    power = gradient * gradient
    if bands is None:
        axes = list(range(1, len(gradient.shape)))
        return tf.math.rsqrt(tf.maximum(tf.reduce_mean(power, axis=axes, keepdims=True), TINY))
    mean = bands.mean(tf.reduce_mean(power, axis=1))
    gain = tf.math.pow(mean + TINY, -amount / 2)
    # The mean square after evening out follows from the bands': no further pass over the coefficients.
    square = tf.reduce_sum(gain * gain * mean * bands.share, axis=1, keepdims=True)
    gain *= tf.math.rsqrt(tf.maximum(square, TINY))
    return bands.spread(gain)
