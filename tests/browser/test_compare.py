"""Pinning and comparing: one's own pins, selections that come with an address, two layers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import NET, STEM
from tests.unruly import LONG, folder_of

Open = Callable[..., Page]


def test_pins_are_compared_and_the_address_carries_them(opened: Open, address: str) -> None:
    page = opened(f"{address}/{STEM}/3.html")
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Pin to compare")).to_have_attribute("aria-pressed", "true")
    page.goto(f"{address}/{NET}/mixed/index.html")
    page.get_by_label("Pin on click").check()
    page.locator("[data-grid] a").nth(7).click()
    expect(page).to_have_url(f"{address}/{NET}/mixed/index.html")
    page.keyboard.press("c")
    expect(page.locator(".selection figcaption b")).to_have_text(["stem 3", "mixed 7"])
    assert page.url.endswith(f"compare.html#{STEM}/3/channel,{NET}/mixed/7/channel")
    page.get_by_label("Recipe of Branch Net, stem, channel 3").select_option("neuron")
    expect(page.locator(".selection img").first).to_have_attribute(
        "alt", "Branch Net, stem, channel 3, recipe neuron"
    )
    page.get_by_role("button", name="Unpin Branch Net, mixed, channel 7").click()
    expect(page.locator(".selection li")).to_have_count(1)


def test_compare_takes_a_shared_address_and_ignores_what_is_not_there(opened: Open, address: str) -> None:
    addresses = f"{STEM}/3/channel,{STEM}/99/channel,../../etc/1/passwd,{STEM}/1/channel,<b>/0/x"
    page = opened(f"{address}/compare.html#{addresses}")
    expect(page.locator(".selection figcaption b")).to_have_text(["stem 3", "stem 1"])
    expect(page.locator(".selection .none")).to_have_text("no picture")


def test_two_layers_are_shown_side_by_side(opened: Open, address: str) -> None:
    page = opened(f"{address}/compare.html")
    expect(page.get_by_text("Nothing is pinned yet.")).to_be_visible()
    page.get_by_label("Layer", exact=True).select_option(f"{STEM}/channel")
    page.get_by_label("beside").select_option(f"{STEM}/negative")
    page.get_by_role("button", name="Show both").click()
    expect(page.locator(".pairs li")).to_have_count(24)
    expect(page.locator(".pairs li").nth(1).locator(".none")).to_have_count(1)
    expect(page.locator(".pairs li").nth(5).locator("img")).to_have_count(2)
    assert page.url.endswith(f"#layers={STEM}/channel,{STEM}/negative")


def titles(page: Page, *expected: str) -> None:
    expect(page.locator(".selection figcaption b")).to_have_text(list(expected))


def test_a_shared_selection_leaves_ones_own_pins_alone(opened: Open, address: str) -> None:
    page = opened(f"{address}/{STEM}/3.html")
    page.keyboard.press("p")
    page.goto(f"{address}/compare.html#{STEM}/5/channel,{STEM}/6/negative")
    titles(page, "stem 5", "stem 6")
    expect(page.locator(".remark")).to_have_text(
        "This selection came with the address. Your own pins are as they were."
    )
    expect(page.get_by_role("link", name="Compare, 1 pinned")).to_be_visible()
    page.get_by_role("button", name="Remove Branch Net, stem, channel 5").click()
    expect(page).to_have_url(f"{address}/compare.html#{STEM}/6/negative")
    titles(page, "stem 6")
    page.get_by_role("button", name="Show my pins").click()
    titles(page, "stem 3")
    page.go_back()
    # Without an address the page shows what is pinned, and the address says so.
    page.goto(f"{address}/compare.html")
    titles(page, "stem 3")
    expect(page).to_have_url(f"{address}/compare.html#{STEM}/3/channel")
    page.goto(f"{address}/compare.html#{STEM}/5/channel")
    page.get_by_role("button", name="Pin these too").click()
    titles(page, "stem 3", "stem 5")
    expect(page.locator(".remark")).to_have_text("")
    expect(page.get_by_role("link", name="Compare, 2 pinned")).to_be_visible()
    # Unpinned by keys alone: the focus goes on to what is next.
    page.get_by_role("button", name="Unpin Branch Net, stem, channel 3").press("Enter")
    expect(page.get_by_role("button", name="Unpin Branch Net, stem, channel 5")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing is pinned yet.")).to_be_visible()
    expect(page.locator("main")).to_be_focused()


def test_the_pin_that_there_is_no_room_for_is_not_pinned(opened: Open, site: Path) -> None:
    page = opened(f"{site.as_uri()}/models/chain/deep/index.html")
    page.get_by_label("Pin on click").check()
    page.locator("[data-grid] a").evaluate_all("cells => cells.slice(0, 49).forEach(cell => cell.click())")
    expect(page.locator("[data-grid] .pinned")).to_have_count(48)
    expect(page.get_by_role("status").last).to_have_text(
        "Not pinned: there is room for 48 pictures. Unpin one first."
    )
    page.keyboard.press("c")
    expect(page.locator(".selection li")).to_have_count(48)
    page.goto(f"{site.as_uri()}/compare.html#{STEM}/5/channel")
    page.get_by_role("button", name="Pin these too").click()
    expect(page.get_by_role("status").last).to_have_text("Pinned as many as there is room for, which is 48.")
    page.get_by_role("button", name="Unpin all").click()
    expect(page.get_by_text("Nothing is pinned yet.")).to_be_visible()
    expect(page.get_by_role("button", name="Unpin all")).to_be_hidden()


STRANGE = {
    "%E0%A4%A": "This address names no picture of this gallery.",
    "__proto__/0/__proto__": "This address names no picture of this gallery.",
    "constructor,toString,/,//,/0/": "This address names no picture of this gallery.",
    "none": "This address names no picture of this gallery.",
    f"{STEM}/3.0/channel,{STEM}/0x3/channel,{STEM}//channel,{STEM}/03/channel,{STEM}/-1/channel": (
        "This address names no picture of this gallery."
    ),
    "layers=": "This address names a layer or a recipe that this gallery does not have.",
    "layers=a,b": "This address names a layer or a recipe that this gallery does not have.",
    f"layers={STEM}/channel": "This address names a layer or a recipe that this gallery does not have.",
    f"layers={STEM}/channel,{STEM}/constructor,{STEM}/channel": (
        "This address names a layer or a recipe that this gallery does not have."
    ),
    ",".join(f"x{n}" for n in range(5000)): "This address names no picture of this gallery.",
    ",".join(f"models/chain/deep/{n}/channel" for n in range(100)): (
        "This selection came with the address. It names 100 pictures; these are the first 48."
    ),
    f"{STEM}/3/channel,{STEM}/99/channel,%E0%A4%A": (
        "This selection came with the address. 2 pictures are not in this gallery."
    ),
}


def test_any_address_is_answered(opened: Open, site: Path) -> None:
    page = opened(f"{site.as_uri()}/compare.html")
    for address, answer in STRANGE.items():
        page.evaluate("hash => { location.hash = hash; }", address)
        expect(page.locator(".remark")).to_have_text(answer)
    page.evaluate("hash => { location.hash = hash; }", f"{STEM}/3/channel".replace("/", "%2F"))
    titles(page, "stem 3")


def test_names_of_the_languages_own_are_names(opened: Open, unruly: str) -> None:
    page = opened(f"{unruly}/{folder_of('__proto__')}/2.html#__proto__")
    expect(page.locator(".shot.current h2")).to_have_text("__proto__")
    page.keyboard.press("p")
    page.goto(f"{unruly}/{folder_of(LONG)}/5.html#constructor")
    page.keyboard.press("p")
    page.keyboard.press("c")
    titles(page, "__proto__ 2", f"{LONG} 5")
    expect(page.locator(".selection img")).to_have_count(2)
    page.get_by_label("Layer", exact=True).select_option(f"{folder_of('__proto__')}/__proto__")
    page.get_by_label("beside").select_option(f"{folder_of(LONG)}/constructor")
    page.get_by_role("button", name="Show both").click()
    expect(page.locator(".pairs img")).to_have_count(16)
    page.go_back()
    titles(page, "__proto__ 2", f"{LONG} 5")


def test_each_gallery_of_a_host_has_pins_of_its_own(opened: Open, server: str) -> None:
    page = opened(f"{server}/{STEM}/3.html")
    beside = page.context.new_page()
    beside.goto(f"{server}/about.html")
    page.keyboard.press("p")
    for window in (page, beside):
        expect(window.get_by_role("link", name="Compare, 1 pinned")).to_be_visible()
    assert page.evaluate("Object.keys(localStorage)") == ["microscope-pins:/repo/"]
