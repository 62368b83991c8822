"""What a worker keeps between tasks of any kind: the network it opened last, and a few things made of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from generator.config.schema import ModelConfig
from generator.errors import UserError

KEPT, MOST = 4, 12
"""How many things are kept in any case, compiled steps above all, and how many at most; each may hold copies
of the network's weights."""
ROOM = 512 << 20
"""Bytes that they may hold together where they are more than the fewest."""

T = TypeVar("T")

_network: tuple[str, ModelConfig, Any] | None = None
_kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()


def network(name: str, config: ModelConfig, fingerprint: str) -> Any:
    """The opened network (a Model); UserError when it is not the one that planning knew."""
    global _network
    if _network is None or _network[:2] != (name, config):
        from generator.models.zoo import open_model

        # What was made of another network holds on to it; only one at a time is worth the memory.
        forget()
        _network = None
        _network = (name, config, open_model(name, config))
    model = _network[2]
    if model.anatomy.fingerprint != fingerprint:
        raise UserError(f"{name}: the network changed since the plan was made; run again")
    return model


def put(name: str, config: ModelConfig, model: Any) -> None:
    """Let `network` give, for that name and config, a Model that is open already."""
    global _network
    if _network is None or _network[2] is not model:
        forget()
    _network = (name, config, model)


def kept(key: Hashable, make: Callable[[], T], size: int = ROOM // KEPT) -> T:
    """What `make` gives, some `size` bytes, made once for each key as long as it is among the last that were
    asked for: a few, or more where they are small."""
    if key not in _kept:
        _kept[key] = make(), size
    _kept.move_to_end(key)
    while len(_kept) > KEPT and not stay([held for _, held in _kept.values()]):
        _kept.popitem(last=False)
    made: T = _kept[key][0]
    return made


def stay(sizes: Sequence[int]) -> bool:
    """Whether things of these sizes, in bytes, are all kept."""
    return len(sizes) <= KEPT or (len(sizes) <= MOST and sum(sizes) <= ROOM)


def reserve(size: int) -> int:
    """Bytes that all that is kept may come to, where each is of this size."""
    return max(KEPT * size, min(MOST * size, ROOM))


def forget() -> None:
    """Give back the memory of all but the network."""
    _kept.clear()
