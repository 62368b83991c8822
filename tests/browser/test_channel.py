"""A channel's page with evidence, in a real browser: crops, heat maps, intervals, anchors, a phone's bar."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from benchmarks.synthetic import anatomy, fill, layer, plan_of, rich_plan
from benchmarks.synthetic_facts import channel_facts, evidence, photos, put_facts
from generator.cache.entries import Cache
from generator.evidence.facts import ChannelFacts, Evidence, Example, LayerFacts, Neighbour, Photo
from generator.evidence.fields import Box
from generator.gallery.site import build_site
from tests.browser.conftest import STEM, add_style
from tests.browser.test_looks import SPACED, is_accessible, record, stays_in_the_window
from tests.unruly import ADDRESS, LONG

Open = Callable[..., Page]

SIZE = (160, 120)
PLANTED = Box(top=0.25, left=0.5, bottom=0.75, right=0.625)
"""A part of the photo that is red, and all of it; the rest is blue."""
HEAT = ("000z0", "00000", "00000")
"""On at the photo's upper right; an odd number of columns."""


@dataclass(frozen=True)
class Evident:
    """Galleries with evidence, on the disk: a rich one, and one with a planted photo."""

    rich: str
    planted: str


@pytest.fixture(scope="module")
def evident(tmp_path_factory: pytest.TempPathFactory) -> Evident:
    plan = rich_plan(tmp_path_factory.mktemp("evident"))
    cache = Cache(plan.config.cache)
    rich = build_site(plan, cache, Evidence(evidence(plan, cache))).output
    return Evident(rich.as_uri(), planted(tmp_path_factory.mktemp("planted")).as_uri())


def planted(folder: Path) -> Path:
    """One channel with three examples of one photo: its red part, all of it, and one without a heat map."""
    plan = plan_of(
        folder, {"net": anatomy([layer("deep", 2, "input")], name="net")}, {"net": {"layers": ["deep"]}}
    )
    cache = fill(plan)
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    pixels[..., 2] = 255
    pixels[30:90, 80:100] = (255, 0, 0)
    shown = []
    for number in range(2):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "WEBP", lossless=True)
        key = hashlib.sha256(b"planted %d" % number).hexdigest()
        cache.put_entry(key, {"kind": "photo"}, {"webp": buffer.getvalue()})
        shown.append(Photo(key, f"photo {number}.png", "red things", key))
    strongest = (Example(0, 3.0, PLANTED, HEAT), Example(0, 2.0, heat=HEAT), Example(1, 1.0, PLANTED))
    facts = replace(channel_facts(1, 2, ("", "")), strongest=strongest, ordinary={}, lowest=())
    known = LayerFacts("photos", "CC0", 2, 0, tuple(shown), SIZE, {0: facts, 1: ChannelFacts()})
    return build_site(plan, cache, Evidence({("net", "deep"): put_facts(cache, known)})).output


def example(page: Page, number: int) -> Locator:
    return page.locator("#examples .example").nth(number)


def seen(example: Locator) -> np.ndarray:
    """The pixels of an example's square."""
    picture = Image.open(io.BytesIO(example.locator(".see").screenshot()))
    return np.asarray(picture.convert("RGB")).astype(int)


@pytest.mark.parametrize("width", [1440, 390])
def test_a_crop_shows_what_the_unit_sees_and_nothing_else(opened: Open, evident: Evident, width: int) -> None:
    page = opened(f"{evident.planted}/models/net/deep/0.html", width=width)
    example(page, 0).scroll_into_view_if_needed()
    expect(example(page, 0).locator("img")).to_have_js_property("complete", True)
    expect(example(page, 0).locator("img")).to_have_attribute("alt", "red things, 3")
    page.mouse.move(0, 0)
    pixels = seen(example(page, 0))
    side = len(pixels)
    # It is 20 x 60 pixels of the photo: as high as the square, and a third as wide, in the middle.
    red = (pixels[..., 0] > 200) & (pixels[..., 2] < 60)
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    assert len(rows) > side - 5
    assert abs(len(columns) - side / 3) < 4 and abs(columns.mean() - side / 2) < 2
    blue = (pixels[..., 2] > 200) & (pixels[..., 0] < 60)
    assert blue.sum() < 0.02 * blue.size


