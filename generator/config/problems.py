"""What is wrong in a config file: where, in words that a user finds the place by, and what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from generator.config.schema import Config
from generator.errors import ConfigError

Location = tuple[str | int, ...]


@dataclass(frozen=True, order=True)
class Problem:
    """Something wrong in the config: where (a location such as ("models", "vgg", "layers", 2)) and what."""

    location: Location
    message: str


@dataclass
class ConfigFile:
    """A config file as read: its settings, the line of each field, and the problems found so far.

    `config` is None when too little of the file could be understood. When there are problems, it holds
    what is left without the wrong fields, so that later checks can find the other problems too.
    """

    path: Path
    config: Config | None = None
    lines: dict[Location, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, location: Location) -> int:
        """The line (from 1) of a field, or of the nearest field around it."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)

    def describe(self, problem: Problem) -> str:
        """`config.yaml:12: models.vgg19.layers[2]: message`."""
        where = f"{self.path}:{self.line(problem.location)}"
        return f"{where}: {field_name(problem.location)}{problem.message}"

    def check(self, further: Sequence[Problem] = ()) -> Config:
        """The settings; raises ConfigError with all problems, in the file's order, if there are any."""
        problems = sorted({*self.problems, *further}, key=lambda p: (self.line(p.location), p.message))
        if problems or self.config is None:
            raise ConfigError([self.describe(problem) for problem in problems])
        return self.config


def field_name(location: Location) -> str:
    """`models.vgg19.layers[2].channels: `, or nothing for the file as a whole."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location]
    return "".join(parts).lstrip(".") + ": " if parts else ""
