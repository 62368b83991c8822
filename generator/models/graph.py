"""A Keras network as a flat list of steps, nested models inlined, so that any step can be an output.

This is the one module that touches Keras' graph itself. A step's name is its operation's; inside a nested
model or a composite layer it is `model/operation`, and the one that makes a composite's output has the
composite's name; when an operation is used again (shared layers), `name:2`, `name:3` ...; of
further outputs of an operation `name.1`, `name.2` ... Where such a name is taken the next number is.
Networks that keep channels first are shown as if they kept them last (see `layout`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from generator.errors import ModelError
from generator.models import inside, layout
from generator.models.bytecode import is_library
from generator.models.catching import is_composite
from generator.models.scopes import shown_name

Replace = Callable[[str, Any], Any]
Args = tuple[Any, ...]
Kwargs = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One operation applied once: its name, the operation, its output and the names of what feeds it.

    `output` is the symbolic tensor in the flat graph; `channels_first` says that its axes are (n, channels,
    height, width). `whole` is the composite layer that it is the output of, if it is one's.
    """

    name: str
    operation: Any
    output: Any
    inputs: tuple[str, ...]
    channels_first: bool = False
    whole: Any = None

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Shape of the output without the batch axis, channels last."""
        first, *rest = self.output.shape[1:] or (None,)
        return (*rest, first) if self.channels_first else tuple(self.output.shape[1:])


def flatten(
    network: Any,
    input_shape: tuple[int | None, ...],
    replace: Replace | None = None,
    *,
    look_inside: bool = True,
) -> list[Step]:
    """The steps of a functional or sequential Keras model on inputs (n, *input_shape), in order.

    `replace(name, operation)` may give another callable for an operation. The first step is the input;
    derived layers that were attached to the network come last. Composite layers are one step each unless
    `look_inside`. Raises ModelError for networks without a graph or with several inputs, and whatever Keras
    raises when the network can't take that input shape.
    """
    from keras import Input

    check_graph(network)
    walk = _Walk(replace or (lambda name, operation: operation), look_inside)
    inner = layout.inside(network)
    # Whole numbers have no gradient; layers that take them take others too.
    dtype = network.inputs[0].dtype
    source = Input(input_shape, name="input", dtype="float32" if "int" in dtype else dtype)
    walk.add(Step(walk.name(_input_name(inner)), _InputStep(), source, ()))
    if inner is not network:
        turned = layout.to_first(source)
        walk.knows(turned, Step(walk.steps[0].name, None, turned, (), channels_first=True))
        source = turned
    walk.through(inner, [source], prefix="")
    steps = layout.settled(walk.steps)
    if not getattr(network, "derived", ()):
        return steps
    from generator.models.derived import branches

    return [*steps, *branches(network, steps, walk.replace)]


def no_layer(name: str) -> ModelError:
    """What is raised where a layer is asked for that is not there."""
    if name.endswith(".concepts"):
        return ModelError(f"{name.removesuffix('.concepts')}: its concepts were not found")
    return ModelError(f"the network has no layer {name!r}")


def _input_name(network: Any) -> str:
    (tensor,) = network.inputs
    return shown_name(tensor._keras_history.operation)


def check_graph(network: Any) -> None:
    """Raises ModelError for networks whose graph can't be read, or that have several inputs."""
    name = getattr(network, "name", "the model")
    if not has_graph(network):
        raise ModelError(
            f"{name}: a subclassed model has no graph to read; build it with keras.Model(inputs, outputs)"
        )
    if len(network.inputs) != 1:
        names = ", ".join(tensor.name for tensor in network.inputs)
        raise ModelError(
            f"{name}: has {len(network.inputs)} inputs ({names}); only networks with one can be shown"
        )


def has_graph(network: Any) -> bool:
    """Whether a Keras model knows how its layers are connected: a functional or a built sequential one."""
    return bool(functional_of(network))


def functional_of(operation: Any) -> Any:
    """The functional model behind an operation that is a model with a graph, else None.

    A user's class that has a graph but a `call` of its own is no such: it may do more than its graph.
    """
    if not is_library(getattr(type(operation), "call", None)):
        return None
    if hasattr(operation, "_functional"):  # Sequential keeps its graph there
        return operation._functional
    return operation if hasattr(operation, "_run_through_graph") else None


