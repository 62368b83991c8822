"""Where the gallery is written: while a run renders, through links, into folders that are not ours."""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from benchmarks.synthetic import anatomy, animation, fill, layer, plan_of, png, record, texture
from generator.cache.entries import Cache
from generator.errors import UserError
from generator.gallery.output import MANIFEST
from generator.gallery.overview import Overview
from generator.gallery.sections import Build
from generator.gallery.site import build_site, check_gallery
from generator.plan import Plan
from tests.gallery.conftest import build, files_of, moments_of

# -- while a run renders ---------------------------------------------------------------------------


def moving_plan(folder: Path) -> Plan:
    """One layer of 70 channels, two sheets, each with an animation."""
    network = anatomy([layer("deep", 70, "input")], name="net")
    models = {"net": {"layers": ["deep"], "recipes": ["channel", "moving"]}}
    return plan_of(folder, {"net": network}, models, recipes={"moving": {"base": "channel", "frames": 2}})


@contextmanager
def renderer(plan: Plan, *, remove: bool) -> Iterator[None]:
    """Another thread that renders pictures anew, as `--force` does, or prunes them, all the while."""
    cache, over, random_ = Cache(plan.config.cache), threading.Event(), random.Random(1)
    moving = {name: animation(plan.recipes[name], 7, "webp") for name in plan.recipes if name == "moving"}

    def work() -> None:
        while not over.is_set():
            job, number = random_.choice(plan.jobs), random_.randrange(40)
            if remove and number < 10:
                cache.remove(job.key)
                continue
            made = record(plan, job, activation=float(number), dead=number == 20)
            cache.put(made, png(texture(number, 32)), moving.get(job.recipe_name, b""))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def assert_consistent(output: Path) -> None:
    """No page has a picture or a link that leads nowhere, and all pages say the same of a picture."""
    for path in output.rglob("*.html"):
        page = path.read_text("utf-8")
        for link in re.findall(r'(?:src|href|data-animation)="([^"#]+)', page):
            parts = urlsplit(link)
            assert parts.scheme or (path.parent / parts.path).exists(), f"{path}: {link}"
    grid = (output / "models/net/deep/index.html").read_text("utf-8")
    data = json.loads(re.findall(r'id="layer-data">(.*?)</script>', grid)[0])
    search = json.loads((output / "data/search.js").read_text("utf-8").partition(" = ")[2].rstrip(";\n"))
    for recipe in data["recipes"]:
        without = search["models"][0]["layers"][0]["without"][recipe["slug"]]
        for channel, state in enumerate(recipe["states"]):
            page = (output / f"models/net/deep/{channel}.html").read_text("utf-8")
            shot = page.partition('<section class="shot')[2].partition(f'id="{recipe["slug"]}"')[2]
            picture = (output / f"models/net/deep/{recipe['slug']}/{channel}.webp").exists()
            assert picture == (state in "sd") == ("Not rendered yet" not in shot.partition("</section>")[0])
            assert picture != any(first <= channel <= last for first, last in without)


@pytest.mark.parametrize("remove", [False, True], ids=["force", "prune"])
def test_a_gallery_that_is_written_while_pictures_change_is_all_of_one_piece(
    tmp_path: Path, remove: bool
) -> None:
    plan = moving_plan(tmp_path)
    fill(plan)
    report = build(plan)
    with renderer(plan, remove=remove):
        for _ in range(4):
            report = build(plan)
            assert_consistent(report.output)
    quiet = build(plan)
    assert quiet.warnings == ()
    fresh = plan.config.model_copy(update={"output": tmp_path / "fresh"})
    assert files_of(quiet.output) == files_of(build(replace(plan, config=fresh)).output)


def test_a_cache_that_is_deleted_midway_ends_no_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes after the snapshot, before the first picture is read."""
    plan = moving_plan(tmp_path)
    cache = fill(plan)
    real = Cache.picture_path

    def deleting(self: Cache, key: str) -> Path:
        for job in plan.jobs:
            cache.record_path(job.key).unlink(missing_ok=True)
            real(self, job.key).unlink(missing_ok=True)
        return real(self, key)

    read = "generator.gallery.snapshot.CacheSnapshot.picture_path"
    monkeypatch.setattr(read, lambda _, key: deleting(cache, key))
    report = build(plan)
    monkeypatch.undo()
    assert (report.shown, report.missing) == (0, 140)
    assert "140" in report.warnings[0] and "changed while the gallery was written" in report.warnings[0]
    assert not list(report.output.rglob("*/[0-9]*.webp"))
    assert_consistent(report.output)


def test_of_two_builds_at_once_one_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other knows of pictures that the first does not; neither takes the other's files for foreign."""
    plan = small_plan(tmp_path, channels=5)
    Cache(plan.config.cache).remove(plan.jobs[4].key)
    write = Overview.write
    other = threading.Thread(target=build, args=(plan,))

    def meanwhile(self: Overview, build_: Build) -> None:
        if not other.ident:
            fill(plan)
            other.start()
            other.join(timeout=1)
        write(self, build_)

    monkeypatch.setattr(Overview, "write", meanwhile)
    build(plan)
    other.join()
    assert (build(plan).shown, build(plan).written) == (5, 0)


# -- links, and files that are not ours ------------------------------------------------------------


def small_plan(folder: Path, channels: int = 3) -> Plan:
    network = {"net": anatomy([layer("deep", channels, "input")])}
    plan = plan_of(folder, network, {"net": {"layers": ["deep"]}})
    fill(plan, plan.due(Cache(plan.config.cache)))
    return plan


