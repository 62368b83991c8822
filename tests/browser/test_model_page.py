"""A network's page: its graph and its layers are two views of one place, with and without a script."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from benchmarks.synthetic import anatomy, fill, layer, plan_of
from generator.cache.entries import Cache
from generator.gallery.site import build_site
from tests.browser.conftest import NET, SIZES

Open = Callable[..., Page]


@pytest.mark.parametrize("script", [True, False])
def test_graph_and_layers_have_addresses_of_their_own(
    opened: Open, site: object, server: str, script: bool
) -> None:
    address = f"{server}/{NET}/index.html"
    page = opened(address, java_script_enabled=script)
    graph, layers = page.locator("#graph"), page.locator("#layers")
    expect(graph).to_be_visible()
    expect(layers).to_be_hidden()
    page.get_by_role("link", name="Layers").click()
    expect(page).to_have_url(f"{address}#layers")
    expect(layers).to_be_visible()
    expect(graph).to_be_hidden()
    assert page.evaluate("scrollY") == 0 if script else True
    layers.get_by_role("link", name="stem", exact=True).click()
    page.go_back()
    expect(layers).to_be_visible()
    page.get_by_role("link", name="Graph", exact=True).click()
    expect(graph).to_be_visible()
    expect(layers).to_be_hidden()
    if script:
        expect(page.locator(".tabs [aria-current]")).to_have_text(["Graph"])


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A gallery of a wide network whose input stands far to the side, and of a long one."""
    sides = [layer(f"side{n}", 4, "input") for n in range(8)]
    tower = [layer("tower0", 4, "side0"), *(layer(f"tower{n}", 4, f"tower{n - 1}") for n in range(1, 4))]
    wide = anatomy([*sides, *tower], name="wide")
    names = [f"block{n}" for n in range(60)]
    long = anatomy(
        [layer(name, 4, before) for name, before in zip(names, ["input", *names[:-1]], strict=True)],
        name="long",
    )
    models = {"wide": {"layers": ["all"]}, "long": {"layers": ["all"]}}
    plan = plan_of(tmp_path_factory.mktemp("odd"), {"wide": wide, "long": long}, models, size=32)
    fill(plan)
    return build_site(plan, Cache(plan.config.cache)).output.as_uri()


@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("name", ["wide", "long"])
def test_a_graph_begins_at_its_input(opened: Open, odd: str, width: int, name: str) -> None:
    page = opened(f"{odd}/models/{name}/index.html", width=width)
    page.wait_for_load_state("load")
    scroller = page.locator(".scroller")
    box, around = page.locator(".graph .box", has_text="input").first.bounding_box(), scroller.bounding_box()
    assert box and around and box["y"] + box["height"] < SIZES[width]["height"]
    assert abs(box["x"] + box["width"] / 2 - (around["x"] + around["width"] / 2)) < 4
    assert scroller.evaluate("one => one.scrollWidth > one.clientWidth") == (name == "wide")
    first = page.locator(".graph a.box").first.bounding_box()
    assert first and first["y"] < SIZES[width]["height"]


def test_on_paper_there_are_the_layers(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{NET}/index.html")
    page.emulate_media(media="print")
    expect(page.locator("#layers")).to_be_visible()
    expect(page.locator("#graph")).to_be_hidden()
