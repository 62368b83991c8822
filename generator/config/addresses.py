"""Where a cache is: a folder of this machine, or an address that fsspec knows, `s3://bucket/prefix`."""

from __future__ import annotations

import re
from pathlib import Path

Place = Path | str
"""A folder, or the text of an address."""

_ADDRESS = re.compile(r"[A-Za-z][\w+.-]*://")


def is_address(value: object) -> bool:
    """Whether a value is the text of an address and no path."""
    return isinstance(value, str) and _ADDRESS.match(value) is not None


def place_of(value: object) -> Place:
    """The place that a user names; ValueError for what is neither a path nor text."""
    if isinstance(value, Path):
        return value
    if not isinstance(value, str):
        raise ValueError("should be a path or an address, in quotes if need be")
    if not is_address(value):
        return Path(value)
    return value.rstrip("/") if value.partition("://")[2].strip("/") else value


def unusable_address(address: str) -> str:
    """Why an address can't be that of a cache, as far as its text tells; or nothing."""
    protocol, _, rest = address.partition("://")
    if protocol in ("file", "local"):
        return f"a folder of this machine is named as a path: {'/' + rest.lstrip('/')}"
    if protocol in ("http", "https", "ftp"):
        return f"nothing can be written to {protocol}://; name a bucket, e.g. s3://bucket/prefix"
    if not rest.strip("/"):
        return f"names no bucket; write {protocol}://bucket/prefix"
    odd = next((sign for sign in "*?[]{}#" if sign in rest), None)
    return "" if odd is None else f"a bucket's or prefix's name can't hold {odd!r} here"
