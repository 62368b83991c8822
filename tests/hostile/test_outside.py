"""A cache, a gallery, a list of files from a stranger: whatever links and names are planted in them, nothing
outside is written or removed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.synthetic import anatomy, fail, fill, layer, pixels_of, plan_of, png, record
from generator.cache.encoding import entry_name, read_record, written_record
from generator.cache.entries import Cache
from generator.cache.merging import merge, open_other
from generator.errors import CacheError, UserError
from generator.gallery.output import MANIFEST
from generator.gallery.site import build_site
from generator.plan import Plan

Act = Callable[[Plan], object]


def made(folder: Path) -> Plan:
    """A plan with a cache, whole but for one picture that failed."""
    folder.mkdir()
    plan = plan_of(folder, {"net": anatomy([layer("deep", 3, "input")])}, {"net": {"layers": ["deep"]}})
    cache = fill(plan, plan.jobs[:2])
    fail(plan, plan.jobs[2])
    cache.remember("models/abc", {"a": 1})
    cache.remember("datasets/abc", {"a": 1})
    cache.remember("timings", {})
    return plan


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Such a plan, and its gallery."""
    plan = made(tmp_path_factory.mktemp("outside") / "original")
    build_site(plan, Cache(plan.config.cache))
    return plan


@pytest.fixture
def plan(original: Plan, tmp_path: Path) -> Plan:
    """A copy of it in a folder `mine`."""
    mine = tmp_path / "mine"
    shutil.copytree(original.config.cache.parent, mine)
    moved = {"cache": mine / "cache", "output": mine / "site", "notes": mine / "notes.yaml"}
    return replace(original, config=original.config.model_copy(update=moved))


State = Mapping[str, tuple[int, int, bytes]]


def state(folder: Path) -> State:
    """All that is in a folder, with the moment when it was changed last."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        seen = path.lstat()
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[path.relative_to(folder).as_posix()] = (seen.st_ino, seen.st_mtime_ns, data)
    return found


# -- what is done with a cache ---------------------------------------------------------------------


def _render(plan: Plan) -> None:
    """As a run does: every picture anew, one failure, and what is remembered of networks and speed."""
    cache = Cache(plan.config.cache)
    for number, job in enumerate(plan.jobs):
        cache.put(record(plan, job), png(pixels_of(plan.recipes[job.recipe_name], number)))
    fail(plan, plan.jobs[0], "ValueError: no")


def _remember(plan: Plan) -> None:
    cache = Cache(plan.config.cache)
    for name in ("models/abc", "models/new", "datasets/abc", "timings"):
        with suppress(CacheError):
            cache.remember(name, {"b": 2})


def _run(plan: Plan) -> None:
    with Cache(plan.config.cache).store.only_run():
        pass


def _prune(plan: Plan) -> None:
    Cache(plan.config.cache).prune(())


def _fix(plan: Plan) -> None:
    cache = Cache(plan.config.cache)
    for key in [*cache.recorded(), *(job.key for job in plan.jobs)]:
        cache.remove(key)


def _merge(plan: Plan) -> None:
    other = made(plan.config.cache.parents[1] / "other")
    for _ in merge([open_other(other.config.cache, Cache(plan.config.cache))], Cache(plan.config.cache)):
        pass


def _html(plan: Plan) -> None:
    (plan.config.output / "models/net/deep/0.html").write_text("to be written anew")
    build_site(plan, Cache(plan.config.cache))


ACTS: dict[str, Act] = {
    "render": _render,
    "remember": _remember,
    "run": _run,
    "prune": _prune,
    "verify --fix": _fix,
    "merge": _merge,
    "html": _html,
}


def folders(cache: Path) -> list[str]:
    return sorted(path.relative_to(cache).as_posix() for path in cache.rglob("*") if path.is_dir())


def files(cache: Path) -> list[str]:
    kept = (path for path in cache.rglob("*") if path.is_file() and path.name != "render.lock")
    return sorted(path.relative_to(cache).as_posix() for path in kept)


def tried(act: Act, plan: Plan) -> None:
    """It is done, or refused in a line."""
    try:
        act(plan)
    except (UserError, CacheError) as error:
        assert "\n" not in error.message and str(plan.config.cache.parent) in error.message


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
def test_nothing_behind_a_linked_folder_of_a_cache_is_changed(plan: Plan, tmp_path: Path, act: Act) -> None:
    cache, kept = plan.config.cache, tmp_path / "kept"
    shutil.copytree(plan.config.cache.parent, kept, copy_function=shutil.copy2)
    for number, name in enumerate(folders(cache)):
        outside = tmp_path / f"outside{number}"
        (cache / name).rename(outside)
        (cache / name).symlink_to(outside, target_is_directory=True)
        before = state(outside)
        tried(act, plan)
        assert state(outside) == before, f"{name} -> outside"
        shutil.rmtree(plan.config.cache.parent)
        shutil.rmtree(tmp_path / "other", ignore_errors=True)
        shutil.copytree(kept, plan.config.cache.parent, copy_function=shutil.copy2)


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
def test_no_file_that_a_cache_links_to_is_changed(plan: Plan, tmp_path: Path, act: Act) -> None:
    cache, outside = plan.config.cache, tmp_path / "outside"
    outside.mkdir()
    for number, name in enumerate(files(cache)):
        (cache / name).rename(outside / str(number))
        (cache / name).symlink_to(outside / str(number))
    (outside / "lock").write_text("precious")
    (cache / "render.lock").unlink(missing_ok=True)
    (cache / "render.lock").symlink_to(outside / "lock")
    before = state(outside)
    tried(act, plan)
    assert state(outside) == before


def test_a_link_to_nowhere_makes_no_file_there(plan: Plan, tmp_path: Path) -> None:
    cache, outside = plan.config.cache, tmp_path / "outside"
    outside.mkdir()
    for number, name in enumerate([*files(cache), "render.lock"]):
        (cache / name).unlink(missing_ok=True)
        (cache / name).symlink_to(outside / str(number))
    for act in ACTS.values():
        tried(act, plan)
        assert list(outside.iterdir()) == []


def test_who_linked_a_caches_folder_is_told_what_to_do(plan: Plan, tmp_path: Path) -> None:
    entries = plan.config.cache / "entries"
    entries.rename(tmp_path / "outside")
    entries.symlink_to(tmp_path / "outside", target_is_directory=True)
    with pytest.raises(CacheError, match=r"cache/entries: is a link, and .* name that place by `cache`"):
        _render(plan)
    # The cache as a whole may be anywhere.
    entries.unlink()
    (tmp_path / "outside").rename(entries)
    plan.config.cache.rename(tmp_path / "elsewhere")
    plan.config.cache.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    _render(plan)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../x",
            "entries/../../x",
            "/etc/x",
            "entries//x",
            "",
            ".",
            "..",
            "a/",
            "a/./b",
            "a\\..\\..\\x",
            "a\0",
        ),
        *("entries/abc/../../../x", "entries/abc/key.x/../../../../x"),
    ],
)
def test_no_name_leads_out_of_a_cache(tmp_path: Path, name: str) -> None:
    store = Cache(tmp_path / "cache").store
    for act in (lambda: store.put(name, b"x"), lambda: store.delete([name])):
        with pytest.raises(CacheError, match="is no name of a file of a cache"):
            act()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["x/../../../../evil", "../evil", "x\\..\\evil", "/evil", "", "x.y", "\0"])
def test_a_record_can_not_have_its_files_copied_outside(plan: Plan, tmp_path: Path, kind: str) -> None:
    """Of a stranger's cache, whose folders make a kind with slashes the name of a file that is there."""
    other, key = tmp_path / "strange" / "cache", "ab" * 32
    data = b"ssh-rsa"
    written = written_record(key, {}, {kind: data})
    (other / entry_name(key, "x")).mkdir(parents=True)
    (other / entry_name(key, "json")).write_bytes(written)
    with suppress(OSError, ValueError):
        (other / entry_name(key, kind)).write_bytes(data)
    before = state(tmp_path / "mine")
    into = Cache(plan.config.cache)
    done = [merged for _, merged in merge([Cache(other, read_only=True)], into)]
    assert [found.copied for found in done] == [0] and [key for key, _ in done[0].broken] == [key]
    assert not [path for path in tmp_path.rglob("evil") if other.parent not in path.parents]
    changed = {path for path, now in state(tmp_path / "mine").items() if before.get(path) != now}
    assert changed <= {"cache", "cache/index.json"}
    assert read_record(key, written) is None or not into.read(key, kind)