@pytest.mark.parametrize(
    "place", ["models", "models/net", "models/net/deep", "models/net/deep/channel", "static"]
)
def test_nothing_is_written_or_removed_through_a_linked_folder(tmp_path: Path, place: str) -> None:
    plan = small_plan(tmp_path)
    site, outside = build(plan).output, tmp_path / "outside"
    (site / place).rename(outside)
    (site / place).symlink_to(outside, target_is_directory=True)
    before = moments_of(outside)
    with pytest.raises(UserError, match=rf"{place}: is a link where the gallery needs a folder"):
        build(plan)
    with pytest.raises(UserError, match="is a link"):
        check_gallery(plan)
    # A gallery that no longer needs the folder leaves it alone too, though the list of files names it.
    other = plan_of(tmp_path, {"b": anatomy([layer("x", 1, "input")])}, {"b": {"layers": ["x"]}})
    fill(other)
    if place in ("models/net", "models/net/deep", "models/net/deep/channel"):
        build(other)
        assert (site / place).is_symlink()
    assert moments_of(outside) == before


def test_a_linked_file_is_replaced_and_what_it_points_to_stays(tmp_path: Path) -> None:
    plan = small_plan(tmp_path)
    site, outside = build(plan).output, tmp_path / "outside.html"
    page = site / "models/net/deep/1.html"
    page.rename(outside)
    page.symlink_to(outside)
    expected = outside.read_bytes()
    outside.write_bytes(b"precious")
    build(plan)
    assert outside.read_bytes() == b"precious"
    assert page.read_bytes() == expected and not page.is_symlink()


STRANGE = ["../victim", "{victim}", "..\\victim", "linked/victim", "a/../../victim", "\0", 7, None]


@pytest.mark.parametrize("name", STRANGE)
def test_a_strangers_list_of_files_can_remove_nothing_outside(tmp_path: Path, name: str | None) -> None:
    plan = small_plan(tmp_path)
    output, victim = build(plan).output, tmp_path / "victim"
    victim.write_text("precious")
    (output / "linked").symlink_to(tmp_path, target_is_directory=True)
    manifest = json.loads((output / MANIFEST).read_text("utf-8"))
    manifest["files"].append(name.replace("{victim}", str(victim)) if isinstance(name, str) else name)
    (output / MANIFEST).write_text(json.dumps(manifest))
    try:
        build(plan)
    except UserError as error:
        assert "would be overwritten" in error.message  # a list that can't be read lists nothing
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"files": 3}', "\xff", "[]", ""])
def test_a_broken_list_of_files_lists_nothing(tmp_path: Path, text: str) -> None:
    plan = small_plan(tmp_path)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / MANIFEST).write_text(text, "latin-1")
    build(plan)
    assert build(plan).written == 0


# -- before the first picture ----------------------------------------------------------------------


def untouched(plan: Plan) -> None:
    before = files_of(plan.config.output) if plan.config.output.is_dir() else None
    with pytest.raises(UserError) as caught:
        check_gallery(plan)
    with pytest.raises(UserError) as again:
        build_site(plan, Cache(plan.config.cache))
    assert caught.value.message == again.value.message
    assert (files_of(plan.config.output) if plan.config.output.is_dir() else None) == before


def test_what_stands_in_the_way_is_found_before_anything_is_rendered(tmp_path: Path) -> None:
    """No picture is there yet: the check knows where they will go."""
    plan = plan_of(tmp_path, {"net": anatomy([layer("deep", 3, "input")])}, {"net": {"layers": ["deep"]}})
    check_gallery(plan)
    assert not (tmp_path / "site").exists() and not (tmp_path / "cache").exists()
    place = tmp_path / "site/models/net/deep/channel/2.webp"
    place.parent.mkdir(parents=True)
    place.write_text("mine")
    with pytest.raises(UserError, match=r"2\.webp: would be overwritten"):
        check_gallery(plan)
    place.unlink()
    (tmp_path / "site/index.html").write_text("mine")
    untouched(plan)


def test_an_output_that_is_a_file_or_below_one_is_refused(tmp_path: Path) -> None:
    plan = small_plan(tmp_path)
    (tmp_path / "file").write_text("mine")
    for output in (tmp_path / "file", tmp_path / "file" / "site"):
        untouched(replace(plan, config=plan.config.model_copy(update={"output": output})))
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "models").write_text("mine")
    untouched(plan)
    (tmp_path / "site" / "models").unlink()
    (tmp_path / "site" / "about.html" / "mine").mkdir(parents=True)
    (tmp_path / "site" / "about.html" / "mine" / "text").write_text("mine")
    untouched(plan)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that not even root can write")
def test_an_output_that_can_not_be_written_is_refused() -> None:
    network = {"net": anatomy([layer("deep", 3, "input")])}
    plan = plan_of(Path("/proc/self/nowhere"), network, {"net": {"layers": ["deep"]}})
    with pytest.raises(UserError, match="the gallery can't be written there: "):
        check_gallery(plan)


def test_broken_templates_and_notes_are_found_too(tmp_path: Path) -> None:
    plan = small_plan(tmp_path)
    (tmp_path / "notes.yaml").write_text("[")
    untouched(plan)
    (tmp_path / "notes.yaml").unlink()
    theme = tmp_path / "theme"
    themed = replace(plan, config=plan.config.model_copy(update={"templates": theme}))
    untouched(themed)
    theme.mkdir()
    (theme / "channel.html").write_text("{% if %}")
    untouched(themed)
