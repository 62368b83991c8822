"""Files of any content where our readers expect their own: each is read, or refused by one of our errors.

`make test` tries each reader some hundred times, always the same; `make fuzz` (POCKET_FUZZ) many times more.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.synthetic import anatomy, fill, layer, plan_of
from generator.cache.encoding import entry_name, failure_name, written_record
from generator.cache.entries import Cache
from generator.errors import ModelError
from generator.evidence.facts import LayerFacts
from generator.gallery.output import MANIFEST, Output
from generator.models.identity import known_anatomy
from generator.models.torch_checkpoint import read_checkpoint
from generator.plan import Plan
from tests.hostile.measured import growth

TIMES = int(os.environ.get("POCKET_FUZZ", "0"))
TRIED = settings(
    max_examples=TIMES or 150,
    deadline=None,
    derandomize=not TIMES,
    database=None,
    suppress_health_check=list(HealthCheck),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
DEEP = [b"[" * 100_000, b'{"a":' * 100_000, b'{"files":' + b"[" * 100_000]
BYTES = st.binary(max_size=120) | st.sampled_from(DEEP) | JSON.map(lambda value: json.dumps(value).encode())
EDITS = st.lists(st.tuples(st.integers(0, 1 << 20), st.binary(max_size=6), st.integers(0, 40)), max_size=4)


def edited(data: bytes, edits: list[tuple[int, bytes, int]]) -> bytes:
    """A real file with some of its bytes replaced, left out or put in."""
    for place, new, removed in edits:
        at = place % (len(data) + 1)
        data = data[:at] + new + data[at + removed :]
    return data


def replaced(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Real values with some of them replaced, or left out where a change is `...`."""
    changed = {**values, **changes}
    return {name: value for name, value in changed.items() if value is not ...}


def changes_of(values: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(sorted(values)), JSON | st.just(...), min_size=1, max_size=2)


# -- checkpoints -----------------------------------------------------------------------------------

MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
HEAD = MAGIC + b"\x80\x02M\xe9\x03." + b"\x80\x02}q\x00X\r\x00\x00\x00little_endianq\x01\x88s."
TENSOR = (
    b"\x80\x02}q\x00X\x01\x00\x00\x00tq\x01ctorch._utils\n_rebuild_tensor_v2\nq\x02((X\x07\x00\x00\x00storageq\x03"
    b"ctorch\nFloatStorage\nq\x04X\x01\x00\x00\x000q\x05X\x03\x00\x00\x00cpuq\x06K\x04Ntq\x07QK\x00K\x02K\x02\x86q\x08"
    b"K\x02K\x01\x86q\t\x89ccollections\nOrderedDict\nq\n)Rq\x0btq\x0cRq\rs."
)
CHECKPOINT = HEAD + TENSOR + b"\x80\x02]q\x00X\x01\x00\x00\x000q\x01a." + b"\x04" + bytes(7) + bytes(16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def checkpoint(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        found = read_checkpoint(path)
    except ModelError as error:
        assert error.message.startswith(f"{path}: ")
    else:
        assert all(isinstance(name, str | int | bytes | bool | None) for name in found)


def test_the_checkpoint_to_be_edited_is_a_sound_one(folder: Path) -> None:
    (folder / "sound.pth").write_bytes(CHECKPOINT)
    assert read_checkpoint(folder / "sound.pth")["t"].tolist() == [[0, 0], [0, 0]]


@TRIED
@given(edits=EDITS)
def test_any_edited_checkpoint_is_read_or_refused(folder: Path, edits: list[tuple[int, bytes, int]]) -> None:
    checkpoint(folder / "weights.pth", edited(CHECKPOINT, edits))


@TRIED
@given(data=st.binary(max_size=80), head=st.sampled_from([b"", MAGIC, HEAD]))
def test_any_bytes_as_a_checkpoint_are_read_or_refused(folder: Path, data: bytes, head: bytes) -> None:
    checkpoint(folder / "weights.pth", head + data)


def test_a_checkpoint_takes_no_more_memory_than_its_file(folder: Path) -> None:
    """A few bytes may name what they remember by any number up to four thousand million."""
    bombs = {"binput.pth": b"\x80\x02Nr\xff\xff\xff\x0f0N.", "put.pth": b"Np200000000\n0N."}
    paths = []
    for name, data in bombs.items():
        paths.append(folder / name)
        paths[-1].write_bytes(HEAD + data)
    said = growth("generator.models.torch_checkpoint:read_checkpoint", *paths)
    for name, (answer, grown) in said.items():
        assert "it remembers " in answer and grown < 100, (name, answer, grown)


def test_a_checkpoint_that_would_be_told_without_end_is_refused(folder: Path) -> None:
    doubled = b"\x80\x02K\x01" + b"".join(b"q%c2\x86" % n for n in range(60))
    checkpoint(folder / "told.pth", HEAD + doubled + b"NN\x87Q.")


# -- a cache ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    place = tmp_path_factory.mktemp("cache")
    plan = plan_of(place, {"net": anatomy([layer("deep", 2, "input")])}, {"net": {"layers": ["deep"]}})
    fill(plan)
    return plan


def record_of(plan: Plan) -> dict[str, Any]:
    entry = Cache(plan.config.cache).entry(plan.jobs[0].key)
    assert entry is not None
    return dict(entry.record)


def look(plan: Plan) -> None:
    """All that asks for an entry's record."""
    cache, key = Cache(plan.config.cache), plan.jobs[0].key
    record = cache.get(key)
    assert record is None or (isinstance(record.model, str) and isinstance(record.width, int))
    assert key not in cache or cache.entry(key) is not None
    assert cache.snapshot() and list(cache.verify()) is not None
    failure = cache.failure(key)
    assert failure is None or isinstance(failure.reason, str)


@TRIED
@given(data=BYTES)
def test_any_bytes_as_a_record_or_a_failure_are_read_or_none(plan: Plan, data: bytes) -> None:
    cache, key = Cache(plan.config.cache), plan.jobs[0].key
    before = cache.store.get(entry_name(key, "json")) or b""
    cache.store.put(entry_name(key, "json"), data, durable=False)
    cache.store.put(failure_name(key), data, durable=False)
    look(plan)
    cache.store.delete([failure_name(key)])
    cache.store.put(entry_name(key, "json"), before, durable=False)


@TRIED
@given(drawn=st.data())
def test_any_values_in_a_record_that_vouches_for_itself(plan: Plan, drawn: st.DataObject) -> None:
    cache, key = Cache(plan.config.cache), plan.jobs[0].key
    before = cache.store.get(entry_name(key, "json")) or b""
    values = record_of(plan)
    changed = replaced(values, drawn.draw(changes_of(values)))
    try:
        written = written_record(key, changed, {"png": cache.picture_path(key).read_bytes()})
    except ValueError:
        return  # what is no number stands in no JSON
    cache.store.put(entry_name(key, "json"), written, durable=False)
    look(plan)
    cache.store.put(entry_name(key, "json"), before, durable=False)


@TRIED
@given(data=BYTES | st.binary(max_size=60).map(lambda some: b"whole entries 1\n" + some))
def test_any_bytes_as_what_a_cache_remembers(plan: Plan, data: bytes) -> None:
    cache = Cache(plan.config.cache)
    for name in ("index", "models/abc.json", "timings.json"):
        cache.store.put(name, data, durable=False)
    assert known_anatomy("abc", cache) is None
    assert cache.recall("timings") is None or data
    assert set(cache.snapshot().entries) == {job.key for job in plan.jobs}


@TRIED
@given(drawn=st.data())
def test_any_values_in_what_is_known_of_a_network(plan: Plan, drawn: st.DataObject) -> None:
    values = json.loads(json.dumps(asdict(anatomy([layer("deep", 2, "input")]))))
    cache = Cache(plan.config.cache)
    changed = replaced(values, drawn.draw(changes_of(values)))
    cache.store.put("models/abc.json", json.dumps(changed).encode(), durable=False)
    known_anatomy("abc", cache)


@TRIED
@given(data=BYTES, edits=EDITS)
def test_any_bytes_as_facts(data: bytes, edits: list[tuple[int, bytes, int]]) -> None:
    sound = LayerFacts(dataset="a", licence="b", seen=3).to_json()
    for content in (data, edited(sound, edits)):
        try:
            LayerFacts.from_json(content)
        except ValueError:
            continue


# -- a gallery -------------------------------------------------------------------------------------


@TRIED
@given(data=BYTES | JSON.map(lambda files: json.dumps({"files": files}).encode()), memory=BYTES)
def test_any_bytes_as_a_gallerys_list_of_files_and_memory(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, memory: bytes
) -> None:
    folder = tmp_path_factory.mktemp("site")
    (folder / MANIFEST).write_bytes(data)
    (folder / "memory.json").write_bytes(memory)
    output = Output(folder, folder / "memory.json")
    output.begin(["index.html"])
    assert not output.is_current("index.html", "x") and output.recall("x", "y") is None
    output.write("index.html", b"x")
    output.finish()
    output.close()
    assert sorted(path.name for path in folder.iterdir()) == [MANIFEST, "index.html", "memory.json"]
