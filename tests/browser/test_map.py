"""The map of a layer: wheel, pointer, fingers, buttons, keys, and without a script."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NET, SIZES

Open = Callable[..., Page]
MAP = f"{NET}/mixed/map.html"

RECTS = """() => [...document.querySelectorAll(".places a")].map(one => {
  const box = one.getBoundingClientRect();
  return [box.left, box.top, box.right, box.bottom];
})"""


def boxes(page: Page) -> list[list[float]]:
    page.wait_for_timeout(60)  # it is drawn at the next frame
    found: list[list[float]] = page.evaluate(RECTS)
    return found


def width(page: Page) -> float:
    """Of a thumbnail."""
    left, _, right, _ = boxes(page)[0]
    return right - left


def middle(page: Page) -> tuple[float, float]:
    """Of the window onto the map."""
    box = page.locator(".map").bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("script", [True, False])
def test_all_is_seen_and_nothing_lies_on_anything(
    opened: Open, evident: str, size: int, script: bool
) -> None:
    page = opened(f"{evident}/{MAP}", width=size, java_script_enabled=script)
    found = boxes(page)
    assert len(found) == 40
    window = page.locator(".map").bounding_box()
    assert window
    for place, (left, top, right, bottom) in enumerate(found):
        assert right - left > 5 and window["x"] - 1 <= left and right <= window["x"] + window["width"] + 1
        assert window["y"] - 1 <= top and bottom <= window["y"] + window["height"] + 1
        for other in found[:place]:
            apart = left >= other[2] or right <= other[0] or top >= other[3] or bottom <= other[1]
            assert apart
    link = page.locator(".places a").nth(20)
    expect(link).to_have_attribute("href", "20.html")


def test_the_wheel_zooms_where_the_pointer_is(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{MAP}")
    before = boxes(page)
    target = page.locator(".places a").nth(7).bounding_box()
    assert target
    x, y = target["x"] + target["width"] / 2, target["y"] + target["height"] / 2
    page.mouse.move(x, y)
    for _ in range(4):
        page.mouse.wheel(0, -150)
    page.wait_for_timeout(300)
    after = boxes(page)
    grown = (after[0][2] - after[0][0]) / (before[0][2] - before[0][0])
    assert 2 < grown < 4
    assert page.evaluate("scrollY") == 0
    # What was under the pointer still is, as far as the map's edge allows.
    assert after[7][0] - 30 < x < after[7][2] + 30 and after[7][1] - 30 < y < after[7][3] + 30
    expect(page).to_have_url(re.compile(r"#at=0\.\d+,0\.\d+,\d\.\d+$"))
    page.reload()
    assert boxes(page)[7] == pytest.approx(after[7], abs=1.5)
    page.get_by_role("button", name="Show all").click()
    page.wait_for_timeout(300)
    assert boxes(page)[7] == pytest.approx(before[7], abs=0.5)
    expect(page).to_have_url(f"{evident}/{MAP}")


def test_dragging_moves_it_and_opens_nothing(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{MAP}#at=0.5,0.5,4")
    before = boxes(page)[0]
    x, y = middle(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y - 40, steps=4)
    page.mouse.up()
    after = boxes(page)[0]
    assert (after[0] - before[0], after[1] - before[1]) == pytest.approx((-60, -40), abs=6)
    expect(page).to_have_url(re.compile("map.html#at="))
    # A click is one still.
    page.locator(".places a").nth(12).evaluate("one => one.click()")
    expect(page).to_have_url(f"{evident}/{NET}/mixed/12.html")
    page.go_back()
    page.wait_for_load_state("load")
    assert boxes(page)[0] == pytest.approx(after, abs=1.5)


def test_keys_pan_and_zoom_and_walk_from_channel_to_channel(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{MAP}")
    window = page.get_by_role("group", name="Map.")
    window.focus()
    whole = width(page)
    for key in ("+", "=", "+", "+"):
        page.keyboard.press(key)
    zoomed = width(page)
    assert zoomed > 2 * whole
    before = boxes(page)[0]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    after = boxes(page)[0]
    assert after[0] < before[0] and after[1] < before[1]
    page.keyboard.press("-")
    assert width(page) < zoomed
    page.keyboard.press("0")
    assert width(page) == pytest.approx(whole, abs=0.1)
    page.keyboard.press("Tab")
    here = page.locator(".places a:focus")
    expect(here).to_have_count(1)
    seen = {here.get_attribute("href")}
    for key in ("ArrowDown", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
        seen.add(here.get_attribute("href"))
    assert len(seen) >= 4
    box, around = here.bounding_box(), page.locator(".map").bounding_box()
    assert (
        box
        and around
        and around["x"] <= box["x"]
        and box["x"] + box["width"] <= around["x"] + around["width"]
    )
    # Of all its channels, the Tab key stops at one.
    expect(page.locator(".places a[tabindex='0']")).to_have_count(1)
    wanted = here.get_attribute("href")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{evident}/{NET}/mixed/{wanted}")


def test_an_address_may_name_a_channel(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{MAP}#12")
    link = page.locator(".places a[href='12.html']")
    box = link.bounding_box()
    assert box and box["width"] > 60
    expect(page.locator(".lens")).to_be_visible()
    window = page.locator(".map").bounding_box()
    assert window and window["x"] <= box["x"] and box["x"] + box["width"] <= window["x"] + window["width"]
    assert window["y"] <= box["y"] and box["y"] + box["height"] <= window["y"] + window["height"] + 1
    assert page.evaluate("scrollY") == 0
    for strange in ("999", "at=a,b,c", "at=9,-9,1e9", "at=", "__proto__", "%"):
        page.goto(f"{evident}/{MAP}#{strange}")
        page.reload()
        assert 0 < width(page) < 400


def test_fingers_pinch_it_and_a_small_thumbnail_is_shown_first(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{MAP}", width=390, has_touch=True, is_mobile=True)
    before = width(page)
    page.locator(".places a").nth(9).tap()
    expect(page.locator(".lens")).to_be_visible()
    page.wait_for_timeout(300)
    expect(page).to_have_url(re.compile("map.html#at="))
    assert width(page) > 1.5 * before
    pinch = """() => {
      const map = document.querySelector(".map"), box = map.getBoundingClientRect();
      map.setPointerCapture = () => {};
      const at = (type, id, x) => map.dispatchEvent(new PointerEvent(type, {
        pointerId: id, pointerType: "touch", bubbles: true, clientX: box.left + x, clientY: box.top + 100}));
      at("pointerdown", 11, 150); at("pointerdown", 12, 200);
      for (let step = 8; step <= 40; step += 8) {
        at("pointermove", 11, 150 - step);
        at("pointermove", 12, 200 + step);
      }
      at("pointerup", 11, 110); at("pointerup", 12, 240);
    }"""
    here = width(page)
    page.evaluate(pinch)
    assert width(page) > 1.5 * here


def test_resting_on_a_thumbnail_shows_it_large(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{MAP}")
    page.locator(".places a").nth(7).hover()
    expect(page.locator(".lens")).to_contain_text("7 just a label")
    expect(page.locator(".lens img")).to_have_attribute("src", "channel/7.webp")
