"""The cache: whole entries or none, whatever happens, and nothing kept that nobody asks for."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from generator.cache.entries import Cache, Failure, Record, write_atomically
from generator.errors import CacheError
from tests.conftest import ROOT

KEY, OTHER = "ab" * 32, "cd" * 32


def png(colour: int = 0) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 3), (colour, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


def record(key: str = KEY) -> Record:
    return Record(
        key=key,
        model="m",
        layer="l",
        channel=1,
        recipe_name="channel",
        recipe={"size": 4},
        fingerprint="f",
        activation=1.5,
        trajectory=(0.5, 1.5),
        dead=False,
        width=4,
        height=3,
        seconds=0.1,
        rendered_at="2026-01-01T00:00:00+00:00",
        versions={"renderer": "1"},
    )


def failure(key: str = KEY) -> Failure:
    return Failure(key, "m", "l", 1, "channel", "out of memory", "2026-01-01T00:00:00+00:00")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_what_is_put_is_got_back(cache: Cache) -> None:
    assert KEY not in cache and cache.get(KEY) is None and cache.keys() == set()
    stored = cache.put(record(), png())
    assert KEY in cache and cache.keys() == {KEY}
    assert cache.get(KEY) == stored
    assert replace(stored, picture_sha256="") == record()
    assert cache.picture_path(KEY).read_bytes() == png()
    assert list(cache.verify()) == []


def test_a_success_clears_the_failure_before_it(cache: Cache) -> None:
    cache.put_failure(failure())
    assert cache.failure(KEY) == failure() and KEY not in cache
    assert cache.stamps()[KEY].failed
    cache.put(record(), png())
    assert cache.failure(KEY) is None
    assert not cache.stamps()[KEY].failed


def test_a_record_that_is_no_number_is_refused(cache: Cache) -> None:
    with pytest.raises(ValueError):
        cache.put(replace(record(), activation=float("nan")), png())
    assert KEY not in cache


KILLED = """
import os, sys
from pathlib import Path
from generator.cache.entries import Cache
from tests.test_cache import png, record

moment, folder = int(sys.argv[1]), Path(sys.argv[2])
writes = iter(range(100))

def killed(audit, arguments):
    # Each step of writing ends in a rename; die right before or right after one of them.
    if audit == "os.rename" and next(writes) == moment // 2:
        if moment % 2 == 0:
            os.kill(os.getpid(), 9)
        armed.append(True)
    elif armed and audit in ("open", "os.remove", "os.mkdir"):
        os.kill(os.getpid(), 9)

armed = []
sys.addaudithook(killed)
Cache(folder).put(record(), png(colour=200))
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("before", ["empty", "old"])
@pytest.mark.parametrize("moment", range(5))
def test_a_kill_at_any_moment_leaves_a_whole_entry_or_none(cache: Cache, before: str, moment: int) -> None:
    if before == "old":
        cache.put(record(), png(colour=100))
    code = subprocess.run(
        [sys.executable, "-c", KILLED, str(moment), str(cache.folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ).returncode
    assert code == -signal.SIGKILL
    assert list(cache.verify()) == []
    if KEY in cache:
        stored = cache.get(KEY)
        assert stored is not None
    cache.put(record(), png(colour=200))
    assert list(cache.verify()) == []
    cache.prune({KEY})
    left = {path.name for path in cache.folder.rglob("*") if path.is_file()}
    assert left == {f"{KEY}.png", f"{KEY}.json"}


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda cache: cache.record_path(KEY).write_text("{"), "record can't be read"),
        (lambda cache: cache.record_path(KEY).write_text("{}"), "record can't be read"),
        (lambda cache: cache.picture_path(KEY).unlink(), "picture is missing"),
        (lambda cache: cache.picture_path(KEY).write_bytes(png()[:-20]), "not the one that was rendered"),
        (lambda cache: cache.picture_path(KEY).write_bytes(png(1)), "not the one that was rendered"),
        (lambda cache: cache.put(record(), b"no picture"), "can't be opened"),
        (lambda cache: cache.put(replace(record(), width=9), png()), "another size"),
    ],
)
def test_verify_finds_every_kind_of_damage(cache: Cache, damage: object, word: str) -> None:
    cache.put(record(), png())
    cache.put(record(OTHER), png())
    damage(cache)  # type: ignore[operator]
    ((key, reason),) = cache.verify()
    assert key == KEY and word in reason
    cache.remove(KEY)
    assert cache.keys() == {OTHER} and list(cache.verify()) == []


def test_prune_removes_what_nobody_asks_for_and_leftovers(cache: Cache) -> None:
    for key in (KEY, OTHER):
        cache.put(record(key), png())
        cache.put_failure(failure(key[::-1]))
    stray = cache.picture_path(OTHER).with_name("x.png.77.tmp")
    stray.write_bytes(b"1234")
    doomed = [cache.picture_path(OTHER), cache.record_path(OTHER), cache.failure_path(OTHER[::-1]), stray]
    size = sum(path.stat().st_size for path in doomed)
    keep = {KEY, KEY[::-1]}
    assert cache.prune(keep, dry_run=True) == (4, size)
    assert all(path.exists() for path in doomed)
    assert cache.prune(keep) == (4, size)
    assert not any(path.exists() for path in doomed)
    assert cache.get(KEY) is not None and cache.failure(KEY[::-1]) is not None
    assert cache.prune(keep) == (0, 0)


def test_a_write_is_all_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_a_folder_that_cant_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="file/entry: can't write"):
        write_atomically(tmp_path / "file" / "entry", b"")


def test_a_file_that_cant_be_replaced_leaves_no_leftover(tmp_path: Path) -> None:
    (tmp_path / "entry" / "inside").mkdir(parents=True)
    with pytest.raises(CacheError, match="can't write"):
        write_atomically(tmp_path / "entry", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["entry"]


def test_records_are_plain_json(cache: Cache) -> None:
    cache.put(record(), png())
    values = json.loads(cache.record_path(KEY).read_text())
    assert values["activation"] == 1.5 and values["trajectory"] == [0.5, 1.5]
