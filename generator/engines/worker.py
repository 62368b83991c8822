"""What runs where TensorFlow is: opens the task's network, renders its channels, encodes the pictures."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from generator.config.recipes import Recipe
from generator.config.schema import ModelConfig
from generator.engines import encoding
from generator.engines.tasks import Picture, Result, Setup, Task, failed
from generator.errors import ModelError, UserError, typed_cause
from generator.render import RENDERER_VERSION
from generator.targets import unit_of


def work(task: Task) -> Result:
    """Render a task. Anything that goes wrong is in the result, never raised."""
    try:
        return _halving(task)
    except UserError as error:
        return failed(task, error.message)
    except Exception as error:  # one bad layer must not end a night's run
        return failed(task, typed_cause(error))


def _halving(task: Task) -> Result:
    """Render with the task's batch, and with half of it whenever memory runs out."""
    from tensorflow.errors import ResourceExhaustedError

    try:
        return _render(task)
    except (ResourceExhaustedError, MemoryError):
        if task.batch == 1:
            raise
        _renderer.cache_clear()
        return replace(_halving(replace(task, batch=task.batch // 2)), task=task)


def _render(task: Task) -> Result:
    started = time.perf_counter()
    setting = _Setting(task.model, task.config, task.fingerprint, task.layer, task.recipe)
    chosen, measured = _setup(setting, task)
    chosen = _usable(setting, chosen)
    renderer = _renderer(setting, chosen)
    size = chosen.batch
    rounds = [task.channels[i : i + size] for i in range(0, len(task.channels), size)]
    pictures = [
        _picture(channel, rendering, task.recipe)
        for channels in rounds
        for channel, rendering in zip(channels, renderer.render([unit_of(c) for c in channels]), strict=True)
    ]
    seconds = time.perf_counter() - started
    return Result(task, tuple(pictures), seconds, chosen, measured, _versions())


def _picture(channel: int, rendering: Any, recipe: Recipe) -> Picture:
    values = (rendering.activation, *rendering.trajectory)
    if not all(map(math.isfinite, values)):
        return Picture(channel, error="its activation became infinite or not a number")
    image, false_colour = encoding.image(rendering.picture, rendering.alpha)
    kind = "gif" if recipe.gif else "webp"
    # A ReLU's channel that never rose above zero has had no say in its picture.
    dead = all(value == 0 for value in values)
    return Picture(
        channel,
        encoding.png(image),
        *image.size,
        rendering.activation,
        rendering.trajectory,
        dead,
        animation=b"" if rendering.frames is None else encoding.animation(rendering.frames, kind),
        animation_kind="" if rendering.frames is None else kind,
        false_colour=false_colour,
        sparsity=rendering.sparsity if math.isfinite(rendering.sparsity) else None,
    )


def _versions() -> dict[str, str]:
    packages = ("pocket-microscope", "tensorflow", "keras", "numpy")
    return {"renderer": str(RENDERER_VERSION), **{package: version(package) for package in packages}}


# -- what a worker keeps between tasks -------------------------------------------------------------


@dataclass(frozen=True)
class _Setting:
    model: str
    config: ModelConfig
    fingerprint: str
    layer: str
    recipe: Recipe

    def __hash__(self) -> int:
        return hash((self.model, self.fingerprint, self.layer, self.recipe))


_chosen: dict[tuple[_Setting, int], tuple[Setup, bool]] = {}
"""The setup of each layer and batch that this worker met, and whether it was measured."""


def _setup(setting: _Setting, task: Task) -> tuple[Setup, bool]:
    """The setup that was measured before, or is measured now if the layer is long enough for it."""
    batch = _batch(setting, task)
    if task.precision is not None:
        return Setup(task.precision, batch), True
    if (setting, batch) not in _chosen:
        from generator.render.tuning import fastest

        precision = task.recipe.precision
        formats = ("float32", "bfloat16") if precision == "auto" else (precision,)
        setups = [Setup(format_, batch) for format_ in formats]
        steps = task.due * task.recipe.steps
        _chosen[setting, batch] = fastest(setups, lambda setup: _renderer(setting, setup), steps)
    return _chosen[setting, batch]


def _usable(setting: _Setting, setup: Setup) -> Setup:
    """The setup, or float32 where the network comes out wrong in bfloat16 and the recipe leaves it open."""
    try:
        _renderer(setting, setup)
    except ModelError:
        if setup.precision == "float32" or setting.recipe.precision != "auto":
            raise
        return replace(setup, precision="float32")
    return setup


def _batch(setting: _Setting, task: Task) -> int:
    if task.memory is None:
        return task.batch
    return min(task.batch, max(1, task.memory // _bytes_per_picture(setting)))


@lru_cache(maxsize=16)
def _bytes_per_picture(setting: _Setting) -> int:
    from generator.models.surgery import bytes_per_picture, cut
    from generator.render.ascent import canvas_of
    from generator.render.stage import tile_canvas

    recipe = _recipe(setting)
    shown = tile_canvas(recipe, canvas_of(recipe, _materials(setting).photo))
    return recipe.pictures * bytes_per_picture(cut(_opened(setting).network, setting.layer, shown))


def _recipe(setting: _Setting) -> Recipe:
    """The recipe as it fits the network: small where that takes nothing but small pictures."""
    from generator.models.surgery import own_side
    from generator.render.ascent import fitted

    return fitted(setting.recipe, own_side(_opened(setting).network))


def _opened(setting: _Setting) -> Any:
    model = _model(_ModelSetting(setting.model, setting.config))
    if model.anatomy.fingerprint != setting.fingerprint:
        raise UserError(f"{setting.model}: the network changed since the plan was made; run again")
    return model


@lru_cache(maxsize=4)
def _renderer(setting: _Setting, setup: Setup) -> Any:
    from generator.models.activations import ReluMode
    from generator.models.surgery import cut
    from generator.render.ascent import Renderer, canvas_of
    from generator.render.parameterizations import Canvas
    from generator.render.stage import Networks

    model, recipe = _opened(setting), _recipe(setting)
    relu: ReluMode = "linear" if recipe.aim.unbounded else "open"
    relu = relu if recipe.open_relu else "plain"
    logits = recipe.aim.logits

    def networks(seen: Canvas, whole: Canvas) -> Networks:
        shared = {"logits": logits, "preprocess": model.preprocessing}
        ascended = cut(model.network, setting.layer, seen, relu, setup.precision, **shared)
        # What is reported is what the network gives: only `logit` asks for what it has not.
        measured = cut(model.network, setting.layer, whole, **shared)
        return Networks(ascended, measured, model.preprocessing)

    materials = _materials(setting)
    return Renderer(networks, recipe, canvas_of(recipe, materials.photo), setup.batch, materials)


def _materials(setting: _Setting) -> Any:
    from generator.render.stage import Materials

    recipe = setting.recipe
    colours = int(_opened(setting).anatomy.input_shape[-1])
    photo = None if recipe.image is None else encoding.photo(recipe.image, colours)
    models = [] if recipe.magnitude is None else encoding.photos(recipe.magnitude, colours)
    return Materials(photo, tuple(models))


@dataclass(frozen=True)
class _ModelSetting:
    name: str
    config: ModelConfig

    def __hash__(self) -> int:
        return hash(self.name)


@lru_cache(maxsize=1)
def _model(setting: _ModelSetting) -> Any:
    from generator.models.zoo import open_model

    # Renderers of another network hold on to it; only one network at a time is worth the memory.
    return open_model(setting.name, setting.config)
