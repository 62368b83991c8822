"""The weights between layers, as tasks left them -> what each channel is built from, and what it feeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.cache.entries import Cache
from generator.evidence.drives import extremes, shares
from generator.evidence.facts import Circuit, Connection
from generator.evidence.packed import arrays_of
from generator.evidence.relatives import correlations
from generator.evidence.summary import Summary
from generator.inquiries.inquiry import Inquiry

Array = NDArray[Any]
Summaries = Callable[[str], "Summary | None"]

SHOWN = 5
"""Exciting and inhibiting channels that are named, of each."""
LARGEST_KERNEL = 7
"""Rows and columns of a kernel as it is shown; a larger one is summed up."""


@dataclass(frozen=True)
class _Weights:
    """From one layer's channels into some of another's: `kernels` (channels, rows, columns, earlier), or
    what stands in the way of having them."""

    earlier: str
    later: str
    channels: tuple[int, ...]
    kernels: Array | None
    obstacle: str
    opened: bool


class Wirings:
    """The circuits of an inquiry's layers, as far as their weights are known; `summary` gives a layer's."""

    def __init__(self, inquiry: Inquiry, cache: Cache, summary: Summaries) -> None:
        self._inquiry, self._cache, self._summary = inquiry, cache, summary

    def built_from(self, layer: str) -> dict[int, tuple[Circuit, ...]]:
        """By channel of a layer what feeds it, layer by layer."""
        found: defaultdict[int, list[Circuit]] = defaultdict(list)
        for earlier, later in self._inquiry.wirings:
            if later == layer and (weights := self._weights(earlier, later)):
                into = self._into(weights)
                for channel in weights.channels:
                    found[channel].append(into(channel))
        return {channel: tuple(circuits) for channel, circuits in found.items()}

    def feeds(self, layer: str) -> dict[int, tuple[Circuit, ...]]:
        """By channel of a layer what it feeds, layer by layer."""
        found: defaultdict[int, list[Circuit]] = defaultdict(list)
        for earlier, later in self._inquiry.wirings:
            if earlier == layer and (weights := self._weights(earlier, later)):
                out_of = self._out_of(weights)
                for channel in self._inquiry.channels(layer):
                    found[channel].append(out_of(channel))
        return {channel: tuple(circuits) for channel, circuits in found.items()}

    def _weights(self, earlier: str, later: str) -> _Weights | None:
        """Of all channels whose weights are there; None without any."""
        channels: list[int] = []
        kernels: list[Array] = []
        obstacle, opened = "", False
        for key, part in self._inquiry.circuit_keys(earlier, later).items():
            entry = self._cache.entry(key)
            if entry is None:
                continue
            obstacle, opened = str(entry.record["obstacle"]), bool(entry.record["opened"])
            data = self._cache.read(key, "npz")
            if data is not None:
                kernels.append(_pooled(arrays_of(data)["weights"]))
            if data is not None or obstacle:
                channels += part
        if not channels:
            return None
        whole = None if obstacle else np.concatenate(_alike(kernels))
        return _Weights(earlier, later, tuple(channels), whole, obstacle, opened)

    # -- by weights, or else by correlation ----------------------------------------------------------

    def _into(self, weights: _Weights) -> Callable[[int], Circuit]:
        row = {channel: place for place, channel in enumerate(weights.channels)}
        table = self._table(weights)

        def circuit(channel: int) -> Circuit:
            drives = table[row[channel]]
            kernel = None if weights.kernels is None else weights.kernels[row[channel]]

            def connection(place: int) -> Connection:
                shown = () if kernel is None else _shares(kernel[..., place])
                return Connection(weights.earlier, place, _rounded(drives[place]), shown)

            return _circuit(weights.earlier, weights, drives, connection)

        return circuit

    def _out_of(self, weights: _Weights) -> Callable[[int], Circuit]:
        table = self._table(weights)

        def circuit(channel: int) -> Circuit:
            drives = table[:, channel] if table.size else np.zeros(0)
            kernels = None if weights.kernels is None else weights.kernels[..., channel]

            def connection(place: int) -> Connection:
                shown = () if kernels is None else _shares(kernels[place])
                return Connection(weights.later, weights.channels[place], _rounded(drives[place]), shown)

            return _circuit(weights.later, weights, drives, connection)

        return circuit

    def _table(self, weights: _Weights) -> Array:
        """(later channels, earlier channels): what each usually brings to each, as a share of what all bring,
        -1 to 1; or correlations, where the weights don't say. Without either it has no columns."""
        one, other = self._summary(weights.earlier), self._summary(weights.later)
        if weights.kernels is not None:
            # What is always silent drives nothing.
            usual = 1.0 if one is None else np.abs(one.places).mean(axis=(0, 1))
            return shares(weights.kernels, usual)
        found = None if one is None or other is None else correlations(one, other)
        return np.zeros((len(weights.channels), 0)) if found is None else found[:, list(weights.channels)].T


def _circuit(
    layer: str, weights: _Weights, drives: Array, connection: Callable[[int], Connection]
) -> Circuit:
    exciting, inhibiting = extremes(drives, SHOWN)
    return Circuit(
        layer,
        tuple(map(connection, exciting)),
        tuple(map(connection, inhibiting)),
        obstacle=weights.obstacle,
        opened=weights.opened,
    )


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _shares(kernel: Array) -> tuple[tuple[float, ...], ...]:
    """A kernel in shares of its largest weight in size, in hundredths, about the same middle without the
    borders that are zero on both sides."""
    largest = float(np.abs(kernel).max(initial=0))
    shares = (kernel / (largest or 1.0)).astype(float).round(2) + 0.0
    rows, columns = (_margin(np.asarray(shares.any(axis=axis))) for axis in (1, 0))
    inner = shares[rows : len(shares) - rows, columns : shares.shape[1] - columns]
    return tuple(tuple(map(float, row)) for row in inner)


def _margin(used: Array) -> int:
    """How many of the outermost places are unused, on the side that has fewer of them; the middle is kept."""
    found = np.flatnonzero(used)
    if not found.size:
        return (len(used) - 1) // 2
    return int(min(found[0], len(used) - 1 - found[-1]))


def _pooled(kernels: Array) -> Array:
    """(channels, rows, columns, earlier) with at most LARGEST_KERNEL rows and columns, weights summed up."""
    for axis in (1, 2):
        count = kernels.shape[axis]
        if count > LARGEST_KERNEL:
            starts = (np.arange(LARGEST_KERNEL) * count) // LARGEST_KERNEL
            kernels = np.add.reduceat(kernels, starts, axis=axis)
    return kernels


def _alike(kernels: Sequence[Array]) -> list[Array]:
    """All with as many rows and columns, those that were trimmed more with zeros around."""
    rows, columns = (max(kernel.shape[axis] for kernel in kernels) for axis in (1, 2))
    return [_padded(kernel, rows, columns) for kernel in kernels]


def _padded(kernel: Array, rows: int, columns: int) -> Array:
    above, left = (rows - kernel.shape[1]) // 2, (columns - kernel.shape[2]) // 2
    below, right = rows - kernel.shape[1] - above, columns - kernel.shape[2] - left
    return np.pad(kernel, ((0, 0), (above, below), (left, right), (0, 0)))
