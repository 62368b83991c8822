"""The tally of a layer that is mostly zero and nowhere below, as the features of a dictionary are.

The same tally as `tally.Counter` makes, from those values alone that are not zero: of thousands of features a
few are on at a place, and looking at each of the others would take longer than the network does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.evidence.tally import BINS, OF_ONE_PICTURE, SIDE, Counter, bins_of, places_of

Array = NDArray[Any]

DENSEST = 0.1
"""Share of values other than zero from which on it is as quick to look at all."""
_FLOAT, _ALL = np.uint64(32), np.uint64(2**32 - 1)


class SparseCounter(Counter):
    """Makes a layer's tally of pictures that come one after the other, and may be mostly zero."""

    def add(self, digests: Sequence[str], activations: Array) -> None:
        """Take in what the layer gave for pictures: (pictures, positions, channels) float32."""
        on = activations != 0
        if np.count_nonzero(on) > DENSEST * on.size or not _fits(activations.shape):
            super().add(digests, activations)
            return
        at = np.flatnonzero(on)
        values = np.ascontiguousarray(activations, np.float32).reshape(-1)[at]
        if not np.isfinite(values).all() or (values < 0).any():
            super().add(digests, activations)
            return
        spot, channel = np.divmod(at, activations.shape[2])
        picture, position = np.divmod(spot, activations.shape[1])
        group = picture * activations.shape[2] + channel
        self._pictures += digests
        self._count_on(channel, values, len(activations) * activations.shape[1])
        self._note_means(group, values, activations.shape)
        for digest, found in zip(digests, activations, strict=True):
            rows, columns = (places_of(digest) * self._grid).astype(np.int64).T
            self._places.append(found[rows * self._grid[1] + columns])
        self._note_strongest(group, values, position, activations.shape)

    def _count_on(self, channel: Array, values: Array, positions: int) -> None:
        others = np.bincount(bins_of(values) + channel * BINS, minlength=self._counts.size)
        self._counts += others.reshape(self._counts.shape)
        self._counts[:, SIDE] += positions - np.bincount(channel, minlength=self._channels)

    def _note_means(self, group: Array, values: Array, shape: tuple[int, ...]) -> None:
        count, positions, channels = shape
        sums = np.bincount(group, values, count * channels).reshape(count, channels)
        self._means += list((sums / positions).astype(np.float32))

    def _note_strongest(self, group: Array, values: Array, position: Array, shape: tuple[int, ...]) -> None:
        """Note each picture's strongest positions, and its maxima.

        By sorting whole numbers made of a picture's channel, a value from above, and a position: that is
        what a processor is quickest at.
        """
        count, positions, channels = shape
        bits = np.uint64(_bits(positions))
        words = (group.astype(np.uint64) << _FLOAT) | (_ALL - values.view(np.uint32).astype(np.uint64))
        words = np.sort((words << bits) | position.astype(np.uint64))
        own = (words >> (_FLOAT + bits)).astype(np.int64)
        place = np.arange(len(own)) - np.searchsorted(own, own)
        first = place < OF_ONE_PICTURE
        words, own, place = words[first], own[first], place[first]
        found = (_ALL - ((words >> bits) & _ALL)).astype(np.uint32).view(np.float32)
        strongest = np.zeros((count * channels, OF_ONE_PICTURE), np.float32)
        where = np.zeros((count * channels, OF_ONE_PICTURE), np.int32)
        strongest[own, place] = found
        where[own, place] = words & ((np.uint64(1) << bits) - np.uint64(1))
        kept = min(OF_ONE_PICTURE, positions)
        highest = strongest.reshape(count, channels, -1)[..., :kept]
        self._maxima += list(highest[..., 0])
        self._tops += zip(highest, where.reshape(count, channels, -1)[..., :kept], strict=True)
        none = np.zeros((count, channels, 1))
        self._lows += zip(none.astype(np.float32), none.astype(np.int32), strict=True)


def _bits(count: int) -> int:
    """How many bits tell so many things apart."""
    return max(1, (count - 1).bit_length())


def _fits(shape: tuple[int, ...]) -> bool:
    """Whether a picture's channel, a value and a position go into one number."""
    count, positions, channels = shape
    return _bits(count * channels) + 32 + _bits(positions) <= 64
