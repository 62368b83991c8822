"""A scheduler of Dask whose memory stays flat: `dask scheduler --preload generator.engines.dask_lean`.

Its spans, which group tasks for the dashboard, keep a line of each submission as long as the scheduler lives.
They can't be taken away, for workers report to them; but they need not take note of what was submitted.
"""

from __future__ import annotations

from functools import partial
from typing import Any


def dask_setup(scheduler: Any) -> None:
    """Called by Dask when the scheduler starts."""
    spans = scheduler.extensions.get("spans")
    if spans is not None:
        spans.observe_tasks = partial(_observe, spans.observe_tasks)


def _observe(observe: Any, tasks: Any, *, code: Any, span_metadata: Any) -> Any:
    return observe(tasks, code=code, span_metadata={})
