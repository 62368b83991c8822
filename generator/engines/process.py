"""One worker process as its engine sees it: started, given tasks, told to stop, and heard when it ends.

Not by `multiprocessing`: there a worker runs the user's script again, looks modules up in the user's folder
first, and its exit code is lost in a pool.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import IO

from generator.engines.tasks import Task
from generator.engines.worker import NEW_TASK, Start

_BOOT = str(Path(__file__).with_name("boot.py"))

_LAST_WORDS = 8192
"""Bytes of standard error that are kept."""


@dataclass(frozen=True)
class Ended:
    """A worker is gone: its exit code, negative for the signal that killed it, and its last words."""

    code: int
    words: str

    def __str__(self) -> str:
        """`killed by signal 11 (SIGSEGV)` or `ended with exit code 3`, and what it said."""
        if self.code < 0:
            how = f"was killed by signal {-self.code} ({_signal_name(-self.code)})"
        else:
            how = f"ended with exit code {self.code}"
        return how + (f"; its last words: {self.words}" if self.words else "")


class Process:
    """A worker. What comes from it is put into `events`, after itself: READY, results, at last an Ended."""

    def __init__(self, start: Start, events: Events) -> None:
        self._events = events
        self._said = b""
        with interrupts_held():
            self._process = subprocess.Popen(
                [sys.executable, "-P", _BOOT],  # -P: not even our own folder is a place to find modules
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        self._hearing = threading.Thread(target=self._hear, daemon=True)
        self._hearing.start()
        threading.Thread(target=self._receive, daemon=True).start()
        self.send(start)

    def give(self, task: Task) -> None:
        """Hand it a task; see `send`."""
        self.send(pickle.dumps(task, pickle.HIGHEST_PROTOCOL))

    def send(self, message: object) -> None:
        """Tell it to STOP, or answer it. If it is gone, its end is among the events."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            pickle.dump(message, self._process.stdin, pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def close(self) -> None:
        """End it and free what it held."""
        self.kill()
        self._process.wait()

    def _receive(self) -> None:
        """In a thread: everything that it sends, then its end."""
        assert self._process.stdout is not None
        stream: IO[bytes] = self._process.stdout
        try:
            while True:
                self._events.put((self, pickle.load(stream)))
        except EOFError:
            pass
        except Exception:  # half a value, or one that we can't read: nothing more will come of it
            self._process.kill()
        code = self._process.wait()
        self._hearing.join(timeout=1)  # a process that it started may hold its standard error open
        self._events.put((self, Ended(code, last_words(self._said.decode(errors="replace")))))

    def _hear(self) -> None:
        """In a thread: the end of what it says, all of it with --debug."""
        assert self._process.stderr is not None
        loud = os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0"
        descriptor = self._process.stderr.fileno()
        while said := os.read(descriptor, 1 << 16):
            self._said = (self._said + said)[-_LAST_WORDS:]
            if loud:
                os.write(2, said.replace(NEW_TASK.encode(), b""))


Events = SimpleQueue[tuple[Process, object] | None]
"""What comes from workers; None where somebody else wants to wake who waits for it."""


def last_words(said: str) -> str:
    """The line of standard error that tells most about an end, of what came since the last task began."""
    lines = [line.strip() for line in said.rpartition(NEW_TASK)[2].splitlines() if line.strip()]
    fatal = [place for place, line in enumerate(lines) if line.startswith("Fatal Python error")]
    if fatal:
        # What comes after is a stack; what comes before, if anything, is the C library's own reason.
        lines = lines[: fatal[0]] or [lines[fatal[0]]]
    return lines[-1][:200] if lines else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Processes started within begin with Ctrl-C blocked, until they ignore it; ours waits meanwhile."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
