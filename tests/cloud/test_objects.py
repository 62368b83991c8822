"""A cache in an object store, against a server of the S3 protocol: what it asks for, and what goes wrong."""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path

import pytest

from generator.cache import lease
from generator.cache.entries import Cache
from generator.cache.objects import ObjectStore
from generator.errors import CacheError
from tests.cloud.conftest import Proxy


def key(number: int) -> str:
    return f"{number * 7919 % 4096:03x}{number:061x}"


def filled(address: str, count: int) -> Cache:
    cache = Cache(f"{address}/prefix")
    cache.put_entries({key(n): ({"kind": "photo", "number": n}, {"webp": b"%d" % n}) for n in range(count)})
    return cache


def test_planning_lists_and_reads_each_record_once(bucket: str, s3: Proxy) -> None:
    """Never one request a key, once the index knows them."""
    cache = filled(bucket, 60)
    s3.asked.clear()
    assert len(cache.keys()) == 60
    read = [line for line in s3.asked if "entries%2F" not in line and "/entries/" in line]
    assert len(set(read)) == len(read) == 60, "the first time"
    s3.asked.clear()
    assert len(Cache(f"{bucket}/prefix").keys()) == 60
    assert not [line for line in s3.asked if "entries%2F" not in line and "/entries/" in line]
    assert len(s3.asked) <= 20
    cache.put_entries({key(60): ({"kind": "photo"}, {"webp": b"new"})})
    s3.asked.clear()
    assert len(cache.keys()) == 61
    assert [line for line in s3.asked if key(60) in line] and not [
        line for line in s3.asked if key(7) in line
    ]


def test_a_rewritten_object_is_noticed_within_the_same_second(bucket: str) -> None:
    store = ObjectStore(bucket)
    seen = set()
    for content in (b"one", b"two", b"six"):
        store.put("entries/abc/x.json", content)
        state = store.state("entries/abc/x.json")
        assert state is not None and dict(store.list()) == {"entries/abc/x.json": state}
        assert abs(state.written / 1e9 - time.time()) < 60
        seen.add(state)
    assert len(seen) == 3


def test_many_objects_are_deleted_in_one_request(bucket: str, s3: Proxy) -> None:
    cache = filled(bucket, 30)
    s3.asked.clear()
    count, size = cache.prune({key(1)})
    assert count == 58 and size > 58
    assert len([line for line in s3.asked if line.startswith(("DELETE", "POST"))]) == 2
    assert cache.keys() == {key(1)}


def test_broken_entries_are_found(bucket: str) -> None:
    cache = filled(bucket, 5)
    cache.store.put(f"entries/{key(3)[:3]}/{key(3)}.webp", b"4")
    cache.store.delete([f"entries/{key(4)[:3]}/{key(4)}.webp"])
    assert {found: why for found, why in cache.verify()} == {
        key(3): "its webp is not the one that was rendered",
        key(4): "its webp is missing",
    }
    cache.remove(key(3))
    assert cache.keys() == {key(0), key(1), key(2)}


# -- what goes wrong -------------------------------------------------------------------------------


def test_a_store_that_is_away_for_a_while_is_waited_for(bucket: str, s3: Proxy) -> None:
    """503 and connections that break, on every kind of request."""
    failed: dict[str, int] = {}

    def trouble(method: str, path: str) -> str | None:
        failed[method] = failed.get(method, 0) + 1
        return {1: "503", 2: "reset"}.get(failed[method])

    s3.trouble = trouble
    cache = filled(bucket, 3)
    assert len(cache.keys()) == 3 and list(cache.verify()) == []
    assert {"PUT", "GET", "POST"} <= failed.keys() and min(failed.values()) > 2


def test_a_slow_store_is_waited_for(bucket: str, s3: Proxy) -> None:
    s3.trouble = lambda method, path: 0.5
    started = time.monotonic()
    cache = filled(bucket, 40)
    assert cache.read(key(39), "webp") == b"39"
    assert time.monotonic() - started < 40 * 0.5, "requests run together"


