"""How many pictures there are, while a network is run on symbols: they don't know, but remember a multiple.

Code that cuts maps into windows asks for the number of pictures, multiplies or divides it, and reshapes to
it. A symbolic tensor remembers how many rows it has for each picture, so that such code can be followed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any


class Pictures:
    """So many times the number of pictures."""

    def __init__(self, times: Fraction) -> None:
        self.times = times

    def __mul__(self, other: int) -> Pictures:
        return Pictures(self.times * other)

    __rmul__ = __mul__

    def __floordiv__(self, other: int) -> Pictures:
        return Pictures(self.times / other)


def rows(tensor: Any) -> Fraction:
    """How many rows a symbolic tensor has for each picture."""
    found: Fraction = getattr(tensor, "_rows_of_a_picture", Fraction(1))
    return found


def shape_of(tensor: Any, known: tuple[int | None, ...]) -> tuple[Any, ...]:
    """A symbolic tensor's shape, whose only open axis is that of the pictures."""
    if known.count(None) != 1:
        return known
    return tuple(Pictures(rows(tensor)) if size is None else size for size in known)


def for_any_number(operation: Any, args: tuple[Any, ...]) -> Any:
    """An operation; of a Reshape to a number of pictures one that reshapes any number of them so."""
    shape = getattr(operation, "newshape", ())
    counts = [size for size in shape if isinstance(size, Pictures)] if isinstance(shape, list | tuple) else []
    if len(counts) != 1:
        return operation
    rest = [size for size in shape if not isinstance(size, Pictures)]
    open_size = _of_a_picture(args[0]) / (counts[0].times * -math.prod(rest)) if -1 in rest else 0
    settled = (-1 if isinstance(size, Pictures) else int(open_size) if size == -1 else size for size in shape)
    return type(operation)(tuple(settled))


def _of_a_picture(tensor: Any) -> Fraction:
    """How many numbers of a symbolic tensor are there for each picture."""
    return rows(tensor) * int(math.prod(size for size in tensor.shape if size is not None))


def count(operation: Any, given: Sequence[Any], made: Sequence[Any]) -> None:
    """Let symbolic tensors that an operation has made of others remember how many rows they have."""
    most = max(map(rows, given), default=Fraction(1))
    for tensor in made:
        times = most
        if (
            hasattr(operation, "newshape")
            and [*given[0].shape].count(None) == [*tensor.shape].count(None) == 1
        ):
            times = _of_a_picture(given[0]) / math.prod(size for size in tensor.shape if size is not None)
        if times != 1:
            tensor._rows_of_a_picture = times