def test_a_whole_photo_keeps_its_shape(opened: Open, evident: Evident) -> None:
    page = opened(f"{evident.planted}/models/net/deep/0.html")
    box = example(page, 1).locator("img").bounding_box()
    assert box and abs(box["width"] / box["height"] - SIZE[0] / SIZE[1]) < 0.01


@pytest.mark.parametrize("way", ["focus", "hover", "tap"])
def test_pointing_at_an_example_shows_the_photo_lit_where_the_channel_is_on(
    opened: Open, evident: Evident, way: str
) -> None:
    page = opened(f"{evident.planted}/models/net/deep/0.html", has_touch=way == "tap")
    one = example(page, 0)
    {"focus": one.focus, "hover": one.hover, "tap": one.tap}[way]()
    canvas = one.locator("canvas")
    expect(canvas).to_have_js_property("width", 5)
    opacity = "c => [...c.getContext('2d').getImageData(0, 0, 5, 3).data].filter((_, n) => n % 4 === 3)"
    alphas = canvas.evaluate(opacity)
    assert alphas == [180, 180, 180, 110, 180, *[180] * 10]
    photo, square = one.locator("img").bounding_box(), one.locator(".see").bounding_box()
    assert photo and square and abs(photo["width"] - square["width"]) < 1
    # The part that the unit sees is outlined.
    edges = (
        "['left', 'top', 'width', 'height'].map(name => parseFloat(getComputedStyle(one, '::after')[name]))"
    )
    outline = one.locator(".see").evaluate(f"one => {edges}")
    side = square["width"]
    expected = [0.5 * side, side / 8 + 0.25 * 0.75 * side, 0.125 * side, 0.5 * 0.75 * side]
    assert np.abs(np.subtract(outline, expected)).max() < 2
    page.keyboard.press("Escape")
    expect(canvas).to_have_count(0)


def test_a_tap_elsewhere_or_a_second_one_shows_the_crop_again(opened: Open, evident: Evident) -> None:
    page = opened(f"{evident.planted}/models/net/deep/0.html", width=390, has_touch=True)
    for again in (example(page, 0), page.locator("#examples h2")):
        example(page, 0).tap()
        expect(page.locator("canvas")).to_have_count(1)
        again.tap()
        expect(page.locator("canvas")).to_have_count(0)


def test_an_example_that_was_not_looked_at_shows_the_photo_alone(opened: Open, evident: Evident) -> None:
    page = opened(f"{evident.planted}/models/net/deep/0.html")
    example(page, 0).focus()
    example(page, 2).focus()
    expect(example(page, 2)).to_have_class("example whole-photo")
    expect(page.locator("canvas")).to_have_count(0)


def test_a_bar_shows_the_examples_of_its_interval_by_keys_too(opened: Open, evident: Evident) -> None:
    page = opened(f"{evident.rich}/{STEM}/9.html")
    bars, shown = page.locator(".choice input"), page.locator(".interval .example")
    expect(shown).to_have_count(0)
    bars.nth(4).click()
    expect(shown).to_have_count(3)
    before = shown.first.inner_text()
    expect(shown.first.locator("img")).to_have_js_property("complete", True)
    assert shown.first.locator("img").evaluate("image => image.naturalWidth") == 160
    page.keyboard.press("ArrowRight")
    expect(bars.nth(5)).to_be_checked()
    expect(shown.first).not_to_have_text(before)
    expect(page).to_have_url(f"{evident.rich}/{STEM}/9.html")
    interval = str(bars.nth(5).get_attribute("aria-label")).partition(",")[0]
    low, high = (float(end.replace("−", "-")) for end in interval.split(" to "))
    values = [float(text.split()[0]) for text in shown.all_inner_texts()]
    assert all(low <= value <= high for value in values)
    page.get_by_role("button", name="Interval below").click()
    expect(bars.nth(4)).to_be_checked()
    expect(shown.first).to_have_text(before)