# -- a gallery -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [".pocket-microscope-new", ".pocket-microscope.lock", MANIFEST])
@pytest.mark.parametrize("target", ["folder", "file", "nothing"])
def test_what_a_gallery_is_written_with_leads_nowhere(
    plan: Plan, tmp_path: Path, name: str, target: str
) -> None:
    site, outside = plan.config.output, tmp_path / "outside"
    outside.mkdir()
    (outside / "folder").mkdir()
    (outside / "folder" / "index.html").write_text("precious")
    (outside / "file").write_text("precious")
    (site / name).unlink(missing_ok=True)
    (site / name).symlink_to(outside / target)
    before = state(outside)
    tried(_html, plan)
    assert state(outside) == before


@pytest.mark.parametrize("name", [".git/config", ".env", ".git", ".github/workflows/x.yml"])
def test_a_list_of_files_can_not_name_what_no_gallery_has(plan: Plan, name: str) -> None:
    """The folder may be a checkout of the user's, with the list in it."""
    victim = plan.config.output / name
    victim.parent.mkdir(parents=True, exist_ok=True)
    victim.write_text("precious")
    _list(plan, name)
    _html(plan)
    assert victim.read_text() == "precious"


def test_a_list_of_files_may_hold_what_no_file_can_be_named(plan: Plan) -> None:
    _list(plan, "half \ud800", "models/\udfff/x", "x" * 5000, "a/" * 3000 + "b", "models\n")
    plan = replace(plan, config=plan.config.model_copy(update={"title": "another"}))
    _html(plan)
    assert "about.html" in _listed(plan) and not any(name.startswith(("half", "x")) for name in _listed(plan))


def _list(plan: Plan, *names: str) -> None:
    manifest = plan.config.output / MANIFEST
    text = json.loads(manifest.read_text("utf-8"))
    # Without one of ours, which then is taken note of before anything is written.
    listed = [name for name in text["files"] if name != "about.html"]
    manifest.write_text(json.dumps({**text, "files": [*listed, *names]}))
    (plan.config.output / "about.html").unlink()


def _listed(plan: Plan) -> set[str]:
    return set(json.loads((plan.config.output / MANIFEST).read_text("utf-8"))["files"])


def test_files_of_a_theme_may_begin_with_a_dot(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "theme" / "static").mkdir(parents=True)
    (tmp_path / "theme" / "static" / ".hidden.css").write_text("a{}")
    themed = replace(plan, config=plan.config.model_copy(update={"templates": tmp_path / "theme"}))
    cache = Cache(themed.config.cache)
    build_site(themed, cache)
    assert build_site(themed, cache).written == 0
    build_site(plan, cache)
    assert not (plan.config.output / "static" / ".hidden.css").exists()
