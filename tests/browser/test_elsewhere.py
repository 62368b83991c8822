"""A gallery whose pictures are on another host: pages show all of them, and ask it for nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from benchmarks.synthetic import rich_plan
from generator.cache.entries import Cache
from generator.gallery.site import build_site
from tests.browser.conftest import STEM
from tests.evident import evidence_of
from tests.serving import serving


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A gallery on the disk, and the address of the server that has its pictures."""
    folder = tmp_path_factory.mktemp("apart")
    with serving(folder) as server:
        address = f"{server}/site-pictures"
        plan = rich_plan(folder)
        config = plan.config.model_copy(update={"pictures_url": address})
        plan = replace(plan, config=config)
        yield build_site(plan, Cache(config.cache), evidence_of(plan)).output, address


PAGES = ("index.html", f"{STEM}/index.html", f"{STEM}/9.html", f"{STEM}/map.html", "compare.html#")


@pytest.mark.parametrize("path", PAGES)
def test_every_picture_comes_from_there(browser: Browser, apart: tuple[Path, str], path: str) -> None:
    site, address = apart
    page = browser.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("requestfailed", lambda request: said.append(request.url))
    page.on("request", lambda request: asked.append(request.url))
    if path.startswith("compare"):
        page.goto((site / STEM / "9.html").as_uri())
        page.locator("[data-pin]:visible").first.click()
        # What the page that is left was still waiting for says nothing about the one that follows.
        page.goto("about:blank")
        said.clear()
        asked.clear()
        page.goto((site / "compare.html").as_uri())
    else:
        page.goto((site / path).as_uri())
    shown = page.locator("main img:visible")
    expect(shown.first).to_be_visible()
    page.evaluate("document.querySelectorAll('img').forEach((one) => { one.loading = 'eager'; })")
    page.wait_for_function("() => [...document.images].every((one) => one.complete)")
    empty = "[...document.images].filter((one) => one.src && !one.naturalWidth).map((one) => one.src)"
    broken = page.evaluate(empty)
    assert broken == [] and said == []
    hosts = {one for one in asked if one.startswith("http")}
    assert hosts and all(one.startswith(f"{address}/") and one.endswith((".webp", ".gif")) for one in hosts)
    page.close()
