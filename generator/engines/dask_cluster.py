"""Connecting to a Dask cluster: one that is there already, or one of processes of this machine."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import logging
import os
import re
import signal
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import dask
from distributed import Client, LocalCluster, Security
from distributed.versions import VersionMismatchWarning

from generator.engines import depot
from generator.engines.dask_lean import dask_setup
from generator.engines.process import interrupts_held
from generator.engines.tasks import NamedFile
from generator.errors import UserError, WorkerError, cause

CANCELLED = (asyncio.CancelledError, concurrent.futures.CancelledError)
"""What becomes of a task whose scheduler was lost; Dask has raised either."""

DEATHS = 3
"""Workers that a task may kill before it is taken apart, or given up; elsewhere Dask's own setting counts."""


class Cluster:
    """A client of a scheduler at an address, of the one whose `file` tells its address, or else of `jobs`
    worker processes that are started here and heard by nobody beyond this machine.

    Raises UserError when no scheduler answers, and WorkerError when processes can't be started.
    """

    def __init__(self, address: str | None, file: Path | None, jobs: int) -> None:
        self.name = address or (str(file) if file else "this machine")
        self._local: LocalCluster | None = None
        self._jobs = jobs
        self._sent: set[tuple[str, NamedFile]] = set()
        # Connections that end are told by us, in a line.
        logging.getLogger("distributed").setLevel(_log_level())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VersionMismatchWarning)  # what counts is compared by us
            if address is None and file is None:
                self._local = _local_cluster(jobs)
            self.client = self._connected(address, file)

    def _connected(self, address: str | None, file: Path | None) -> Client:
        # Looked at before: a client that fails for other reasons than a silent scheduler is noisy at its end.
        address = _address_in(file) if file is not None else address
        if address is not None and (wrong := _wrong_with(address)):
            raise UserError(f"no Dask scheduler answers at {self.name}: {wrong}")
        try:
            return Client(self._local if address is None else address, set_as_default=False)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise UserError(f"no Dask scheduler answers at {self.name}: {cause(error)}") from None

    @property
    def is_local(self) -> bool:
        """Whether its workers are processes that were started here."""
        return self._local is not None

    def workers(self) -> Mapping[str, Mapping[str, Any]]:
        """What is known of each worker that is connected now, by address; WorkerError if the scheduler is
        gone."""
        found: Mapping[str, Mapping[str, Any]] = self._asked(
            lambda: self.client.scheduler_info(n_workers=-1)["workers"]
        )
        if self._local is not None and len(found) < self._jobs:
            # Dask gives up a worker that dies while it starts, as it does when its first task ends it.
            self._local.scale(self._jobs)
        return found

    def at_work(self) -> frozenset[str]:
        """Keys of the tasks that are in some worker's hands; WorkerError if the scheduler is gone."""
        return frozenset(key for keys in self._asked(self.client.processing).values() for key in keys)

    def _asked(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except (OSError, TimeoutError, RuntimeError, AttributeError, KeyError):
            raise WorkerError(f"lost the Dask scheduler at {self.name}; run again to go on") from None

    def send(self, worker: str, files: Sequence[NamedFile]) -> str:
        """Send a worker files for its depot, once; returns what went wrong, in a line, or nothing."""
        lacking = [file for file in files if (worker, file) not in self._sent]
        try:
            for parcel in depot.parcels(lacking):
                if wrong := self.client.run(depot.receive, parcel, workers=[worker])[worker]:
                    return str(wrong)
        except FileNotFoundError as error:
            return f"{error.filename}: can't be read any more; run again"
        except (OSError, KeyError, ValueError):
            return ""  # the worker is gone, and others may see the file
        self._sent.update((worker, file) for file in lacking)
        return ""

    def kill(self) -> None:
        """End the processes that were started here, at once; in signal handlers too."""
        for process in self._processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def _processes(self) -> Sequence[int]:
        nannies = self._local.workers.values() if self._local else ()
        return [nanny.pid for nanny in nannies if nanny.pid]

    def close(self) -> None:
        """Leave the scheduler, which forgets what it was given; end what was started here."""
        with suppress(OSError, TimeoutError, RuntimeError):
            self.client.close()
        if self._local is not None:
            with suppress(OSError, TimeoutError, RuntimeError):
                self._local.close()


def _address_in(file: Path) -> str:
    """The address that a scheduler has left in a file; UserError when there is none."""
    try:
        return str(json.loads(file.read_text())["address"])
    except FileNotFoundError:
        hint = f"`dask scheduler --scheduler-file {file}` writes it"
        raise UserError(f"{file}: no such file; {hint}") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{file}: no Dask scheduler has left its address in it") from None


def _wrong_with(address: str) -> str:
    """Why no scheduler can be at an address, or nothing."""
    if not re.fullmatch(r"(tcp|tls|ws|wss|ucx)://\S+:\d+", address):
        return "an address is of the form tcp://host:8786 or tls://host:8786"
    if address.startswith("tls") and not Security().get_connection_args("client").get("ssl_context"):
        return "it takes certificates, and Dask's configuration names none; see docs/cluster.md"
    return ""


def _log_level() -> int:
    """What Dask may say by itself: all with --debug, else nothing."""
    return logging.INFO if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0" else logging.CRITICAL + 1


def _local_cluster(jobs: int) -> LocalCluster:
    settings = {
        "distributed.scheduler.allowed-failures": DEATHS - 1,
        # A busy machine takes its time to start a process.
        "distributed.comm.timeouts.connect": "120s",
    }
    # Its start lets Ctrl-C through again in the thread that needs it first, and in processes begun there.
    resource_tracker.ensure_running()
    try:
        # The terminal sends Ctrl-C to all processes of the group; the workers are told by us to stop.
        with dask.config.set(settings), interrupts_held():
            cluster = LocalCluster(
                n_workers=jobs,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                memory_limit=0,
                silence_logs=_log_level(),
            )
        dask_setup(cluster.scheduler)
        return cluster
    except (OSError, ValueError, TimeoutError, RuntimeError) as error:
        raise WorkerError(f"worker processes could not be started: {cause(error)}") from None
