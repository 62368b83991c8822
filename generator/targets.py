"""What a picture is of: a unit of a layer: a channel, all of it, a channel at a place, or a direction.

A unit has an identity, which enters keys, a name for people, a number that its random stream is named by,
and the number of its channel, which is WHOLE where it is of no single one.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

WHOLE = -1
"""Stands for the channel of a picture that is of a whole layer."""

STREAMS = 2**32
"""Random streams are named by natural numbers below this."""

Identity = Mapping[str, object]
"""Plain JSON values."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of a layer, wherever it answers."""

    channel: int

    @property
    def identity(self) -> Identity:
        """The channel's number."""
        return {"channel": self.channel}

    @property
    def name(self) -> str:
        """`3`."""
        return str(self.channel)

    @property
    def stream(self) -> int:
        """Its own number."""
        return self.channel


@dataclass(frozen=True, slots=True)
class Whole:
    """All of a layer together."""

    channel: ClassVar[int] = WHOLE

    @property
    def identity(self) -> Identity:
        """The number that stands for all channels."""
        return {"channel": WHOLE}

    @property
    def name(self) -> str:
        """Nothing: the layer's name says it."""
        return ""

    @property
    def stream(self) -> int:
        """As if it were a channel of that number."""
        return WHOLE % STREAMS


@dataclass(frozen=True, slots=True)
class Place:
    """One channel at one place: `down` and `right` from 0 to 1."""

    channel: int
    down: float
    right: float

    @property
    def identity(self) -> Identity:
        """The channel's number and where."""
        return {"channel": self.channel, "place": [self.down, self.right]}

    @property
    def name(self) -> str:
        """`3 at 50 %, 20 %`."""
        return f"{self.channel} at {100 * self.down:g} %, {100 * self.right:g} %"

    @property
    def stream(self) -> int:
        """Its channel's: the same picture, but for the place."""
        return self.channel


@dataclass(frozen=True)
class Direction:
    """A direction among a layer's channels: a weight for each of them, rounded to float32.

    `feature` says, where it is a derived feature's, whose: the digest of the derived layer and the number in
    it. Raises ValueError for weights that point nowhere.
    """

    channel: ClassVar[int] = WHOLE
    weights: tuple[float, ...]
    feature: tuple[str, int] | None = None

    def __post_init__(self) -> None:
        try:
            exact = struct.unpack(self._format, struct.pack(self._format, *self.weights))
        except OverflowError:
            exact = ()
        if not all(map(math.isfinite, exact)) or not any(exact):
            raise ValueError("a direction needs weights that are numbers, and one that is not zero")
        # A negative zero points where a zero does.
        object.__setattr__(self, "weights", tuple(weight + 0.0 for weight in exact))

    @property
    def _format(self) -> str:
        return f"<{len(self.weights)}f"

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the weights as little-endian float32."""
        return hashlib.sha256(struct.pack(self._format, *self.weights)).hexdigest()

    @property
    def identity(self) -> Identity:
        """Its digest: whatever it is called, the same direction gives the same picture."""
        return {"direction": self.digest}

    @property
    def name(self) -> str:
        """`feature 3`, or `direction 1a2b3c4d`."""
        return f"feature {self.feature[1]}" if self.feature else f"direction {self.digest[:8]}"

    @property
    def stream(self) -> int:
        """Drawn from its digest."""
        return int(self.digest[:8], 16)


Unit = Channel | Whole | Place | Direction


@dataclass(frozen=True, slots=True)
class Target:
    """A unit of a named layer."""

    layer: str
    unit: Unit

    @property
    def identity(self) -> Identity:
        """What of it enters a key."""
        return {"layer": self.layer, **self.unit.identity}

    @property
    def name(self) -> str:
        """`block5c_add/3`, or `block5c_add` for the whole layer."""
        return f"{self.layer}/{self.unit.name}".removesuffix("/")
