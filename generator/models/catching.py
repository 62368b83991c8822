"""Catches what a layer's own code calls on symbolic tensors, while it runs."""

from __future__ import annotations

import inspect
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from generator.models.batches import count, for_any_number, shape_of
from generator.models.bytecode import is_library
from generator.models.scopes import shown_name

Call = Callable[[str, Any, tuple[Any, ...], dict[str, Any]], Any]
"""Calls an operation: its name inside the composite, the operation, its arguments."""
LookInto = Callable[[str, Any, Callable[[], Any]], tuple[Any] | None]
"""Makes an attempt at a layer with layers in it, `(name, layer, attempt)`, and gives what comes of it in a
tuple; None if that layer is to stay one."""


def is_composite(operation: Any) -> bool:
    """Whether an operation is a layer with layers in it and a `call` that is not Keras' own."""
    import keras

    return (
        isinstance(operation, keras.layers.Layer)
        and not is_library(getattr(type(operation), "call", None))
        and any(isinstance(layer, keras.layers.Layer) for layer in operation._layers)
    )


def symbols(values: Any) -> list[Any]:
    """The symbolic tensors in nested values."""
    from keras import KerasTensor, tree

    return [value for value in tree.flatten(values) if isinstance(value, KerasTensor)]


class Trace:
    """Runs a composite's `call`, and hands on each call inside it."""

    def __init__(self, call: Call, look_into: LookInto) -> None:
        self._call, self._look_into = call, look_into
        self._path: list[str] = []

    def of(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What an operation's own code gives."""
        # Keras warns of masks that are lost on the way; there are none in networks of pictures.
        with _catching(), _caught_by(self), warnings.catch_warnings(action="ignore"):
            return _called(operation, args, kwargs)

    def caught(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of a layer or an operation on symbolic tensors, by the code of the composite."""
        self._path.append(_name(operation))
        try:
            path = "/".join(self._path)
            if _has_inside(operation):
                looked = self._look_into(path, operation, lambda: _called(operation, args, kwargs))
                if looked is not None:
                    return looked[0]
            with _caught_by(None):
                output = self._call(path, for_any_number(operation, args), args, kwargs)
            count(operation, symbols((args, kwargs)), symbols(output))
            return output
        finally:
            self._path.pop()


def _name(operation: Any) -> str:
    import keras

    if isinstance(operation, keras.layers.Layer):
        return shown_name(operation)
    # Keras numbers operations through a process: what they are called must not depend on what came before.
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(operation).__name__).lower()


def _has_inside(operation: Any) -> bool:
    return is_composite(operation) or _is_graph(operation) or _is_fused(operation)


def _is_graph(operation: Any) -> bool:
    own = is_library(getattr(type(operation), "call", None))
    return own and (hasattr(operation, "_functional") or hasattr(operation, "_run_through_graph"))


def _is_fused(operation: Any) -> bool:
    """Whether a layer of Keras' has an activation of its own, that is more than none."""
    import keras

    activation = getattr(operation, "activation", None)
    return (
        is_library(type(operation))
        and isinstance(operation, keras.layers.Layer)
        and hasattr(operation, "kernel")
        and callable(activation)
        and activation is not keras.activations.linear
    )


def _called(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What an operation's own code gives outside of training.

    Keras would cast what it is given to the layer's number type first; the layers inside do that themselves.
    """
    if _is_fused(operation):
        return operation.activation(_linear(operation)(*args, **kwargs))
    if "training" in inspect.signature(operation.call).parameters:
        kwargs = {**kwargs, "training": False}
    return operation.call(*args, **kwargs)


def _linear(layer: Any) -> Any:
    """The same layer, with the same weights, without its activation."""
    import keras

    copy = object.__new__(type(layer))
    wrapped = ("build", "quantize")  # they hold on to the layer itself
    copy.__dict__.update({key: value for key, value in vars(layer).items() if key not in wrapped})
    copy.__dict__.update(_inbound_nodes=[], _outbound_nodes=[], _shown_name="linear")
    copy.__dict__["activation"] = keras.activations.linear
    return copy


_ACTIVE = threading.local()
_PATCHING = threading.RLock()


@contextmanager
def _caught_by(trace: Trace | None) -> Iterator[None]:
    """Let a trace catch this thread's calls on symbolic tensors; None lets them be."""
    before = getattr(_ACTIVE, "trace", None)
    _ACTIVE.trace = trace
    try:
        yield
    finally:
        _ACTIVE.trace = before


@contextmanager
def _catching() -> Iterator[None]:
    """Let Keras' two ways of calling an operation ask first whether this thread's trace wants it."""
    import keras

    places = (keras.layers.Layer, "__call__"), (keras.Operation, "symbolic_call"), (keras.ops, "shape")
    with _PATCHING:
        originals = [getattr(place, name) for place, name in places]
        *asking, shape = originals
        instead = [*map(_asking, asking), _counting(shape)]
        for (place, name), function in zip(places, instead, strict=True):
            setattr(place, name, function)
        try:
            yield
        finally:
            for (place, name), function in zip(places, originals, strict=True):
                setattr(place, name, function)


def _counting(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`keras.ops.shape`, that knows of symbols at least that there are some pictures."""

    def shape(x: Any) -> Any:
        known = original(x)
        return shape_of(x, known) if getattr(_ACTIVE, "trace", None) is not None and symbols(x) else known

    return shape


def _asking(original: Callable[..., Any]) -> Callable[..., Any]:
    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        trace: Trace | None = getattr(_ACTIVE, "trace", None)
        if trace is None or not symbols((args, kwargs)):
            return original(operation, *args, **kwargs)
        return trace.caught(operation, args, kwargs)

    return call
