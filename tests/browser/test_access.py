"""For every reader: keys alone, the system's own colours, paper, browsers that forbid or forget things."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NET, STEM

Open = Callable[..., Page]


def test_arrows_stay_in_a_text_that_has_the_focus(opened: Open, site: Path) -> None:
    page = opened(f"{site.as_uri()}/{STEM}/3.html")
    page.get_by_text("How it was made").first.click()
    page.locator("pre").first.focus()
    for key in ("ArrowRight", "ArrowLeft", "Home", "End"):
        page.keyboard.press(key)
    page.locator("pre").first.evaluate("one => one.blur()")
    # With Shift they select what is written.
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+End")
    page.wait_for_timeout(100)
    expect(page).to_have_url(f"{site.as_uri()}/{STEM}/3.html")
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(f"{site.as_uri()}/{STEM}/4.html")
    page.goto(f"{site.as_uri()}/{NET}/mixed/index.html")
    page.get_by_label("Size").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Size")).to_have_value("104")


def test_shortcuts_can_be_switched_off_and_stay_so(opened: Open, site: Path) -> None:
    page = opened(f"{site.as_uri()}/{STEM}/3.html")
    page.keyboard.press("?")
    page.get_by_label("Use these shortcuts").uncheck()
    page.keyboard.press("Escape")
    for _ in range(2):
        for key in ("?", "/", "t", "p", "2", "g", "z", "ArrowRight", "End"):
            page.keyboard.press(key)
        page.wait_for_timeout(100)
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.locator("[aria-pressed=true]")).to_have_count(0)
        expect(page).to_have_url(f"{site.as_uri()}/{STEM}/3.html")
        page.reload()
    expect(page.locator("[aria-keyshortcuts]")).to_have_count(0)
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_label("Use these shortcuts").check()
    page.get_by_role("button", name="Close").click()
    expect(page.locator("[aria-keyshortcuts]")).to_have_count(2)
    page.keyboard.press("2")
    expect(page.locator(".shot.current h2")).to_have_text("negative")


def test_skipping_to_the_content_keeps_the_recipe(opened: Open, site: Path) -> None:
    page = opened(f"{site.as_uri()}/{STEM}/3.html#negative")
    page.get_by_role("link", name="Skip to content").press("Enter")
    expect(page.locator("main")).to_be_focused()
    expect(page).to_have_url(f"{site.as_uri()}/{STEM}/3.html#negative")
    expect(page.locator(".shot.current h2")).to_have_text("negative")


def test_a_picture_zooms_by_keys(opened: Open, site: Path) -> None:
    page = opened(f"{site.as_uri()}/{STEM}/3.html")
    page.get_by_role("button", name="Zoom").first.press("Enter")
    picture = page.get_by_role("dialog", name="Zoomed picture").locator("img")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    expect(picture).to_have_css("transform", "matrix(2, 0, 0, 2, 0, 0)")
    assert picture.evaluate("one => one.style.transformOrigin") == "65% 50%"
    expect(page).to_have_url(f"{site.as_uri()}/{STEM}/3.html")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Zoom").first).to_be_focused()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_systems_colours_show_what_is_chosen(opened: Open, site: Path, theme: str) -> None:
    page = opened(f"{site.as_uri()}/{STEM}/index.html", theme=theme, forced_colors="active")
    ground = "one => getComputedStyle(one).backgroundColor"
    chosen, other = page.locator(".switch span").nth(0), page.locator(".switch span").nth(1)
    assert chosen.evaluate(ground) != other.evaluate(ground)
    page.locator("[data-grid] a").nth(3).focus()
    page.keyboard.press("p")
    assert "4px" in page.locator(".pinned .crop").evaluate("one => getComputedStyle(one, '::after').border")
    page.goto(f"{site.as_uri()}/{STEM}/3.html")
    expect(page.get_by_role("button", name="Pin to compare").first).to_have_attribute("aria-pressed", "true")
    pin, zoom = page.get_by_role("button", name="Pin to compare"), page.get_by_role("button", name="Zoom")
    assert pin.first.evaluate(ground) != zoom.first.evaluate(ground)
    page.keyboard.press("/")
    page.get_by_role("combobox").fill("stem")
    first, second = page.get_by_role("option").nth(0), page.get_by_role("option").nth(1)
    assert first.evaluate(ground) != second.evaluate(ground)


def test_paper_is_white_and_a_channel_takes_few_pages(opened: Open, site: Path) -> None:
    page = opened(f"{site.as_uri()}/{STEM}/3.html", theme="dark")
    page.keyboard.press("t")
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    # Three recipes with all that they were made by.
    assert page.pdf(format="A4").count(b"/Type /Page\n") <= 2
    assert page.pdf(format="Letter").count(b"/Type /Page\n") <= 2
    expect(page.locator("details[open]")).to_have_count(0)
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('.shot h2')).color") == "rgb(28, 26, 23)"
    expect(page.locator(".shot:visible")).to_have_count(3)
    for tool in (".top", ".recipes", ".actions", ".film", ".foot"):
        expect(page.locator(tool).first).to_be_hidden()
    page.goto(f"{site.as_uri()}/models/chain/deep/3.html")
    assert page.pdf(format="A4").count(b"/Type /Page\n") == 1


def test_a_picture_is_saved_or_opens_beside_the_page(opened: Open, site: Path, server: str) -> None:
    page = opened(f"{server}/{STEM}/3.html")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download").first.click()
    assert saved.value.suggested_filename == "Branch-Net~004f041aa344_stem_3_channel.webp"
    page = opened(f"{site.as_uri()}/{STEM}/3.html")
    with page.expect_popup() as beside:
        page.get_by_role("link", name="Open picture").first.click()
    expect(beside.value).to_have_url(f"{site.as_uri()}/{STEM}/channel/3.webp")
    expect(page).to_have_url(f"{site.as_uri()}/{STEM}/3.html")


STORAGE = {
    "throws": "Object.defineProperty(window, 'localStorage', {get() { throw new Error('forbidden'); }})",
    "is none": "Object.defineProperty(window, 'localStorage', {get() { return null; }})",
    "is full": "Storage.prototype.setItem = () => { throw new Error('full'); }",
    "holds junk": """
        const pins = "pins:" + location.pathname.replace(/models.*|[^/]*$/, "");
        for (const name of ["theme", "size", "sort", "keys", "pins", pins])
          localStorage["microscope-" + name] = ",,<b>%E0%A4%A,__proto__/0/x," + "9".repeat(999) + "," + name;
    """,
}


@pytest.mark.parametrize("state", STORAGE)
def test_pages_work_whatever_the_browser_remembers(opened: Open, site: Path, state: str) -> None:
    page = opened(f"{site.as_uri()}/about.html")
    page.context.add_init_script(STORAGE[state])
    page.goto(f"{site.as_uri()}/{STEM}/index.html")
    box = page.locator("[data-grid] .crop").first.bounding_box()
    assert box and 48 <= box["width"] <= 210
    page.get_by_label("Sort").select_option("activation")
    page.get_by_label("Size").fill("64")
    page.get_by_label("Filter").fill("3")
    page.keyboard.press("Tab")
    page.locator("[data-grid] a:visible").first.focus()
    page.keyboard.press("p")
    expect(page.locator("[data-grid] .pinned")).to_have_count(1)
    page.keyboard.press("t")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 17, 18)"
    page.keyboard.press("c")
    expect(page.locator(".selection figcaption b")).to_have_text(["stem 3"])


def test_the_bar_does_not_cover_the_keyboards_place(opened: Open, site: Path) -> None:
    page = opened(f"{site.as_uri()}/models/chain/deep/index.html")
    page.set_viewport_size({"width": 800, "height": 600})
    page.locator("[data-grid] a").last.focus()
    below = """() => document.activeElement.getBoundingClientRect().top
        - document.querySelector(".bar").getBoundingClientRect().bottom"""
    for _ in range(8):
        page.keyboard.press("ArrowUp")
        assert page.evaluate(below) >= 0
