"""A scheduler of Dask without its spans: `dask scheduler --preload generator.engines.dask_lean`.

Spans group tasks for Dask's dashboard, and keep a line of each submission as long as the scheduler lives.
"""

from __future__ import annotations

from typing import Any


def dask_setup(scheduler: Any) -> None:
    """Called by Dask when the scheduler starts."""
    scheduler.extensions.pop("spans", None)
