"""Gradient ascent on many pictures at once: from starts through octaves to finished pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from generator.config.recipes import Recipe
from generator.render.climbing import step_size
from generator.render.parameterizations import Canvas
from generator.render.resizing import blurred, resized
from generator.render.stage import NONE, Materials, Networks, Stage, tile_canvas
from generator.render.transforms import DRAWS, draw_seeds, draw_start, draw_views
from generator.render.wanted import Wanted
from generator.targets import Channel, Place, Unit, Whole

TRAJECTORY_POINTS = 32
LARGEST_FRAME = 256
"""Longer side of an animation's frames, in pixels: a long animation must fit memory and a page."""
SMALLEST_OCTAVE = 16

Array = NDArray[Any]
OnStep = Callable[[int], None]
Cut = Callable[[Canvas, Canvas], Networks]
"""The networks for what a step sees of a picture, and for whole pictures, of these heights and widths."""


@dataclass(frozen=True)
class Rendering:
    """One finished job: its picture, the activation it reaches and on the way.

    `picture` is (height, width, colours) uint8; the pictures of a job that has several stand side by side
    in it. `activation` is measured on the pictures themselves, without transforms, after rounding to 8 bits,
    and so is `sparsity`: how few of the layer's channels answer, from 0 to 1. `trajectory` holds the
    transformed views' activations at evenly spaced steps. `alpha`, (height, width) uint8, is MACO's;
    `frames` are (n, height, width, colours) uint8, or none.
    """

    picture: Array
    activation: float
    sparsity: float
    trajectory: tuple[float, ...]
    alpha: Array | None = None
    frames: Array | None = None


class Renderer:
    """Renders channels of one network's layer by one recipe, `batch` jobs at a time.

    `cut` gives the networks for a canvas. `canvas` is the finished picture's height and width, `batch` how
    many jobs one step advances; each is of as many pictures as the recipe says.
    """

    def __init__(
        self, cut: Cut, recipe: Recipe, canvas: Canvas, batch: int, materials: Materials = NONE
    ) -> None:
        self._recipe, self._batch, self._materials = recipe, batch, materials
        pictures = batch * recipe.pictures
        self._stages = [
            Stage(cut(tile_canvas(recipe, size), size), recipe, size, pictures, materials)
            for size in octaves(recipe, canvas)
        ]

    @property
    def batch(self) -> int:
        """Jobs that one step advances."""
        return self._batch

    def rehearse(self, steps: int) -> None:
        """Take steps for their time only: on channel 0, from grey, leaving nothing behind that is read."""
        pictures = self._batch * self._recipe.pictures
        draws, seeds = tf.zeros((pictures, DRAWS)), tf.zeros((pictures, 2), tf.int32)
        stage = self._stages[-1]
        wanted = stage.wanted([Channel(0)] * pictures)
        for _ in range(steps):
            stage.step(wanted, draws, seeds, tf.constant(0.0), tf.constant(1.0)).numpy()

    def render(self, units: Sequence[Unit], on_step: OnStep | None = None) -> list[Rendering]:
        """Pictures of up to `batch` units of a kind. `on_step(done)` is called after each step.

        Raises ValueError for more units than the batch holds, and for units that the objective can't be of.
        """
        if not 0 < len(units) <= self._batch:
            raise ValueError(f"between 1 and {self._batch} units fit a batch, not {len(units)}")
        objective, of_layer = self._recipe.objective, self._recipe.aim.of_layer
        if any(isinstance(unit, Whole if not of_layer else Channel | Place) for unit in units):
            raise ValueError(f"{objective} is of {'a whole layer' if of_layer else 'a part of a layer'}")
        # The last batch is filled up, so that it needs no compiled step of its own.
        padded = [*units, *[units[0]] * (self._batch - len(units))]
        run = _Run(self._recipe, self._stages, padded, self._materials, on_step)
        run.ascend()
        return run.finish()[: len(units)]