def test_positions_are_drawn_at_random(opened: Open, evident: Evident) -> None:
    page = opened(f"{evident.rich}/{STEM}/9.html")
    page.locator(".choice input").nth(4).click()
    seen = set()
    for _ in range(5):
        page.get_by_role("button", name="Random").click()
        expect(page.get_by_text("Three positions at random")).to_be_visible()
        expect(page.locator(".choice input:checked")).to_have_count(0)
        expect(page.locator(".interval .example")).to_have_count(3)
        seen.add(tuple(page.locator(".interval .example img").evaluate_all("all => all.map(one => one.alt)")))
    assert len(seen) > 1


def test_trust_and_marks_are_those_of_the_recipe_shown(opened: Open, evident: Evident) -> None:
    page = opened(f"{evident.rich}/{STEM}/9.html")
    expect(page.locator(".verdict:visible")).to_have_count(1)
    expect(page.locator(".axis .ours:visible")).to_have_count(1)
    expect(page.locator("#making .making:visible")).to_contain_text("recipe       channel")
    page.keyboard.press("2")
    # Nothing is known of how far to trust that one.
    expect(page.locator(".verdict:visible")).to_have_count(0)
    expect(page.locator(".axis .ours:visible")).to_have_count(0)
    expect(page.locator("#making .making:visible")).to_contain_text("recipe       negative")


def test_anchors_lead_down_the_page_and_keep_the_recipe(opened: Open, evident: Evident) -> None:
    page = opened(f"{evident.rich}/{STEM}/9.html#negative")
    line = page.get_by_role("navigation", name="On this page")
    line.get_by_role("link", name="Relatives").click()
    expect(page.locator("#relatives")).to_be_focused()
    expect(page).to_have_url(f"{evident.rich}/{STEM}/9.html#negative")
    expect(page.locator(".shot.current h2")).to_have_text("negative")
    # It stays in view, and what it leads to is not under it.
    bar, part = line.bounding_box(), page.locator("#relatives").bounding_box()
    assert bar and part and abs(bar["y"]) < 1
    heading = page.locator("#relatives h2").bounding_box()
    assert heading and heading["y"] >= bar["height"]
    expect(line.locator("[aria-current]")).to_have_text("Relatives")


