"""What all that is to be found out beside the planned pictures has in common: it is done in rounds.

A round's tasks rest on what the rounds before have left in the cache. An inquiry, a photo and an atlas are
pursuits.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Protocol

from generator.cache.entries import Cache
from generator.engines.tasks import Task
from generator.inquiries.surveys import There


class Round(IntEnum):
    """When tasks are due, in order."""

    GROUNDWORK = 0
    """Before anything else: what derived layers are found from."""
    DERIVING = 1
    """Derived layers themselves; their pictures and surveys need them."""
    PICTURES = 2
    """The planned pictures, which are no pursuit's."""
    FIRST = 3
    """What depends on no picture and no other task of this round; it follows the pictures without a break."""
    SECOND = 4
    """What depends on tallies and pictures."""
    DIRECTIONS = 5
    """Pictures of directions that were found in the rounds before."""


class Pursuit(Protocol):
    """Something to be found out about a model of the plan."""

    @property
    def rounds(self) -> frozenset[Round]:
        """The rounds in which it may have tasks."""

    def tasks(self, now: Round, there: There, cache: Cache, *, force: bool = False) -> Iterator[Task]:
        """What is due in a round, or with `force` all of it, where `there` are the keys of what the cache
        holds."""

    def due(self, there: There) -> int:
        """How many of its jobs are to be done and are not, as far as that is known beforehand."""
