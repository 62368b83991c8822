"""The command line as a whole: `build-site CONFIG` is `build-site build CONFIG`, and errors are short."""

from __future__ import annotations

import os
import sys
import traceback
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from generator.console.signals import interruptible
from generator.errors import Interrupted, MicroscopeError, UserError

_OF_THE_GROUP = ("--help", "-h", "--version")


def _may_be_file(word: str) -> bool:
    return os.sep in word or word.endswith((".yaml", ".yml")) or Path(word).exists()


class _Told(click.ClickException):
    """One of our errors, for click to print before it ends the process with the error's exit code."""

    def __init__(self, error: MicroscopeError) -> None:
        super().__init__(error.message)
        self.exit_code = error.exit_code  # type: ignore[misc]  # click's own errors set it on the class
        self._lines = error.lines

    def show(self, file: object = None) -> None:
        """Print the error's own lines."""
        for line in self._lines:
            click.echo(line, err=True)


class CommandGroup(click.Group):
    """`build-site [CONFIG]` is `build-site build [CONFIG]`; a user's mistake is one line."""

    debug = False

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in _OF_THE_GROUP):
            self._expect_config(ctx, *args[:1])
            args = ["build", *args]
        return super().parse_args(ctx, args)

    def _expect_config(self, ctx: click.Context, word: str = "") -> None:
        """What is no command is a config, or an option of `build`; for anything else, say what was meant."""
        if word.startswith("-"):
            known = [option for parameter in self.commands["build"].params for option in parameter.opts]
            meant = get_close_matches(word.partition("=")[0], [*_OF_THE_GROUP, *known], n=1)
            if set(meant) & set(_OF_THE_GROUP):
                raise click.NoSuchOption(word, possibilities=meant, ctx=ctx)
        elif word and not _may_be_file(word):
            words = {**{name: name for name in self.commands}, "help": "--help", "version": "--version"}
            meant = get_close_matches(word, words, n=1)
            hint = (
                f"did you mean `build-site {words[meant[0]]}`?" if meant else "`build-site --help` lists them"
            )
            raise _Told(UserError(f"{word}: no such command, and no file of that name; {hint}"))

    def main(self, *args: Any, **options: Any) -> Any:
        self.debug = "--debug" in ((args[0] if args else options.get("args")) or sys.argv[1:])
        if self.debug:
            os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
        try:
            with interruptible():
                return super().main(*args, **options)
        except Exception as error:
            if self.debug:
                raise
            text = " ".join(str(error).split())
            click.echo(f"Error: {type(error).__name__}: {text}; --debug shows where", err=True)
            sys.exit(1)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MicroscopeError as error:
            if self.debug and error.__cause__ is not None:
                traceback.print_exception(error.__cause__)
            raise _Told(error) from None
        except KeyboardInterrupt:
            stopped = Interrupted("\nStopped; finished pictures are kept. The same command goes on.")
            raise _Told(stopped) from None
