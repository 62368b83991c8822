"""Which channels of a layer a user asks for, as they are written in config.yaml and on the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple


class ChannelRange(NamedTuple):
    """Channels from `first` to `last`, both included; all of them must exist, unless `as_there_are`."""

    first: int
    last: int
    as_there_are: bool = False

    def __str__(self) -> str:
        if self.as_there_are:
            return f"first {self.last + 1}"
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True)
class Channels:
    """Which channels of a layer: all, or ranges in the order given."""

    ranges: tuple[ChannelRange, ...] | None = None

    @classmethod
    def parse(cls, value: object) -> Channels:
        """From `all`, `7`, `0-15`, `first 32`, `"0-15, 40"` or a list; ValueError says what is wrong."""
        if isinstance(value, Channels):
            return value
        if value == "all":
            return cls()
        items = value if isinstance(value, list) else [value]
        if not items:
            raise ValueError(f"chooses no channel; write {_EXAMPLES} or a list of these")
        parts = [part.strip() for item in items for part in _channel_text(item).split(",")]
        return cls(tuple(_parse_range(part) for part in parts))

    def select(self, count: int) -> list[int]:
        """The chosen channels of a layer that has `count`, without repeats, in the order given."""
        if self.ranges is None:
            return list(range(count))
        chosen = (c for part in self.ranges for c in range(part.first, min(part.last, count - 1) + 1))
        return list(dict.fromkeys(chosen))

    def beyond(self, count: int) -> list[str]:
        """The ranges, as text, that ask for channels a layer of `count` does not have."""
        return [str(part) for part in self.ranges or () if part.last >= count and not part.as_there_are]

    def __contains__(self, channel: int) -> bool:
        return self.ranges is None or any(part.first <= channel <= part.last for part in self.ranges)


_EXAMPLES = "all, 7, 0-15, first 32"


def _channel_text(item: object) -> str:
    if isinstance(item, bool) or not isinstance(item, int | str):
        raise ValueError(
            f"should be `all`, a number, a range such as 0-15, `first 32` or a list of these, not {item!r}"
        )
    return str(item)


def _parse_range(text: str) -> ChannelRange:
    if match := re.fullmatch(r"first\s+([0-9]{1,9})", text):
        if int(match[1]) == 0:
            raise ValueError(f"`{text}` chooses no channel")
        return ChannelRange(0, int(match[1]) - 1, as_there_are=True)
    match = re.fullmatch(r"([0-9]{1,9})(?:\s*-\s*([0-9]{1,9}))?", text)
    if not match:
        shown = text if len(text) <= 40 else f"{text[:37]}..."
        raise ValueError(f"{shown!r} is no channel or range; write {_EXAMPLES}")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise ValueError(f"the range {text} ends before it starts")
    return ChannelRange(first, last)
