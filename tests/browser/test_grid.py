"""A layer's grid: recipes, sorting, filtering, and that the address keeps them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import STEM
from tests.browser.test_use import press
from tests.unruly import HAN, LONG, folder_of

Open = Callable[..., Page]


def numbers(page: Page) -> list[str]:
    """Channel numbers in the grid, in the order shown, hidden ones left out."""
    return [text.split()[0] for text in page.locator("[data-grid] li:visible .n").all_text_contents()]


def test_a_grid_switches_recipes_and_keeps_the_choice_on_the_way(opened: Open, address: str) -> None:
    page = opened(f"{address}/{STEM}/index.html")
    source = page.locator("[data-grid] img").first
    expect(source).to_have_attribute("src", "channel/sheet-0.webp")
    page.get_by_text("negative", exact=True).click()
    expect(source).to_have_attribute("src", "negative/sheet-0.webp")
    # Failed and missing by one recipe, there by the other.
    expect(page.locator("[data-grid] .none")).to_have_count(0)
    page.locator("[data-grid] a").nth(1).click()
    expect(page).to_have_url(f"{address}/{STEM}/1.html#negative")
    expect(page.locator(".shot.current h2")).to_have_text("negative")
    press(page, "ArrowRight", f"{address}/{STEM}/2.html#negative")
    # Its script has run once it shows the recipe that the address asks for.
    expect(page.locator(".shot.current h2")).to_have_text("negative")
    page.keyboard.press("3")
    expect(page.locator(".shot.current h2")).to_have_text("neuron")


def test_states_are_shown_for_what_they_are(opened: Open, address: str) -> None:
    page = opened(f"{address}/{STEM}/index.html")
    cells = page.locator("[data-grid] li")
    expect(cells.nth(1)).to_contain_text("failed")
    expect(cells.nth(2)).to_contain_text("not yet")
    expect(cells.nth(4).locator("a.dead")).to_have_count(1)
    cells.nth(1).locator("a").click()
    expect(page.locator(".shot.current")).to_contain_text("ResourceExhaustedError: out of memory")


def test_a_grid_sorts_filters_and_resizes(opened: Open, address: str) -> None:
    page = opened(f"{address}/{STEM}/index.html")
    assert numbers(page) == [str(n) for n in range(24)]
    page.get_by_label("Sort").select_option("activation")
    values = page.evaluate(
        "JSON.parse(document.querySelector('#layer-data').textContent).recipes[0].activation"
    )
    shown = [values[int(n)] for n in numbers(page)]
    known = [value for value in shown if value is not None]
    assert known == sorted(known, reverse=True)
    assert shown[-2:] == [None, None]
    page.get_by_label("Sort").select_option("similarity")
    assert sorted(map(int, numbers(page))) == list(range(24))
    assert numbers(page) != [str(n) for n in range(24)]
    page.get_by_label("Filter").fill("3-6, 20")
    assert sorted(map(int, numbers(page))) == [3, 4, 5, 6, 20]
    page.get_by_label("Filter").fill("curve")
    assert sorted(map(int, numbers(page))) == [3, 5]
    page.get_by_label("Filter").fill("failed")
    assert numbers(page) == ["1"]
    page.get_by_label("Filter").fill("nothing like it")
    expect(page.get_by_text("No channel here fits that filter.")).to_be_visible()
    page.get_by_label("Filter").fill("")
    before = page.locator(".crop").first.bounding_box()
    page.get_by_label("Size").fill("192")
    after = page.locator(".crop").first.bounding_box()
    assert before and after and after["width"] > 1.5 * before["width"]


def test_resting_on_a_thumbnail_shows_it_large(opened: Open, address: str) -> None:
    page = opened(f"{address}/{STEM}/index.html")
    page.locator("[data-grid] a").nth(3).hover()
    expect(page.locator(".preview img")).to_be_visible()
    expect(page.locator(".preview img")).to_have_attribute("src", "channel/3.webp")


def test_the_way_back_leads_to_the_grid_as_it_was(opened: Open, address: str) -> None:
    page = opened(f"{address}/{STEM}/index.html")
    page.get_by_text("negative", exact=True).click()
    page.get_by_label("Sort").select_option("activation")
    page.get_by_label("Filter").fill("3-9, 20")
    shown = numbers(page)
    assert shown != sorted(shown, key=int)
    kept = f"{address}/{STEM}/index.html#negative&sort=activation&filter=3-9%2C%2020"
    expect(page).to_have_url(kept)
    page.locator("[data-grid] a:visible").nth(1).click()
    expect(page.locator(".shot.current h2")).to_have_text("negative")
    page.go_back()
    expect(page.get_by_label("Filter")).to_have_value("3-9, 20")
    expect(page).to_have_url(kept)
    assert numbers(page) == shown
    expect(page.get_by_label("negative")).to_be_checked()
    expect(page.get_by_label("Sort")).to_have_value("activation")
    # None of it was a step in the browser's history, and undoing it leaves the address bare.
    page.get_by_label("Filter").fill("")
    page.get_by_label("Sort").select_option("index")
    page.locator(".switch").get_by_text("channel", exact=True).click()
    expect(page).to_have_url(f"{address}/{STEM}/index.html")
    # The way up keeps the recipe.
    page.goto(f"{address}/{STEM}/3.html#neuron")
    press(page, "g", f"{address}/{STEM}/index.html#neuron")
    expect(page.get_by_label("neuron")).to_be_checked()


def test_a_grid_takes_any_address(opened: Open, unruly: str) -> None:
    page = opened(
        f"{unruly}/{folder_of(LONG)}/index.html#__proto__&sort=nonsense&filter=%E0%A4%A&sort=activation"
    )
    expect(page.get_by_label("__proto__")).to_be_checked()
    expect(page.get_by_label("Sort")).to_have_value("index")
    for places in ("constructor&toString&=&&filter", "white&filter=2&filter=3", "%", "a" * 5000):
        page.goto(f"{unruly}/{folder_of(LONG)}/index.html#{places}")
        page.reload()
    expect(page.get_by_label("channel", exact=True)).to_be_checked()
    assert len(numbers(page)) == 8


def test_the_filter_knows_accents_widths_and_all_of_a_note(opened: Open, unruly: str) -> None:
    page = opened(f"{unruly}/{folder_of(HAN)}/index.html")
    for wanted, found in {
        "lodz": ["15"],
        "CREME BRULEE": ["15"],
        "crème brûlée": ["15"],
        "cafe": ["15"],
        "fine": ["3"],
        "３": ["3"],
        "2–4": ["2", "3", "4"],
        "015": ["15"],
        "#7": ["7"],
    }.items():
        page.get_by_label("Filter").fill(wanted)
        assert numbers(page) == found, wanted


def test_sorting_says_what_it_cannot_do(opened: Open, unruly: str) -> None:
    page = opened(f"{unruly}/{folder_of(LONG)}/index.html")
    sparsity = page.locator("option[value=sparsity]")
    expect(sparsity).to_have_attribute("disabled", "")
    page.get_by_text("__proto__", exact=True).click()
    expect(sparsity).to_be_enabled()
    expect(page.locator("[data-grid] img").first).to_have_attribute("src", "__proto__/sheet-0.webp")
    page.get_by_label("Sort").select_option("sparsity")
    assert numbers(page) != [str(n) for n in range(8)]
    page.get_by_text("constructor", exact=True).click()
    expect(page.locator("output")).to_have_text("Sparsity is not known of “constructor”: sorted by channel.")
    expect(page.get_by_label("Sort")).to_have_value("index")
    assert numbers(page) == [str(n) for n in range(8)]
    page.get_by_label("Sort").select_option("similarity")
    expect(page.locator("output")).to_have_text("Likeness is that of “channel”.")


def test_pinning_marks_a_cell_and_leaves_it_as_it_is(opened: Open, site: Path) -> None:
    page = opened(f"{site.as_uri()}/{STEM}/index.html")
    cell = page.locator("[data-grid] a").nth(7)
    before = cell.bounding_box(), cell.locator("img").bounding_box()
    page.get_by_label("Pin on click").check()
    cell.click()
    expect(cell).to_have_class("pinned")
    expect(cell).to_have_attribute("aria-description", "pinned")
    assert (cell.bounding_box(), cell.locator("img").bounding_box()) == before
    assert "4px solid" in cell.locator(".crop").evaluate("one => getComputedStyle(one, '::after').border")