@dataclass(frozen=True)
class _Variant:
    """One picture of a job: its unit, and which of the job's random streams it draws from."""

    unit: Unit
    number: int


class _Run:
    """One batch from start to end."""

    def __init__(
        self,
        recipe: Recipe,
        stages: Sequence[Stage],
        units: Sequence[Unit],
        materials: Materials,
        on_step: OnStep | None,
    ) -> None:
        self._recipe, self._stages, self._materials = recipe, stages, materials
        self._on_step = on_step or (lambda done: None)
        # A series between two channels starts and looks the same everywhere, so that places correspond.
        numbers = [0 if recipe.aim.alike else number for number in range(recipe.pictures)]
        self._variants = [_Variant(unit, number) for unit in units for number in numbers]
        self._units = [variant.unit for variant in self._variants]
        self._draws = self._each(draw_views)
        self._seeds = self._each(draw_seeds)
        self._points = _points(min(TRAJECTORY_POINTS, recipe.steps), recipe.steps)
        self._frame_points = _points(min(recipe.frames, recipe.steps), recipe.steps)
        self._trajectory: list[tf.Tensor] = []
        self._frames: list[Array] = []
        self._wanted: Wanted

    def _each(self, draw: Callable[[int, int, int, int], Array]) -> Array:
        """(steps, pictures, ...): what each picture draws for each step."""
        recipe = self._recipe
        drawn = {v: draw(recipe.seed, v.unit.stream, recipe.steps, v.number) for v in set(self._variants)}
        return np.stack([drawn[variant] for variant in self._variants], axis=1)

    # -- from stage to stage -----------------------------------------------------------------------

    def ascend(self) -> None:
        """All steps of all octaves; each begins with what the last one made."""
        bounds = np.linspace(0, self._recipe.steps, len(self._stages) + 1).round().astype(int)
        for number, stage in enumerate(self._stages):
            self._begin(number)
            for step in range(bounds[number], bounds[number + 1]):
                self._step(stage, step, step - int(bounds[number]))

    def _step(self, stage: Stage, step: int, since: int) -> None:
        rate = tf.constant(step_size(self._recipe, step), tf.float32)
        value = stage.step(self._wanted, self._draws[step], self._seeds[step], rate, tf.constant(since + 1.0))
        if step in self._points:
            self._trajectory.append(value)
        if step in self._frame_points:
            self._frames.append(self._frame(self._composed(stage.shown())))
        self._on_step(step + 1)

    def _begin(self, number: int) -> None:
        stage = self._stages[number]
        self._wanted = stage.wanted(self._units)
        if number:
            before = self._stages[number - 1]
            stage.begin(self._enlarged(before, stage.canvas), None)
        else:
            stage.begin(self._first(stage.canvas), self._noise(stage.shape))

    def _first(self, canvas: Canvas) -> Array | None:
        if self._recipe.start_from == "image":
            return self._photo(canvas)
        if self._recipe.start_from == "black":
            return np.zeros((len(self._variants), *canvas, self._colours), "float32")
        return None

    def _noise(self, shape: tuple[int, ...]) -> Array | None:
        recipe = self._recipe
        if recipe.start_from in ("grey", "black") or not recipe.start:
            return None
        drawn = {v: draw_start(recipe.seed, v.unit.stream, shape, v.number) for v in set(self._variants)}
        return np.stack([drawn[variant] for variant in self._variants]) * np.float32(recipe.start)

    @property
    def _colours(self) -> int:
        return self._stages[0].colours

    def _photo(self, canvas: Canvas) -> Array:
        if self._materials.photo is None:
            raise ValueError("a start from an image needs a photo")
        return np.repeat(resized(self._materials.photo[None], canvas), len(self._variants), axis=0)

    def _enlarged(self, before: Stage, canvas: Canvas) -> Array:
        """The last octave's pictures on a larger canvas; detail of a photo that was too fine for it is back.

        Source of the latter: Keras' DeepDream example.
        """
        pictures = before.shown().astype("float32") / 255
        larger = resized(blurred(pictures, self._recipe.octave_blur), canvas)
        if self._recipe.start_from == "image":
            lost = self._photo(canvas) - resized(self._photo(before.canvas), canvas)
            larger = np.clip(larger + lost, 0, 1)
        return larger

    # -- what comes of it --------------------------------------------------------------------------

    def finish(self) -> list[Rendering]:
        """The finished jobs, those included that only fill the batch."""
        last = self._stages[-1]
        pictures, alpha = self._composed(last.shown()), last.alpha()
        measured = last.measure(self._units)
        reached, sparse = (self._mean(values) for values in measured)
        trajectory = np.stack([self._mean(value.numpy()) for value in self._trajectory])
        return [
            Rendering(
                picture=picture,
                activation=float(reached[job]),
                sparsity=float(sparse[job]),
                trajectory=tuple(map(float, trajectory[:, job])),
                alpha=None if alpha is None else self._composed(alpha[..., None])[job][..., 0],
                frames=np.stack([frame[job] for frame in self._frames]) if self._frames else None,
            )
            for job, picture in enumerate(pictures)
        ]

    def _mean(self, values: Array) -> Array:
        """Of each job's pictures, (pictures,) -> (jobs,)."""
        means: Array = values.reshape(-1, self._recipe.pictures).mean(axis=1)
        return means

    def _frame(self, pictures: Array) -> Array:
        """Pictures (jobs, height, width, colours) as the animation shows them, all frames of one size."""
        rows, columns = _grid(self._recipe.pictures)
        height, width = (n * side for n, side in zip((rows, columns), self._stages[-1].canvas, strict=True))
        shrink = min(1.0, LARGEST_FRAME / max(height, width))
        size = (round(height * shrink), round(width * shrink))
        if size == pictures.shape[1:3]:
            return pictures
        smooth: Array = (resized(pictures.astype("float32") / 255, size) * 255).round().astype("uint8")
        return smooth

    def _composed(self, pictures: Array) -> Array:
        """(pictures, height, width, colours) -> (jobs, ...): those of a job in a grid, row after row."""
        together = self._recipe.pictures
        if together == 1:
            return pictures
        rows, columns = _grid(together)
        _, height, width, colours = pictures.shape
        jobs = pictures.reshape(-1, together, height, width, colours)
        board = np.full((len(jobs), rows * columns, height, width, colours), 128, pictures.dtype)
        board[:, :together] = jobs
        grid = board.reshape(-1, rows, columns, height, width, colours).swapaxes(2, 3)
        return grid.reshape(-1, rows * height, columns * width, colours)


def _points(count: int, steps: int) -> frozenset[int]:
    return frozenset(np.linspace(0, steps - 1, count).round().astype(int).tolist()) if count else frozenset()


def _grid(together: int) -> tuple[int, int]:
    """Rows and columns in which pictures that belong together stand."""
    columns = math.ceil(math.sqrt(together))
    return math.ceil(together / columns), columns


def octaves(recipe: Recipe, canvas: Canvas) -> list[Canvas]:
    """The canvases that a recipe works through, from small to the finished picture's, a step each."""
    sizes = []
    for number in range(recipe.octaves - 1, -1, -1):
        shrink = recipe.octave_scale**number
        size = (round(canvas[0] / shrink), round(canvas[1] / shrink))
        if min(size) >= min(SMALLEST_OCTAVE, *canvas):
            sizes.append(size)
    return sizes[-recipe.steps :]


def canvas_of(recipe: Recipe, photo: Array | None) -> Canvas:
    """Height and width of a recipe's pictures: square, or in the photo's shape."""
    if photo is None:
        return recipe.size, recipe.size
    height, width = photo.shape[:2]
    share = recipe.size / max(height, width)
    return max(1, round(height * share)), max(1, round(width * share))
