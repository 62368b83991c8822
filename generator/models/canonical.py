"""A network as plain lists, equal for networks that compute the same: its graph, settings, code and weights.

Two networks have equal lists wherever and whenever they were opened: nothing of memory addresses, of the
order in which a process met them, or of the numbers that Keras gives to unnamed layers is in them. Lists
and tuples are not told apart, since saving a network makes the one of the other.
"""

from __future__ import annotations

import functools
import hashlib
import json
import types
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import tree

from generator.models.bytecode import (
    by_name,
    class_content,
    function_content,
    installed,
    is_library,
    root_of,
)
from generator.models.graph import functional_of

_WHEN_TRAINED = ("initializer", "regularizer", "constraint")
"""Words in the names of Keras' settings that act when a layer is made or trained, never when it is run."""

_IDLE = (
    keras.Initializer,
    keras.Regularizer,
    keras.constraints.Constraint,
    keras.Optimizer,
    keras.Loss,
    keras.Metric,
)
"""What a layer may hold without using it when it is run."""

_PLAIN = (bool, int, float, str, types.NoneType)
_FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, functools.partial, np.ufunc)


def digest(plain: Any) -> str:
    """SHA-256 (hex) of plain lists."""
    return hashlib.sha256(json.dumps(plain, separators=(",", ":")).encode()).hexdigest()


class Canon:
    """Makes plain lists of values; what is met again is looked at once."""

    def __init__(self, network: Any) -> None:
        self._known: dict[int, Any] = {}
        self._kept: list[Any] = []  # so that no other value gets the id of one that is known
        self._places: dict[int, Any] = {}
        # Code of installed packages is followed where the network's layers are from them.
        self._followed = {root_of(type(layer)) for layer in network._flatten_layers()}

    def of(self, value: Any) -> Any:
        """Plain lists of any value: constants, arrays, tensors, functions, classes, layers, objects."""
        if type(value) in _PLAIN:
            return value
        if id(value) in self._places:
            return ["tensor", self._places[id(value)]]
        for kinds, make in self._makers():
            if isinstance(value, kinds):
                return make(value)
        return self._once(value, lambda: self._content(value))

    def _makers(self) -> Iterator[tuple[Any, Callable[[Any], Any]]]:
        yield bytes, lambda value: ["bytes", value.hex()]
        yield list | tuple, lambda value: [self.of(item) for item in value]
        yield Mapping, lambda value: ["mapping", [[self.of(k), self.of(v)] for k, v in value.items()]]
        yield set | frozenset, lambda value: ["set", sorted(digest(self.of(item)) for item in value)]
        yield slice, lambda value: ["slice", self.of([value.start, value.stop, value.step])]
        yield np.generic, self._scalar
        yield np.ndarray, self._array
        yield tf.DType, lambda value: ["type", value.name]
        yield keras.KerasTensor, lambda value: ["tensor", list(value.shape), str(value.dtype)]
        yield keras.random.SeedGenerator, lambda value: ["seeds", value.get_config()["seed"]]
        yield _IDLE, lambda value: ["idle"]

    def _once(self, value: Any, make: Callable[[], Any]) -> Any:
        if id(value) not in self._known:
            self._kept.append(value)
            self._known[id(value)] = "met again inside itself"
            self._known[id(value)] = digest(make())
        return self._known[id(value)]

    def _scalar(self, value: Any) -> Any:
        item = value.item()
        return item if type(item) in _PLAIN else ["scalar", str(value.dtype), repr(value)]

    def _array(self, values: Any) -> Any:
        if values.dtype == object:
            return ["array", self.of(values.tolist())]
        numbers = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        return ["array", str(values.dtype), list(values.shape), hashlib.sha256(numbers.data).hexdigest()]

    def _content(self, value: Any) -> Any:
        if functional_of(value) is not None:
            return self._graph(functional_of(value))
        if isinstance(value, keras.Operation):
            return self._operation(value)
        if isinstance(value, (type, types.ModuleType, *_FUNCTIONS)) or hasattr(value, "python_function"):
            return self._code(value)
        return self._array(value.numpy()) if hasattr(value, "numpy") else self._object(value)

    # -- graphs and layers -------------------------------------------------------------------------

    def _graph(self, graph: Any) -> Any:
        """Every call of a graph in order: which operation, on what, tensors by the call that made them."""
        outer, self._places = self._places, {}
        for place, tensor in enumerate(graph.inputs):
            self._places[id(tensor)] = ["input", place]
        calls = []
        for node in _nodes(graph):
            places = [self._places.get(id(tensor)) for tensor in node.input_tensors]
            if node.is_input or None in places:
                continue
            # What is None is what a call leaves out: Keras writes down more of that when it saves.
            given = {key: value for key, value in node.arguments.kwargs.items() if value is not None}
            arguments = [self.of(node.arguments.args), self.of(dict(sorted(given.items())))]
            calls.append([self.of(node.operation), *arguments, [str(t.dtype) for t in node.outputs]])
            for place, tensor in enumerate(node.outputs):
                self._places[id(tensor)] = [len(calls), place]
        outputs = [self._places[id(tensor)] for tensor in graph.outputs]
        inputs = [[list(tensor.shape), str(tensor.dtype)] for tensor in graph.inputs]
        self._places = outer
        return ["graph", inputs, calls, outputs]

    def _operation(self, operation: Any) -> Any:
        kind = type(operation)
        own, held = is_library(kind), dict(_attributes(operation))
        if own and isinstance(operation, keras.layers.Layer):
            # Its settings say everything but the code and the layers that they only name.
            held = {name: value for name, value in held.items() if _holds_code(value)}
        held_names = {name.lstrip("_") for name in held}
        told = {name: value for name, value in _settings(operation).items() if name not in held_names}
        number_types = None
        if isinstance(operation, keras.layers.Layer):
            policy = operation.dtype_policy.get_config()
            number_types = [self._config(policy, keras_own=False), operation.autocast]
        return [
            kind.__name__ if own else class_content(kind, self.of, layer=True),
            self._config(told, keras_own=own),
            number_types,
            self.of(dict(sorted(held.items()))),
            [self.of(weight) for weight in getattr(operation, "weights", ())],
            _graph_file(operation),
        ]

    def _config(self, value: Any, *, keras_own: bool) -> Any:
        """A config as plain lists; of `keras_own` settings without those that never act in a run."""
        if isinstance(value, list | tuple):
            return [self._config(item, keras_own=False) for item in value]
        if not isinstance(value, Mapping):
            return self.of(value)
        if value.get("class_name") == "__lambda__":
            return "code"
        # Keras gains settings from version to version; None is what they are where there are none.
        kept = {
            str(k): v for k, v in value.items() if v is not None and not (keras_own and _never_acts(str(k)))
        }
        # A layer inside, such as a wrapped one. In a data type's policy the name is what counts.
        serialized = "Policy" not in str(value.get("class_name", "Policy"))
        inner = serialized and str(value.get("module")).startswith("keras")
        return [
            "mapping",
            [[k, self._config(v, keras_own=inner and k == "config")] for k, v in kept.items()],
        ]

    # -- code and objects --------------------------------------------------------------------------

    def _code(self, value: Any) -> Any:
        if isinstance(value, functools.partial):
            return ["partial", self.of(value.func), self.of(value.args), self.of(value.keywords)]
        if isinstance(value, types.MethodType):
            return ["method", self.of(value.__func__), self.of(value.__self__)]
        if not self._follows(value) or isinstance(value, types.ModuleType):
            return by_name(value)
        if isinstance(value, type):
            return class_content(value, self.of, layer=issubclass(value, keras.Operation))
        if hasattr(value, "python_function"):
            return self.of(value.python_function)
        return function_content(value, self.of) if isinstance(value, types.FunctionType) else by_name(value)

    def _follows(self, value: Any) -> bool:
        root = root_of(value)
        return not is_library(value) and (root in self._followed or not installed(root))

    def _object(self, value: Any) -> Any:
        kind = type(value)
        wrapped = getattr(value, "__wrapped__", None)
        if wrapped is not None:  # such as what functools.lru_cache gives
            return ["wrapped", self.of(wrapped)]
        if root_of(kind) in ("keras", "tensorflow"):
            config = value.get_config() if hasattr(value, "get_config") else None
            return [by_name(kind), self._config(config, keras_own=False)]
        code = self.of(kind)
        if self._follows(kind) and hasattr(value, "__dict__"):
            return [code, self.of(dict(sorted(vars(value).items())))]
        try:
            return [code, self.of(value.__reduce_ex__(4)[1:])]
        except Exception:  # what can't be pickled has no content that could be told
            return [code]


