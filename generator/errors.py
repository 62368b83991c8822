"""What a user can get wrong, and the exit codes that say so.

The command line prints any of these in a line or a few; everything else is our bug and keeps its traceback.
What is raised by Keras, TensorFlow or a user's code is told by its `cause`.
"""

from __future__ import annotations

import re
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


class NotRenderable(ModelError):
    """What can't be made of a network, however often it is tried: an output that has no gradient, say."""


class CacheError(UserError):
    """The cache folder can't be used: not writable, no space, held by another run."""


class WorkerError(MicroscopeError):
    """No worker process can be started; the message says how the last one ended. Exit code 1."""

    exit_code = EXIT_SOME_FAILED


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


# -- what other people's errors say ----------------------------------------------------------------

_COLOUR = re.compile(r"\x1b\[\d*m")
_AROUND = (
    re.compile(r"in user code:\n.*?\n\s*\n\s+\w+: ", re.DOTALL),  # TensorFlow, tracing a function
    re.compile(r".*Exception encountered when calling [^\n]*\.\s*\n", re.DOTALL),  # Keras, calling a layer
    re.compile(r".*(?:Error|Exception) encountered:\s", re.DOTALL),  # Keras, asking for shapes, loading
)
"""What Keras and TensorFlow put before a cause, the outermost first."""
_AFTER = re.compile(r"\n\s*Arguments received by .*|\s*\[Op:\w+\].*| Full object config: .*", re.DOTALL)
_NODE = re.compile(r"^(?:\{\{function_node [^}]*\}\}\s*)+")
_PREFACE = ("Graph execution error", "Detected at node", 'File "')
_LONGEST = 400


def cause(error: BaseException) -> str:
    """What went wrong, in one line: the innermost cause, out of all that libraries wrap around it.

    The error's type where it has no words.
    """
    text = _COLOUR.sub("", str(error))
    for around in _AROUND:
        text = around.sub("", text, count=1)
    lines = [line.strip() for line in _AFTER.sub("", text).splitlines() if line.strip()]
    # TensorFlow tells where the graph was built before it tells what is wrong.
    told = max((number for number, line in enumerate(lines, 1) if line.startswith(_PREFACE)), default=0)
    line, *more = lines[told:] or lines or [""]
    line = _NODE.sub("", line)
    if line.endswith(":") and more:  # an example of what is wrong comes next
        line = f"{line} {more[0]}"
    line = line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."
    return line or type(error).__name__


def typed_cause(error: BaseException) -> str:
    """The same after the error's type: `ValueError: no such thing`."""
    kind, said = type(error).__name__, cause(error)
    return kind if said == kind else f"{kind}: {said}"
