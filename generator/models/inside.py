"""Looks inside composite layers: which operations their `call` is made of, found by running it on symbols.

A composite is a layer with layers in it and a `call` of its own, such as a block of a transformer. While its
`call` runs, each layer and operation that it calls on symbolic tensors is caught. What can't be run on
symbols stays one layer. Inside, a layer with an activation of its own is two: `dense/linear`, and `dense`
after it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from generator.models.catching import Call, Trace, symbols


@dataclass(frozen=True)
class Plan:
    """What a composite's `call` does: the name of each call inside it, in order, and of what layers.

    The name of the call that makes the composite's own output is empty. `opened` says, in the order in which
    layers with layers in them are met, which of them are looked into as well, and `wholes` has those by name.
    """

    names: tuple[str, ...]
    opened: tuple[bool, ...]
    wholes: Mapping[str, Any]


_PLANS: weakref.WeakKeyDictionary[Any, dict[Any, Plan | None]] = weakref.WeakKeyDictionary()


def plan_of(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Plan | None:
    """How a composite is made inside when it is called on these symbolic arguments; None if it can't be seen.

    Asked once for arguments of the same shapes.
    """
    known = _PLANS.setdefault(operation, {})
    asked = str(_fresh((args, kwargs), lambda tensor: tuple(tensor.shape)))
    if asked not in known and "closed" not in known:
        known[asked] = _planned(operation, args, kwargs)
    return known.get(asked)


def close(operation: Any) -> None:
    """Never look into a composite again."""
    _PLANS[operation] = {"closed": None}


def run(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], plan: Plan, call: Call) -> Any:
    """What a composite gives, each of its inner calls made by `call`, by the names of a plan."""
    names, opened = iter(plan.names), iter(plan.opened)

    def look_into(_path: str, _operation: Any, attempt: Callable[[], Any]) -> tuple[Any] | None:
        return (attempt(),) if next(opened) else None

    trace = Trace(lambda _, inner, a, k: call(next(names), inner, a, k), look_into)
    return trace.of(operation, args, kwargs)


def _fresh(arguments: Any, make: Callable[[Any], Any]) -> Any:
    from keras import KerasTensor, tree

    return tree.map_structure(
        lambda value: make(value) if isinstance(value, KerasTensor) else value, arguments
    )


# -- the first look --------------------------------------------------------------------------------


@dataclass
class _Draft:
    """Calls written down; those of a layer that turns out to be opaque are struck out again."""

    names: list[str] = field(default_factory=list)
    opened: list[bool] = field(default_factory=list)
    makers: dict[int, int] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)
    wholes: dict[str, Any] = field(default_factory=dict)

    def call(self, path: str, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        output = operation(*args, **kwargs)
        numbered = (path if count == 1 else f"{path}:{count}" for count in range(1, 1 << 30))
        for tensor in symbols(output):
            self.makers.setdefault(id(tensor), len(self.names))
            self.kept.append(tensor)  # so that no other tensor gets the id of one that is known
        self.names.append(next(name for name in numbered if name not in self.names))
        return output

    def look_into(self, path: str, operation: Any, attempt: Callable[[], Any]) -> tuple[Any] | None:
        before, place = len(self.names), len(self.opened)
        self.opened.append(True)
        try:
            output = attempt()
        except Exception:  # whatever a layer's own code does when it is given symbols
            del self.names[before:], self.opened[place + 1 :]
            self.makers = {key: maker for key, maker in self.makers.items() if maker < before}
            self.opened[place] = False
            return None
        if self.name_output(path, output, before):
            self.wholes[path] = operation
        return (output,)

    def name_output(self, path: str, output: Any, since: int = 0) -> bool:
        """Call whatever made a layer's first output since then as the layer; whether anything did."""
        maker = next((self.makers.get(id(tensor)) for tensor in symbols(output)), None)
        if maker is None or maker < since or path in self.names:
            return False
        self.names[maker] = path
        return True


def _planned(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Plan | None:
    import keras

    args, kwargs = _fresh((args, kwargs), lambda t: keras.Input(batch_shape=t.shape, dtype=t.dtype))
    draft = _Draft()
    trace = Trace(draft.call, draft.look_into)
    try:
        output = trace.of(operation, args, kwargs)
    except Exception:  # whatever a layer's own code does when it is given symbols
        return None
    draft.name_output("", output)
    return Plan(tuple(draft.names), tuple(draft.opened), draft.wholes) if len(draft.names) > 1 else None
