"""A graph for models whose class has a `call` of its own: that is run once on a symbolic picture."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from generator.errors import ModelError, cause
from generator.models.graph import Step, flatten, has_graph
from generator.models.inside import close
from generator.models.probing import difference, evaluated, probe

SAME = 1e-4
"""How far a traced graph may be from its model, as a share of what that gives."""


def with_graph(network: Any, source: str) -> Any:
    """The network if it has a graph, else a functional model with the same weights, got by tracing.

    Raises ModelError when it is no Keras model, its input shape is not known, it takes several inputs or
    its `call` does what can't be traced.
    """
    import keras

    if has_graph(network):
        return network
    if not isinstance(network, keras.Model):
        raise ModelError(f"{source}: gives {type(network).__name__}, not a Keras model")
    pixels = keras.Input(_built_shape(network, source)[1:], name="pixels")
    said = {"training": False} if "training" in inspect.signature(network.call).parameters else {}
    try:
        output = network.call(pixels, **said)
        traced = keras.Model(pixels, output, name=network.name)
    except Exception as error:  # a user's code can fail in any way
        raise ModelError(
            f"{source}: {type(network).__name__} can't be traced ({cause(error)}); its call must use "
            "only Keras layers and keras.ops, or build it with keras.Model(inputs, outputs)"
        ) from error
    known = {id(weight) for weight in traced.weights}
    # The model's own variables are part of what it is, though no layer of the traced one holds them.
    traced.own_variables = [weight for weight in network.weights if id(weight) not in known]
    return traced


def check_traced(network: Any, graph: Any, source: str) -> None:
    """Raises ModelError when a model gives something else on a picture than the graph that was traced of it.

    A model that never gives the same twice (dropout that is always on) can't be held against anything.
    """
    from keras import tree

    picture = probe(graph.inputs[0].shape[1:])
    traced, own, again = (tree.flatten(model(picture, training=False)) for model in (graph, network, network))
    if _differ(traced, own) and not _differ(again, own):
        raise ModelError(
            f"{source}: {type(network).__name__} gives something else when its call is traced than when it "
            "is called on a picture; it must depend on nothing but its input and its weights"
        )


def check_inside(network: Any) -> None:
    """Close those composite layers of a network that give something else when they are looked into.

    A network that never gives the same twice can't be held against anything.
    """
    shape = tuple(network.inputs[0].shape[1:])
    while True:
        parts = flatten(network, shape)
        opened = {step.name for step in parts if step.whole is not None}
        if not opened:
            return
        plain = flatten(network, shape, look_inside=False)
        composites = {step.name: step.operation for step in plain if step.name in opened}
        whole, found = _outputs(plain, composites), _as_far_as_it_runs(parts, composites)
        strays = (name for name in composites if name not in found or _apart(found[name], whole[name]))
        wrong = next(strays, None)
        if wrong is None or (wrong in found and _is_unsure(plain, whole)):
            return
        close(composites[wrong])


def _apart(found: Any, expected: Any) -> bool:
    return difference(found, expected) > SAME


def _is_unsure(plain: Sequence[Step], before: dict[str, Any]) -> bool:
    """Whether a network gives something else than it did before."""
    again = _outputs(plain, before)
    return any(_apart(again[name], before[name]) for name in before)


def _as_far_as_it_runs(steps: Sequence[Step], names: Iterable[str]) -> dict[str, Any]:
    """What steps give, up to the first that can't be run on numbers: it was only tried on symbols."""
    try:
        return _outputs(steps, names)
    except Exception:  # a layer's own code may fail in any way
        found: dict[str, Any] = {}
        for name in names:
            try:
                found |= _outputs(steps, [name])
            except Exception:
                break
        return found


def _outputs(steps: Sequence[Step], names: Iterable[str]) -> dict[str, Any]:
    outputs = {step.name: step.output for step in steps}
    source = steps[0].output
    picture = probe(source.shape[1:]).astype(source.dtype)
    picture = np.concatenate([picture, picture[:, ::-1]])  # of one alone nothing could be mixed up
    return dict(zip(names, evaluated(source, [outputs[name] for name in names], picture), strict=True))


def _differ(outputs: list[Any], others: list[Any]) -> bool:
    return any(_apart(found, expected) for found, expected in zip(outputs, others, strict=True))


def _built_shape(network: Any, source: str) -> tuple[int | None, ...]:
    """(n, height, width, colours) that a model was built or called with, before it was saved or returned."""
    graph_inputs = getattr(network, "inputs", None) or []
    build = {"input_shape": tuple(graph_inputs[0].shape)} if len(graph_inputs) == 1 else {}
    build = build or network.get_build_config() or {}
    shapes = build.get("input_shape", build.get("shapes_dict"))
    if not shapes:
        raise ModelError(
            f"{source}: gives {type(network).__name__}, not a Keras model with a known input shape; call "
            "`build((None, height, width, colours))` on it before it is returned or saved"
        )
    if isinstance(shapes, dict) or not all(side is None or isinstance(side, int) for side in shapes):
        raise ModelError(f"{source}: has {len(shapes)} inputs; only networks with one can be shown")
    return tuple(shapes)