def _nodes(graph: Any) -> Iterator[Any]:
    """The calls of a graph in the order in which it runs them."""
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        yield from graph._nodes_by_depth[depth]


def _settings(operation: Any) -> dict[str, Any]:
    try:
        with warnings.catch_warnings(action="ignore"):
            told = operation.get_config()
    except Exception:  # a user's code can fail in any way; its attributes are looked at too
        return {}
    return {key: value for key, value in told.items() if key not in ("name", "trainable", "dtype")}


def _graph_file(operation: Any) -> str | None:
    """The digest of the file that holds the graph of a TFSMLayer, of which Keras knows only the weights."""
    if not isinstance(operation, keras.layers.TFSMLayer):
        return None
    return hashlib.sha256((Path(operation.filepath) / "saved_model.pb").read_bytes()).hexdigest()


def _never_acts(setting: str) -> bool:
    return setting in ("seed", "trainable", "name") or any(word in setting for word in _WHEN_TRAINED)


@functools.cache
def _keras_own() -> frozenset[str]:
    """Names of the attributes in which Keras keeps its books of every operation, layer and model."""
    empty = (keras.Operation(), keras.layers.Layer(), keras.Model())
    return frozenset(name for operation in empty for name in vars(operation))


def _attributes(operation: Any) -> Iterator[tuple[str, Any]]:
    books = ("_self_", "_compile_")
    for name, value in vars(operation).items():
        if name not in (*_keras_own(), "_shown_name") and not name.startswith(books):
            yield name, value


def _holds_code(value: Any) -> bool:
    leaves = tree.flatten(value) if isinstance(value, list | tuple | dict) else [value]
    return any(isinstance(leaf, (keras.layers.Layer, *_FUNCTIONS)) for leaf in leaves)
