"""A photo's page: pointer, keys, touch, no script, every reader, from the disk and under a sub-path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from generator.cache.entries import Cache
from generator.gallery.names import safe_names
from generator.gallery.site import build_site
from tests.browser.conftest import SIZES, add_style
from tests.browser.test_looks import is_accessible, record, stays_in_the_window
from tests.lensed import CAPTION, HERE, LOUD, NAME, lensed, lensed_plan
from tests.serving import serving

Open = Callable[..., Page]
FOLDER = f"photos/{safe_names([NAME])[NAME]}"
PAGE = f"{FOLDER}/{safe_names(['Branch Net'])['Branch Net']}.html"
PLACE = 8 * HERE[0] + HERE[1]
"""The number of the cell in `stem`."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plan = lensed_plan(tmp_path_factory.mktemp("lensed"))
    return build_site(plan, Cache(plan.config.cache), lensed(plan)).output


@pytest.fixture(scope="module", params=["disk", "server"])
def address(
    request: pytest.FixtureRequest, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where the gallery is: once as files, once under a sub-path of a server."""
    if request.param == "disk":
        yield folder.as_uri()
        return
    root = tmp_path_factory.mktemp("server")
    (root / "repo").symlink_to(folder)
    with serving(root) as address:
        yield f"{address}/repo"


def stem(page: Page) -> Locator:
    """The part of the page on a layer."""
    return page.locator("#layer-stem")


def expect_here(page: Page) -> None:
    """The planted cell is what is told of."""
    pointed = stem(page).locator("[data-pointed]")
    expect(pointed).to_contain_text(f"Row {HERE[0] + 1}, column {HERE[1] + 1}")
    expect(pointed.locator("li")).to_have_count(4)
    for place, (channel, value) in enumerate(zip(LOUD, ("9", "8"), strict=True)):
        one = pointed.locator("li").nth(place)
        expect(one).to_contain_text(re.compile(rf"^{channel}\b.*{value}$"))
        link = one.get_by_role("link")
        expect(link).to_have_attribute("href", re.compile(rf"/stem/{channel}\.html$"))
        assert link.locator("img").evaluate("one => one.decode().then(() => one.naturalWidth)") > 0


def test_pointing_at_a_place_names_its_channels(opened: Open, address: str) -> None:
    page = opened(f"{address}/{PAGE}")
    spot = stem(page).locator(".spots button").nth(PLACE)
    spot.scroll_into_view_if_needed()
    spot.hover()
    expect_here(page)
    frame, whole = stem(page).locator(".frame"), stem(page).locator(".whole")
    expect(frame).to_be_visible()
    inner, outer = frame.bounding_box(), whole.bounding_box()
    assert inner and outer
    assert inner["x"] - outer["x"] == pytest.approx(outer["width"] * HERE[1] / 8, abs=2)
    assert inner["y"] - outer["y"] == pytest.approx(outer["height"] * HERE[0] / 6, abs=2)
    # A click keeps it, while the pointer passes over others on its way to the links.
    spot.click()
    stem(page).locator(".spots button").nth(PLACE + 9).hover()
    expect_here(page)
    stem(page).locator("[data-pointed] a").first.click()
    expect(page).to_have_url(re.compile(rf"/stem/{LOUD[0]}\.html$"))
    expect(page.locator("#photos a")).to_have_attribute("href", re.compile(r"Branch-Net~\w+\.html$"))


def test_keys_go_from_place_to_place_and_to_its_channels(opened: Open, folder: Path) -> None:
    page = opened(f"{folder.as_uri()}/{PAGE}")
    # Tab finds one place, the strongest.
    stem(page).get_by_role("heading").first.get_by_role("link").focus()
    page.keyboard.press("Tab")
    expect(stem(page).locator(".spots button").nth(PLACE)).to_be_focused()
    expect_here(page)
    expect(page.locator(":focus")).to_have_accessible_name(
        re.compile(rf"^row {HERE[0] + 1}, column {HERE[1] + 1}: {LOUD[0]} 9, {LOUD[1]} 8, ")
    )
    for key, place in {"ArrowRight": 1, "ArrowDown": 9, "ArrowLeft": 8, "ArrowUp": 0}.items():
        page.keyboard.press(key)
        expect(stem(page).locator(".spots button").nth(PLACE + place)).to_be_focused()
    page.keyboard.press("Home")
    for _ in range(HERE[0] + 2):
        page.keyboard.press("ArrowUp")
    expect(stem(page).locator(".spots button").first).to_be_focused()
    expect(stem(page).locator("[data-pointed]")).to_contain_text("Row 1, column 1")
    expect(page.locator(":focus")).to_have_accessible_name("row 1, column 1: nothing is on")
    expect(page).to_have_url(f"{folder.as_uri()}/{PAGE}")
    stem(page).locator(".spots button").nth(PLACE).focus()
    page.keyboard.press("Enter")
    expect(stem(page).locator("[data-pointed]")).to_be_focused()
    page.keyboard.press("Tab")
    expect(stem(page).locator("[data-pointed] a").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(stem(page).locator(".spots button").nth(PLACE)).to_be_focused()


def test_a_tap_names_them_too(opened: Open, folder: Path) -> None:
    page = opened(f"{folder.as_uri()}/{PAGE}", width=390, has_touch=True, is_mobile=True)
    spot = stem(page).locator(".spots button").nth(PLACE)
    box = spot.bounding_box()
    assert box and min(box["width"], box["height"]) >= 24
    spot.tap()
    expect_here(page)


@pytest.mark.parametrize("script", [True, False])
def test_the_grid_lies_beside_the_photo_or_over_it(opened: Open, folder: Path, script: bool) -> None:
    page = opened(f"{folder.as_uri()}/{PAGE}", java_script_enabled=script)
    lens = stem(page).locator("figure.lens")
    lens.scroll_into_view_if_needed()
    under, over = lens.locator(".under"), lens.locator(".over")
    expect(over).to_be_visible()
    expect(under).to_be_hidden()
    expect(stem(page).locator(".whole img")).to_be_visible()
    lens.get_by_text("Over the photo").click()
    expect(over).to_be_visible()
    expect(under).to_be_visible()
    assert under.bounding_box() == over.bounding_box()
    lens.get_by_text("Photo", exact=True).click()
    expect(over).to_be_hidden()


def test_without_a_script_the_table_tells_the_same(opened: Open, folder: Path) -> None:
    page = opened(f"{folder.as_uri()}/{PAGE}", java_script_enabled=False)
    expect(stem(page).locator("[data-pointed]")).to_be_hidden()
    stem(page).get_by_text("What is where, as a table").click()
    row = stem(page).locator("tbody tr").nth(PLACE)
    expect(row.get_by_role("rowheader")).to_have_text(f"row {HERE[0] + 1}, column {HERE[1] + 1}")
    expect(row.get_by_role("cell")).to_contain_text(["100", f"{LOUD[0]} 9", f"{LOUD[1]} 8"])
    row.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(rf"/stem/{LOUD[0]}\.html$"))


def test_names_are_told_as_they_are(opened: Open, folder: Path) -> None:
    page = opened(f"{folder.as_uri()}/{PAGE}")
    expect(page.get_by_role("heading", level=1)).to_have_text(NAME)
    expect(page.locator(".subject")).to_contain_text(CAPTION)
    page.keyboard.press("/")
    page.get_by_role("combobox").fill("chelsea")
    page.get_by_role("option").first.click()
    expect(page).to_have_url(re.compile(r"photos/.*\.html"))


@pytest.mark.parametrize("name", ["photo", "photos", "channel"])
def test_page_of_a_photo(opened: Open, folder: Path, name: str) -> None:
    channel = f"models/{safe_names(['Branch Net'])['Branch Net']}/stem/{LOUD[0]}.html"
    path = {"photo": PAGE, "photos": "photos/index.html", "channel": channel}[name]
    page = opened(f"{folder.as_uri()}/{path}")
    if name == "photo":
        for summary in page.locator("summary").all():
            summary.click()
    record(page, f"lens-{name}")
    stays_in_the_window(page)
    add_style(page, "* { letter-spacing: 0.12em !important; word-spacing: 0.16em !important; }")
    stays_in_the_window(page, 320)
    page.emulate_media(forced_colors="active")
    is_accessible(page)


def test_the_header_keeps_to_one_line_on_a_phone_with_photos(opened: Open, folder: Path) -> None:
    page = opened(f"{folder.as_uri()}/index.html", width=390)
    assert SIZES[390]["width"] == page.evaluate("innerWidth")
    tops = page.locator(".home, .tools > :visible").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect()).map(box => (box.top + box.bottom) / 2)"
    )
    assert len(tops) >= 6 and max(tops) - min(tops) < 4
