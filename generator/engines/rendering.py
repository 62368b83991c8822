"""What is done of a task of pictures where TensorFlow is: cut the network, render, encode, describe."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from generator.cache.records import Record
from generator.config.recipes import FITTED, Recipe
from generator.engines import encoding, memory
from generator.engines.card import FORMATS, Needs, Setup, on_card, told_of_card
from generator.engines.opened import KEPT, ROOM, forget, kept, network, reserve
from generator.engines.pictures import PictureTask, Wanted
from generator.engines.tasks import Bench, Output, Result
from generator.errors import ModelError
from generator.render import RENDERER_VERSION


class _Stopped(Exception):
    """The bench was told to stop; the pictures under way are given up."""


def render(task: PictureTask, bench: Bench) -> Result:
    """Render a task, with half its batch whenever memory runs out.

    Told to stop, it ends after the step that it is in, with the pictures of the rounds before.
    """
    from tensorflow.errors import ResourceExhaustedError

    try:
        return _render(task, bench)
    except (ResourceExhaustedError, MemoryError):
        if task.batch == 1:
            raise
    # Outside the handler, where the exception no longer holds what filled the memory.
    forget()
    return replace(render(replace(task, batch=task.batch // 2), bench), task=task)


def _render(task: PictureTask, bench: Bench) -> Result:
    started = time.perf_counter()
    setup = _usable(task, _setup(task, bench))
    own = renderer(task, setup)
    rounds = [task.wanted[i : i + setup.batch] for i in range(0, len(task.wanted), setup.batch)]
    finished: list[tuple[Wanted, Any]] = []
    try:
        for together in rounds:
            units = [wanted.unit for wanted in together]
            renderings = own.render(units, _stop_when(bench.stopping))
            finished += zip(together, renderings, strict=True)
    except _Stopped:
        pass
    seconds = time.perf_counter() - started
    each = seconds / max(1, len(finished))
    outputs = tuple(_output(task, wanted, rendering, setup, each) for wanted, rendering in finished)
    return Result(task, outputs, seconds, {"precision": setup.precision, **told_of_card(setup)})


def _stop_when(stopping: Callable[[], bool]) -> Callable[[int], None]:
    def on_step(_: int) -> None:
        if stopping():
            raise _Stopped

    return on_step


# -- what comes of it ------------------------------------------------------------------------------


def _output(task: PictureTask, wanted: Wanted, rendering: Any, setup: Setup, seconds: float) -> Output:
    values = (rendering.activation, *rendering.trajectory)
    if not all(map(math.isfinite, values)):
        reason = "its activation or the gradient became infinite or not a number"
        return Output(wanted.key, error=reason, lasting=True)
    image, false_colour = encoding.image(rendering.picture, rendering.alpha)
    files = {"png": encoding.png(image)}
    extra: dict[str, Any] = {"precision": setup.precision, "batch": setup.batch}
    # What it is of beside a channel: a place, or a direction's digest.
    extra |= {name: value for name, value in wanted.unit.identity.items() if name != "channel"}
    if math.isfinite(rendering.sparsity):
        extra["sparsity"] = round(rendering.sparsity, 4)
    if task.recipe.pictures > 1:
        extra["pictures"] = task.recipe.pictures
    if rendering.frames is not None:
        extra["animation"] = kind = "gif" if task.recipe.gif else "webp"
        files[kind] = encoding.animation(rendering.frames, kind)
    if false_colour:
        extra["false_colour"] = True
    record = Record(
        key=wanted.key,
        model=task.model,
        layer=task.layer,
        channel=wanted.unit.channel,
        recipe_name=task.recipe_name,
        recipe={**task.identity, **_recipe(task).model_dump(include=set(FITTED))},
        fingerprint=task.fingerprint,
        activation=rendering.activation,
        trajectory=rendering.trajectory,
        # A ReLU's channel that never rose above zero has had no say in its picture.
        dead=all(value == 0 for value in values),
        width=image.width,
        height=image.height,
        seconds=seconds,
        rendered_at=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=_versions(),
        extra=extra,
    )
    return Output(wanted.key, record.to_json(), files)


def _versions() -> dict[str, str]:
    packages = ("pocket-microscope", "tensorflow", "keras", "numpy")
    return {"renderer": str(RENDERER_VERSION), **{package: version(package) for package in packages}}


# -- what it is made with --------------------------------------------------------------------------


def _setting(task: PictureTask) -> tuple[Hashable, ...]:
    """What the compiled step of a task depends on, its setup apart."""
    return task.fingerprint, task.layer, json.dumps(task.identity, sort_keys=True)


_precisions: dict[Hashable, str] = {}
"""The precision that all workers agreed on, for tasks that come without it."""

_footprints: dict[Hashable, Needs] = {}
"""What was found by `footprint_of`, by setting."""


def _setup(task: PictureTask, bench: Bench) -> Setup:
    """How to render a task: as it was measured before, or is measured now if the layer is long enough."""
    if (card := memory.graphics_card()) is not None:
        return on_card(task, bench, card, _setting(task), _needs(task), lambda setup: renderer(task, setup))
    batch = _batch(task, bench)
    if task.precision is not None:
        return Setup(task.precision, batch)
    place = _setting(task)
    if place not in _precisions:
        from generator.render.tuning import fastest

        wish = task.recipe.precision
        setups = [Setup(precision, batch) for precision in (FORMATS if wish == "auto" else (wish,))]
        steps = task.group * task.recipe.steps
        own = fastest(setups, lambda setup: renderer(task, setup), steps)[0].precision
        _precisions[place] = bench.agree(f"precision {' '.join(task.pace[:2])}", own)
    return Setup(_precisions[place], batch)


def _usable(task: PictureTask, setup: Setup) -> Setup:
    """The setup, or float32 where the network comes out wrong in bfloat16 and the recipe leaves it open."""
    try:
        renderer(task, setup)
    except ModelError:
        if setup.precision == "float32" or task.recipe.precision != "auto":
            raise
        return replace(setup, precision="float32")
    return setup


def _batch(task: PictureTask, bench: Bench) -> int:
    if bench.memory is None:
        return task.batch
    needs = _needs(task)
    left = bench.memory - needs.weights - reserve(needs.copies)
    return min(task.batch, max(1, int(min(bench.memory * task.share, left)) // needs.each))


def _needs(task: PictureTask) -> Needs:
    place = _setting(task)
    if place not in _footprints:
        _footprints[place] = footprint_of(task)
    return _footprints[place]


def footprint_of(task: PictureTask) -> Needs:
    """What a task's pictures and its network take."""
    from generator.models.footprint import footprint
    from generator.models.surgery import cut
    from generator.render.ascent import canvas_of
    from generator.render.stage import tile_canvas

    recipe, network = _recipe(task), _model(task).network
    shown = tile_canvas(recipe, canvas_of(recipe, _materials(task).photo))
    found = footprint(network, cut(network, task.layer, shown))
    # Each renderer has two networks, to climb and to measure in; one in bfloat16 is a copy of half the size.
    rough = recipe.precision != "float32"
    copies = found.copies + max(found.copies, found.weights // 2 if rough else 0)
    return Needs(recipe.pictures * found.each, found.weights, copies)


def _model(task: PictureTask) -> Any:
    return network(task.model, task.config, task.fingerprint)


def _recipe(task: PictureTask) -> Recipe:
    """The recipe as it fits the network: small where that takes nothing but small pictures."""
    return task.recipe.fitted(_model(task).anatomy.own_side)


def renderer(task: PictureTask, setup: Setup) -> Any:
    """What renders a task's pictures in a setup; kept for those that come after."""
    known = _footprints.get(_setting(task))
    size = ROOM // KEPT if known is None else known.copies
    return kept((*_setting(task), setup), lambda: _new_renderer(task, setup), size)


def _new_renderer(task: PictureTask, setup: Setup) -> Any:
    from generator.models.activations import ReluMode
    from generator.models.surgery import cut
    from generator.render.ascent import Renderer, canvas_of
    from generator.render.parameterizations import Canvas
    from generator.render.stage import Networks

    model, recipe = _model(task), _recipe(task)
    relu: ReluMode = "linear" if recipe.aim.unbounded else "open"
    relu = relu if recipe.open_relu else "plain"
    logits = recipe.aim.logits

    def networks(seen: Canvas, whole: Canvas) -> Networks:
        shared = {"logits": logits, "preprocess": model.preprocessing}
        ascended = cut(model.network, task.layer, seen, relu, setup.precision, **shared, finite=True)
        # What is reported is what the network gives: only `logit` asks for what it has not.
        measured = cut(model.network, task.layer, whole, **shared)
        special = model.anatomy.layer(task.layer).special
        return Networks(ascended, measured, model.preprocessing, special, setup.compiled)

    materials = _materials(task)
    return Renderer(networks, recipe, canvas_of(recipe, materials.photo), setup.batch, materials)


def _materials(task: PictureTask) -> Any:
    from generator.render.stage import Materials

    photo = list(_photos(task, "image"))
    return Materials(photo[0] if photo else None, _photos(task, "magnitude"))


def _photos(task: PictureTask, field: str) -> encoding.Photos | tuple[()]:
    """The pictures that a field of the recipe names, as they were when the plan was made."""
    path = getattr(task.recipe, field)
    colours = int(_model(task).anatomy.input_shape[-1])
    return () if path is None else encoding.Photos(path, task.identity[field], colours)