def test_circuits_and_relatives_lead_to_other_channels(opened: Open, evident: Evident) -> None:
    page = opened(f"{evident.rich}/{STEM}/9.html")
    built, used = (side.bounding_box() for side in page.locator("#circuits .circuits > div").all())
    assert built and used and built["y"] == used["y"] and built["x"] + built["width"] < used["x"]
    page.locator("#circuits .circuits > div").nth(1).locator("a").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("mixed 0")
    page.locator("#relatives a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("mixed 1")


def test_previous_and_next_never_move(opened: Open, evident: Evident) -> None:
    places = []
    page = opened(f"{evident.rich}/{STEM}/0.html")
    for number in (0, 3, 9, 23):
        page.goto(f"{evident.rich}/{STEM}/{number}.html")
        steps = page.locator(".steps .step")
        places.append(
            steps.evaluate_all("all => all.map(one => JSON.stringify(one.getBoundingClientRect()))")
        )
    assert len(places[0]) == 4
    assert all(place == places[0] for place in places)
    page.mouse.wheel(0, 1500)
    page.wait_for_timeout(200)
    for step in page.locator(".steps .step").all():
        expect(step).to_be_in_viewport(ratio=1)


def test_a_phone_has_a_bar_within_a_thumbs_reach(opened: Open, evident: Evident) -> None:
    page = opened(f"{evident.rich}/{STEM}/9.html", width=390)
    bar = page.get_by_role("navigation", name="Channel", exact=True)
    targets = bar.locator("a:visible, button:visible")
    expect(targets).to_have_count(4)
    for target in targets.all():
        box = target.bounding_box()
        assert box and box["width"] >= 44 and box["height"] >= 44 and box["y"] + box["height"] <= 844
    page.mouse.wheel(0, 900)
    pin = bar.get_by_role("button", name="Pin")
    pin.click()
    expect(pin).to_have_attribute("aria-pressed", "true")
    bar.get_by_role("link", name="Next: 10").click()
    expect(page).to_have_url(f"{evident.rich}/{STEM}/10.html")
    expect(page.get_by_role("button", name="Pin").first).to_have_attribute("aria-pressed", "false")
    page.get_by_role("navigation", name="Channel", exact=True).get_by_role("link", name="Grid").click()
    expect(page).to_have_url(f"{evident.rich}/{STEM}/index.html")


def test_a_phone_shows_examples_three_by_three_and_recipes_in_a_row(opened: Open, evident: Evident) -> None:
    page = opened(f"{evident.rich}/{STEM}/9.html", width=390)
    tops = (
        page.locator("#examples .group")
        .first.locator(".example")
        .evaluate_all("all => all.map(one => Math.round(one.getBoundingClientRect().top))")
    )
    assert [tops.count(top) for top in sorted(set(tops))] == [3, 3, 3]
    rows = page.locator(".recipes a").evaluate_all("all => all.map(one => one.getBoundingClientRect().top)")
    assert len(set(rows)) == 1
    assert "x" in page.locator(".recipes").evaluate("one => getComputedStyle(one).scrollSnapType")


def test_without_a_script_strongest_and_ordinary_examples_are_there(opened: Open, evident: Evident) -> None:
    page = opened(f"{evident.rich}/{STEM}/9.html", java_script_enabled=False)
    # Nine of each, and the three lowest of a channel that goes negative.
    expect(page.locator("#examples .example img")).to_have_count(21)
    example(page, 17).scroll_into_view_if_needed()
    expect(example(page, 17).locator("img")).to_be_visible()
    expect(page.locator("[data-interval]")).to_be_hidden()
    expect(page.locator(".axis svg path")).to_be_visible()
    page.get_by_role("link", name="Trust").click()
    expect(page).to_have_url(f"{evident.rich}/{STEM}/9.html#trust")


def test_nothing_moves_while_photos_come(opened: Open, evident: Evident) -> None:
    page = opened("about:blank")
    page.add_init_script(
        """window.shift = 0;
        new PerformanceObserver(list => {
          for (const one of list.getEntries()) if (!one.hadRecentInput) window.shift += one.value;
        }).observe({type: 'layout-shift', buffered: true})"""
    )
    page.goto(f"{evident.rich}/{STEM}/9.html")
    page.wait_for_load_state("load")
    for _ in range(8):
        page.mouse.wheel(0, 500)
        page.wait_for_timeout(60)
    assert page.evaluate("window.shift") < 0.01


@pytest.mark.parametrize("name", ["9", "0", "3"])
def test_the_page_is_accessible_and_no_wider_than_its_window(
    opened: Open, evident: Evident, name: str
) -> None:
    page = opened(f"{evident.rich}/{STEM}/{name}.html")
    page.locator(".choice input").nth(3).check()
    record(page, f"evidence-{name}")
    stays_in_the_window(page)
    page.emulate_media(forced_colors="active")
    is_accessible(page)


def test_long_names_stay_in_the_window(opened: Open, tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path, {LONG: anatomy([layer(LONG, 2, "input")], name="net")}, {LONG: {"layers": [LONG]}}
    )
    cache = fill(plan)
    facts = channel_facts(3, 24, (LONG, LONG), [LONG, "b", "c"])
    facts = replace(
        facts,
        labels=(replace(facts.labels[0], label=LONG),),
        relatives=(Neighbour(LONG, LONG, 1, 0.9), Neighbour("other", LONG, 1, 0.8)),
    )
    shown = tuple(replace(photo, label=LONG, name=ADDRESS) for photo in photos(cache, 24))
    known = LayerFacts(LONG, ADDRESS, 24, 0, shown, (160, 160), {0: facts})
    output = build_site(plan, cache, Evidence({(LONG, LONG): put_facts(cache, known)})).output
    (path,) = output.glob("models/*/*/0.html")
    page = opened(path.as_uri())
    page.locator(".choice input").nth(3).check()
    stays_in_the_window(page)
    add_style(page, SPACED)
    stays_in_the_window(page, 320)


def test_it_prints_crops_and_figures(opened: Open, evident: Evident) -> None:
    page = opened(f"{evident.rich}/{STEM}/9.html")
    page.emulate_media(media="print")
    for part in (".verdict", "#examples .example", "#circuits", "#relatives", "#making .making"):
        expect(page.locator(part).first).to_be_visible()
    for tool in (".anchors", ".dock", ".interval", ".steps"):
        expect(page.locator(tool)).to_be_hidden()
