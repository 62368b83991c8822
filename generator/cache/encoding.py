"""How an entry is written down: the names of its files, and its record as JSON that vouches for itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from generator.cache.records import Record

RECORD = "json"
"""The kind of an entry's record among its files."""


class Facts(NamedTuple):
    """What a record says of a file: its SHA-256 (hex) and size in bytes, None in records of before."""

    sha256: str
    size: int | None


@dataclass(frozen=True)
class Entry:
    """A finished thing: its key, what is known of it, and its files by kind (`png`, `webp` ...)."""

    key: str
    record: Mapping[str, Any]
    files: Mapping[str, Facts]


def entry_name(key: str, kind: str) -> str:
    """The name of an entry's file of a kind, or of its record."""
    return f"entries/{key[:3]}/{key}.{kind}"


def failure_name(key: str) -> str:
    """The name of the file that says why there is no entry."""
    return f"failures/{key[:3]}/{key}.json"


def broken_name(name: str) -> str:
    """Where a file of an entry is kept that is set aside."""
    return f"broken/{name.rpartition('/')[2]}"


def key_of(name: str) -> str:
    """The key in the name of an entry's or failure's file."""
    return name.rpartition("/")[2].partition(".")[0]


def json_bytes(value: object) -> bytes:
    """A value as JSON, always the same for the same value; ValueError for what is no number."""
    return json.dumps(value, sort_keys=True, allow_nan=False).encode()


def written_record(key: str, record: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """The record of an entry with these files, as `read_record` reads it."""
    facts = {
        kind: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)} for kind, data in files.items()
    }
    body = json_bytes({**record, "key": key, "files": facts})
    return body[:-1] + _CHECKSUM + _checksum(body) + b'"}'


def read_record(key: str, data: bytes | None) -> Entry | None:
    """The entry of that key; None when its record is missing, broken, or another's."""
    try:
        values = json.loads(data or b"")
        if values["key"] != key or not (_vouches(data or b"") if "files" in values else _is_old(values)):
            return None
        # Version 0.1.0 knew pictures only, by their digest.
        old = "files" not in values
        files = {"png": {"sha256": values["picture_sha256"]}} if old else values.pop("files")
        facts = {kind: Facts(known["sha256"], known.get("size")) for kind, known in files.items()}
        if "png" in facts:
            Record.from_json(values)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return Entry(key, values, facts)


_CHECKSUM = b', "checksum": "'
"""Comes last in a record, and is of all before it: a flipped digit makes it no record."""


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:16].encode()


def _vouches(data: bytes) -> bool:
    body, _, checksum = data.rpartition(_CHECKSUM)
    return checksum == _checksum(body + b"}") + b'"}'


def _is_old(values: Mapping[str, Any]) -> bool:
    return "checksum" not in values
