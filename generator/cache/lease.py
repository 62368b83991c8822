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

from generator.errors import CacheError

if TYPE_CHECKING:
    from generator.cache.objects import ObjectStore

NAME = "render.lock"
SECONDS = 120
"""How long a lease lasts that is not renewed."""


@dataclass(frozen=True)
class _Holder:
    machine: str
    process: int
    token: str
    until: float

    @classmethod
    def read(cls, data: bytes | None) -> _Holder | None:
        try:
            return cls(**json.loads(data or b""))
        except (ValueError, TypeError):
            return None

    @property
    def is_gone(self) -> bool:
        """Whether it holds nothing any more."""
        return self.until < time.time() or (self.machine == platform.node() and not _is_running(self.process))


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
def lease(store: ObjectStore) -> Iterator[None]:
    """Hold the store's lease, renewing it meanwhile; CacheError when somebody else does."""
    token = secrets.token_hex(8)
    held = store.get(NAME)
    other = _Holder.read(held)
    if held is not None and (other is None or other.is_gone):
        store.delete([NAME])
    if not store.put_new(NAME, _mine(token)):
        other = _Holder.read(store.get(NAME)) or other
        who = f" on {other.machine}, process {other.process}," if other else ""
        raise CacheError(
            f"cache: {store.address}: another build-site{who} renders into this cache; wait until it is done "
            f"(if it was killed, its hold ends after {SECONDS // 60} minutes)"
        )
    over = threading.Event()
    renewing = threading.Thread(target=_renew, args=(store, token, over), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        over.set()
        renewing.join()
        with suppress(CacheError):  # it ends by itself
            store.delete([NAME])


def _renew(store: ObjectStore, token: str, over: threading.Event) -> None:
    while not over.wait(SECONDS / 4):
        with suppress(CacheError):  # the store may be back before the lease ends
            store.put(NAME, _mine(token))


def _mine(token: str) -> bytes:
    holder = _Holder(platform.node(), os.getpid(), token, time.time() + SECONDS)
    return json.dumps(asdict(holder)).encode()
