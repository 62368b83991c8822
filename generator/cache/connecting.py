"""Opening an object store by its address through fsspec, and saying in a line what keeps us from it."""

from __future__ import annotations

import os
import re
from typing import Any

from generator.errors import CacheError, cause

EXTRA = "`pip install 'pocket-microscope[cloud]'`"

ATTEMPTS = 8
"""How often a request is tried, with growing pauses of half a minute in all on average."""
CONNECTIONS = 32


def connect(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it; CacheError says why there is none."""
    protocol = address.partition("://")[0]
    try:
        import fsspec
    except ImportError:
        raise CacheError(f"cache: {address}: needs fsspec; {EXTRA}") from None
    try:
        fs, path = fsspec.core.url_to_fs(address, **_settings(protocol, fsspec.config.conf))
    except ImportError as error:
        how = EXTRA if protocol in ("s3", "s3a") else cause(error)
        raise CacheError(f"cache: {address}: fsspec needs another package for {protocol}://; {how}") from None
    except Exception as error:  # each file system checks its settings in its own way
        raise CacheError(told(address, error)) from error
    if protocol in ("s3", "s3a"):
        fs.retries = 2  # each of them is ATTEMPTS already
    return fs, path.rstrip("/")


def _settings(protocol: str, configured: dict[str, Any]) -> dict[str, Any]:
    """Ours, where the user's own fsspec configuration says nothing else."""
    ours: dict[str, Any] = {"use_listings_cache": False}
    if protocol in ("s3", "s3a"):
        # More than one reader of a file would first ask for its size.
        ours["max_concurrency"] = 1
        ours["config_kwargs"] = {"connect_timeout": 10, "read_timeout": 60}
        ours["config_kwargs"]["max_pool_connections"] = CONNECTIONS
        if not {"AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE"} & set(os.environ):
            ours["config_kwargs"]["retries"] = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    return {name: value for name, value in ours.items() if name not in configured.get(protocol, {})}


_NO_BUCKET = re.compile(r"(bucket|container) does not exist|NoSuchBucket|ContainerNotFound")


def is_no_bucket(error: Exception) -> bool:
    """Whether a file is not there because nothing is: its bucket is not."""
    return _NO_BUCKET.search(f"{error} {error.__cause__!r}") is not None


def told(address: str, error: Exception) -> str:
    """What went wrong with a store, in one line that names the field and what to look at."""
    kind, said = type(error).__name__, cause(error)
    if is_no_bucket(error):
        why = "there is no such bucket; make it, or mend the name"
    elif "Credential" in kind or "Unable to locate credentials" in said or kind == "ProfileNotFound":
        why = f"no credentials that can be used: {said}"
    elif isinstance(error, PermissionError):
        why = f"no permission: {said}"
    elif isinstance(error, TimeoutError | ConnectionError) or re.search("Connect|Timeout|Endpoint", kind):
        why = f"can't be reached: {said}"
    else:
        why = said
    return f"cache: {address}: {why}"
