"""One size of picture, optimised: one compiled step per network, recipe, canvas and number of pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from generator.config.recipes import Recipe
from generator.errors import NotRenderable
from generator.render.climbing import Climber
from generator.render.objectives import likeness, regularization, score, sparsity
from generator.render.parameterizations import Canvas, parameterization
from generator.render.resizing import resized
from generator.render.transforms import random_view, rolled, with_noise
from generator.render.wanted import Wanted, wanted
from generator.targets import Unit

Array = NDArray[Any]


@dataclass(frozen=True)
class Networks:
    """A network cut at a layer, twice: to be climbed in, and to be measured in.

    Both take network input (n, height, width, colours) and give the layer's output: `ascended` that of the
    views that a step sees, perhaps padded or tiles, its ReLUs opened, in its own number format; `measured`
    that of whole pictures. `preprocess` maps display pixels to network input; `special` of the layer's
    tokens, in front, are no patches. With `compiled` XLA compiles the way through `ascended` and back.
    """

    ascended: Any
    measured: Any
    preprocess: Callable[[Any], Any]
    special: int = 0
    compiled: bool = False

    @property
    def colours(self) -> int:
        """Colours of the network's input."""
        return int(self.ascended.inputs[0].shape[-1])


@dataclass(frozen=True)
class Materials:
    """The user's own pictures, (height, width, colours) in [0, 1]: a photo, and models of magnitude."""

    photo: Array | None = None
    magnitudes: Iterable[Array] = ()


NONE = Materials()


