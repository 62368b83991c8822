"""Tasks that take no network: they wait, end their worker, or read a file."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from generator.engines.tasks import Bench, NamedFile, Output, Pace, Result


@dataclass(frozen=True)
class Errand:
    """Takes so many `seconds`; notes its process and names in the file `note`; ends its process, if one of
    its names is `deadly`, and comes to no end, deaf to any stop, if one is `endless`; and gives what is in
    the file `reads`, or in the file `inside` that folder."""

    names: tuple[str, ...]
    seconds: float = 0.0
    note: Path | None = None
    deadly: tuple[str, ...] = ()
    endless: tuple[str, ...] = ()
    reads: NamedFile | None = None
    inside: str = ""
    module: str = ""
    layer: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        return self.names

    @property
    def pace(self) -> Pace:
        return Pace("net", self.layer or self.names[0], 1.0)

    def work(self, bench: Bench) -> Result:
        if self.note:
            with self.note.open("a") as stream:
                stream.write(f"{os.getpid()} {' '.join(self.names)}\n")
        if set(self.names) & set(self.deadly):
            os.kill(os.getpid(), signal.SIGKILL)
        while set(self.names) & set(self.endless):
            time.sleep(1)
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            if bench.stopping():
                return Result(self, ())
            time.sleep(0.02)
        files = {"txt": (self.reads.path / self.inside).read_bytes()} if self.reads else {}
        record = {"kind": "errand", "process": os.getpid(), "agreed": bench.agree("who", str(os.getpid()))}
        return Result(self, tuple(Output(name, record, files) for name in self.names), self.seconds)

    def smaller(self) -> Errand:
        return self

    def parts(self) -> Sequence[Errand]:
        return [replace(self, names=(name,)) for name in self.names]

    def modules(self) -> Sequence[str]:
        return [self.module] if self.module else []

    def files(self) -> Sequence[NamedFile]:
        return [self.reads] if self.reads else []

    def moved(self, places: Mapping[Path, Path]) -> Errand:
        if self.reads is None:
            return self
        root, path = self.reads.root, self.reads.path
        if root in places:
            return replace(self, reads=self.reads._replace(path=places[root] / path.relative_to(root)))
        return replace(self, reads=self.reads._replace(path=places.get(path, path)))

    def title(self, key: str) -> str:
        return key


def at_once(threads: int) -> None:
    """Prepares a worker for errands, which need no TensorFlow."""
