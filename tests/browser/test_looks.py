"""Every page type, light and dark, on desktops and phones: accessible, no wider than its window, recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import FAMILY, NET, SIZES, STEM, add_style
from tests.conftest import ROOT
from tests.unruly import ARABIC, FOLDER, HAN, LONG, QUOTES, folder_of

Open = Callable[..., Page]

RICH = {
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
KINDS = {
    "moving": "models/net/stem/3.html",
    "whole": "models/net/stem/index.html",
    "only-whole": "models/net/mixed/index.html",
    "wholes-strip": "models/net/index.html",
    "tiny": "models/net/right/3.html",
    "transparent": "models/net/stem/3.html#phases",
    "method": "about.html",
}
EVIDENT = {
    "graph": f"{NET}/index.html",
    "layers": f"{NET}/index.html#layers",
    "grid": f"{STEM}/index.html",
    "coloured": f"{NET}/mixed/index.html#sort=kinship&colour=kinship&show=has-a-twin",
    "map": f"{STEM}/map.html",
    "atlas": f"{NET}/mixed/atlas.html#cell=0.1.1",
    "atlases": f"{NET}/mixed/atlas.html#beside={STEM}&beside-cell=0.1.1",
    "map-of-few": f"{NET}/predictions/map.html#2",
}
UNRULY = {
    "long-index": "index.html",
    "long-model": f"{FOLDER}/index.html",
    "long-layer": f"{folder_of(LONG)}/index.html",
    "long-channel": f"{folder_of(LONG)}/0.html",
    "long-failed": f"{folder_of(LONG)}/5.html",
    "han-layer": f"{folder_of(HAN)}/index.html",
    "arabic-layer": f"{folder_of(ARABIC)}/index.html",
    "quotes-channel": f"{folder_of(QUOTES)}/2.html",
    "long-compare": f"compare.html#{folder_of(LONG)}/0/channel,{folder_of(LONG)}/2/__proto__",
    "long-pairs": f"compare.html#layers={folder_of(LONG)}/channel,{folder_of(HAN)}/__proto__",
    "long-families": "families/index.html",
    "long-about": "about.html",
    "long-404": "404.html",
}
WIDTHS = (320, 390, 720, 768, 1440)
"""720 is a window of 1440 at a zoom of 200 %."""

SPACED = (
    "* { letter-spacing: 0.12em !important; word-spacing: 0.16em !important; line-height: 1.5 !important; }"
)
"""As readers may set it (WCAG 2.2, 1.4.12)."""

# Without this, axe itself asks for the style sheet again, which a browser forbids to pages from a disk.
AXE = {"preload": False}
SCREENSHOTS = ROOT / "artifacts" / "screenshots"


@pytest.mark.parametrize("name", RICH)
def test_page(opened: Open, site: Path, name: str) -> None:
    page = opened(f"{site.as_uri()}/{RICH[name]}")
    record(page, name)
    stays_in_the_window(page)
    add_style(page, SPACED)
    stays_in_the_window(page, 320)
    if name in ("model", "layer", "channel", "compare"):
        page.emulate_media(forced_colors="active")
        is_accessible(page)


@pytest.mark.parametrize("name", KINDS)
def test_page_of_every_kind_of_picture(opened: Open, kinds: str, name: str) -> None:
    page = opened(f"{kinds}/{KINDS[name]}")
    record(page, name)
    stays_in_the_window(page)


@pytest.mark.parametrize("name", EVIDENT)
def test_page_with_evidence(opened: Open, evident: str, name: str) -> None:
    page = opened(f"{evident}/{EVIDENT[name]}")
    record(page, name)
    stays_in_the_window(page)
    add_style(page, SPACED)
    stays_in_the_window(page, 320)
    page.emulate_media(forced_colors="active")
    is_accessible(page)


@pytest.mark.parametrize("name", UNRULY)
def test_page_of_unruly_names(opened: Open, unruly: str, name: str) -> None:
    page = opened(f"{unruly}/{UNRULY[name]}")
    page.wait_for_load_state("load")
    stays_in_the_window(page)
    is_accessible(page)


def record(page: Page, name: str) -> None:
    """Pictures of a page in both themes, on a desktop and a phone; accessible in both."""
    page.wait_for_load_state("load")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for theme, width in (("light", 1440), ("dark", 1440), ("light", 390), ("dark", 390)):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.set_viewport_size(SIZES[width])  # type: ignore[arg-type]
        page.screenshot(path=SCREENSHOTS / f"{name}-{theme}-{width}.png", full_page=True)
        if (theme, width) in (("dark", 1440), ("light", 390)):
            is_accessible(page)


def is_accessible(page: Page) -> None:
    results = Axe().run(page, options=AXE)
    assert results.violations_count == 0, results.generate_report()


def stays_in_the_window(page: Page, *widths: int) -> None:
    for width in widths or WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CUT) == []


CUT = """
() => [...document.querySelectorAll("a, button, select, input, summary, h1, h2, h3, p, dd, dt, label")]
  .filter((one) => one.checkVisibility({visibilityProperty: true}))
  .filter((one) => !one.closest(".skip, .crop, .map, .atlas, [role=status]"))
  .filter((one) => {
    // Rows that are moved by themselves: on phones recipes and anchors.
    while ((one = one.parentElement)) if (/auto|scroll/.test(getComputedStyle(one).overflowX)) return false;
    return true;
  })
  .filter((one) => {
    const box = one.getBoundingClientRect();
    return box.width > 1 && (box.left < -1 || box.right > innerWidth + 1);
  })
  .map((one) => one.outerHTML.slice(0, 120))