class _InputStep:
    """Stands for the input, which no operation makes."""

    def __init__(self) -> None:
        self.weights: list[Any] = []


_InputStep.__name__ = "InputLayer"


class _Walk:
    """Replays a model's graph on new tensors and writes down each operation as a step."""

    def __init__(self, replace: Replace, look_inside: bool) -> None:
        self.steps: list[Step] = []
        self.replace, self._look_inside = replace, look_inside
        self._names: set[str] = set()
        self._makers: dict[int, Step] = {}

    def add(self, step: Step) -> None:
        self.knows(step.output, step)
        self.steps.append(step)

    def knows(self, tensor: Any, step: Step) -> None:
        """Whoever reads this tensor reads that step."""
        self._makers[id(tensor)] = step

    def through(self, network: Any, inputs: list[Any], prefix: str) -> Any:
        graph = functional_of(network)
        return graph._run_through_graph(inputs, operation_fn=lambda op: self._visit(op, prefix))

    def _visit(self, operation: Any, prefix: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            own = f"{prefix}{shown_name(operation)}"
            if functional_of(operation) is not None:
                return self.through(operation, _tensors(args, kwargs), f"{own}/")
            name = self.name(own)
            looked = self._look_inside and is_composite(operation)
            if looked and (plan := inside.plan_of(operation, args, kwargs)):
                return self._into(name, operation, args, kwargs, plan)
            return self._step(name, operation, args, kwargs)

        return call

    def _into(self, name: str, composite: Any, args: Args, kwargs: Kwargs, plan: inside.Plan) -> Any:
        def call(inner: str, operation: Any, args: Args, kwargs: Kwargs) -> Any:
            if not inner:
                return self._step(name, operation, args, kwargs, composite)
            whole = plan.wholes.get(inner)
            return self._step(self.name(f"{name}/{inner}"), operation, args, kwargs, whole)

        output = inside.run(composite, args, kwargs, plan, call)
        if "" not in plan.names:
            self._known_by(name, composite, args, kwargs, output, composite)
        return output

    def _step(self, name: str, operation: Any, args: Args, kwargs: Kwargs, whole: Any = None) -> Any:
        _check_joined(operation, _tensors(args, kwargs))
        output = self.replace(name, operation)(*args, **kwargs)
        self._known_by(name, operation, args, kwargs, output, whole)
        return output

    def _known_by(
        self, name: str, operation: Any, args: Args, kwargs: Kwargs, output: Any, whole: Any = None
    ) -> None:
        makers = [self._makers[id(t)] for t in _tensors(args, kwargs) if id(t) in self._makers]
        inputs = tuple(dict.fromkeys(maker.name for maker in makers))
        for index, tensor in enumerate(_tensors((output,), {})):
            maker = self._makers.get(id(tensor))
            if maker is None:
                first = layout.is_first(operation, tensor, [maker.channels_first for maker in makers])
                numbered = name if index == 0 else self.name(f"{name}.{index}")
                self.add(Step(numbered, operation, tensor, inputs, first, whole))
            elif index == 0:
                # An operation that only hands on its input (a folded layer) keeps its maker's name.
                self.steps.append(Step(name, operation, tensor, inputs, maker.channels_first, whole))

    def name(self, wanted: str) -> str:
        """A name that no other step has: the one that is wanted, or that with a number."""
        numbered = (wanted if count == 1 else f"{wanted}:{count}" for count in itertools.count(1))
        free = next(name for name in numbered if name not in self._names)
        self._names.add(free)
        return free


def _check_joined(operation: Any, tensors: list[Any]) -> None:
    """Raises ValueError where maps of different sizes meet, which Keras' layer looks at only when built."""
    from keras.layers import Concatenate

    if not isinstance(operation, Concatenate) or not tensors:
        return
    axis = operation.axis % len(tensors[0].shape)
    for sides in zip(*(tensor.shape[:axis] + tensor.shape[axis + 1 :] for tensor in tensors), strict=True):
        if len({side for side in sides if side is not None}) > 1:
            raise ValueError(f"{operation.name}: joins {' and '.join(str(t.shape[1:]) for t in tensors)}")


def _tensors(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    from keras import KerasTensor, tree

    return [value for value in tree.flatten((args, kwargs)) if isinstance(value, KerasTensor)]
