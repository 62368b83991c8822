"""The cache: whole entries or none, whatever happens, and nothing kept that nobody asks for."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from generator.cache.entries import Cache
from generator.cache.local import LocalStore, write_atomically
from generator.cache.records import Failure, Record
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


def stored() -> Record:
    """The record as it comes back."""
    return replace(record(), picture_sha256=hashlib.sha256(png()).hexdigest())


def failure(key: str = KEY) -> Failure:
    return Failure(key, "m/l/1 (channel)", "out of memory", "2026-01-01T00:00:00+00:00")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_what_is_put_is_got_back(cache: Cache) -> None:
    assert KEY not in cache and cache.get(KEY) is None and cache.keys() == set()
    cache.put(record(), png())
    assert KEY in cache and cache.keys() == {KEY}
    assert cache.get(KEY) == stored()
    assert cache.picture_path(KEY).read_bytes() == png()
    assert list(cache.verify()) == []


def test_entries_of_any_kind_are_kept_under_their_key(cache: Cache) -> None:
    """A tally as well as a picture: named files and a record of plain JSON."""
    files = {"npz": b"numbers", "txt": b"words"}
    cache.put_entry(KEY, {"block": 3, "counts": {"b": 1, "a": 2}}, files)
    entry = cache.entry(KEY)
    assert entry is not None and entry.record["block"] == 3
    assert {kind: facts.size for kind, facts in entry.files.items()} == {"npz": 7, "txt": 5}
    assert cache.store.get(f"entries/{KEY[:3]}/{KEY}.npz") == b"numbers"
    assert cache.get(KEY) is None, "it is no picture"
    assert cache.snapshot().entries[KEY].kinds == ("npz", "txt")
    assert KEY in cache and list(cache.verify()) == []


def test_a_record_may_hold_what_json_writes_otherwise(cache: Cache) -> None:
    cache.put_entry(KEY, {"pairs": ((1, 2.0),), "by_number": {10: "x", 9: "y"}}, {"txt": b""})
    assert KEY in cache and cache.keys() == {KEY}


def test_entries_and_failures_of_before_are_understood(cache: Cache) -> None:
    """As written by version 0.1.0: no sizes, one digest; failures by model, layer and channel."""
    values = {**record().to_json(), "picture_sha256": hashlib.sha256(png()).hexdigest()}
    cache.picture_path(KEY).parent.mkdir(parents=True)
    cache.picture_path(KEY).write_bytes(png())
    cache.record_path(KEY).write_text(json.dumps(values, sort_keys=True))
    assert KEY in cache and cache.keys() == {KEY} and list(cache.verify()) == []
    assert cache.get(KEY) == stored()
    cache.picture_path(KEY).write_bytes(png()[:-1])
    assert KEY not in cache and cache.keys() == set()
    old = {"key": OTHER, "model": "m", "layer": "l", "channel": 2, "recipe_name": "channel"}
    cache.failure_path(OTHER).parent.mkdir(parents=True)
    cache.failure_path(OTHER).write_text(json.dumps({**old, "reason": "bad luck", "failed_at": "now"}))
    assert cache.failure(OTHER) == Failure(OTHER, "m/l/2 (channel)", "bad luck", "now")


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
        [sys.executable, "-c", KILLED, str(moment), str(cache.place)],
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
    left = {path.name for path in (cache.place / "entries").rglob("*") if path.is_file()}
    assert left == {f"{KEY}.png", f"{KEY}.json"} and not list(cache.place.rglob("*.tmp"))


# -- damage ----------------------------------------------------------------------------------------


def overwrite(path: Path, data: bytes) -> None:
    """As a failing disk would: in place."""
    path.write_bytes(data)


CHEAPLY_SEEN = {
    "record is no JSON": lambda cache: overwrite(cache.record_path(KEY), b"{"),
    "record is another JSON": lambda cache: overwrite(cache.record_path(KEY), b"{}"),
    "record is a list": lambda cache: overwrite(cache.record_path(KEY), b"[]"),
    "record is no text": lambda cache: overwrite(cache.record_path(KEY), b"\xff\xfe"),
    "record is empty": lambda cache: overwrite(cache.record_path(KEY), b""),
    "record is nested without end": lambda cache: overwrite(cache.record_path(KEY), b"[" * 10**6),
    "record is another's": lambda cache: shutil.copy(cache.record_path(OTHER), cache.record_path(KEY)),
    "record lacks a field": lambda cache: rewrite(cache, lambda values: values.pop("activation")),
    "record says another number": lambda cache: rewrite(cache, lambda values: values.update(activation=9)),
    "picture is missing": lambda cache: cache.picture_path(KEY).unlink(),
    "picture is empty": lambda cache: overwrite(cache.picture_path(KEY), b""),
    "picture is cut off": lambda cache: overwrite(cache.picture_path(KEY), png()[:-1]),
    "animation is missing": lambda cache: cache.animation_path(KEY, "webp").unlink(),
    "animation is cut off": lambda cache: overwrite(cache.animation_path(KEY, "webp"), b"film"),
}

SEEN_BY_READING = {
    "picture has another bit": lambda cache: overwrite(
        cache.picture_path(KEY), png()[:-9] + bytes([png()[-9] ^ 1]) + png()[-8:]
    ),
    "picture was never one": lambda cache: cache.put(moving(), b"no picture", b"a film"),
    "picture has another size": lambda cache: cache.put(replace(moving(), width=9), png(), b"a film"),
}


def rewrite(cache: Cache, change: Callable[[dict[str, Any]], object]) -> None:
    values = json.loads(cache.record_path(KEY).read_bytes())
    change(values)
    cache.record_path(KEY).write_text(json.dumps(values))


def moving() -> Record:
    return replace(record(), extra={"animation": "webp"})


@pytest.fixture
def two(cache: Cache) -> Cache:
    """A cache with two entries, which have been looked at."""
    cache.put(moving(), png(), b"a film")
    cache.put(record(OTHER), png())
    assert cache.keys() == {KEY, OTHER}
    return cache


@pytest.mark.parametrize("damage", CHEAPLY_SEEN.values(), ids=CHEAPLY_SEEN.keys())
def test_what_can_not_be_read_is_no_entry(two: Cache, damage: Callable[[Cache], object]) -> None:
    damage(two)
    again = Cache(two.place)
    assert KEY not in again and OTHER in again
    assert again.keys() == {OTHER}
    assert again.keys() == {OTHER}, "the second look is by what the first remembered"
    assert KEY not in again.stamps()


@pytest.mark.parametrize(
    "damage", [*CHEAPLY_SEEN.values(), *SEEN_BY_READING.values()], ids=[*CHEAPLY_SEEN, *SEEN_BY_READING]
)
def test_verify_finds_every_kind_of_damage_and_a_new_picture_mends_it(
    two: Cache, damage: Callable[[Cache], object]
) -> None:
    damage(two)
    ((key, reason),) = two.verify()
    assert key == KEY and reason
    two.remove(key)
    assert two.keys() == {OTHER} and list(two.verify()) == []
    two.put(moving(), png(), b"a film")
    assert two.keys() == {KEY, OTHER} and list(two.verify()) == []


def test_every_cut_and_every_flipped_bit_is_found(two: Cache) -> None:
    """Of all files of an entry: no length but the whole is an entry, no byte can change unseen."""
    for path in (two.record_path(KEY), two.picture_path(KEY), two.animation_path(KEY, "webp")):
        whole = path.read_bytes()
        for length in range(len(whole)):
            path.write_bytes(whole[:length])
            assert KEY not in two, f"{path.suffix} cut off after {length}"
        for place in range(0, len(whole), 3):
            flipped = bytearray(whole)
            flipped[place] ^= 1 << (place % 8)
            path.write_bytes(flipped)
            assert [key for key, _ in two.verify()] == [KEY], f"{path.suffix} byte {place}"
        path.write_bytes(whole)
        assert KEY in two and list(two.verify()) == []


def test_what_was_looked_at_is_not_read_again(two: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planning a million pictures can't read a million records."""
    read: list[str] = []
    real = LocalStore.get

    def get(store: LocalStore, name: str) -> bytes | None:
        read.append(name)
        return real(store, name)

    monkeypatch.setattr(LocalStore, "get", get)
    assert Cache(two.place).keys() == {KEY, OTHER} and read == ["index"]
    os.utime(two.picture_path(OTHER))
    assert Cache(two.place).keys() == {KEY, OTHER}
    assert read == ["index"] * 2 + [f"entries/{OTHER[:3]}/{OTHER}.json"]


