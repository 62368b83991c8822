"""The workers of a Dask cluster as the engine sees them: who may work, and who is best given what."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Mapping
from functools import partial
from importlib.metadata import version
from typing import Any

from generator.engines.dask_cluster import Cluster
from generator.engines.refusals import different
from generator.errors import UserError

PER_WORKER = 3
"""Tasks in a worker's hands: the one that it is at and two more, so that it never waits for the next."""
REMEMBERED = 4096
"""Paces of which it is remembered who was given tasks of them."""
OURS = "pocket-microscope"


class Crew:
    """Workers come and go; those that were refused are given nothing, and where some have graphics cards
    (Dask's resource GPU) the others aren't either. `say` is told of those that are refused."""

    def __init__(self, cluster: Cluster, versions: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._cluster, self._versions, self._say = cluster, versions, say
        self._known: Mapping[str, Mapping[str, Any]] = {}
        self._refused: dict[str, str] = {}
        self._accepted: set[str] = set()
        self._homes: OrderedDict[str, list[str]] = OrderedDict()
        self._load: Counter[str] = Counter()
        self._waited = False
        self.usable: frozenset[str] = frozenset()
        self.resources: Mapping[str, float] | None = None
        """What tasks ask of a worker."""
        self.look()

    def look(self) -> None:
        """See who is there; WorkerError if the scheduler is gone."""
        self._known = self._cluster.workers()
        usable = frozenset(self._known.keys() - self._refused.keys())
        cards = frozenset(one for one in usable if self._known[one]["resources"].get("GPU", 0) >= 1)
        self.usable = cards or usable
        self.resources = {"GPU": 1} if cards else None
        if not self._known and not self._waited:
            self._waited = True
            self._say(f"No worker has joined the Dask scheduler at {self._cluster.name}; waiting for one ...")

    # -- who may -----------------------------------------------------------------------------------

    @property
    def only(self) -> frozenset[str]:
        """Those that may be given a task, if not all may."""
        return self.usable if self._refused else frozenset()

    def accept(self, worker: str) -> None:
        """It has worked off a task."""
        if worker not in self._accepted:
            self._accepted.add(worker)
            self._tell()

    def refuse(self, worker: str, reason: str) -> None:
        """Give it nothing any more. UserError with the reason when nobody else is there, or ever was."""
        if worker in self._refused:
            return
        self._refused[worker] = reason
        self.look()
        if not self.usable and not self._accepted:
            raise UserError(reason)
        if self._accepted:
            self._tell()

    def _tell(self) -> None:
        """Once there is one that can work, say of the others that they are left out."""
        for worker, reason in self._refused.items():
            if reason:
                self._say(f"Warning: {reason}. It is left out.")
                self._refused[worker] = ""

    def met_strangers(self, only: frozenset[str]) -> bool:
        """Whether a task may have met one who doesn't even have our package, or another version of it; they
        are refused. It was for those that are named, or for all."""
        self._refuse_strangers()
        return any(not only or worker in only for worker in self._refused)

    def _refuse_strangers(self) -> None:
        unknown = [one for one in self.usable if one not in self._accepted]
        # Python's own function: nothing of ours can be called there.
        ask = partial(self._cluster.client.run, version, OURS, on_error="return")
        answers = ask(workers=unknown) if unknown else {}
        own = self._versions[OURS]
        for worker, answer in answers.items():
            if answer != own:
                there = answer if isinstance(answer, str) else "none"
                self.refuse(worker, different(worker, OURS, there, own))

    # -- who is best given what --------------------------------------------------------------------------

    def home_of(self, pace: str) -> str:
        """A worker for a task of a pace, which then counts as given to it until `leave`: one that was given
        tasks of that pace, else the one with the fewest. None, when all have their share.

        It is advice to the scheduler, which moves tasks from busy workers to idle ones.
        """
        homes = self._homes.setdefault(pace, [])
        self._homes.move_to_end(pace)
        while len(self._homes) > REMEMBERED:
            self._homes.popitem(last=False)
        homes[:] = [home for home in homes if home in self.usable]
        chosen = self._emptiest(homes) or self._emptiest(self.usable)
        if chosen and chosen not in homes:
            homes.append(chosen)
        if chosen:
            self._load[chosen] += 1
        return chosen

    def _emptiest(self, workers: Collection[str]) -> str:
        best = min(workers, key=lambda worker: self._load[worker], default="")
        return best if best and self._load[best] < PER_WORKER else ""

    def leave(self, home: str) -> None:
        """A task that was given to a worker has ended."""
        if home:
            self._load[home] -= 1
