"""Gradient ascent on many pictures at once: one compiled step per network, recipe and batch size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from generator.recipes import Recipe
from generator.render.objectives import activation, sign
from generator.render.parameterizations import parameterization
from generator.render.transforms import DRAWS, draw_start, draw_views, random_view

TRAJECTORY_POINTS = 32

OnStep = Callable[[int], None]


@dataclass(frozen=True)
class Rendering:
    """One finished picture: (size, size, colours) uint8, the activation it reaches and on the way.

    `activation` is measured on the picture itself, without transforms, after rounding to 8 bits;
    `trajectory` holds the transformed views' activations at evenly spaced steps.
    """

    picture: NDArray[np.uint8]
    activation: float
    trajectory: tuple[float, ...]


class Renderer:
    """Renders channels of one cut network by one recipe, `batch` pictures at a time.

    `ascended` is the network that the gradient goes through and `measured` the one whose activation is
    reported; both take network input (n, height, width, colours) and give the layer's output.
    `preprocess` maps display pixels to network input.
    """

    def __init__(
        self,
        ascended: Any,
        measured: Any,
        preprocess: Callable[[Any], Any],
        recipe: Recipe,
        batch: int,
    ) -> None:
        self._recipe, self._batch = recipe, batch
        self._ascended, self._measured, self._preprocess = ascended, measured, preprocess
        self._space = parameterization(recipe, int(ascended.inputs[0].shape[-1]))
        shape = (batch, *self._space.shape)
        self._parameters = tf.Variable(tf.zeros(shape), trainable=False)
        self._moments = [tf.Variable(tf.zeros(shape), trainable=False) for _ in range(2)]
        self._step = tf.function(
            self._one_step,
            autograph=False,
            input_signature=(
                tf.TensorSpec((batch,), tf.int32),
                tf.TensorSpec((batch, DRAWS), tf.float32),
                tf.TensorSpec((), tf.float32),
                tf.TensorSpec((), tf.float32),
            ),
        )
        self._finish = tf.function(self._one_finish, autograph=False)

    @property
    def batch(self) -> int:
        """Pictures that one step advances."""
        return self._batch

    def rehearse(self, steps: int) -> None:
        """Take steps for their time only: on channel 0, from grey, leaving nothing behind that is read."""
        wanted = tf.zeros((self._batch,), tf.int32)
        draws = tf.zeros((self._batch, DRAWS))
        for _ in range(steps):
            self._step(wanted, draws, tf.constant(0.0), tf.constant(1.0)).numpy()

    def render(self, channels: Sequence[int], on_step: OnStep | None = None) -> list[Rendering]:
        """Pictures of up to `batch` channels. `on_step(done)` is called after each step.

        Raises ValueError for more channels than the batch holds.
        """
        if not 0 < len(channels) <= self._batch:
            raise ValueError(f"between 1 and {self._batch} channels fit a batch, not {len(channels)}")
        # The last batch is filled up, so that it needs no compiled step of its own.
        padded = [*channels, *[channels[0]] * (self._batch - len(channels))]
        self._begin(padded)
        trajectory = self._ascend(padded, on_step)
        pictures, reached = (value.numpy() for value in self._finish(tf.constant(padded, tf.int32)))
        return [
            Rendering(pictures[i], float(reached[i]), tuple(map(float, trajectory[:, i])))
            for i in range(len(channels))
        ]

    def _begin(self, channels: Sequence[int]) -> None:
        recipe = self._recipe
        starts = {c: draw_start(recipe.seed, c, self._space.shape) for c in set(channels)}
        self._parameters.assign(np.stack([starts[c] for c in channels]) * recipe.start)
        for moment in self._moments:
            moment.assign(tf.zeros_like(moment))

    def _ascend(self, channels: Sequence[int], on_step: OnStep | None) -> NDArray[Any]:
        recipe = self._recipe
        draws = np.stack([draw_views(recipe.seed, c, recipe.steps) for c in channels], axis=1)
        wanted = tf.constant(channels, tf.int32)
        points = np.linspace(0, recipe.steps - 1, min(TRAJECTORY_POINTS, recipe.steps)).round().astype(int)
        kept = []
        for step in range(recipe.steps):
            rate = tf.constant(step_size(recipe, step), tf.float32)
            value = self._step(wanted, draws[step], rate, tf.constant(step + 1.0))
            if step in points:
                kept.append(value)
            if on_step:
                on_step(step + 1)
        return np.stack([value.numpy() for value in kept])

    def _one_step(self, channels: tf.Tensor, draws: tf.Tensor, rate: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        recipe = self._recipe
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self._parameters)
            views = random_view(self._space.picture(self._parameters), draws, recipe)
            output = self._ascended(self._preprocess(views), training=False)
            reached = activation(output, channels, recipe.objective)
            objective = sign(recipe) * tf.reduce_sum(reached)
        uphill = tape.gradient(objective, self._parameters)
        climb = self._adam if recipe.ascent == "adam" else self._normalized
        climb(uphill, rate, step)
        return reached

    def _normalized(self, uphill: tf.Tensor, rate: tf.Tensor, _: tf.Tensor) -> None:
        """Momentum on the gradient over its root mean square, picture by picture.

        In the 1/f scaled, decorrelated space this climbs about twice as fast as Adam, which spends its
        steps on coefficients that hardly matter (benchmarks/RESULTS.md).
        """
        bands = self._space.bands if self._recipe.equalize else None
        keep = self._recipe.momentum
        move = keep * self._moments[0] + ((1 - keep) * _evenly(uphill, bands, self._recipe.equalize)) * uphill
        kept = (1 - self._recipe.weight_decay) * self._parameters
        self._parameters.assign(kept + rate * self._moments[0].assign(move))

    def _adam(self, uphill: tf.Tensor, rate: tf.Tensor, step: tf.Tensor) -> None:
        tf.raw_ops.ResourceApplyAdam(
            var=self._parameters.handle,
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

    def _one_finish(self, channels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pictures = tf.cast(tf.round(self._space.picture(self._parameters) * 255), tf.uint8)
        output = self._measured(self._preprocess(tf.cast(pictures, tf.float32) / 255), training=False)
        return pictures, activation(output, channels, self._recipe.objective)


COLDEST = 0.1
"""The share of the step size that is left at the end of the cooldown."""


def step_size(recipe: Recipe, step: int) -> float:
    """The step size at a step (from 0): the recipe's, then falling linearly over its cooldown."""
    left = 1 - step / recipe.steps
    if left >= recipe.cooldown:
        return recipe.learning_rate
    return recipe.learning_rate * (COLDEST + (1 - COLDEST) * left / recipe.cooldown)


