"""The cache: a content-addressed store of finished pictures, and the one place that knows its paths.

    cache/
      entries/3f/3f9a...e1.png    the picture, lossless
      entries/3f/3f9a...e1.webp   the animation of its making (or .gif), where the recipe asks for one
      entries/3f/3f9a...e1.json   its record; written last, so its presence means the entry is whole
      failures/3f9a...e1.json     why a picture could not be made; removed when it is
      models/<digest>.json        what is known of a network, so that planning need not open it
      timings.json                measured seconds per picture
      gallery/<digest>.json       what each page and picture of a gallery was made from

Every file is written beside its place, flushed and renamed: a run killed at any instant leaves whole
entries, and stray `*.tmp` files that `prune` removes.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from generator.errors import CacheError


@dataclass(frozen=True)
class Record:
    """What is known of one finished picture.

    `activation` is the objective's value on the final, untransformed picture in the layer's own units
    (mean over positions; for `negative` the mean activation itself, so lower is better); `trajectory`
    the objective at evenly spaced steps of the optimisation; `dead` says that the channel never became
    active, so the picture shows nothing.
    """

    key: str
    model: str
    layer: str
    channel: int
    recipe_name: str
    recipe: dict[str, Any]
    fingerprint: str
    activation: float
    trajectory: tuple[float, ...]
    dead: bool
    width: int
    height: int
    seconds: float
    rendered_at: str
    versions: dict[str, str]
    picture_sha256: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """Why a picture could not be made: the job and one line of reason."""

    key: str
    model: str
    layer: str
    channel: int
    recipe_name: str
    reason: str
    failed_at: str


class Stamp(NamedTuple):
    """When an entry or failure was written (nanoseconds) and how long its record is."""

    written: int
    size: int
    failed: bool


def write_atomically(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write `data` to `path` so that a reader sees the old file or the new one, never a part.

    `durable` waits until it is on the disk, so that a power cut can't undo it.

    Raises CacheError when the folder can't be written or the disk is full.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise CacheError(f"{path}: can't write: {error.strerror or error}") from error


def _json_bytes(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, allow_nan=False).encode()


class Cache:
    """A folder of finished pictures; see the module's text for its shape."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    # -- paths -------------------------------------------------------------------------------------

    def animation_path(self, key: str, kind: str) -> Path:
        """Where the animation of an entry is, `kind` being webp or gif; it need not have one."""
        return self.picture_path(key).with_suffix(f".{kind}")

    def picture_path(self, key: str) -> Path:
        """Where the lossless picture of `key` is or would be."""
        return self.folder / "entries" / key[:2] / f"{key}.png"

    def record_path(self, key: str) -> Path:
        """Where the record of `key` is or would be; it exists if and only if the entry is whole."""
        return self.folder / "entries" / key[:2] / f"{key}.json"

    def failure_path(self, key: str) -> Path:
        """Where the reason is kept why `key` could not be rendered."""
        return self.folder / "failures" / f"{key}.json"

    def model_path(self, digest: str) -> Path:
        """Where the anatomy of the model opened by the spec of that digest is kept."""
        return self.folder / "models" / f"{digest}.json"

    @property
    def timings_path(self) -> Path:
        """Where measured speeds are kept."""
        return self.folder / "timings.json"

    def gallery_path(self, output: Path) -> Path:
        """Where it is kept what the gallery in `output` was made from, so that a rebuild is quick."""
        digest = hashlib.sha256(str(output.resolve()).encode()).hexdigest()[:16]
        return self.folder / "gallery" / f"{digest}.json"

    @property
    def lock_path(self) -> Path:
        """Held while a run renders into this cache."""
        return self.folder / "render.lock"

    # -- entries -----------------------------------------------------------------------------------

    def keys(self) -> set[str]:
        """Keys of all whole entries."""
        return {path.stem for path in (self.folder / "entries").glob("??/*.json")}

    def __contains__(self, key: str) -> bool:
        return self.record_path(key).exists()

    def get(self, key: str) -> Record | None:
        """The record of `key`, or None when there is no whole, readable entry."""
        try:
            values = json.loads(self.record_path(key).read_bytes())
            return Record(**{**values, "trajectory": tuple(values["trajectory"])})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, record: Record, picture: bytes, animation: bytes = b"") -> Record:
        """Store a finished picture (PNG bytes), the animation of its making if there is one, and its record.

        `record.extra["animation"]` says what the animation is, webp or gif. Returns the record as stored.
        """
        whole = Record(**{**asdict(record), "picture_sha256": hashlib.sha256(picture).hexdigest()})
        # Rendered again by --force: a kill between the writes must not leave old words on a new picture.
        self.record_path(record.key).unlink(missing_ok=True)
        write_atomically(self.picture_path(record.key), picture)
        if animation:
            write_atomically(self.animation_path(record.key, record.extra["animation"]), animation)
        write_atomically(self.record_path(record.key), _json_bytes(asdict(whole)))
        self.failure_path(record.key).unlink(missing_ok=True)
        return whole

    def remove(self, key: str) -> None:
        """Forget an entry; the record goes first, so that a kill between leaves no false entry."""
        self.record_path(key).unlink(missing_ok=True)
        for kind in ("webp", "gif"):
            self.animation_path(key, kind).unlink(missing_ok=True)
        self.picture_path(key).unlink(missing_ok=True)

    def stamps(self) -> dict[str, Stamp]:
        """For each whole entry and each failure, what changes when it does; much faster than reading them."""
        found: dict[str, Stamp] = {}
        # Entries come last, so that they win over a failure of an earlier or forced attempt.
        for folder in (self.folder / "failures", *(self.folder / "entries").glob("??")):
            for file in os.scandir(folder) if folder.is_dir() else ():
                if file.name.endswith(".json"):
                    state = file.stat()
                    failed = folder.name == "failures"
                    found[file.name[: -len(".json")]] = Stamp(state.st_mtime_ns, state.st_size, failed)
        return found

    # -- failures ----------------------------------------------------------------------------------

    def failure(self, key: str) -> Failure | None:
        """Why `key` could not be rendered, if that was tried and it is still so."""
        try:
            return Failure(**json.loads(self.failure_path(key).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def put_failure(self, failure: Failure) -> None:
        """Keep why a picture failed; a later success removes it."""
        write_atomically(self.failure_path(failure.key), _json_bytes(asdict(failure)))

    # -- upkeep ------------------------------------------------------------------------------------

    def verify(self) -> Iterator[tuple[str, str]]:
        """Check every entry; yields (key, what is wrong) for each that is not whole."""
        for key in sorted(self.keys()):
            record = self.get(key)
            if record is None:
                yield key, "its record can't be read"
                continue
            try:
                data = self.picture_path(key).read_bytes()
            except OSError:
                yield key, "its picture is missing"
                continue
            if hashlib.sha256(data).hexdigest() != record.picture_sha256:
                yield key, "its picture is not the one that was rendered"
            elif not _is_picture(data, record.width, record.height):
                yield key, "its picture can't be opened or has another size than its record says"

    def prune(self, keep: Collection[str], *, dry_run: bool = False) -> tuple[int, int]:
        """Remove entries and failures whose key is not in `keep`, and stray temporary files.

        Returns how many files there were to remove, and their bytes. With `dry_run` nothing is removed.
        """
        kept = set(keep)
        doomed = [p for p in self.folder.glob("entries/??/*") if p.name.split(".")[0] not in kept]
        doomed += [p for p in self.folder.glob("failures/*.json") if p.stem not in kept]
        doomed += [p for p in self.folder.rglob("*.tmp") if p not in doomed]
        size = sum(path.stat().st_size for path in doomed)
        if not dry_run:
            # Records end in .json, which sorts before .png: no moment leaves a record without picture.
            for path in sorted(doomed):
                path.unlink(missing_ok=True)
        return len(doomed), size


def _is_picture(data: bytes, width: int, height: int) -> bool:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return image.size == (width, height)
    except (OSError, ValueError):
        return False
