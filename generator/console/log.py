"""A run's events as JSON, one a line, for programs that watch over it; docs/log.md names the fields."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from generator import __version__
from generator.engines.pictures import is_planned
from generator.engines.tasks import Result
from generator.errors import UserError
from generator.pipeline import Outcome, Progress


class Log(Progress):
    """Writes events to a stream; without one, nowhere."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream

    def begin(self, pictures: int, pieces: int, workers: int) -> None:
        """A run begins on so much."""
        self._write("begin", pictures=pictures, evidence=pieces, workers=workers, version=__version__)

    def heard(self, result: Result) -> None:
        """A task came to its end."""
        task, title = result.task, result.task.title
        kind = "picture" if is_planned(task) else "evidence"
        done = [output.key for output in result.outputs if not output.error]
        if done:
            titles = [title(key) for key in done]
            seconds = round(result.seconds, 3)
            self._write("done", kind=kind, keys=done, titles=titles, seconds=seconds)
        for output in result.outputs:
            if output.error:
                told = {"key": output.key, "title": title(output.key), "reason": output.error}
                self._write("failed", kind=kind, **told, lasting=output.lasting)

    def end(self, outcome: Outcome, *, stopped: bool) -> None:
        """The run ended, of itself or because it was stopped."""
        self._write(
            "end",
            pictures=outcome.done,
            evidence=outcome.evidence,
            failed=len(outcome.failures),
            failed_before=len(outcome.hopeless),
            left=outcome.left,
            evidence_left=outcome.evidence_left,
            seconds=round(outcome.seconds, 3),
            stopped=stopped,
        )

    def gallery(self, folder: Path, written: int, warnings: int) -> None:
        """The gallery was written."""
        self._write("gallery", folder=str(folder), written=written, warnings=warnings)

    def _write(self, event: str, **facts: Any) -> None:
        if self._stream is None:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._stream.write(json.dumps({"time": now, "event": event, **facts}, ensure_ascii=False) + "\n")
        self._stream.flush()


@contextmanager
def logging(path: Path | None) -> Iterator[Log]:
    """A log that adds to a file, if there is to be one. UserError when that can't be written."""
    if path is None:
        yield Log()
        return
    try:
        stream = path.open("a", encoding="utf-8")
    except OSError as error:
        raise UserError(f"--log-json {path}: can't be written: {error.strerror or error}") from error
    with stream:
        yield Log(stream)
