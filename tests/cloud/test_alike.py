"""A folder and an object store do the same: whatever is done to both, they hold the same afterwards."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator.cache.local import LocalStore
from generator.cache.objects import ObjectStore
from generator.cache.store import Store

KEYS = ("abc0", "abc00", "abd1")
NAMES = (
    *(f"entries/{key[:3]}/{key}.{kind}" for key in KEYS for kind in ("json", "png", "png.1.tmp")),
    *(f"failures/{key[:3]}/{key}.json" for key in KEYS),
    *("index", "timings.json", "models/0f.json", "gallery/0f.json"),
)
PREFIXES = (
    "",
    "entries/",
    "entries/ab",
    "entries/abc/abc0.",
    "failures/",
    "failures/abd/",
    "models",
    "none/",
)

names = st.sampled_from(NAMES)
contents = st.binary(max_size=4)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.dictionaries(names, contents, min_size=1, max_size=1)),
        st.tuples(st.just("put all"), st.dictionaries(names, contents, max_size=6)),
        st.tuples(st.just("delete"), st.lists(names, max_size=5)),
    ),
    max_size=8,
)
Step = tuple[str, dict[str, bytes] | list[str]]


def do(step: Step, store: Store) -> None:
    match step:
        case "put", dict(files):
            ((name, data),) = files.items()
            store.put(name, data, durable=False)
        case "put all", dict(files):
            store.put_all(files)
        case "delete", list(gone):
            store.delete(gone)


def done(step: Step, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """What a step leaves, in so many words."""
    _, given_ = step
    if isinstance(given_, dict):
        return {**files, **given_}
    return {name: data for name, data in files.items() if name not in given_}


def check(store: Store, files: Mapping[str, bytes]) -> None:
    """A store holds just these files, whichever way one asks."""
    for prefix in PREFIXES:
        listed = [(name, state.size) for name, state in store.list(prefix)]
        assert sorted(listed) == sorted(
            (name, len(data)) for name, data in files.items() if name.startswith(prefix)
        )
    assert {name: store.get(name) for name in NAMES} == {name: files.get(name) for name in NAMES}
    store.ahead(NAMES, states=True)
    for name in NAMES:
        state = store.state(name)
        assert (state and state.size) == (len(files[name]) if name in files else None)
        assert store.get(name) == files.get(name)
        assert state == store.state(name) == dict(store.list(name)).get(name)


def agree(stores: Iterable[Store], made: list[Step]) -> None:
    stores, files = list(stores), dict[str, bytes]()
    for step in made:
        files = done(step, files)
        for store in stores:
            do(step, store)
    for store in stores:
        check(store, files)


_number = itertools.count()


@settings(max_examples=40, deadline=None)
@given(steps)
def test_a_folder_and_an_object_store_hold_the_same_after_the_same_steps(made: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        agree([LocalStore(Path(folder, "cache")), ObjectStore(f"memory://alike{next(_number)}/cache")], made)


@pytest.mark.usefixtures("s3")
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=steps)
def test_so_does_one_of_the_s3_protocol(bucket: str, made: list[Step]) -> None:
    agree([ObjectStore(f"{bucket}/{next(_number)}")], made)
