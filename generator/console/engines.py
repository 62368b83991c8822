"""Which engine a run uses: as the command line says, else as the config does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from generator.engines.tasks import Engine
from generator.errors import UserError
from generator.plan import Plan


def take_engine(options: dict[str, Any], plan: Plan, quiet: bool) -> Engine:
    """The engine that a command's options ask for; those that say which are taken out of `options`.

    Raises UserError when they don't go together, or Dask is not installed.
    """
    jobs = options.pop("jobs")
    named = options.pop("engine")
    address, file = options.pop("scheduler"), options.pop("scheduler_file")
    if named == "local" and (address or file):
        raise UserError("--scheduler and --scheduler-file are for --engine dask")
    parameters = max(anatomy.parameters for anatomy in plan.models.values())
    if (named or ("dask" if address or file else plan.config.engine)) == "local":
        from generator.engines.local import LocalEngine

        return LocalEngine(jobs, parameters)
    if not (address or file):
        address, file = plan.config.scheduler, plan.config.scheduler_file
    return _dask_engine(address, file, jobs, parameters, plan, quiet)


def _dask_engine(
    address: str | None, file: Path | None, jobs: int | None, parameters: int, plan: Plan, quiet: bool
) -> Engine:
    if address and file:
        raise UserError("a Dask scheduler is named twice, by its address and by its file; name it once")
    if (address or file) and jobs:
        raise UserError("--jobs is for workers on this machine; a Dask scheduler has workers of its own")
    try:
        from generator.engines.dask import DaskEngine
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("dask", "distributed"):
            raise
        hint = "pip install 'pocket-microscope[cluster]'"
        raise UserError(f"the engine dask needs Dask, which is not installed: {hint}") from None
    say = (lambda text: None) if quiet else (lambda text: click.echo(text, err=True))
    return DaskEngine(address, jobs, file=file, parameters=parameters, place=plan.config.cache, say=say)
