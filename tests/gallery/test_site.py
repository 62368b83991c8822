"""Building, and building again: what is written, kept, removed and never touched."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.synthetic import (
    anatomy,
    branching,
    fail,
    fill,
    layer,
    plan_of,
    png,
    record,
    rich_plan,
    texture,
)
from generator.cache.entries import Cache
from generator.errors import UserError
from generator.gallery import disk, pages_host
from generator.gallery.disk import WAITING
from generator.gallery.output import MANIFEST
from generator.gallery.place import Place
from generator.plan import Plan
from tests.gallery.conftest import build, files_of, moments_of

CHAIN = "models/chain"


def chain(folder: Path, channels: str = "0-99", width: int = 130, **settings: object) -> Plan:
    """A filled plan of one layer."""
    network = anatomy([layer("deep", width, "input")], name="chain")
    models = {"chain": {"layers": [{"name": "deep", "channels": channels}]}}
    plan = plan_of(folder, {"chain": network}, models, **settings)
    fill(plan)
    return plan


def changed(before: dict[str, tuple[int, int]], folder: Path) -> set[str]:
    """Files written since, new or again."""
    return {name for name, moment in moments_of(folder).items() if before.get(name) != moment}


def test_the_report_counts_what_there_is(tmp_path: Path) -> None:
    plan = rich_plan(tmp_path)
    report = build(plan)
    files = files_of(report.output)
    assert report.index == tmp_path / "site" / "index.html"
    assert (report.failed, report.missing) == (1, 1)
    assert report.shown == len(plan.jobs) - 2
    assert report.written == len(files) - 1  # the manifest is not one of the gallery's files
    assert report.bytes == sum(len(data) for name, data in files.items() if name != MANIFEST)
    assert report.warnings == ()


def test_nothing_changed_writes_nothing(tmp_path: Path) -> None:
    plan = rich_plan(tmp_path)
    first = build(plan)
    before = moments_of(first.output)
    again = build(plan)
    assert (again.written, again.removed) == (0, 0)
    assert again.unchanged == first.written
    assert again.bytes == first.bytes
    assert (again.shown, again.failed, again.missing) == (first.shown, first.failed, first.missing)
    assert moments_of(first.output) == before


def test_the_same_plan_gives_the_same_files_anywhere(tmp_path: Path) -> None:
    one, other = build(rich_plan(tmp_path / "one")), build(rich_plan(tmp_path / "other"))
    assert files_of(one.output) == files_of(other.output)


def test_one_new_picture_touches_only_what_shows_it(tmp_path: Path) -> None:
    plan = chain(tmp_path)
    before = moments_of(build(plan).output)
    job = plan.jobs[70]
    Cache(plan.config.cache).put(replace(record(plan, job), activation=0.5), png(texture(1, 32)))
    report = build(plan)
    deep = f"{CHAIN}/deep"
    assert changed(before, report.output) <= {
        f"{deep}/70.html",
        f"{deep}/channel/70.webp",
        f"{deep}/channel/sheet-1.webp",
        f"{deep}/index.html",
        f"{CHAIN}/index.html",
        f"{CHAIN}/collage.webp",
        "social.jpg",
        "data/chain/deep.json",
        "data/chain.csv",
    }
    assert {f"{deep}/70.html", f"{deep}/channel/70.webp", f"{deep}/channel/sheet-1.webp"} <= changed(
        before, report.output
    )


def test_a_note_touches_only_what_shows_it(tmp_path: Path) -> None:
    plan = chain(tmp_path)
    before = moments_of(build(plan).output)
    (tmp_path / "notes.yaml").write_text("chain/deep/7: a curve\n", encoding="utf-8")
    report = build(plan)
    assert changed(before, report.output) == {
        f"{CHAIN}/deep/7.html",
        f"{CHAIN}/deep/index.html",
        "data/search.js",
        "data/chain/deep.json",
        "data/chain.csv",
    }


def test_a_lost_or_damaged_file_is_made_again(tmp_path: Path) -> None:
    plan = chain(tmp_path)
    output = build(plan).output
    before = files_of(output)
    (output / CHAIN / "deep" / "3.html").unlink()
    (output / CHAIN / "deep" / "channel" / "5.webp").write_bytes(b"x")
    (output / "static" / "microscope.css").write_text("")
    report = build(plan)
    assert report.written == 3
    assert files_of(output) == before


def test_without_its_memory_a_build_compares_and_writes_nothing(tmp_path: Path) -> None:
    plan = chain(tmp_path)
    output = build(plan).output
    before = moments_of(output)
    Cache(plan.config.cache).gallery_path(output).unlink()
    assert build(plan).written == 0
    assert moments_of(output) == before


def test_what_left_the_plan_is_removed_and_foreign_files_stay(tmp_path: Path) -> None:
    output = build(chain(tmp_path, "0-99")).output
    before = set(files_of(output))
    (output / "CNAME").write_text("example.org")
    (output / CHAIN / "deep" / "mine.txt").write_text("mine")
    report = build(chain(tmp_path, "0-9"))
    names = set(files_of(output))
    assert report.removed == len(before - names)
    assert f"{CHAIN}/deep/9.html" in names
    assert f"{CHAIN}/deep/10.html" not in names
    assert f"{CHAIN}/deep/channel/sheet-1.webp" not in names
    assert {"CNAME", f"{CHAIN}/deep/mine.txt"} <= names
    other = anatomy([layer("shallow", 4, "input")], name="other")
    plan = plan_of(tmp_path, {"other": other}, {"other": {"layers": ["shallow"]}})
    fill(plan)
    build(plan)
    left = {name for name in files_of(output) if name.startswith("models/chain")}
    assert left == {f"{CHAIN}/deep/mine.txt"}
    assert not (output / CHAIN / "deep" / "channel").exists()


def test_a_foreign_file_is_never_overwritten(tmp_path: Path) -> None:
    plan = chain(tmp_path)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("my own page")
    with pytest.raises(UserError, match=r"index\.html: would be overwritten.*choose another `output`"):
        build(plan)
    assert files_of(tmp_path / "site") == {"index.html": b"my own page"}


def test_a_users_own_nojekyll_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / ".nojekyll").write_text("")
    build(chain(tmp_path))
    manifest = json.loads((tmp_path / "site" / MANIFEST).read_text("utf-8"))
    assert ".nojekyll" not in manifest["files"]


def test_a_build_that_fails_leaves_the_gallery_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = chain(tmp_path)
    before = files_of(build(plan).output)
    cache = Cache(plan.config.cache)
    cache.remove(plan.jobs[0].key)
    for number, job in enumerate(plan.jobs[1:]):
        cache.put(record(plan, job), png(texture(number + 99, 32)))

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("generator.gallery.overview.Overview.write", killed)
    with pytest.raises(KeyboardInterrupt):
        build(plan)
    monkeypatch.undo()
    assert files_of(tmp_path / "site") == before
    (tmp_path / "site" / WAITING).mkdir()
    (tmp_path / "site" / WAITING / "half.html").touch()  # as kill -9 leaves it
    after = build(plan)
    assert after.written > 10 and build(plan).written == 0
    assert not list(after.output.glob(".pocket-microscope-*"))


def test_at_no_moment_is_there_a_page_without_its_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not while a gallery is written first, nor while it loses channels: looked at after every single file.
    A build killed at such a moment leaves no file that the next refuses."""
    network = anatomy([layer("deep", 6, "input")], name="chain")
    plans = [
        plan_of(tmp_path, {"chain": network}, {"chain": {"layers": ["deep"], "channels": channels}})
        for channels in ("0-3", "2-5")
    ]
    for plan in plans:
        fill(plan)
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1
        pages = (page for page in (tmp_path / "site").rglob("*.html") if WAITING not in page.parts)
        for page in pages:
            for shown in re.findall(r'src="([^"#]+)|url\(([^)]+)\)', page.read_text("utf-8")):
                assert (page.parent / "".join(shown)).exists(), f"{page}: {shown}"
        if looks in (5, 25, 45):
            raise KeyboardInterrupt

    settle, remove = Place.settle, disk.remove
    monkeypatch.setattr(Place, "settle", lambda self: (settle(self), look())[0])
    monkeypatch.setattr("generator.gallery.output.remove", lambda *file: (remove(*file), look())[0])
    for plan in plans:
        for _ in range(3):
            with suppress(KeyboardInterrupt):
                build(plan)
        assert build(plan).written == 0
    assert looks > 50


