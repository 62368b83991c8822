"""Pages of a stranger's words in use: search, compare, addresses and stored choices that are payloads; and
what the policy of a page keeps out on the day that a text is not escaped."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.test_hostile import WATCH, Visitor
from tests.payloads import PAYLOADS

STORED = """values => {
    const names = ["theme", "size", "sort", "keys", "pins:" + new URL("./", location.href).pathname];
    for (const name of names) localStorage.setItem("microscope-" + name, values);
}"""


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(30_000)
    context.add_init_script(WATCH)
    yield context
    context.close()


@pytest.fixture
def visitor(context: BrowserContext) -> Iterator[Visitor]:
    """A window in which nothing may have happened afterwards."""
    visitor = Visitor(context.new_page())
    yield visitor
    assert visitor.found == []


def folder_of(site: Path, payload: str) -> Path:
    """Where the layer of a payload's network is."""
    data = json.loads((site / "data/search.js").read_text("utf-8").partition(" = ")[2].rstrip(";\n"))
    model = next(model for model in data["models"] if model["name"] == payload)
    return site / str(model["layers"][0]["folder"])


def test_a_search_shows_names_as_text_and_leads_to_pages_of_the_gallery(
    hostile: Path, visitor: Visitor
) -> None:
    page = visitor.page
    visitor.visit((hostile / "index.html").as_uri())
    page.keyboard.press("/")
    box = page.get_by_role("combobox")
    for payload in PAYLOADS.values():
        box.fill(payload[:200])
        visitor.look()
    for words in ("channel", "layer", "model", "family", "ran", "planted"):
        box.fill(words)
        expect(page.get_by_role("option").first).to_be_visible()
        visitor.look()
    links = page.get_by_role("option").evaluate_all("all => all.map(one => one.dataset.href)")
    assert links and all((hostile / link).is_file() for link in links)
    box.press("Enter")
    expect(page.locator(".palette")).to_have_count(0)
    visitor.look()


@pytest.mark.parametrize("name", ["compare", "layer", "channel"])
def test_an_address_that_holds_a_payload_does_nothing(hostile: Path, visitor: Visitor, name: str) -> None:
    folder = folder_of(hostile, PAYLOADS["script"])
    path = {
        "compare": hostile / "compare.html",
        "layer": folder / "index.html",
        "channel": folder / "0.html",
    }[name]
    visitor.visit(path.as_uri())
    there = folder.relative_to(hostile).as_posix()
    for payload in PAYLOADS.values():
        text = payload[:500]
        for written in (
            text,
            quote(text),
            f"layers={quote(text)},{there}/x",
            f"{there}/0/{quote(text, safe='')},{there}/{quote(text)}/0",
            f"sort={quote(text)}&colour={quote(text)}&show={quote(text)}&filter={quote(text)}&{quote(text)}",
        ):
            visitor.page.evaluate("hash => { location.hash = hash; }", written)
        visitor.page.wait_for_timeout(5)
        visitor.look()


def test_what_another_site_of_the_same_host_stored_does_nothing(hostile: Path, visitor: Visitor) -> None:
    """Galleries on a public host share its storage with whatever else is there."""
    folder = folder_of(hostile, PAYLOADS["script"])
    pages = [hostile / "compare.html", folder / "index.html", folder / "0.html"]
    visitor.visit((hostile / "index.html").as_uri())
    for payload in list(PAYLOADS.values())[::3]:
        visitor.page.evaluate(STORED, payload)
        for path in pages:
            visitor.visit(path.as_uri())


def test_a_page_of_payloads_can_be_used(hostile: Path, visitor: Visitor) -> None:
    page = visitor.page
    for payload in list(PAYLOADS.values())[:4]:
        folder = folder_of(hostile, payload)
        visitor.visit((folder / "0.html").as_uri())
        page.locator(".choice input").first.check()
        expect(page.locator("[data-interval] .example").first).to_be_visible()
        page.keyboard.press("p")
        page.keyboard.press("z")
        visitor.look()
        visitor.visit((folder / "index.html").as_uri())
        page.locator("[data-grid] a").first.hover()
        page.get_by_label("Filter").fill(payload[:40])
        visitor.look()
    visitor.visit((hostile / "compare.html").as_uri())
    expect(page.locator(".selection figure").first).to_be_visible()
    visitor.look()


# -- when a text is not escaped ----------------------------------------------------------------------

UNESCAPED = {
    "script": "<script>ran()</script>",
    "script of another host": '<script src="https://evil.invalid/x.js"></script>',
    "script in an address": '<script src="data:text/javascript,ran()"></script>',
    "handler": '<img src="static/none.png" onerror="ran()">',
    "javascript address": '<a id="planted" href="javascript:ran()">x</a>',
    "frame": '<iframe srcdoc="<script>parent.ran()</script>"></iframe>',
    "base": '<base href="https://evil.invalid/">',
    "form": '<form action="https://evil.invalid/"><button id="planted">x</button></form>',
    "object": '<object data="https://evil.invalid/x.svg"></object>',
    "style": "<style>body { background: url(https://evil.invalid/x.png) }</style>",
    "picture of another host": '<img src="https://evil.invalid/x.png">',
}


@pytest.mark.long
@pytest.mark.parametrize("where", ["disk", "server"])
@pytest.mark.parametrize("name", UNESCAPED)
def test_the_policy_keeps_out_what_was_not_escaped(
    hostile: Path, tmp_path: Path, context: BrowserContext, name: str, where: str
) -> None:
    text = (hostile / "about.html").read_text("utf-8").replace("<h1>", f"{UNESCAPED[name]}<h1>", 1)
    page = context.new_page()
    reached: list[str] = []
    refused: list[str] = []
    page.on("response", lambda response: reached.append(response.url))
    page.on("requestfailed", lambda request: refused.append(f"{request.failure} {request.url}"))
    if where == "disk":
        shutil.copytree(hostile / "static", tmp_path / "static")
        (tmp_path / "about.html").write_text(text, "utf-8")
        page.goto((tmp_path / "about.html").as_uri())
    else:
        page.route("**/*", lambda route: route.fulfill(body=text, content_type="text/html; charset=utf-8"))
        page.goto("http://127.0.0.1:9/repo/about.html")
    address = page.url
    page.evaluate("document.getElementById('planted')?.click()")
    page.wait_for_timeout(100)
    told = [one for frame in page.frames for one in frame.evaluate("window.told")]
    assert page.url == address
    assert told and all("kept out" in one for one in told), told
    assert not [url for url in reached if "evil.invalid" in url]
    assert all(one.startswith("csp ") for one in refused if "evil.invalid" in one), refused
