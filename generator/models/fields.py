"""What a unit sees of the input, along one axis at a time: exact for any chain of convolutions and the like.

Units of a layer repeat: what unit `j + period` sees is what unit `j` sees, `shift` pixels further on. Behind
an upsampling or a transposed convolution the period is more than one, for neighbours there may see the same
pixels. All is told as if there were no borders: a unit there may see pixels that do not exist.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, reduce

LONGEST = 64
"""The most units after which what they see may repeat."""


@dataclass(frozen=True)
class Axis:
    """What the units of a layer see along an axis, in pixels of the input or in units of another layer.

    Unit `j` of the first period sees `lows[j]` to `highs[j]`, both included; nothing where the one is above
    the other.
    """

    lows: tuple[float, ...]
    highs: tuple[float, ...]
    shift: int = 1

    def span(self, unit: int) -> tuple[float, float]:
        """The first and last that a unit sees."""
        periods, phase = divmod(unit, len(self.lows))
        return self.lows[phase] + periods * self.shift, self.highs[phase] + periods * self.shift

    @cached_property
    def field(self) -> int:
        """How many the unit that sees most sees."""
        return int(max(high - low + 1 for low, high in zip(self.lows, self.highs, strict=True)))

    @property
    def stride(self) -> float:
        """How far apart are what neighbours see, on the mean."""
        return self.shift / len(self.lows)

    @property
    def bounds(self) -> tuple[float, float]:
        """Numbers such that unit `j` sees nothing outside of both of them plus `j * stride`."""
        first = min(low - phase * self.stride for phase, low in enumerate(self.lows))
        last = max(high - phase * self.stride for phase, high in enumerate(self.highs))
        return first, last


OWN = Axis((0,), (0,))
"""Each unit sees the one at its own place."""


def through(read: Axis | None, seen: Axis | None) -> Axis | None:
    """What units see that `read` units which see what `seen` says; None if that is not known or too long."""
    if read is None or seen is None:
        return None
    repeats = len(seen.lows) // math.gcd(len(seen.lows), read.shift)
    period = len(read.lows) * repeats
    if period > LONGEST:
        return None
    spans = [_of_range(seen, *read.span(unit)) for unit in range(period)]
    lows, highs = zip(*spans, strict=True)
    return Axis(lows, highs, seen.shift * read.shift * repeats // len(seen.lows))


def _of_range(seen: Axis, first: float, last: float) -> tuple[float, float]:
    if first > last:
        return math.inf, -math.inf
    start, end, period = int(first), int(last) + 1, len(seen.lows)
    # Those a period further on see the same further on.
    low = min(seen.span(unit)[0] for unit in range(start, min(start + period, end)))
    high = max(seen.span(unit)[1] for unit in range(max(end - period, start), end))
    return low, high


def together(axes: Iterable[Axis | None]) -> Axis | None:
    """What units see that read several layers at their own place; None if these don't keep step."""
    return reduce(_both, axes)


def _both(one: Axis | None, other: Axis | None) -> Axis | None:
    if one is None or other is None or one.stride != other.stride:
        return None
    period = math.lcm(len(one.lows), len(other.lows))
    if period > LONGEST:
        return None
    spans = [(one.span(unit), other.span(unit)) for unit in range(period)]
    lows = tuple(min(a[0], b[0]) for a, b in spans)
    highs = tuple(max(a[1], b[1]) for a, b in spans)
    return Axis(lows, highs, round(one.stride * period))


# -- what operations read --------------------------------------------------------------------------


def window(kernel: int, stride: int, dilation: int, before: int) -> Axis:
    """A convolution or pooling whose window begins `before` units before its first one."""
    return Axis((-before,), (-before + (kernel - 1) * dilation,), stride)


def spread(kernel: int, stride: int, dilation: int, before: int) -> Axis:
    """A transposed convolution: each unit is spread over `kernel` new ones, the first `before` cut off."""
    reach = (kernel - 1) * dilation
    lows = tuple(math.ceil((unit + before - reach) / stride) for unit in range(stride))
    highs = tuple(math.floor((unit + before) / stride) for unit in range(stride))
    return Axis(lows, highs)


def same_padding(kernel: int, stride: int, dilation: int, size: int | None) -> int:
    """How many units `padding="same"` puts before the first; an unknown `size` is taken to fit the stride."""
    reach = (kernel - 1) * dilation
    short = reach + 1 - stride if size is None else (math.ceil(size / stride) - 1) * stride + reach + 1 - size
    return max(short, 0) // 2


def measured(span: Callable[[int], tuple[int, int] | None], read: int, made: int) -> Axis | None:
    """The axis of an operation that makes `made` units of `read` ones, asked for the spans of single units.

    None where a span can't be told, touches a border, or where what units see does not repeat.
    """
    for shift, period in _repeats(read, made):
        start = max(made // 2 - period, 0)
        units = range(start, min(start + 2 * period, made))
        spans = {unit: span(unit) for unit in units}
        told = {
            unit: found for unit, found in spans.items() if found and found[0] > 0 and found[1] < read - 1
        }
        if len(units) < 2 * period or len(told) < len(units):
            continue
        if all(_further(told[unit], shift) == told[unit + period] for unit in units[:period]):
            first = [_further(told[unit], -(unit // period) * shift) for unit in units[:period]]
            phases = [first[(phase - start) % period] for phase in range(period)]
            return Axis(tuple(low for low, _ in phases), tuple(high for _, high in phases), shift)
    return None


def _further(span: tuple[int, int], by: int) -> tuple[int, int]:
    return span[0] + by, span[1] + by


def _repeats(read: int, made: int) -> list[tuple[int, int]]:
    """Shifts and periods that may be, by how many units are made of how many; the likeliest first."""
    divisor = math.gcd(read, made)
    likely = (round(read / made), 1) if read >= made else (1, round(made / read))
    options = dict.fromkeys([likely, (read // divisor, made // divisor), (1, 1)])
    return [(shift, period) for shift, period in options if period <= LONGEST // 4]