def _evenly(gradient: tf.Tensor, bands: NDArray[Any] | None, amount: float) -> tf.Tensor:
    """What to multiply a picture's gradient by, to divide it by its root mean square, bands evened out."""
    power = gradient * gradient
    if bands is None:
        axes = list(range(1, len(gradient.shape)))
        return tf.math.rsqrt(tf.maximum(tf.reduce_mean(power, axis=axes, keepdims=True), TINY))
    size = gradient.shape[-1]
    count = np.bincount(bands.reshape(-1)).astype("float32")
    member = np.eye(len(count), dtype="float32")[bands.reshape(-1)]
    coefficients = tf.reshape(tf.reduce_mean(power, axis=1), (-1, size * size))
    mean = tf.matmul(coefficients, tf.constant(member / count))
    gain = tf.math.pow(mean + TINY, -amount / 2)
    # The mean square after evening out follows from the bands': no further pass over the coefficients.
    square = tf.reduce_sum(gain * gain * mean * (count / count.sum()), axis=1, keepdims=True)
    gain *= tf.math.rsqrt(tf.maximum(square, TINY))
    return tf.reshape(tf.gather(gain, bands.reshape(-1), axis=1), (-1, 1, size, size))


TINY = 1e-30
"""Stands for zero in a denominator: a gradient that is zero stays zero."""
