"""A second look at what a survey found: where a channel is on in its examples, and the way to there.

Of a layer's examples the pictures go through the network once more, with the layers before it tapped too,
and so do the layer's optimised pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
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
class Pictured:
    """An optimised picture seen as photos are: the mean of its channel over all positions, the value of the
    unit in the middle, and its kinship with the channel's examples."""

    mean: float
    unit: float
    kinship: float | None


@dataclass(frozen=True)
class Looks:
    """All examples of a layer looked at, and its optimised pictures, by key."""

    looks: tuple[Look, ...]
    pictured: Mapping[str, Pictured]


Load = Callable[[str], Array]
"""A picture by its digest or key, as pixels (height, width, colours) uint8 in the surveyor's size."""


def look(
    surveyor: Surveyor,
    examples: Sequence[Example],
    load: Load,
    optimised: Mapping[str, int],
    show: Load,
    kin: Collection[int] | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Looks | None:
    """Look at examples of the surveyor's last layer; None when it was stopped.

    `optimised` gives the channel of each optimised picture's key, and `show` its pixels. Kinship counts the
    examples at the places in `kin` (default: all), which should be the strongest.
    """
    heats, ways = _ways(surveyor, examples, load, stopping)
    seen = _seen(surveyor, list(optimised), show, stopping)
    if stopping():
        return None
    by_channel: dict[int, list[int]] = {}
    for row in range(len(examples)) if kin is None else kin:
        by_channel.setdefault(examples[row].channel, []).append(row)
    pictured = {}
    for key, channel in optimised.items():
        mean, unit, own = seen[key]
        # The channel itself is on in all of them, by choice or by design.
        last = np.delete(ways[-1], channel, axis=1) if ways else np.zeros((0, 0))
        compared = [*ways[:-1], last]
        kindred, strangers = by_channel.get(channel, []), _strangers(channel, by_channel)
        alike = kinship(
            [*own[:-1], np.delete(own[-1], channel)],
            [way[kindred] for way in compared],
            [way[strangers] for way in compared],
            ([examples[row].digest for row in kindred], [examples[row].digest for row in strangers]),
        )
        pictured[key] = Pictured(float(mean[channel]), float(unit[channel]), alike)
    return Looks(tuple(Look(e, heat) for e, heat in zip(examples, heats, strict=True)), pictured)


def _seen(
    surveyor: Surveyor, keys: Sequence[str], show: Load, stopping: Callable[[], bool]
) -> dict[str, tuple[Array, Array, list[Array]]]:
    """Of each optimised picture what the last layer's channels do, on the mean and in the middle, and the
    means of all layers."""
    seen = {}
    rows, columns = surveyor.grids()[surveyor.layers[-1]]
    middle = rows // 2 * columns + columns // 2
    for start in range(0, len(keys), BATCH):
        if stopping():
            break
        batch = keys[start : start + BATCH]
        outputs = surveyor.look(np.stack([show(key) for key in batch]))
        means = [output.mean(axis=1) for output in outputs]
        for place, key in enumerate(batch):
            seen[key] = (means[-1][place], outputs[-1][place, middle], [mean[place] for mean in means])
    return seen


def _strangers(channel: int, by_channel: Mapping[int, list[int]]) -> list[int]:
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