class Stage:
    """`pictures` pictures of one canvas on their way. Begin it, step it, finish it; then it begins anew.

    `networks` fit the canvas and what the recipe shows of it at once.
    """

    def __init__(
        self,
        networks: Networks,
        recipe: Recipe,
        canvas: Canvas,
        pictures: int,
        materials: Materials = NONE,
    ) -> None:
        self._networks, self._recipe, self.canvas, self._pictures = networks, recipe, canvas, pictures
        self._space = parameterization(recipe, canvas, networks.colours, materials.magnitudes)
        self._photo = _fitted(materials.photo, canvas) if recipe.aim.photo else None
        self._score = score(recipe)
        self._forward = self._through
        if networks.compiled:
            self._forward = tf.function(self._through, autograph=False, jit_compile=True)
        self._parameters = tf.Variable(tf.zeros((pictures, *self._space.shape)), trainable=False)
        self._climber = Climber(recipe, self._space, pictures, stride(networks.ascended))
        # How much each pixel has mattered so far: MACO shows the rest as transparent.
        self._mattered = tf.Variable(tf.zeros((pictures, *canvas)), trainable=False)
        self.step = tf.function(self._one_step, autograph=False)
        self._shown = tf.function(self._one_picture, autograph=False)
        self._reached = tf.function(self._one_measurement, autograph=False)

    # -- beginning and ending ----------------------------------------------------------------------

    @property
    def colours(self) -> int:
        """Colours of a picture."""
        return self._networks.colours

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one picture's parameters."""
        return self._space.shape

    def begin(self, pictures: Array | None, noise: Array | None) -> None:
        """Start from pictures (n, height, width, colours) in [0, 1] or grey, with noise on the parameters."""
        if pictures is None:
            start = np.full((self._pictures, *self._space.shape), self._space.grey, "float32")
        else:
            start = self._space.parameters(pictures).astype("float32")
        self._parameters.assign(start if noise is None else start + noise)
        if self._space.clipped:
            self._parameters.assign(tf.clip_by_value(self._parameters, 0, 1))
        self._climber.start()
        self._mattered.assign(tf.zeros_like(self._mattered))

    def shown(self) -> Array:
        """The pictures as they are now, (n, height, width, colours) uint8."""
        pictures: Array = self._shown().numpy()
        return pictures

    def wanted(self, units: Sequence[Unit]) -> Wanted:
        """What a step takes to climb towards these units, one a picture."""
        return wanted(units, self._networks.ascended.output.shape, self._networks.special)

    def measure(self, units: Sequence[Unit]) -> tuple[Array, Array]:
        """What each picture reaches, untransformed and rounded to 8 bits: activation and sparsity, (n,) each.

        See `sparsity` in objectives.py. A picture whose gradient was infinite or not a number reaches NaN.
        """
        of = wanted(units, self._networks.measured.output.shape, self._networks.special)
        reached, sparse = self._reached(of)
        return reached.numpy(), sparse.numpy()

    def alpha(self) -> Array | None:
        """For MACO how much each pixel mattered, (n, height, width) uint8, the median pixel opaque.

        Source: Fel et al. 2023: the sum of the gradient's absolute values at the pixel.
        """
        if self._recipe.parameterization != "maco":
            return None
        mattered = self._mattered.numpy()
        full = np.median(mattered, axis=(1, 2), keepdims=True) + 1e-30
        alpha: Array = (np.clip(mattered / full, 0, 1) * 255).round().astype("uint8")
        return alpha

    def _one_picture(self) -> tf.Tensor:
        return tf.cast(tf.round(self._space.picture(self._parameters) * 255), tf.uint8)

    def _one_measurement(self, wanted: Wanted) -> tuple[tf.Tensor, tf.Tensor]:
        preprocess, measured = self._networks.preprocess, self._networks.measured
        pictures = tf.cast(self._one_picture(), tf.float32) / 255
        output = measured(preprocess(pictures), training=False)
        photo = None if self._photo is None else measured(preprocess(self._photo), training=False)
        numbers = tf.reshape(self._parameters, (self._pictures, -1))
        lost = ~tf.reduce_all(tf.math.is_finite(numbers), axis=1)
        reached = self._score(output, wanted, photo)
        # A picture of no numbers is black, and a ReLU makes a zero of what is none.
        return tf.where(lost, tf.constant(np.nan, reached.dtype), reached), sparsity(output, wanted.special)

    # -- one step ----------------------------------------------------------------------------------

    def _one_step(
        self, wanted: Wanted, draws: tf.Tensor, seeds: tf.Tensor, rate: tf.Tensor, step: tf.Tensor
    ) -> tf.Tensor:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self._parameters)
            pictures = self._space.picture(self._parameters)
            views = with_noise(random_view(pictures, draws, self._recipe), seeds, self._recipe.noise)
            photo = self._photo_seen(draws)
            if self._seen_whole:
                reached, objective = self._objective(views, photo, wanted)
            else:
                places = draws[:, 4:6]
                photo = None if photo is None else rolled(photo, places)
                reached, objective = self._tiled(rolled(views, places), photo, wanted)
            cost = regularization(pictures, self._recipe)
            objective = objective if cost is None else objective - cost
        if self._recipe.parameterization == "maco":
            uphill, on_pixels = _gradients(tape, objective, self._parameters, pictures)
            self._mattered.assign_add(tf.reduce_mean(tf.abs(on_pixels), axis=-1))
        else:
            (uphill,) = _gradients(tape, objective, self._parameters)
        self._climber.climb(self._parameters, uphill, rate, step)
        return reached

    def _photo_seen(self, draws: tf.Tensor) -> tf.Tensor | None:
        """The photo as each picture is seen, so that places correspond; None where there is none."""
        if self._photo is None:
            return None
        return random_view(tf.tile(self._photo, [self._pictures, 1, 1, 1]), draws, self._recipe)

    def _objective(
        self, views: tf.Tensor, photo: tf.Tensor | None, wanted: Wanted
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """What each picture reaches, (n,), and the scalar that is to rise."""
        output = self._ascended(views)
        compared = None if photo is None else tf.stop_gradient(self._ascended(photo))
        reached = self._score(output, wanted, compared)
        objective = self._recipe.aim.sign * tf.reduce_sum(reached)
        if self._recipe.objective == "diversity":
            together = self._recipe.pictures
            strength = tf.reduce_mean(tf.reshape(tf.abs(reached), (-1, together)), axis=1)
            price = self._recipe.diversity * together * tf.stop_gradient(strength)
            objective -= tf.reduce_sum(price * likeness(output, views, together, wanted.special))
        return reached, objective

    def _ascended(self, views: tf.Tensor) -> tf.Tensor:
        return self._forward(self._networks.preprocess(views))

    def _through(self, pixels: tf.Tensor) -> tf.Tensor:
        return self._networks.ascended(pixels, training=False)

    @property
    def _seen_whole(self) -> bool:
        return not self._recipe.tile or max(self.canvas) <= self._recipe.tile

    def _tiled(
        self, views: tf.Tensor, photo: tf.Tensor | None, wanted: Wanted
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As `_objective`, tile after tile: memory is that of one tile, whatever the picture's size."""
        height, width = views.shape[1:3]
        tall, wide = tile_canvas(self._recipe, (height, width))
        corners = [(y, x) for y in _tile_starts(height, tall) for x in _tile_starts(width, wide)]
        seen = np.zeros((1, height, width, 1), "float32")
        for y, x in corners:
            seen[:, y : y + tall, x : x + wide] += 1
        places = tf.constant(corners)

        def look(index: tf.Tensor, pull: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, ...]:
            y, x = places[index, 0], places[index, 1]
            tile, beside = (
                None if x_ is None else tf.slice(x_, [0, y, x, 0], [x_.shape[0], tall, wide, x_.shape[3]])
                for x_ in (views, photo)
            )
            with tf.GradientTape() as tape:
                tape.watch(tile)
                reached, objective = self._objective(tile, beside, wanted)
            (uphill,) = _gradients(tape, objective, tile)
            spread = tf.image.pad_to_bounding_box(uphill, y, x, height, width)
            return index + 1, tf.ensure_shape(pull + spread, views.shape), total + reached

        start = (tf.constant(0), tf.zeros_like(views), tf.zeros((views.shape[0],)))
        _, pull, total = tf.while_loop(
            lambda index, *_: index < len(corners), look, start, parallel_iterations=1
        )
        # A scalar whose gradient at the views is what the tiles pull; overlaps count once.
        objective = tf.reduce_sum(views * tf.stop_gradient(pull / seen))
        return total / len(corners), objective


def stride(network: Any) -> float:
    """Pixels of the input, along an axis, to a position of the output; all of them where there are none."""
    places = network.output.shape[1:-1]
    pixels = math.prod(network.inputs[0].shape[1:3])
    return math.sqrt(pixels / max(1, math.prod(places)))


def _gradients(tape: tf.GradientTape, objective: tf.Tensor, *sources: Any) -> Sequence[tf.Tensor]:
    """How the objective rises with each of the sources; NotRenderable where nothing leads to them."""
    found: list[tf.Tensor | None] = tape.gradient(objective, list(sources))
    if any(one is None for one in found):
        raise NotRenderable(
            "its output has no gradient that leads to the picture's pixels: an operation on the way there, "
            "rounding or argmax for instance, has none"
        )
    return found


def tile_canvas(recipe: Recipe, canvas: Canvas) -> Canvas:
    """Height and width of what the network is shown at once of a canvas, padding included."""
    height, width = (side + 2 * recipe.pad for side in canvas)
    if not recipe.tile or max(canvas) <= recipe.tile:
        return height, width
    return min(height, recipe.tile), min(width, recipe.tile)


def _tile_starts(length: int, tile: int) -> list[int]:
    """Where tiles begin along an axis, so that they cover it and none reaches beyond."""
    count = -(-length // tile)
    return [round(place) for place in np.linspace(0, length - tile, count)]


def _fitted(photo: Array | None, canvas: Canvas) -> tf.Tensor:
    if photo is None:
        raise ValueError("a caricature needs a photo")
    return tf.constant(resized(photo[None], canvas))