def test_pictures_that_failed_or_are_due_say_so(tmp_path: Path) -> None:
    network = anatomy([layer("deep", 5, "input")], name="chain")
    plan = plan_of(tmp_path, {"chain": network}, {"chain": {"layers": ["deep"]}})
    good, failed, missing, dead, broken = plan.jobs
    cache = fill(plan, [good, dead, broken], dead=[dead])
    fail(plan, failed, "MemoryError: <not> enough")
    # Of its own size: what is cut off is no entry at all, and due.
    place = cache.picture_path(broken.key)
    place.write_bytes(bytes(place.stat().st_size))
    report = build(plan)
    assert (report.shown, report.failed, report.missing) == (2, 1, 2)
    assert len(report.warnings) == 1
    assert f"{cache.picture_path(broken.key)}: damaged" in report.warnings[0]

    def page(channel: int) -> str:
        return (report.output / CHAIN / "deep" / f"{channel}.html").read_text("utf-8")

    assert "could not be rendered" in page(failed.channel)
    assert "MemoryError: &lt;not&gt; enough" in page(failed.channel)
    assert "Not rendered yet" in page(missing.channel)
    assert "Dead:" in page(dead.channel)
    assert "Not rendered yet" in page(broken.channel)
    assert len(build(plan).warnings) == 1  # as long as it is so


