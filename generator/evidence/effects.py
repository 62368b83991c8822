"""What a layer's channels do to the network's class scores, as it is stored, and in words for a page.

Scores are what a softmax or sigmoid makes probabilities of; `classes` finds the effects.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.datasets.sources import Item
from generator.evidence.facts import ClassEffect, Classes
from generator.evidence.packed import arrays_of

Array = NDArray[Any]

VERSION = 1
"""Raised whenever the same network and photos give other effects."""
SHOWN = 5
"""Classes that a channel raises, and that it lowers, most."""
CONSIDERED = 4
"""Classes of a photo that gradients are taken of: those with its highest scores. A thousand gradients of each
photo would be dear, and most of them of classes that nobody would take it for."""
SAMPLE = 64
"""Photos that gradients are taken on, at most."""


def sample(items: Sequence[Item], count: int = SAMPLE) -> tuple[Item, ...]:
    """Some of a data set's pictures, each once, drawn by their digests: of a larger set nearly the same."""
    return tuple(sorted({item.digest: item for item in items}.values(), key=lambda item: item.digest)[:count])


@dataclass(frozen=True)
class Effects:
    """Of each channel of a layer the classes that it raises and lowers most.

    `numbers`, `effects` and `photos` are (channels, 2, SHOWN): the strongest first, what is raised in
    [:, 0] and what is lowered in [:, 1]; where there are fewer classes, a number is -1.

    Where `exact`, an effect is how much the score rises when the channel does by one at all positions.
    Elsewhere it is what the channel adds to the score where it is on: the sum over positions of its
    activation, where above 0, times the score's gradient, as a mean over those photos of which the class is
    among the CONSIDERED most likely; `photos` says over how many. Classes are in the order of that mean with
    two photos of no effect added, so that what a single photo says has to be stronger.
    """

    numbers: Array
    effects: Array
    photos: Array
    exact: bool

    def to_bytes(self) -> bytes:
        """As an .npz file; `from_bytes` reads it back."""
        stream = io.BytesIO()
        np.savez_compressed(
            stream,
            numbers=self.numbers,
            effects=self.effects,
            photos=self.photos,
            exact=np.array(self.exact),
        )
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Effects:
        """Effects from what `to_bytes` gave; raises ValueError, KeyError or OSError for anything else."""
        arrays = arrays_of(data)
        return cls(arrays["numbers"], arrays["effects"], arrays["photos"], bool(arrays["exact"]))


def classes_of(effects: Effects, channel: int, names: Sequence[str]) -> Classes | None:
    """A channel's effects as pages take them, with the classes' names or else numbers; None without any."""
    raised, lowered = (
        tuple(
            ClassEffect(int(k), names[k] if k < len(names) else f"class {k}", float(effect), int(photos))
            for k, effect, photos in zip(
                effects.numbers[channel, side],
                effects.effects[channel, side],
                effects.photos[channel, side],
                strict=True,
            )
            if k >= 0
        )
        for side in (0, 1)
    )
    return Classes(raised, lowered, effects.exact) if raised or lowered else None


def strongest(effects: Array, order: Array, counts: Array, numbers: Array, exact: bool) -> Effects:
    """Of effects (channels, classes) the strongest by `order`, up and down; `numbers` are the classes'."""
    shape = (len(effects), 2, SHOWN)
    found = Effects(
        np.full(shape, -1, np.int32), np.zeros(shape, np.float32), np.zeros(shape, np.int32), exact
    )
    for side, sign in enumerate((1, -1)):
        ranked = np.argsort(-sign * order, axis=1, kind="stable")[:, :SHOWN]
        taken = np.take_along_axis(effects, ranked, axis=1)
        there = (sign * taken > 0) & np.isfinite(taken)
        place = (slice(None), side, slice(ranked.shape[1]))
        found.numbers[place] = np.where(there, numbers[ranked], -1)
        found.effects[place] = np.where(there, taken, 0)
        found.photos[place] = np.where(there, counts[ranked], 0)
    return found
