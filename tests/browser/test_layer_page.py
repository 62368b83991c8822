"""A layer's page begins with its grid; with evidence it is sorted, coloured and filtered by trust."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NET, SIZES, STEM
from tests.browser.test_grid import numbers

Open = Callable[..., Page]
KINDS_STEM = "models/net/stem"


def data_of(page: Page) -> dict[str, Any]:
    return dict(json.loads(page.locator("#layer-data").text_content() or ""))


@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("script", [True, False])
def test_the_grids_first_row_is_in_the_first_screen(
    opened: Open, kinds: str, evident: str, width: int, script: bool
) -> None:
    for address in (f"{kinds}/{KINDS_STEM}", f"{evident}/{STEM}", f"{evident}/{NET}/mixed"):
        page = opened(f"{address}/index.html", width=width, java_script_enabled=script)
        cell = page.locator("[data-grid] li").first.bounding_box()
        assert cell and cell["y"] + cell["height"] <= SIZES[width]["height"]
        if page.locator(".band").count():
            band = page.locator(".band").bounding_box()
            assert band and band["height"] <= 160 and band["y"] < cell["y"]


def test_the_layer_as_a_whole_unfolds_and_folds(opened: Open, kinds: str) -> None:
    page = opened(f"{kinds}/{KINDS_STEM}/index.html")
    whole = page.get_by_role("region", name="The layer as a whole")
    expect(whole).to_be_hidden()
    page.locator(".band .recipes a").nth(1).click()
    expect(whole.locator(".shot.current h3")).to_have_text("photo")
    expect(page).to_have_url(f"{kinds}/{KINDS_STEM}/index.html#photo")
    # It stands between the band and the grid, where it was asked for.
    tops = [page.locator(one).first.bounding_box() for one in (".band", ".whole", "[data-grid]")]
    assert [box["y"] for box in tops if box] == sorted(box["y"] for box in tops if box)
    whole.locator(".shot.current").get_by_role("button", name="Zoom").click()
    expect(page.get_by_role("dialog", name="Zoomed picture")).to_be_visible()
    page.keyboard.press("Escape")
    whole.get_by_role("button", name="Close").click()
    expect(whole).to_be_hidden()
    expect(page.locator(".band .recipes a").first).to_be_focused()
    expect(page).to_have_url(f"{kinds}/{KINDS_STEM}/index.html")
    page.locator(".band .recipes a").first.click()
    expect(page).to_have_url(f"{kinds}/{KINDS_STEM}/index.html#dream")
    page.reload()
    expect(whole.locator(".shot.current h3")).to_have_text("dream")
    page.locator(".band .recipes a").first.click()
    expect(whole).to_be_hidden()


def test_a_grid_sorts_by_what_is_known(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{STEM}/index.html")
    data = data_of(page)
    known = {
        "strength": data["recipes"][0]["strength"],
        "kinship": data["recipes"][0]["kinship"],
        "density": data["density"],
    }
    for name, values in known.items():
        page.get_by_label("Sort").select_option(name)
        shown = [values[int(n)] for n in numbers(page)]
        there = [value for value in shown if value is not None]
        assert there == sorted(there, reverse=True) and shown[len(there) :] == [None] * (24 - len(there))
        expect(page).to_have_url(f"{evident}/{STEM}/index.html#sort={name}")
    # By another recipe trust is another.
    page.get_by_label("Sort").select_option("kinship")
    page.get_by_text("negative", exact=True).click()
    values = data["recipes"][1]["kinship"]
    shown = [values[int(n)] for n in numbers(page)]
    assert shown == sorted(shown, reverse=True)


def test_a_grid_is_coloured_and_the_address_keeps_it(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{STEM}/index.html")
    legend = page.locator(".legend:visible")
    expect(legend).to_have_count(0)
    page.get_by_label("Colour").select_option("kinship")
    expect(legend).to_contain_text("Kinship")
    kinship = data_of(page)["recipes"][0]["kinship"]
    cells = page.locator("[data-grid] li")
    assert "unknown" in (cells.nth(0).get_attribute("class") or "")
    for place in range(1, 24):
        share = float(cells.nth(place).evaluate("one => one.style.getPropertyValue('--share')"))
        assert abs(share - min(1, max(0, (kinship[place] + 1) / 3))) < 1e-3
        said = cells.nth(place).locator(".n").get_attribute("data-value") or ""
        assert abs(float(said.replace("−", "-")) - kinship[place]) < 0.006
    address = f"{evident}/{STEM}/index.html#colour=kinship"
    expect(page).to_have_url(address)
    cells.nth(7).locator("a").click()
    page.go_back()
    expect(page).to_have_url(address)
    expect(page.get_by_label("Colour")).to_have_value("kinship")
    expect(page.locator(".grid.coloured")).to_have_count(1)
    page.get_by_label("Colour").select_option("")
    expect(page.locator(".grid.coloured")).to_have_count(0)
    expect(page).to_have_url(f"{evident}/{STEM}/index.html")


def test_bars_differ_in_length_and_not_only_in_colour(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{STEM}/index.html#colour=strength", theme="dark", forced_colors="active")
    grounds = page.locator("[data-grid] .n").evaluate_all(
        "all => all.map(one => getComputedStyle(one).backgroundImage)"
    )
    assert len(set(grounds)) > 12


def test_a_grid_is_filtered_by_flags(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{STEM}/index.html")
    show = page.get_by_label("Show")
    for flag, channels in {
        "never-on": ["1"],
        "nearly-always-on": ["2"],
        "saturated": ["3"],
        "has-a-twin": ["4", "5"],
    }.items():
        show.select_option(flag)
        assert numbers(page) == channels
        expect(page).to_have_url(f"{evident}/{STEM}/index.html#show={flag}")
    page.get_by_label("Filter").fill("5")
    assert numbers(page) == ["5"]
    page.reload()
    assert numbers(page) == ["5"]
    show.select_option("")
    page.get_by_label("Filter").fill("saturated")
    assert numbers(page) == ["3"]


def test_plots_follow_the_recipe(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{STEM}/index.html")
    expect(page.locator(".spread:visible")).to_have_count(2)
    expect(page.get_by_role("img", name="Kinship of 23 channels’ pictures by channel")).to_be_visible()
    page.get_by_text("neuron", exact=True).click()
    expect(page.get_by_role("img", name="Kinship of 24 channels’ pictures by neuron")).to_be_visible()
    expect(page.locator(".spread:visible")).to_have_count(2)


def test_any_address_is_taken(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{STEM}/index.html#colour=nonsense&show=__proto__&sort=toString")
    for label in ("Colour", "Show"):
        expect(page.get_by_label(label)).to_have_value("")
    assert len(numbers(page)) == 24


def test_on_a_phone_further_tools_unfold(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{STEM}/index.html", width=390)
    expect(page.get_by_label("Colour")).to_be_hidden()
    page.get_by_role("button", name="More").click()
    page.get_by_label("Colour").select_option("density")
    expect(page.locator(".grid.coloured")).to_have_count(1)
    page.get_by_role("button", name="More").click()
    expect(page.get_by_label("Colour")).to_be_hidden()