@pytest.mark.parametrize("name", [b"README.json", b"\xff.json", "\u00fcber.json".encode(), b".json"])
def test_files_of_others_among_the_entries_are_passed_over(two: Cache, name: bytes) -> None:
    (folder := two.place / "entries" / KEY[:3]).mkdir(exist_ok=True)
    Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(b"not ours")
    for _ in range(2):
        assert two.keys() == {KEY, OTHER}


@pytest.mark.parametrize("nonsense", [b"", b"{", b"whole entries 1", b"whole entries 2\nabc"])
def test_an_index_that_can_not_be_read_is_made_anew(two: Cache, nonsense: bytes) -> None:
    overwrite(two.place / "index", nonsense)
    assert two.keys() == {KEY, OTHER}
    assert len((two.place / "index").read_bytes()) == 16 + 2 * 24


def test_a_snapshot_is_of_one_moment(two: Cache) -> None:
    before = two.snapshot()
    two.remove(KEY)
    two.put_failure(failure())
    assert set(before.entries) == {KEY, OTHER} and not before.failures
    assert before.entries[KEY].kinds == ("png", "webp")
    assert before.entries[OTHER].files[0][1].size == len(png())
    after = two.snapshot()
    assert set(after.entries) == {OTHER} and set(after.failures) == {KEY}


