"""Numbers -> the paths of small drawings: a histogram's bars, a kernel's weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from generator.evidence.histogram import Histogram

BAR, TALL = 10, 100
"""Width and largest height of a histogram's bar, in units of the drawing."""
CELL = 10
"""Side of a kernel's cell; a weight is a square in it."""
LARGEST = 7
"""Rows and columns of a kernel at most; larger ones are drawn by the largest weight of each part."""
FAINT = 0.2
"""Weights that are too small to be seen, of the largest in size."""

Kernel = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Bars:
    """A histogram as a path in a box of `width` x TALL.

    `low` is where its axis begins; `zero` is the place of zero on it, 0 to 1, if that lies further right.
    """

    path: str
    width: int
    low: float
    zero: float | None


def bars(histogram: Histogram) -> Bars:
    """The bars of a histogram; each position counts, so that no bar of any is invisible."""
    parts = []
    for place, bar in enumerate(histogram.bars):
        if bar.count:
            height = max(2, round(TALL * bar.height))
            parts.append(f"M{place * BAR} {TALL}v-{height}h{BAR - 1}v{height}")
    # Zero has a bar of its own, with its rounding on either side.
    about = next((place for place, bar in enumerate(histogram.bars) if bar.low < 0 < bar.high), None)
    low = 0.0 if about == 0 else histogram.bars[0].low
    zero = (about + 0.5) / len(histogram.bars) if about else None
    return Bars("".join(parts), BAR * len(histogram.bars), low, zero)


@dataclass(frozen=True, slots=True)
class Weights:
    """A kernel as squares, whose area is a weight's size: those above zero, and those below."""

    columns: int
    rows: int
    above: str
    below: str


def weights(kernel: Kernel) -> Weights | None:
    """The drawing of a kernel, rows of numbers from -1 to 1; None for one of a single place."""
    if len(kernel) <= 1 and all(len(row) <= 1 for row in kernel):
        return None
    small = _reduced(kernel)
    squares = list(_squares(small))
    above, below = ("".join(path for sign, path in squares if sign == wanted) for wanted in (1, -1))
    return Weights(CELL * len(small[0]), CELL * len(small), above, below)


DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
LEVELS = 6
"""Levels of a heat map on a page: two cells go into one of DIGITS, which halves most of a page's data."""


_LEVEL = {digit: round(place / (len(DIGITS) - 1) * (LEVELS - 1)) for place, digit in enumerate(DIGITS)}
# Looked up rather than computed: a large gallery has millions of them.
_PACKED = {a + b: DIGITS[LEVELS * _LEVEL[a] + _LEVEL[b]] for a in DIGITS for b in DIGITS}
_PACKED |= {digit: DIGITS[LEVELS * level] for digit, level in _LEVEL.items()}


def packed(heat: Sequence[str]) -> str:
    """Rows of a heat map's digits, 0 to 35, as `<width>:` and, row after row, a digit for every two cells."""
    width = len(heat[0])
    pairs = (row[at : at + 2] for row in heat for at in range(0, width, 2))
    return f"{width}:" + "".join(map(_PACKED.__getitem__, pairs))


def _squares(kernel: Kernel) -> Iterator[tuple[int, str]]:
    for row, values in enumerate(kernel):
        for column, value in enumerate(values):
            if abs(value) >= FAINT:
                side = max(2, 2 * round(CELL / 2 * min(1.0, abs(value)) ** 0.5))
                x, y = (CELL * place + (CELL - side) // 2 for place in (column, row))
                yield (1 if value > 0 else -1), f"M{x} {y}h{side}v{side}h-{side}z"


def _reduced(kernel: Kernel) -> Kernel:
    rows, columns = _parts(len(kernel)), _parts(len(kernel[0]))
    if len(rows) == len(kernel) and len(columns) == len(kernel[0]):
        return kernel
    largest: Callable[[float], float] = abs
    return [
        [max((kernel[y][x] for y in down for x in right), key=largest) for right in columns] for down in rows
    ]


def _parts(size: int) -> list[range]:
    count = min(size, LARGEST)
    return [range(n * size // count, (n + 1) * size // count) for n in range(count)]
