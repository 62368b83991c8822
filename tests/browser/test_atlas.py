"""The atlas of a layer: wheel, pointer, fingers, keys, its cells, two side by side, and without a script."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from benchmarks.synthetic_facts import LABELS
from tests.browser.conftest import NET, SIZES

Open = Callable[..., Page]
ATLAS = f"{NET}/mixed/atlas.html"
LEFT = sorted(LABELS)[0]
"""The label of all vectors in the left half, and of no others."""


def at(page: Page, right: float, down: float) -> int:
    """How far the picture about a place of the window, from 0 to 1, is from the bare window, 0 to 255."""
    shown = np.asarray(Image.open(io.BytesIO(page.locator(".atlas").first.screenshot())).convert("RGB"), int)
    x, y = int(right * shown.shape[1]), int(down * shown.shape[0])
    bare = page.locator(".atlas").first.evaluate("one => getComputedStyle(one).backgroundColor")
    ground = np.array([int(part) for part in re.findall(r"\d+", bare)[:3]])
    return int(np.abs(shown[y - 6 : y + 7, x - 6 : x + 7] - ground).max())


def middle(page: Page) -> tuple[float, float]:
    box = page.locator(".atlas").first.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def zoom(page: Page) -> float:
    """How many times enlarged, as the address says once it rests."""
    found = re.search(r"at=[\d.]+,[\d.]+,([\d.]+)", page.url)
    return float(found[1]) if found else 1.0


def place(page: Page) -> tuple[float, float]:
    """What is in the middle, likewise."""
    found = re.search(r"at=([\d.]+),([\d.]+)", page.url)
    return (float(found[1]), float(found[2])) if found else (0.5, 0.5)


def soon(page: Page, condition: Callable[[], bool]) -> bool:
    """Whether something comes true within ten seconds: the address follows when the atlas rests."""
    for _ in range(100):
        if condition():
            return True
        page.wait_for_timeout(100)
    return False


@pytest.mark.parametrize("size", SIZES)
def test_all_of_it_is_drawn_and_corners_stay_empty(opened: Open, evident: str, size: int) -> None:
    page = opened(f"{evident}/{ATLAS}", width=size)
    expect(page.locator(".atlas.drawn")).to_have_count(1)
    page.wait_for_timeout(300)
    assert at(page, 0.5, 0.5) > 60
    box = page.locator(".atlas").bounding_box()
    assert box and box["x"] + box["width"] <= size and box["height"] >= 300
    side = min(box["width"], box["height"])
    corner = [0.5 - 0.46 * side / box["width"], 0.5 - 0.46 * side / box["height"]]
    assert at(page, *corner) == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= size


def test_without_a_script_there_are_a_picture_and_a_table(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{ATLAS}", java_script_enabled=False)
    expect(page.locator(".base")).to_be_visible()
    assert page.locator(".base").evaluate("one => one.naturalWidth") == 96
    expect(page.locator(".choices")).to_be_hidden()
    page.get_by_text("as a table").click()
    row = page.locator(".listed tbody tr").first
    expect(row).to_contain_text("tabby <cat>")
    href = row.locator("a").first.get_attribute("href")
    assert href
    row.locator("a").first.click()
    expect(page).to_have_url(f"{evident}/{NET}/mixed/{href}")


def test_the_wheel_zooms_where_the_pointer_is_and_a_finer_level_comes(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{ATLAS}")
    box = page.locator(".atlas").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2 + 60, middle(page)[1]
    page.mouse.move(x, y)
    page.mouse.wheel(0, -500)
    assert soon(page, lambda: 1.8 < zoom(page) < 2.6)
    assert page.evaluate("scrollY") == 0
    # What was under the pointer still is.
    size = min(box["width"], box["height"])
    assert place(page)[0] == pytest.approx(0.5 + 60 / size * (1 - 1 / zoom(page)), abs=0.01)
    page.reload()
    assert soon(page, lambda: place(page)[0] > 0.5 and at(page, 0.5, 0.5) > 60)
    page.get_by_role("button", name="Show all").click()
    page.wait_for_timeout(700)
    expect(page).to_have_url(f"{evident}/{ATLAS}")
    page.get_by_role("button", name="Zoom in").click()
    assert soon(page, lambda: zoom(page) == pytest.approx(1.5, abs=0.01))


def test_dragging_moves_it_and_chooses_nothing(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{ATLAS}#at=0.5,0.5,3")
    x, y = middle(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 80, y - 40, steps=5)
    page.mouse.up()
    assert soon(page, lambda: place(page)[0] > 0.52 and place(page)[1] > 0.51)
    assert "cell=" not in page.url
    page.mouse.click(x, y)
    page.wait_for_timeout(100)
    assert "cell=" in page.url
    expect(page.locator(".told h2")).to_have_text(re.compile(r"^\d+ vectors$"))


def test_a_cell_tells_what_it_is_of(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{ATLAS}#cell=0.1.1")
    told = page.locator(".told")
    expect(told).to_contain_text("tabby <cat>")
    expect(told).to_contain_text("Labels of its vectors")
    expect(told.locator(".near img")).to_have_count(3)
    for image in told.locator("img").all():
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("one => one.naturalWidth") > 0
    href = told.locator(".thumbs a").first.get_attribute("href")
    told.locator(".thumbs a").first.click()
    expect(page).to_have_url(f"{evident}/{NET}/mixed/{href}")
    for strange in (
        "cell=9.9.9",
        "cell=a",
        "at=a,b",
        "at=",
        "label=none",
        "beside=nowhere",
        "__proto__",
        "%",
    ):
        page.goto(f"{evident}/{ATLAS}#{strange}")
        page.reload()
        expect(page.locator(".atlas.drawn")).to_have_count(1)


def test_keys_pan_and_zoom_and_walk_from_cell_to_cell(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{ATLAS}")
    page.get_by_role("group", name="Atlas.").focus()
    page.keyboard.press("+")
    assert soon(page, lambda: zoom(page) == pytest.approx(1.5, abs=0.02))
    page.keyboard.press("ArrowRight")
    assert soon(page, lambda: place(page)[0] > 0.55)
    page.keyboard.press("+")
    page.keyboard.press("-")
    assert soon(page, lambda: 1 < zoom(page) < 1.5)
    page.keyboard.press("Home")
    page.wait_for_timeout(700)
    expect(page).to_have_url(f"{evident}/{ATLAS}")
    page.keyboard.press("Tab")
    cursor = page.locator(".cursor")
    expect(cursor).to_be_focused()
    seen = {cursor.get_attribute("aria-label")}
    for key in ("ArrowLeft", "ArrowUp", "ArrowRight"):
        page.keyboard.press(key)
        seen.add(cursor.get_attribute("aria-label"))
    assert len(seen) >= 3 and all(words and re.match(r"Cell: \d+ vectors, ", words) for words in seen)
    page.keyboard.press("Tab")
    expect(page.locator(".told a").first).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Escape")
    expect(page.locator(".atlas")).to_be_focused()
    expect(page.locator(".told h2")).to_have_count(0)


def test_fingers_pinch_it(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{ATLAS}", width=390, has_touch=True, is_mobile=True)
    expect(page.locator(".atlas.drawn")).to_have_count(1)
    page.evaluate(
        """() => {
          const map = document.querySelector(".atlas"), box = map.getBoundingClientRect();
          map.setPointerCapture = () => {};
          const at = (type, id, x) => map.dispatchEvent(new PointerEvent(type, {
            pointerId: id, pointerType: "touch", bubbles: true,
            clientX: box.left + x, clientY: box.top + 100}));
          at("pointerdown", 11, 150); at("pointerdown", 12, 200);
          for (let step = 8; step <= 40; step += 8) {
            at("pointermove", 11, 150 - step);
            at("pointermove", 12, 200 + step);
          }
          at("pointerup", 11, 110); at("pointerup", 12, 240);
        }"""
    )
    assert soon(page, lambda: zoom(page) > 1.5)


def test_a_label_fades_cells_without_it(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{ATLAS}")
    expect(page.locator(".atlas.drawn")).to_have_count(1)
    box = page.locator(".atlas").bounding_box()
    assert box
    beside = 0.3 * min(box["width"], box["height"]) / box["width"]
    page.locator("select[name=label]").select_option(LEFT)
    page.wait_for_timeout(300)
    assert at(page, 0.5 - beside, 0.5) > 60
    assert 0 < at(page, 0.5 + beside, 0.5) < 45
    label = page.locator("select[name=label]").evaluate("one => one.selectedOptions[0].textContent")
    page.reload()
    assert page.locator("select[name=label]").evaluate("one => one.selectedOptions[0].textContent") == label


def test_a_family_of_labels_is_a_label_too(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{ATLAS}#cell=0.1.2&label=animals")
    expect(page.locator("select[name=label]")).to_have_value("animals")
    vectors, own = re.findall(r"\d+", page.locator(".told h2").inner_text())
    assert page.locator(".told h2").inner_text().endswith("of animals") and vectors == own


def test_two_labels_are_looked_at_in_one_place_and_two_layers_each_in_its_own(
    opened: Open, evident: str
) -> None:
    page = opened(f"{evident}/{ATLAS}")
    page.locator("select[name=beside]").select_option(f"{NET}/mixed")
    expect(page.locator(".pane")).to_have_count(2)
    page.locator(".pane").nth(1).locator("select[name=label]").select_option("animals/birds")
    page.mouse.move(*middle(page))
    page.mouse.wheel(0, -400)
    assert soon(page, lambda: zoom(page) > 1.5)
    assert "beside=" in page.url and "beside-label=" in page.url
    page.reload()
    expect(page.locator(".pane").nth(1).locator("select[name=label]")).to_have_value("animals/birds")
    page.locator("select[name=beside]").select_option(f"{NET}/stem")
    expect(page.locator(".pane h2 a")).to_have_text(re.compile("stem"))
    # Both stand at the same height.
    boxes = [page.locator(".atlas").nth(place).bounding_box() for place in (0, 1)]
    assert boxes[0] and boxes[1] and boxes[0]["y"] == pytest.approx(boxes[1]["y"], abs=1)
    expect(page.locator(".pane").nth(1).locator(".atlas.drawn")).to_have_count(1)
    page.locator(".pane h2 a").click()
    expect(page).to_have_url(f"{evident}/{NET}/stem/atlas.html")
    page.go_back()
    page.locator("select[name=beside]").select_option("")
    expect(page.locator(".pane")).to_have_count(1)


def test_where_less_motion_is_asked_for_it_jumps(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{ATLAS}", reduced_motion="reduce")
    page.get_by_role("button", name="Zoom in").click()
    assert soon(page, lambda: zoom(page) == pytest.approx(1.5, abs=0.01))


def test_the_layers_page_leads_to_it(opened: Open, evident: str) -> None:
    page = opened(f"{evident}/{NET}/mixed/index.html")
    page.get_by_role("link", name="Atlas").click()
    expect(page).to_have_url(f"{evident}/{ATLAS}")
