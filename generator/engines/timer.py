"""Doing something when a while has passed, unless what goes on meanwhile has ended by then."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def after(seconds: float, do: Callable[[], object]) -> Iterator[None]:
    """Call `do`, in a thread of its own, when what is done within takes longer than so many seconds."""
    if seconds == math.inf:
        yield
        return
    timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), do)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
