"""Every page type, light and dark, on a desktop and a phone: accessible, in bounds, and on record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import FAMILY, NET, STEM
from tests.conftest import ROOT

PAGES = {
    "index": "index.html",
    "model": f"{NET}/index.html",
    "layer": f"{STEM}/index.html",
    "channel": f"{STEM}/3.html",
    "failed": f"{STEM}/1.html",
    "compare": f"compare.html#{STEM}/3/channel,{STEM}/5/negative,{NET}/mixed/7/channel",
    "families": "families/index.html",
    "family": FAMILY,
    "about": "about.html",
    "404": "404.html",
}
# Without this, axe itself asks for the style sheet again, which a browser forbids to pages from a disk.
AXE = {"preload": False}
SCREENSHOTS = ROOT / "artifacts" / "screenshots"


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_page(opened: Callable[..., Page], site: Path, name: str, theme: str, width: int) -> None:
    look(opened(f"{site.as_uri()}/{PAGES[name]}", width=width, theme=theme), f"{name}-{theme}-{width}", width)


KINDS = {
    "moving": "models/net/stem/3.html",
    "whole": "models/net/stem/index.html",
    "only-whole": "models/net/mixed/index.html",
    "wholes-strip": "models/net/index.html",
    "tiny": "models/net/right/3.html",
    "transparent": "models/net/stem/3.html#phases",
    "method": "about.html",
}


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", KINDS)
def test_page_of_every_kind_of_picture(
    opened: Callable[..., Page], kinds: str, name: str, theme: str, width: int
) -> None:
    look(opened(f"{kinds}/{KINDS[name]}", width=width, theme=theme), f"{name}-{theme}-{width}", width)


def look(page: Page, name: str, width: int) -> None:
    page.wait_for_load_state("load")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
    results = Axe().run(page, options=AXE)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_header_keeps_to_one_line_on_a_phone(opened: Callable[..., Page], site: Path) -> None:
    page = opened(f"{site.as_uri()}/index.html", width=390)
    tops = page.locator(".home, .tools > :visible").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect()).map(box => (box.top + box.bottom) / 2)"
    )
    assert len(tops) >= 5 and max(tops) - min(tops) < 4


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_dialogs_are_accessible(opened: Callable[..., Page], site: Path, theme: str) -> None:
    page = opened(f"{site.as_uri()}/{STEM}/3.html", theme=theme)
    page.keyboard.press("/")
    page.get_by_role("combobox").fill("stem")
    page.get_by_role("option").first.wait_for()
    page.screenshot(path=SCREENSHOTS / f"search-{theme}-1440.png")
    searching = Axe().run(page, options=AXE)
    assert searching.violations_count == 0, searching.generate_report()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.screenshot(path=SCREENSHOTS / f"help-{theme}-1440.png")
    helping = Axe().run(page, options=AXE)
    assert helping.violations_count == 0, helping.generate_report()


def test_paper_gets_the_pictures_and_not_the_tools(opened: Callable[..., Page], site: Path) -> None:
    page = opened(f"{site.as_uri()}/{STEM}/3.html", theme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(251, 250, 248)"
    assert page.locator(".shot").nth(2).is_visible()
    assert not page.locator(".top").is_visible()