def test_dead_channels_are_counted_not_their_pictures(tmp_path: Path) -> None:
    """By the recipe that stands for each; pictures that failed or are due are counted as pictures."""
    network = anatomy([layer("deep", 8, "input")], name="chain")
    models = {"chain": {"layers": ["deep"], "recipes": ["channel", "negative", "neuron", "deepdream"]}}
    plan = plan_of(tmp_path, {"chain": network}, models)
    dead = [job for job in plan.jobs if job.channel in (2, 5) or job.recipe_name != "channel"]
    gone = [job for job in plan.jobs if job.channel == 7 and job.recipe_name != "channel"]
    fill(plan, set(plan.jobs) - set(gone), dead=dead)
    page = (build(plan).output / CHAIN / "deep" / "index.html").read_text("utf-8")
    assert "8 channels" in page and " · 2 dead" in page and " · 2 pictures not rendered yet" in page


def test_a_gallery_without_any_picture_can_be_read(tmp_path: Path) -> None:
    network = anatomy([layer("deep", 3, "input")], name="chain")
    plan = plan_of(tmp_path, {"chain": network}, {"chain": {"layers": ["deep"]}})
    report = build(plan)
    assert (report.shown, report.missing) == (0, 3)
    assert not list(report.output.rglob("*.webp"))
    assert "3 pictures not rendered yet" in (report.output / CHAIN / "deep" / "index.html").read_text("utf-8")


def test_layers_of_one_model_may_have_different_recipes(tmp_path: Path) -> None:
    layers = [
        {"name": "stem", "channels": "0-3", "recipes": "negative"},
        {"name": "stem", "channels": "2-5", "recipes": "channel"},
    ]
    plan = plan_of(tmp_path, {"net": branching()}, {"net": {"layers": layers}})
    fill(plan)
    report = build(plan)
    folder = report.output / "models/net/stem"
    assert sorted(path.name for path in folder.glob("*/[0-9].webp")) == sorted(
        [f"{n}.webp" for n in (0, 1, 2, 3)] + [f"{n}.webp" for n in (2, 3, 4, 5)]
    )
    assert (folder / "0.html").read_text("utf-8").count('class="shot') == 1
    assert (folder / "2.html").read_text("utf-8").count('class="shot') == 2


def test_large_galleries_are_warned_about_before_the_host_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = chain(tmp_path)
    size = build(plan).bytes
    monkeypatch.setattr(pages_host, "SITE_LIMIT", int(size / 0.89))
    assert build(plan).warnings == ()
    monkeypatch.setattr(pages_host, "SITE_LIMIT", int(size / 0.91))
    (warning,) = build(plan).warnings
    assert "91 % of what GitHub Pages allows" in warning
    assert "choose fewer `channels` or `recipes`, or a smaller `size`" in warning


def test_a_large_file_is_warned_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages_host, "FILE_LIMIT", 60_000)
    assert any("GitHub allows" in warning for warning in build(chain(tmp_path)).warnings)


def test_without_an_address_there_is_no_sitemap_and_no_absolute_link(tmp_path: Path) -> None:
    output = build(chain(tmp_path)).output
    assert not (output / "sitemap.xml").exists()
    assert "canonical" not in (output / "index.html").read_text("utf-8")
    assert (output / ".nojekyll").read_bytes() == b""


def test_a_picture_and_its_page_stay_small(tmp_path: Path) -> None:
    """About 25 kB a channel, all told: its page and picture, and its share of the layer's page and sheets."""
    folder = build(chain(tmp_path, size=160)).output / CHAIN / "deep"
    sizes = [len(data) for data in files_of(folder).values()]
    assert sum(sizes) / 100 < 28_000


def test_thumbnails_show_their_channel(tmp_path: Path) -> None:
    plan = chain(tmp_path, size=128)
    sheet = build(plan).output / CHAIN / "deep" / "channel" / "sheet-1.webp"
    with (
        Image.open(sheet) as image,
        Image.open(Cache(plan.config.cache).picture_path(plan.jobs[74].key)) as own,
    ):
        place = 74 - 64
        left, top = place % 8 * 132 + 2, place // 8 * 132 + 2
        thumb = image.convert("RGB").crop((left, top, left + 128, top + 128))
        small = [picture.resize((8, 8)).tobytes() for picture in (thumb, own.convert("RGB"))]
    assert max(abs(a - b) for a, b in zip(*small, strict=True)) < 30


def test_the_gallery_needs_no_tensorflow() -> None:
    script = (
        "import sys, generator.gallery.site;"
        "sys.exit(any(name.split('.')[0] in ('tensorflow', 'keras') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