"""
"""What is beyond the window's edge though the page can't be moved there."""


def test_the_header_keeps_to_one_line_on_a_phone(opened: Open, site: Path) -> None:
    page = opened(f"{site.as_uri()}/index.html", width=390)
    tops = page.locator(".home, .tools > :visible").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect()).map(box => (box.top + box.bottom) / 2)"
    )
    assert len(tops) >= 5 and max(tops) - min(tops) < 4


def test_dialogs_are_accessible_and_stay_in_the_window(opened: Open, unruly: str) -> None:
    page = opened(f"{unruly}/{folder_of(LONG)}/0.html")
    page.keyboard.press("/")
    page.get_by_role("combobox").fill("e")
    page.get_by_role("option").first.wait_for()
    for shown in ("search", "help"):
        for theme, width in (("light", 390), ("dark", 1440)):
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            page.set_viewport_size(SIZES[width])  # type: ignore[arg-type]
            page.screenshot(path=SCREENSHOTS / f"{shown}-{theme}-{width}.png")
            is_accessible(page)
            assert page.evaluate(CUT) == []
            dialog = page.get_by_role("dialog")
            assert dialog.evaluate("one => one.scrollWidth <= one.clientWidth")
        page.keyboard.press("Escape")
        page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_white_and_black_pictures_have_an_edge(opened: Open, unruly: str, theme: str) -> None:
    page = opened(f"{unruly}/{folder_of(LONG)}/2.html", theme=theme)
    edge = page.locator("img.large").first.evaluate("one => getComputedStyle(one).outline")
    assert "solid 1px" in edge and "0, 0, 0, 0)" not in edge
    thumb = "one => getComputedStyle(one, '::after').border"
    assert "1px solid" in page.locator(".film .crop").nth(2).evaluate(thumb)
    page.goto(f"{unruly}/{folder_of(LONG)}/index.html")
    assert "1px solid" in page.locator("[data-grid] .crop").nth(2).evaluate(thumb)
    page.goto(f"{unruly}/{FOLDER}/index.html")
    assert "1px solid" in page.locator(".graph .crop").first.evaluate(thumb)
