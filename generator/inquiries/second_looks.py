"""Second looks as tasks left them in the cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from generator.cache.entries import Cache
from generator.evidence.packed import arrays_of

Array = NDArray[Any]


@dataclass(frozen=True)
class Look:
    """A second look as the cache has it: heat maps by (channel, digest), and of each optimised picture, by
    key, its `mean`, its `unit` and its `kinship`."""

    heats: Mapping[tuple[int, str], Array] = field(default_factory=dict)
    pictured: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_look(key: str, cache: Cache) -> Look:
    """The second look of that key; an empty one where there is none."""
    entry, data = cache.entry(key), cache.read(key, "npz")
    if entry is None or data is None:
        return Look()
    arrays = arrays_of(data)
    names = zip(arrays["channels"].tolist(), arrays["pictures"].tolist(), strict=True)
    heats = {
        (int(channel), digest.decode()): arrays[f"heat_{row}"] for row, (channel, digest) in enumerate(names)
    }
    return Look(heats, dict(entry.record["pictured"]))
