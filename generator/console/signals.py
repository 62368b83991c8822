"""Ctrl-C and SIGTERM, heard wherever we are started.

A shell that starts a job in the background, nohup and some CI runners have it ignore SIGINT; Python then
installs no handler of its own, and KeyboardInterrupt never comes.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def on_stop(handler: Callable[[], None]) -> Iterator[None]:
    """Call `handler`, in the main thread, each time the user stops us; afterwards all is as it was before."""
    before = {number: signal.signal(number, lambda *_: handler()) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
