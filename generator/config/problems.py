"""What is wrong in a file of the user's: where, in words that a user finds the place by, and what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

Location = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """Something wrong in a file: where (a location such as ("models", "vgg", "layers", 2)) and what."""

    location: Location
    message: str


def describe(path: Path, lines: Mapping[Location, int], problem: Problem) -> str:
    """`config.yaml:12: models.vgg19.layers[2]: message`, in one line whatever keys and values hold."""
    place = problem.location
    while place and isinstance(place[-1], int) and place not in lines:
        place = place[:-1]  # a list of one that is written without brackets
    text = f"{path}:{line_of(place, lines)}: {field_name(place)}{problem.message}"
    return " ".join(text.split())


def line_of(location: Location, lines: Mapping[Location, int]) -> int:
    """The line (from 1) of a field, or of the nearest field around it."""
    return lines.get(_nearest(location, lines), 1)


def in_order(problems: Iterable[Problem], lines: Mapping[Location, int]) -> list[Problem]:
    """Problems in the order in which a reader of the file meets them."""
    places = {location: place for place, location in enumerate(lines)}

    def order(problem: Problem) -> tuple[int, int]:
        nearest = _nearest(problem.location, lines)
        return lines.get(nearest, 1), places.get(nearest, 0)

    return sorted(dict.fromkeys(problems), key=order)


def _nearest(location: Location, lines: Mapping[Location, int]) -> Location:
    while location and location not in lines:
        location = location[:-1]
    return location


def field_name(location: Location) -> str:
    """`models.vgg19.layers[2].channels: `, or nothing for the file as a whole."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part[:200]}" for part in location]
    return "".join(parts).lstrip(".") + ": " if parts else ""
