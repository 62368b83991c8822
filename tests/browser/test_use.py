"""What a reader does: search, switch themes, zoom, walk about by keys, do without a script."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from generator.gallery.names import safe_names
from tests.browser.conftest import NET, STEM
from tests.unruly import HAN, folder_of

Open = Callable[..., Page]


def press(page: Page, key: str, leads_to: str) -> None:
    """Press a key and wait until the page it leads to is complete, script and all."""
    page.keyboard.press(key)
    expect(page).to_have_url(leads_to)
    page.wait_for_load_state("load")


def test_search_finds_layers_channels_notes_and_classes(opened: Open, address: str) -> None:
    page = opened(f"{address}/index.html")
    page.keyboard.press("/")
    page.get_by_role("combobox").fill("curve detectors")
    expect(page.get_by_role("option").first).to_contain_text("curve detectors")
    page.get_by_role("combobox").fill("stem 17")
    press(page, "Enter", f"{address}/{STEM}/17.html")
    page.keyboard.press("/")
    page.get_by_role("combobox").fill("espresso")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{address}/{NET}/predictions/1.html")
    expect(page.get_by_role("heading", level=1)).to_contain_text("espresso")


def test_search_reads_numbers_kinds_and_accents(opened: Open, unruly: str) -> None:
    page = opened(f"{unruly}/index.html")
    page.keyboard.press("/")
    box, options = page.get_by_role("combobox"), page.get_by_role("option")
    for query, address in {
        "015": f"{folder_of(HAN)}/15.html",
        "channel 15": f"{folder_of(HAN)}/15.html",
        "Channel #15": f"{folder_of(HAN)}/15.html",
        "layer last": f"{folder_of('last')}/index.html",
        "family cafe": safe_family("café"),
        "lodz creme": f"{folder_of(HAN)}/15.html",
        "ŁÓDŹ": f"{folder_of(HAN)}/15.html",
        "fine lines": f"{folder_of(HAN)}/3.html",
        "__proto__ 2": f"{folder_of('__proto__')}/2.html",
    }.items():
        box.fill(query)
        hrefs = options.evaluate_all("all => all.map(one => one.dataset.href)")
        assert address in hrefs, query
        if address.endswith("/15.html"):
            assert hrefs[0] == address, query
    box.fill("zebra")
    expect(page.locator(".hint")).to_have_text("Nothing here has that name.")
    box.fill("")
    expect(page.locator(".hint")).to_contain_text("A layer’s name")
    box.fill("channel 015")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("15")


def safe_family(tag: str) -> str:
    return f"families/{safe_names([tag])[tag]}.html"


def test_search_says_when_there_is_nothing_and_moves_by_arrows(opened: Open, address: str) -> None:
    page = opened(f"{address}/{STEM}/3.html")
    page.get_by_role("button", name="Search").click()
    box = page.get_by_role("combobox")
    box.fill("zebra")
    expect(page.locator(".hint")).to_have_text("Nothing here has that name.")
    box.fill("stem")
    first = page.get_by_role("option").nth(0)
    expect(first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option").nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(box).to_have_count(0)


def test_keys_walk_through_a_layer(opened: Open, address: str) -> None:
    page = opened(f"{address}/{STEM}/3.html")
    for key, place in [
        ("ArrowLeft", "2.html"),
        ("ArrowRight", "3.html"),
        ("End", "23.html"),
        ("Home", "0.html"),
    ]:
        press(page, key, f"{address}/{STEM}/{place}")
    press(page, "g", f"{address}/{STEM}/index.html")
    page.locator("[data-grid] a").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    focused = page.evaluate("document.activeElement.getAttribute('href')")
    columns = page.evaluate(
        "getComputedStyle(document.querySelector('.grid')).gridTemplateColumns.split(' ').length"
    )
    assert focused == f"{1 + columns}.html"
    press(page, "g", f"{address}/{NET}/index.html")
    press(page, "g", f"{address}/index.html")


def test_keys_are_explained_and_do_nothing_while_typing(opened: Open, address: str) -> None:
    page = opened(f"{address}/{STEM}/index.html")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    page.keyboard.press("f")
    expect(page.get_by_label("Filter")).to_be_focused()
    page.keyboard.type("gtc")
    expect(page.get_by_label("Filter")).to_have_value("gtc")
    expect(page).to_have_url(f"{address}/{STEM}/index.html#filter=gtc")


def test_the_theme_is_the_systems_until_switched(opened: Open, address: str) -> None:
    page = opened(f"{address}/index.html", theme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(paper) == "rgb(16, 17, 18)"
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate(paper) == "rgb(251, 250, 248)"
    page.goto(f"{address}/about.html")
    assert page.evaluate(paper) == "rgb(251, 250, 248)"
    page.keyboard.press("t")
    assert page.evaluate(paper) == "rgb(16, 17, 18)"


def test_a_picture_zooms(opened: Open, address: str) -> None:
    page = opened(f"{address}/{STEM}/3.html")
    page.keyboard.press("z")
    picture = page.get_by_role("dialog", name="Zoomed picture").get_by_role("img")
    before = picture.bounding_box()
    picture.click()
    page.wait_for_timeout(300)
    after = picture.bounding_box()
    assert before and after and round(after["width"] / before["width"]) == 2
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_everything_can_be_read_without_javascript(opened: Open, address: str) -> None:
    page = opened(f"{address}/index.html", java_script_enabled=False)
    page.get_by_role("link", name="Branch Net").click()
    page.get_by_role("link", name="Layers").click()
    page.get_by_role("link", name="stem", exact=True).click()
    expect(page.locator("[data-grid] li")).to_have_count(24)
    expect(page.locator("form")).to_be_hidden()
    page.locator("[data-grid] a").nth(3).click()
    for recipe in ("channel", "negative", "neuron"):
        expect(
            page.get_by_role("img", name=f"Branch Net, stem, channel 3, recipe {recipe}").last
        ).to_be_visible()
    page.get_by_text("How it was made").first.click()
    expect(page.locator("pre").first).to_contain_text("objective")
    page.locator(".rest").first.get_by_text("more settings").click()
    expect(page.locator(".rest pre").first).to_contain_text("learning_rate")
    expect(page.locator(".rest pre").first).to_be_visible()
    page.get_by_role("link", name="curve detectors").click()
    expect(page.locator(".members li")).to_have_count(2)


def test_a_missing_page_leads_home(opened: Open, server: str) -> None:
    page = opened(f"{server}/models/lost/such/17.html")
    page.get_by_role("link", name="Go to the models").click()
    expect(page).to_have_url(f"{server}/index.html")
