"""Animations, pictures of whole layers, small and transparent ones, in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

Open = Callable[..., Page]
STEM = "models/net/stem"


def sources(page: Page) -> list[str]:
    """Every file the page has asked for, by its name."""
    names: list[str] = page.evaluate(
        "performance.getEntriesByType('resource').map(e => e.name.split('/').pop())"
    )
    return names


def picture(page: Page) -> Locator:
    return page.locator(".shot.current img.large")


@pytest.mark.parametrize("path", ["3.html", "index.html"])
def test_an_animation_is_played_on_demand_and_stopped(opened: Open, kinds: str, path: str) -> None:
    page = opened(f"{kinds}/{STEM}/{path}" + ("#dream" if path == "index.html" else ""))
    page.wait_for_load_state("load")
    still = picture(page).get_attribute("src")
    assert still and "animation" not in still
    assert not [name for name in sources(page) if "animation" in name]
    page.get_by_role("button", name="Play").click()
    expect(picture(page)).to_have_attribute(
        "src", "moving/3-animation.webp" if path == "3.html" else "dream/layer-animation.gif"
    )
    expect(picture(page)).to_have_js_property("complete", True)
    assert picture(page).evaluate("image => image.naturalWidth") == 160
    page.get_by_role("button", name="Stop").click()
    expect(picture(page)).to_have_attribute("src", still)
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.locator(".recipes a").nth(1).click()
    page.locator(".recipes a").nth(0).click()
    expect(picture(page)).to_have_attribute("src", still)


def test_where_less_motion_is_asked_for_nothing_plays(opened: Open, kinds: str) -> None:
    page = opened(f"{kinds}/{STEM}/3.html", reduced_motion="reduce")
    expect(page.get_by_role("button", name="Play")).to_have_count(0)
    expect(page.get_by_text("this device asks for less motion")).to_be_visible()
    page.keyboard.press("a")
    page.locator("[data-animation]").first.evaluate("button => button.click()")
    page.wait_for_timeout(200)
    expect(picture(page)).to_have_attribute("src", "moving/3.webp")
    assert not [name for name in sources(page) if "animation" in name]


def test_without_a_script_an_animation_is_a_link(opened: Open, kinds: str) -> None:
    page = opened(f"{kinds}/{STEM}/3.html", java_script_enabled=False)
    link = page.get_by_role("link", name="Animation")
    expect(link).to_have_attribute("href", "moving/3-animation.webp")
    expect(page.get_by_role("button", name="Play")).to_have_count(0)
    # Whole layers are all there too.
    page.goto(f"{kinds}/{STEM}/index.html")
    for recipe in ("dream", "photo"):
        expect(page.get_by_role("img", name=f"net, stem as a whole, recipe {recipe}").last).to_be_visible()
    expect(page.get_by_text("This picture could not be rendered.")).to_be_visible()
    expect(page.get_by_text("Not rendered yet.")).to_be_visible()


def test_a_whole_layer_has_recipes_of_its_own_beside_the_grids(opened: Open, kinds: str) -> None:
    page = opened(f"{kinds}/models/net/index.html#layers")
    page.locator(".wholes a").nth(1).click()
    expect(page).to_have_url(f"{kinds}/{STEM}/index.html#photo")
    expect(page.locator(".shot.current h3")).to_have_text("photo")
    assert page.evaluate("scrollY") == 0
    page.get_by_text("facets", exact=True).click()
    expect(page.locator("[data-grid] img").first).to_have_attribute("src", "facets/sheet-0.webp")
    # Both are in the address, and both are there again after the way back.
    expect(page).to_have_url(f"{kinds}/{STEM}/index.html#photo&facets")
    page.locator("[data-grid] a").nth(2).click()
    page.go_back()
    expect(page.locator(".shot.current h3")).to_have_text("photo")
    expect(page.locator("[data-grid] img").first).to_have_attribute("src", "facets/sheet-0.webp")
    page.locator(".recipes a").nth(0).click()
    expect(page.locator(".shot.current h3")).to_have_text("dream")
    expect(page.locator("[data-grid] img").first).to_have_attribute("src", "facets/sheet-0.webp")
    page.locator(".recipes a").nth(1).click()
    page.locator("a[rel=next]").click()
    page.locator("a[rel=next]").click()
    expect(page).to_have_url(f"{kinds}/models/net/mixed/index.html")
    page.wait_for_load_state("load")  # keys wait for the script
    expect(page.locator("[data-grid]")).to_have_count(0)
    page.keyboard.press("2")
    expect(page.locator(".shot.current h3")).to_have_text("photo")
    page.keyboard.press("z")
    expect(page.get_by_role("dialog", name="Zoomed picture")).to_be_visible()


def test_whole_layers_are_pinned_and_compared(opened: Open, kinds: str) -> None:
    page = opened(f"{kinds}/{STEM}/index.html")
    page.locator(".band .recipes a").first.click()
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Pin to compare").first).to_have_attribute("aria-pressed", "true")
    page.locator("[data-grid] a").nth(2).focus()
    page.keyboard.press("p")
    page.keyboard.press("c")
    expect(page).to_have_url(f"{kinds}/compare.html#{STEM}/layer/dream,{STEM}/2/moving")
    expect(page.locator(".selection figcaption b")).to_have_text(["stem", "stem 2"])
    page.get_by_label("Recipe of net, stem as a whole").select_option("photo")
    expect(page.locator(".selection img").first).to_have_attribute(
        "alt", "net, stem as a whole, recipe photo"
    )
    # What failed or is missing is nothing to compare.
    expect(page.get_by_label("Recipe of net, stem as a whole").locator("option")).to_have_count(2)
    page.locator(".selection a").first.click()
    expect(page).to_have_url(f"{kinds}/{STEM}/index.html#photo")


def test_on_a_finer_screen_pictures_are_shown_smaller_and_pixels_stay_whole(opened: Open, kinds: str) -> None:
    page = opened(f"{kinds}/{STEM}/3.html", device_scale_factor=2)
    box = picture(page).bounding_box()
    assert box and box["width"] == 0.8 * 320
    page.goto(f"{kinds}/models/net/right/3.html")
    box = picture(page).bounding_box()
    assert box and box["width"] == 14 * 28


def test_small_pictures_are_shown_pixel_by_pixel(opened: Open, kinds: str) -> None:
    page = opened(f"{kinds}/models/net/right/3.html")
    crisp = "image => getComputedStyle(image).imageRendering"
    assert picture(page).evaluate(crisp) == "pixelated"
    box = picture(page).bounding_box()
    assert box and box["width"] == box["height"] == 14 * 28
    page.goto(f"{kinds}/{STEM}/3.html")
    assert picture(page).evaluate(crisp) == "auto"
    box = picture(page).bounding_box()
    assert box and box["width"] == 320
    page.goto(f"{kinds}/models/net/right/index.html")
    page.locator("[data-grid] a").nth(1).hover()
    expect(page.locator(".preview img")).to_have_class("small")


@pytest.mark.parametrize("width", [1440, 390])
def test_wide_pictures_keep_their_shape(opened: Open, kinds: str, width: int) -> None:
    page = opened(f"{kinds}/{STEM}/index.html#photo", width=width)
    box = picture(page).bounding_box()
    assert box and abs(box["width"] / box["height"] - 1.5) < 0.02
    page.keyboard.press("z")
    zoomed = page.get_by_role("dialog", name="Zoomed picture").get_by_role("img")
    expect(zoomed).to_have_css("object-fit", "contain")


def test_transparent_pictures_lie_on_the_pages_ground(opened: Open, kinds: str) -> None:
    grounds = []
    for theme in ("light", "dark"):
        page = opened(f"{kinds}/{STEM}/3.html#phases", theme=theme)
        grounds.append(picture(page).evaluate("image => getComputedStyle(image).backgroundColor"))
    assert grounds == ["rgb(239, 236, 230)", "rgb(29, 30, 32)"]


def test_all_settings_are_copied_folded_or_not(opened: Open, kinds: str) -> None:
    page = opened(f"{kinds}/models/net/right/3.html", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_text("How it was made").click()
    expect(page.get_by_text("learning_rate")).to_be_hidden()
    page.get_by_role("button", name="Copy all as text").click()
    expect(page.get_by_role("status")).to_have_text("Text copied.")
    text = page.evaluate("navigator.clipboard.readText()")
    assert "size               28" in text and "learning_rate" in text and "weights" in text
