"""One run at a time in an object store: an object that says who renders into it, and until when.

Whoever holds it writes it anew long before its time is over. One whose time is over, or whose process on this
machine is gone, is taken over. Where the store knows conditional writes, of two that come at once one is
refused; where it does not, both may render: as keys name contents, that wastes time and harms nothing.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from generator.cache.holder import Holder, Waiting, busy
from generator.errors import CacheError

if TYPE_CHECKING:
    from generator.cache.objects import ObjectStore

NAME = "render.lock"
SECONDS = 120
"""How long a lease lasts that is not renewed."""
PAUSE = 2.0
"""Seconds between two looks of one who waits."""
_held: set[str] = set()
"""Tokens of the leases that this process holds."""


@dataclass(frozen=True)
class _Lease:
    """Who renders, by a token of its own, and until when that is to be believed."""

    holder: Holder
    token: str
    until: float

    @classmethod
    def read(cls, data: bytes | None) -> _Lease | None:
        holder = Holder.read(data)
        try:
            found = json.loads(data or b"")
            return None if holder is None else cls(holder, str(found["token"]), float(found["until"]))
        except (ValueError, TypeError, KeyError):
            return None

    @property
    def written(self) -> bytes:
        return json.dumps({**asdict(self.holder), "token": self.token, "until": self.until}).encode()

    @property
    def is_over(self) -> bool:
        if self.until < time.time():
            return True
        if self.holder.machine != platform.node():
            return False
        # Ours, where the store was away when it should have been given up.
        ours = self.holder.process == os.getpid()
        return self.token not in _held if ours else not _is_running(self.holder.process)


def _is_running(process: int) -> bool:
    if os.name == "nt":
        return True  # there, asking would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


@contextmanager
def lease(store: ObjectStore, waiting: Waiting | None = None) -> Iterator[None]:
    """Hold the store's lease, renewing it meanwhile. When somebody else does, CacheError, or with `waiting`
    wait."""
    token = secrets.token_hex(8)
    _acquire(store, token, waiting)
    _held.add(token)
    over = threading.Event()
    holder = Holder.me()
    renewing = threading.Thread(target=_renew, args=(store, holder, token, over), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        over.set()
        renewing.join()
        _held.remove(token)
        with suppress(CacheError):  # it ends by itself
            store.delete([NAME])


def holder_of(store: ObjectStore) -> Holder | None:
    """Whoever has the store's lease; None where nobody has."""
    found = _Lease.read(store.get(NAME))
    return None if found is None or found.is_over else found.holder


def _acquire(store: ObjectStore, token: str, waiting: Waiting | None) -> None:
    told = False
    while not _taken(store, token):
        holder = holder_of(store)
        if waiting is None:
            raise CacheError(
                f"cache: {store.address}: {busy(holder)}; wait until it is done, or let --wait do so "
                f"(if it was killed, its hold ends after {SECONDS // 60} minutes)"
            )
        if not told:
            waiting(holder)
        told = True
        time.sleep(PAUSE)


def _taken(store: ObjectStore, token: str) -> bool:
    held = store.get(NAME)
    other = _Lease.read(held)
    if held is not None and (other is None or other.is_over):
        store.delete([NAME])
    return store.put_new(NAME, _mine(Holder.me(), token))


def _renew(store: ObjectStore, holder: Holder, token: str, over: threading.Event) -> None:
    while not over.wait(SECONDS / 4):
        with suppress(CacheError):  # the store may be back before the lease ends
            store.put(NAME, _mine(holder, token))


def _mine(holder: Holder, token: str) -> bytes:
    return _Lease(holder, token, time.time() + SECONDS).written
