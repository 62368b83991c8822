"""A network's graph in whatever font: labels stay in their boxes, and thumbnails come when seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from benchmarks.synthetic import anatomy, fill, layer, plan_of
from generator.cache.entries import Cache
from generator.gallery.site import build_site
from tests.browser.conftest import add_style

Open = Callable[..., Page]

NAMES = [
    "block5b_expand_activation",
    "WWWWWWWW_MMMMMMMM_wwwwwwww",
    "global_average_pooling2d",
    "Conv2d_1a_3x3",
    "层归一化·注意力·残差连接·多头",
    "b" * 80,
]

INSIDE = """() => [...document.querySelectorAll(".graph .label > :is(b, span)")].map(text => {
  const label = text.getBoundingClientRect();
  const box = text.closest(".box").querySelector("rect").getBoundingClientRect();
  return {
    text: text.textContent,
    out: label.left < box.left || label.right > box.right || label.top < box.top || label.bottom > box.bottom,
    cut: text.scrollWidth > text.clientWidth,
  };
})"""


@pytest.fixture(scope="module")
def page_of_graph(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model of long and wide names, every other of which has pictures."""
    layers, before = [], "input"
    for name in NAMES:
        layers += [layer(name, 12, before), layer(f"{name}_bn", 12, name, kind="BatchNormalization")]
        before = f"{name}_bn"
    plan = plan_of(
        tmp_path_factory.mktemp("graph"), {"net": anatomy(layers)}, {"net": {"layers": NAMES}}, size=64
    )
    fill(plan)
    return (build_site(plan, Cache(plan.config.cache)).output / "models/net/index.html").as_uri()


@pytest.mark.parametrize("font", ["DejaVu Sans", "Liberation Sans", "serif"])
def test_labels_fit_their_boxes(opened: Open, page_of_graph: str, font: str) -> None:
    """DejaVu Sans is as wide as Verdana; only what is wider by far may lose its end."""
    page = opened(page_of_graph)
    add_style(page, f'body, .graph {{ font-family: "{font}", {font} !important; }}')
    labels = page.evaluate(INSIDE)
    assert len(labels) > 2 * len(NAMES)
    assert [one["text"] for one in labels if one["out"] or one["cut"]] == []


def test_labels_that_do_not_fit_end_in_an_ellipsis(opened: Open, page_of_graph: str) -> None:
    page = opened(page_of_graph)
    add_style(page, ".graph { font-size: 19px; letter-spacing: 4px }")
    labels = page.evaluate(INSIDE)
    assert [one["text"] for one in labels if one["out"]] == []
    assert any(one["cut"] for one in labels)


def test_thumbnails_in_the_graph_come_when_they_are_near(opened: Open, page_of_graph: str) -> None:
    page = opened(page_of_graph)
    fetched = "() => [...document.querySelectorAll('.graph img')].map(image => image.naturalWidth > 0)"
    page.wait_for_function("() => document.querySelector('.graph img').naturalWidth > 0")
    assert not page.evaluate("[...document.querySelectorAll('.graph img')].some(i => i.loading !== 'lazy')")
    page.locator(".graph img").last.scroll_into_view_if_needed()
    page.wait_for_function("() => [...document.querySelectorAll('.graph img')].at(-1).naturalWidth > 0")
    assert any(page.evaluate(fetched))
