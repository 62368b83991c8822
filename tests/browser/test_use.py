"""What a reader does: search, compare, switch, filter, walk about by keys."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import NET, STEM

Open = Callable[..., Page]


def numbers(page: Page) -> list[str]:
    """Channel numbers in the grid, in the order shown, hidden ones left out."""
    return [text.split()[0] for text in page.locator("[data-grid] li:visible .n").all_text_contents()]


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


def test_pins_are_compared_and_the_address_carries_them(opened: Open, address: str) -> None:
    page = opened(f"{address}/{STEM}/3.html")
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Pin to compare")).to_have_attribute("aria-pressed", "true")
    page.goto(f"{address}/{NET}/mixed/index.html")
    page.get_by_label("Click pins").check()
    page.locator("[data-grid] a").nth(7).click()
    expect(page).to_have_url(f"{address}/{NET}/mixed/index.html")
    page.keyboard.press("c")
    expect(page.locator(".pinned figcaption b")).to_have_text(["stem 3", "mixed 7"])
    assert page.url.endswith(f"compare.html#{STEM}/3/channel,{NET}/mixed/7/channel")
    page.get_by_label("Recipe of Branch Net, stem, channel 3").select_option("neuron")
    expect(page.locator(".pinned img").first).to_have_attribute(
        "alt", "Branch Net, stem, channel 3, recipe neuron"
    )
    page.get_by_role("button", name="Unpin Branch Net, mixed, channel 7").click()
    expect(page.locator(".pinned li")).to_have_count(1)


def test_compare_takes_a_shared_address_and_ignores_what_is_not_there(opened: Open, address: str) -> None:
    addresses = f"{STEM}/3/channel,{STEM}/99/channel,../../etc/1/passwd,{STEM}/1/channel,<b>/0/x"
    page = opened(f"{address}/compare.html#{addresses}")
    expect(page.locator(".pinned figcaption b")).to_have_text(["stem 3", "stem 1"])
    expect(page.locator(".pinned .none")).to_have_text("no picture")


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
    expect(page).to_have_url(f"{address}/{STEM}/index.html")


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


def test_resting_on_a_thumbnail_shows_it_large(opened: Open, address: str) -> None:
    page = opened(f"{address}/{STEM}/index.html")
    page.locator("[data-grid] a").nth(3).hover()
    expect(page.locator(".preview img")).to_be_visible()
    expect(page.locator(".preview img")).to_have_attribute("src", "channel/3.webp")


def test_everything_can_be_read_without_javascript(opened: Open, address: str) -> None:
    page = opened(f"{address}/index.html", java_script_enabled=False)
    page.get_by_role("link", name="Branch Net").click()
    page.locator(".list").get_by_role("link", name="stem", exact=True).click()
    expect(page.locator("[data-grid] li")).to_have_count(24)
    expect(page.locator("form")).to_be_hidden()
    page.locator("[data-grid] a").nth(3).click()
    for recipe in ("channel", "negative", "neuron"):
        expect(
            page.get_by_role("img", name=f"Branch Net, stem, channel 3, recipe {recipe}").last
        ).to_be_visible()
    page.locator(".shot").first.get_by_text("How it was made").click()
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