# -- upkeep ----------------------------------------------------------------------------------------


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


def test_a_durable_write_flushes_the_file_then_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the folder a power cut may undo the rename, and that of a folder that was made for it."""
    flushed: list[Path] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    path = tmp_path / "new" / "deeper" / "file"
    write_atomically(path, b"data")
    assert flushed[:2] == [tmp_path, tmp_path / "new"]
    assert flushed[2].suffix == ".tmp" and flushed[3:] == [path.parent]
    flushed.clear()
    write_atomically(path, b"other", durable=False)
    assert flushed == []


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


# -- where version 0.1.0 kept things ---------------------------------------------------------------


@pytest.fixture
def old(two: Cache) -> Cache:
    """The same cache as version 0.1.0 would have written it, with a failure."""
    folder = two.place
    assert isinstance(folder, Path)
    two.put_failure(Failure(OTHER[::-1], "title", "reason", "now"))
    for top, length in (("entries", 2), ("failures", 0)):
        for path in [path for path in (folder / top).glob("*/*") if path.is_file()]:
            place = folder / top / path.name[:length] / path.name
            place.parent.mkdir(exist_ok=True)
            path.rename(place)
    (folder / "index").unlink(missing_ok=True)
    return Cache(folder)


def test_a_cache_of_before_is_read_where_it_is(old: Cache) -> None:
    before = {path for path in Path(old.place).rglob("*.*") if path.is_file()}
    assert old.keys() == {KEY, OTHER} and list(old.verify()) == [] and KEY in old
    assert set(old.failures()) == {OTHER[::-1]} and old.failure(OTHER[::-1]) is not None
    assert old.picture_path(KEY).read_bytes() == old.read(KEY, "png") and old.get(KEY) is not None
    assert {path for path in Path(old.place).rglob("*.*") if path.is_file()} == before, "nothing has moved"


def test_what_is_written_again_moves(old: Cache) -> None:
    record, picture = old.get(KEY), old.read(KEY, "png")
    assert record is not None and picture is not None
    old.put(record, picture, b"film")
    assert [path.parent.name for path in Path(old.place).glob(f"entries/*/{KEY}.*")] == [KEY[:3]] * 3
    assert old.keys() == {KEY, OTHER} and list(old.verify()) == []
    old.remove(OTHER)
    assert not list(Path(old.place).glob(f"entries/*/{OTHER}.*"))
    count, _ = old.prune(set())
    assert count == 4 and not list(Path(old.place).glob("*/*/*"))


def test_a_put_killed_at_any_moment_mixes_no_old_file_with_a_new_one(
    old: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = old.get(KEY)
    assert record is not None
    real = LocalStore.put
    for moment in range(3):
        left = iter(range(moment))

        def put(store: LocalStore, name: str, data: bytes, *, durable: bool = True) -> None:
            if next(left, None) is None:  # noqa: B023
                raise KeyboardInterrupt
            real(store, name, data, durable=durable)

        monkeypatch.setattr(LocalStore, "put", put)
        with pytest.raises(KeyboardInterrupt):
            old.put(record, png(colour=9), b"film")
        monkeypatch.setattr(LocalStore, "put", real)
        assert KEY not in Cache(old.place).snapshot().entries, "due again"


def test_a_few_are_found_as_all_are(cache: Cache) -> None:
    """In a large cache the wanted keys are looked for by themselves."""
    keys = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(40)]
    for key in keys:
        cache.put_entry(key, {"kind": "photo"}, {"webp": b"photo"})
    cache.put(moving(), png(), b"film")
    cache.put(record(OTHER), png())
    whole = cache.snapshot()
    wanted = {keys[1], keys[2], KEY, OTHER, "f" * 64}
    few = cache.snapshot(wanted)
    assert set(few.entries) == wanted - {"f" * 64} and len(whole.entries) == 42
    assert all(whole.entries[key] == few.entries[key] for key in few.entries)
    overwrite(cache.picture_path(KEY), b"")
    cache.record_path(keys[1]).unlink()
    cache.put_entry("e" * 64, {"kind": "photo"}, {"webp": b"new"})
    few = cache.snapshot({*wanted, "e" * 64})
    assert set(few.entries) == {keys[2], OTHER, "e" * 64}
    assert set(cache.snapshot().entries) == {*keys, OTHER, "e" * 64} - {keys[1]}
