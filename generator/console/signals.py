"""Ctrl-C and SIGTERM, heard wherever we are started.

A shell that starts a job in the background, nohup and some CI runners have it ignore SIGINT; Python then
installs no handler of its own, and KeyboardInterrupt never comes.
"""

from __future__ import annotations

import os
import signal
import threading
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


@contextmanager
def interruptible() -> Iterator[None]:
    """Within, Ctrl-C raises KeyboardInterrupt where it was ignored, in the main thread."""
    if (
        signal.getsignal(signal.SIGINT) != signal.SIG_IGN
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def ignore_stops() -> None:
    """Let nothing disturb a process that is on its way out, where handlers are no longer called."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def end_at_next(code: int) -> None:
    """From now on, the next stop ends the process at once and without a word, whatever it is at."""
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: os._exit(code))
