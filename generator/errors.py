"""What a user can get wrong, and the exit codes that say so.

The command line prints any of these as one line; everything else is our bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence

import click

EXIT_SOME_FAILED = 1
EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130


class UserError(click.ClickException):
    """The user's input is wrong; the message names the file or field and the fix. Exit code 2."""

    exit_code = EXIT_USER_ERROR


class ConfigError(UserError):
    """One or more problems in a config file, each a line of its own."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)

    def show(self, file: object = None) -> None:
        """Print one line per problem, and how many there are when there is more than one."""
        for problem in self.problems:
            click.echo(f"Error: {problem}", err=True)
        if len(self.problems) > 1:
            click.echo(f"{len(self.problems)} problems; nothing was done.", err=True)


class ModelError(UserError):
    """A model can't be opened: no such name, a broken file, weights that can't be fetched."""


class CacheError(UserError):
    """The cache folder can't be used: not writable, no space, held by another run."""


class SomeFailed(click.ClickException):
    """Some pictures failed; the others are done. Exit code 1."""

    exit_code = EXIT_SOME_FAILED


class Interrupted(click.ClickException):
    """The user stopped the run. Exit code 130; the message says how to resume."""

    exit_code = EXIT_INTERRUPTED

    def show(self, file: object = None) -> None:
        """Print the message bare: being stopped is no error."""
        click.echo(self.message, err=True)
