"""A gallery that is looked at while its pictures are rendered."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page

from benchmarks.synthetic import anatomy, layer, plan_of
from benchmarks.synthetic import fill as filled
from generator.gallery.running import Running
from generator.gallery.site import build_site


@pytest.fixture(scope="module")
def growing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of six channels, two of which have their pictures."""
    folder = tmp_path_factory.mktemp("growing")
    plan = plan_of(
        folder, {"net": anatomy([layer("deep", 6, "input")], name="net")}, {"net": {"layers": ["deep"]}}
    )
    cache = filled(plan, plan.jobs[:2])
    running = Running(time.time(), 2, plan.jobs[2:], 40.0)
    return build_site(plan, cache, None, running).output


def test_what_is_due_has_its_place_in_the_queue(opened, growing: Path) -> None:  # type: ignore[no-untyped-def]
    page: Page = opened(f"{growing.as_uri()}/models/net/deep/4.html")
    page.get_by_text("It is number 3 of 4 that are waiting. It comes in about 30 s.").wait_for()
    page.goto(f"{growing.as_uri()}/models/net/deep/index.html")
    page.get_by_text("no. 4").wait_for()
    assert page.locator(".grid .crop.none").all_inner_texts() == ["no. 1", "no. 2", "no. 3", "no. 4"]


def test_a_page_offers_what_is_new(opened, growing: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    site = tmp_path / "site"
    shutil.copytree(growing, site)
    page: Page = opened("about:blank")
    page.clock.install()
    page.goto(f"{site.as_uri()}/models/net/deep/4.html")
    page.clock.run_for(1000)
    page.get_by_text("It is number 3 of 4").wait_for()
    data = site / "data" / "run.js"
    before, _, text = data.read_text("utf-8").partition(" = ")
    run = json.loads(text.rstrip(";\n"))
    data.write_text(f"{before} = {json.dumps({**run, 'at': run['at'] + 5000})};\n")
    page.clock.run_for(16_000)
    page.get_by_role("button", name="Show them").click()
    page.get_by_text("It is number 3 of 4").wait_for(state="detached")


def test_a_finished_gallery_asks_once(opened, site: Path) -> None:  # type: ignore[no-untyped-def]
    page: Page = opened("about:blank")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.install()
    page.goto(f"{site.as_uri()}/index.html")
    for _ in range(3):
        page.clock.run_for(16_000)
    assert sum("data/run.js" in url for url in asked) == 1
