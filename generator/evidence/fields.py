"""Which part of the input a unit sees, as shares of the picture: what an example is cropped to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """A part of a picture: its edges as shares of height and width, from 0 to 1."""

    top: float
    left: float
    bottom: float
    right: float

    @property
    def whole(self) -> bool:
        """Whether it is the whole picture."""
        return (self.top, self.left, self.bottom, self.right) == (0, 0, 1, 1)

    def positions(self, grid: tuple[int, int]) -> tuple[slice, slice]:
        """The rows and columns of a grid whose centres lie in it; at least the one at its centre."""
        return _inside(self.top, self.bottom, grid[0]), _inside(self.left, self.right, grid[1])


WHOLE = Box(0.0, 0.0, 1.0, 1.0)


def _inside(first: float, last: float, count: int) -> slice:
    inside = [place for place in range(count) if first <= (place + 0.5) / count <= last]
    if inside:
        return slice(inside[0], inside[-1] + 1)
    middle = min(count - 1, int((first + last) / 2 * count))
    return slice(middle, middle + 1)
