"""A graph for subclassed models: their `call` is run once on a symbolic picture."""

from __future__ import annotations

import inspect
from typing import Any

from generator.errors import ModelError, cause
from generator.models.graph import has_graph


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


def _built_shape(network: Any, source: str) -> tuple[int | None, ...]:
    """(n, height, width, colours) that a model was built or called with, before it was saved or returned."""
    build = network.get_build_config() or {}
    shapes = build.get("input_shape", build.get("shapes_dict"))
    if not shapes:
        raise ModelError(
            f"{source}: gives {type(network).__name__}, not a Keras model with a known input shape; call "
            "`build((None, height, width, colours))` on it before it is returned or saved"
        )
    if isinstance(shapes, dict) or not all(side is None or isinstance(side, int) for side in shapes):
        raise ModelError(f"{source}: has {len(shapes)} inputs; only networks with one can be shown")
    return tuple(shapes)
