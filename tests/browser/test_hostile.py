"""What a stranger's names, texts and addresses do on the pages that show them: nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.payloads import PAYLOADS, line

WATCH = """
    window.told = [];
    window.ran = () => { window.told.push("a payload ran"); };
    for (const name of ["alert", "confirm", "prompt", "open"])
        window[name] = () => { window.told.push(name + " was called"); };
    document.addEventListener("securitypolicyviolation", event => {
        window.told.push(`${event.violatedDirective} kept out ${event.blockedURI} ${event.sample}`);
    });
"""
TELL = """() => {
    const told = [...window.told];
    const elements = [...document.querySelectorAll("*")];
    const names = new Set(elements.map(element => element.localName));
    for (const name of ["x-planted", "iframe", "object", "embed", "base", "img/onerror"])
        if (names.has(name)) told.push(`there is an element ${name}`);
    if (document.querySelector("meta[http-equiv=refresh]")) told.push("the page would be left");
    const shown = [];
    for (const element of elements) {
        for (const { name, value } of element.attributes) {
            if (/^on|planted/.test(name)) told.push(`<${element.localName}> has ${name}`);
            shown.push(value);
            if (!/^(href|src|action|formaction|data|xlink:href|srcset|poster)$/.test(name)) continue;
            let address = null;
            try { address = new URL(value, document.baseURI); }
            catch { told.push(`no address: ${value}`); continue; }
            const own = ["file:", location.protocol].includes(address.protocol) || value === "data:,"
                || value.startsWith("https://example.org/");
            if (!own || address.hostname.includes("evil"))
                told.push(`<${element.localName}> ${name} is ${value}`);
        }
    }
    const comments = document.createTreeWalker(document, NodeFilter.SHOW_COMMENT);
    while (comments.nextNode()) told.push(`there is a comment: ${comments.currentNode.data.slice(0, 80)}`);
    const texts = document.createTreeWalker(document, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) shown.push(texts.currentNode.data);
    const all = shown.join("\\n");
    if (all.includes("1337")) told.push("a template was filled in");
    return { told, shown: all };
}"""
"""What a page has to tell of: whatever ran, was kept out by the policy, or became more than a text; and all
its texts."""


class Visitor:
    """Opens pages one after the other in one window, and keeps count of what was found on them."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.found: list[str] = []
        self.pages = 0
        self.times: Counter[str] = Counter()
        page.on("dialog", lambda dialog: (self.found.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
        page.on("pageerror", lambda error: self.found.append(f"{page.url}: {error}"))
        page.on("console", lambda message: self.found.append(f"{page.url}: {message.text}"))
        page.on("request", lambda request: self._asked(request.url))
        page.on("framenavigated", lambda frame: self._asked(frame.url))

    def _asked(self, url: str) -> None:
        if not url.startswith(("file:", "about:blank", "data:,")):
            self.found.append(f"{url} was asked for")

    def visit(self, url: str) -> None:
        """Open a page and look at it."""
        self.page.goto(url)
        self.pages += 1
        self.look()

    def look(self) -> None:
        """Take down what the page tells, and which payloads it shows."""
        seen: dict[str, Any] = self.page.evaluate(TELL)
        self.found += [f"{self.page.url}: {one}" for one in seen["told"]]
        flat = line(seen["shown"])
        self.times.update(name for name, payload in PAYLOADS.items() if line(payload) in flat)


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    """A window in which nothing may have happened afterwards."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(30_000)
    context.add_init_script(WATCH)
    visitor = Visitor(context.new_page())
    yield visitor
    context.close()
    assert visitor.found == []


def test_no_page_takes_a_text_for_more(hostile: Path, visitor: Visitor) -> None:
    pages = sorted(hostile.rglob("*.html"))
    # Every kind of page with every payload; of channels without a picture, those of every third network.
    few = [
        path for number, path in enumerate(pages) if path.name not in ("1.html", "2.html") or number % 3 == 0
    ]
    for path in few:
        visitor.visit(path.as_uri())
    assert visitor.pages == len(few) > 5 * len(PAYLOADS)
    assert {name for name in PAYLOADS if visitor.times[name] < 5} == set(), "payloads that were hardly shown"
