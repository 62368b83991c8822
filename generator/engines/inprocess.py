"""An engine in this very process: for notebooks, and for networks that live in it and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable

from generator.engines import memory
from generator.engines.tasks import Bench, Limit, Result, Results, Task, failed, unlimited
from generator.errors import NotRenderable, UserError, typed_cause


class InProcess:
    """Runs one task after the other, here. Ctrl-C comes through; what is finished is kept."""

    jobs = 1

    def __init__(self) -> None:
        self._bench = Bench(memory.available(), lambda: self._stopping)
        self._stopping = False

    def run(self, tasks: Iterable[Task | None], limit: Limit = unlimited) -> Results:
        """Yield each task's result as it comes; see Engine. What hangs is left for the user to interrupt."""
        for task in tasks:
            # Nothing is under way that a further task could wait for.
            if task is None or self._stopping:
                return
            yield self._result(task)

    def _result(self, task: Task) -> Result:
        try:
            return task.work(self._bench)
        except UserError as error:
            return failed(task, error.message, lasting=isinstance(error, NotRenderable))
        except Exception as error:  # one bad layer must not end a night's run
            return failed(task, typed_cause(error))

    def stop(self) -> None:
        """Begin nothing further; the task under way ends after the step that it is in."""
        self._stopping = True

    def kill(self) -> None:
        """The same: this process is not ours to end."""
        self.stop()