@pytest.mark.parametrize("trouble", ["503", "reset"])
def test_a_store_that_stays_away_is_a_line(
    bucket: str, s3: Proxy, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    s3fs.S3FileSystem.clear_instance_cache()
    s3.trouble = lambda method, path: trouble
    with pytest.raises(CacheError, match=rf"^cache: {bucket}/prefix: [^\n]+$"):
        filled(bucket, 1)
    with pytest.raises(CacheError, match=rf"^cache: {bucket}: [^\n]+$"):
        Cache(bucket).keys()


def test_no_bucket_no_credentials_no_endpoint_no_package(
    s3: Proxy, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    for call in (Cache.keys, lambda cache: cache.recall("x"), lambda cache: cache.remember("x", 1)):
        with pytest.raises(CacheError, match=r"^cache: s3://no-such-bucket/x: there is no such bucket; .+"):
            call(Cache("s3://no-such-bucket/x"))
    with pytest.raises(CacheError, match=r"^cache: gs://some/x: .*gcsfs"):
        Cache("gs://some/x")
    with pytest.raises(CacheError, match=r"^cache: ss3://some/x: Protocol not known: ss3"):
        Cache("ss3://some/x")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(CacheError, match=r"can't be reached: Could not connect to the endpoint URL"):
        Cache(bucket).keys()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(CacheError, match=r"no credentials that can be used: "):
        Cache(bucket).keys()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.setattr("fsspec.core.get_filesystem_class", get_anew)
    with pytest.raises(CacheError, match=r"; `pip install 'pocket-microscope\[cloud\]'`$"):
        Cache("s3://bucket")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(CacheError, match=r"needs fsspec; `pip install 'pocket-microscope\[cloud\]'`$"):
        Cache("s3://bucket")


def get_anew(protocol: str) -> object:
    """As fsspec does in a process that has not imported it yet."""
    return importlib.import_module("s3fs").S3FileSystem


def test_no_permission(bucket: str, s3: Proxy) -> None:
    cache = filled(bucket, 1)
    s3.trouble = lambda method, path: "403"
    with pytest.raises(CacheError, match=r"^cache: .+: no permission: "):
        cache.remember("x", 1)


# -- one run at a time -----------------------------------------------------------------------------


def test_one_run_at_a_time(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = Cache(bucket), Cache(bucket)
    refused = pytest.raises(
        CacheError, match=r"another build-site renders into this cache \(process .+ on .+, since 20"
    )
    with one.store.only_run(), refused, two.store.only_run():
        pass
    with two.store.only_run():
        pass
    assert list(one.store.list()) == []


@pytest.mark.parametrize(
    ("left", "free"),
    [
        (
            {"machine": "elsewhere", "process": 1, "since": 0, "token": "x", "until": time.time() + 1000},
            False,
        ),
        ({"machine": "elsewhere", "process": 1, "since": 0, "token": "x", "until": time.time() - 1}, True),
        (
            {"machine": "here", "process": 2**22 + 1, "since": 0, "token": "x", "until": time.time() + 1000},
            True,
        ),
        ({"machine": "here"}, True),
    ],
)
def test_a_hold_that_was_left_behind_ends(
    bucket: str, left: dict[str, object], free: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.node", lambda: "here")
    cache = Cache(bucket)
    cache.store.put(lease.NAME, json.dumps(left).encode())
    if free:
        with cache.store.only_run():
            pass
    else:
        with pytest.raises(CacheError, match="on elsewhere"), cache.store.only_run():
            pass


def test_a_hold_is_renewed(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "SECONDS", 0.4)
    one, two = Cache(bucket), Cache(bucket)
    with one.store.only_run():
        first = one.store.get(lease.NAME)
        end = time.monotonic() + 60
        while one.store.get(lease.NAME) == first:
            assert time.monotonic() < end
            time.sleep(0.02)
        assert two.store.get(lease.NAME) is not None


# -- files of this machine -------------------------------------------------------------------------


def test_pictures_are_fetched_together_and_released(bucket: str, s3: Proxy, tmp_path: Path) -> None:
    cache = filled(bucket, 4)
    store = cache.store
    names = [f"entries/{key(n)[:3]}/{key(n)}.webp" for n in range(5)]
    paths = [store.path(name) for name in names]
    s3.asked.clear()
    store.fetch(paths)
    assert [path.read_bytes() for path in paths[:4]] == [b"0", b"1", b"2", b"3"] and not paths[4].exists()
    assert len(s3.asked) == 5
    store.release(paths)
    assert not any(path.exists() for path in paths)
