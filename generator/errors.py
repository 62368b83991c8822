"""What a user can get wrong, and the exit codes that say so.

The command line prints any of these in a line or a few; everything else is our bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence

EXIT_SOME_FAILED = 1
EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130


class MicroscopeError(Exception):
    """Something to tell the user: `message` in one line, and the exit code of a run that ends with it."""

    exit_code = EXIT_USER_ERROR

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def lines(self) -> tuple[str, ...]:
        """What is printed, line by line."""
        return (f"Error: {self.message}",)


class UserError(MicroscopeError):
    """The user's input is wrong; the message names the file or field and the fix. Exit code 2."""


class ConfigError(UserError):
    """One or more problems in a config file, each a line of its own."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)

    @property
    def lines(self) -> tuple[str, ...]:
        """A line per problem, and how many there are when there is more than one."""
        count = len(self.problems)
        ending = (f"{count} problems; nothing was done.",) if count > 1 else ()
        return (*(f"Error: {problem}" for problem in self.problems), *ending)


class ModelError(UserError):
    """A model can't be opened: no such name, a broken file, weights that can't be fetched."""


class CacheError(UserError):
    """The cache folder can't be used: not writable, no space, held by another run."""


class SomeFailed(MicroscopeError):
    """Some pictures failed; the others are done. Exit code 1."""

    exit_code = EXIT_SOME_FAILED


class Interrupted(MicroscopeError):
    """The user stopped the run. Exit code 130; the message says how to resume."""

    exit_code = EXIT_INTERRUPTED

    @property
    def lines(self) -> tuple[str, ...]:
        """The bare message: being stopped is no error."""
        return (self.message,)
