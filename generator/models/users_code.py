"""Runs a user's own code: whatever it does, what comes of it is a line that says so."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from generator.errors import ModelError, typed_cause

_OURS = str(Path(__file__).parents[1])
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


@contextmanager
def told_as(subject: str) -> Iterator[None]:
    """Raises ModelError, `subject: what was raised (file.py:12)`, for anything raised meanwhile.

    Also for what would end the process, such as `sys.exit`; only Ctrl-C and our own errors stay as they are.
    """
    try:
        yield
    except (ModelError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise ModelError(f"{subject}: {told(error)}") from error


def told(error: BaseException) -> str:
    """What was raised, and the line of the user's own code that it was raised in or by, if there is one."""
    if isinstance(error, SystemExit):
        said = f"its code ended the program, sys.exit({error.code!r})"
    else:
        said = typed_cause(error)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_own(frame.filename)]
    if not frames or isinstance(error, SyntaxError):
        return said
    return f"{said} ({Path(frames[-1].filename).name}:{frames[-1].lineno})"


def _is_own(filename: str) -> bool:
    return not filename.startswith((_OURS, "<", *_LIBRARIES))
