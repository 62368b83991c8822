"""A second look at what a survey found: where a channel is on in its examples, and the way to there.

Of a layer's examples the pictures go through the network once more, with the layers before it tapped too,
and so do the layer's optimised pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.evidence.fields import WHOLE, Box
from generator.evidence.survey import BATCH, Surveyor
from generator.evidence.trust import kinship

Array = NDArray[Any]

LARGEST_MAP = 14
"""Rows and columns of a heat map at most."""
STRANGERS = 200
"""Examples of other channels that the lower end of the scale of kinship is measured on."""


@dataclass(frozen=True)
class Example:
    """Where a channel is looked at: the picture's digest, and the part of it that the unit sees."""

    channel: int
    digest: str
    box: Box = WHOLE


@dataclass(frozen=True)
class Look:
    """What was seen of an example: `heat`, the channel over the whole picture, (rows, columns) float32."""

    example: Example
    heat: Array


@dataclass(frozen=True)
class Looks:
    """All examples of a layer looked at, and each optimised picture's kinship with its channel's examples."""

    looks: tuple[Look, ...]
    kinships: Mapping[str, float | None]


Load = Callable[[str], Array]
"""A picture by its digest or key, as pixels (height, width, colours) uint8 in the surveyor's size."""


def look(
    surveyor: Surveyor,
    examples: Sequence[Example],
    load: Load,
    optimised: Mapping[str, int],
    show: Callable[[str], Sequence[Array]],
    stopping: Callable[[], bool] = lambda: False,
) -> Looks | None:
    """Look at examples of the surveyor's last layer; None when it was stopped.

    `optimised` gives the channel of each optimised picture's key, and `show` what the surveyor's layers do
    on it, (positions, channels) each. Kinship counts only the strongest examples that are given.
    """
    heats, ways = _ways(surveyor, examples, load, stopping)
    if stopping():
        return None
    by_channel: dict[int, list[int]] = {}
    for row, example in enumerate(examples):
        by_channel.setdefault(example.channel, []).append(row)
    kinships = {}
    for key, channel in optimised.items():
        if stopping():
            return None
        own = [activations.mean(axis=0) for activations in show(key)]
        kin = by_channel.get(channel, [])
        strangers = _strangers(channel, by_channel, len(examples))
        kinships[key] = kinship(own, [way[kin] for way in ways], [way[strangers] for way in ways])
    return Looks(tuple(Look(e, heat) for e, heat in zip(examples, heats, strict=True)), kinships)


def _strangers(channel: int, by_channel: Mapping[int, list[int]], count: int) -> list[int]:
    """Rows of other channels' examples, evenly spread over the layer."""
    rows = [row for other, rows in by_channel.items() if other != channel for row in rows]
    step = max(1, len(rows) // STRANGERS)
    return rows[::step]


def _ways(
    surveyor: Surveyor, examples: Sequence[Example], load: Load, stopping: Callable[[], bool]
) -> tuple[list[Array], list[Array]]:
    """Each example's heat map, and of each layer what its channels do where the unit looks, (examples, C)."""
    rows_of: dict[str, list[int]] = {}
    for row, example in enumerate(examples):
        rows_of.setdefault(example.digest, []).append(row)
    digests = sorted(rows_of)
    heats: list[Array] = [np.zeros((1, 1), np.float32)] * len(examples)
    grids = [surveyor.grids()[layer] for layer in surveyor.layers]
    ways: list[Array] = []
    for start in range(0, len(digests), BATCH):
        if stopping():
            break
        batch = digests[start : start + BATCH]
        outputs = surveyor.look(np.stack([load(digest) for digest in batch]))
        ways = ways or [np.zeros((len(examples), output.shape[-1]), np.float32) for output in outputs]
        for place, digest in enumerate(batch):
            planes = [out[place].reshape(*size, -1) for out, size in zip(outputs, grids, strict=True)]
            for row in rows_of[digest]:
                heats[row] = pooled(planes[-1][..., examples[row].channel])
                for way, plane, size in zip(ways, planes, grids, strict=True):
                    down, right = examples[row].box.positions(size)
                    way[row] = plane[down, right].mean(axis=(0, 1))
    return heats, ways


def pooled(plane: Array, largest: int = LARGEST_MAP) -> Array:
    """A map (rows, columns) at `largest` rows and columns at most: of each cell its strongest value."""
    for axis in (0, 1):
        count = plane.shape[axis]
        if count > largest:
            starts = (np.arange(largest) * count) // largest
            plane = np.maximum.reduceat(plane, starts, axis=axis)
    return plane.astype(np.float32)
