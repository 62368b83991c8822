"""A real browser on a rich synthetic gallery, from the disk and from a server under a sub-path."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from benchmarks.synthetic import rich_plan, varied_plan
from generator.cache.entries import Cache
from generator.gallery.names import safe_names
from generator.gallery.site import build_site
from tests.evident import evidence_of
from tests.payloads import hostile_evidence, hostile_plan
from tests.serving import Quiet, serving
from tests.unruly import unruly_plan

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {1440: {"width": 1440, "height": 900}, 390: {"width": 390, "height": 844}}

NET = "models/Branch-Net~004f041aa344"
STEM = f"{NET}/stem"
FAMILY = f"families/{safe_names(['curve detectors'])['curve detectors']}.html"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a built gallery; tests only look at it."""
    folder = tmp_path_factory.mktemp("gallery")
    plan = rich_plan(folder, size=64)
    return build_site(plan, Cache(plan.config.cache)).output


@pytest.fixture(scope="session")
def evident(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address on the disk of a gallery with evidence of all kinds; tests only look at it."""
    plan = rich_plan(tmp_path_factory.mktemp("evident"), size=64)
    return build_site(plan, Cache(plan.config.cache), evidence_of(plan)).output.as_uri()


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address on the disk of a gallery of every kind of picture; tests only look at it."""
    plan = varied_plan(tmp_path_factory.mktemp("kinds"))
    return build_site(plan, Cache(plan.config.cache)).output.as_uri()


@pytest.fixture(scope="session")
def unruly(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address on the disk of a gallery of unruly names and texts; tests only look at it."""
    plan = unruly_plan(tmp_path_factory.mktemp("unruly"))
    return build_site(plan, Cache(plan.config.cache)).output.as_uri()


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the gallery of payloads, with evidence; tests only look at it."""
    plan = hostile_plan(tmp_path_factory.mktemp("hostile"))
    return build_site(plan, Cache(plan.config.cache), hostile_evidence(plan)).output


class _Pages(Quiet):
    def send_error(self, code: int, *_: Any, **__: Any) -> None:
        """Any missing address gets the site's own page, as on GitHub Pages."""
        # Browsers report every status of 404, and no page may be reported for another reason.
        self.send_response(200 if self.path.startswith("/repo/models/lost") else code)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write((Path(self.directory) / "repo" / "404.html").read_bytes())


@pytest.fixture(scope="session")
def server(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The gallery's address on a server, under /repo/ as GitHub Pages has it."""
    root = tmp_path_factory.mktemp("server")
    (root / "repo").symlink_to(site)
    with serving(root, _Pages) as address:
        yield f"{address}/repo"


@pytest.fixture(params=["disk", "server"])
def address(request: pytest.FixtureRequest, site: Path, server: str) -> str:
    """Where the gallery is: once as files, once under a sub-path of a server."""
    return site.as_uri() if request.param == "disk" else server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; a machine without one fails here, it does not skip."""
    names = ("chromium", "chromium-browser", "google-chrome")
    executable = next((path for name in names if (path := shutil.which(name))), None)
    assert executable, "the page tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Witness:
    """What a page said and asked for: nothing may be said, and nothing asked of another host."""

    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", self._request)
        page.on("requestfailed", self._failed)

    def _failed(self, request: Request) -> None:
        # Leaving a page ends what it still waits for.
        if request.failure != "net::ERR_ABORTED":
            self.said.append(f"{request.failure}: {request.url}")

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).hostname not in (None, "127.0.0.1"):
            self.asked.append(request.url)


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page with `open(url, width=1440, theme="light", ...)`; afterwards none may have complained."""
    witness = Witness()
    contexts: list[BrowserContext] = []

    def open_page(url: str, width: int = 1440, theme: str = "light", **options: Any) -> Page:
        context = browser.new_context(viewport=SIZES[width], color_scheme=theme, **options)  # type: ignore[arg-type]
        context.set_default_timeout(30_000)
        contexts.append(context)
        page = context.new_page()
        witness.watch(page)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert witness.said == []
    assert witness.asked == []


def add_style(page: Page, rules: str) -> None:
    """Add style rules to a page as a browser's extensions do: its policy has no say in that."""
    page.evaluate(
        """rules => {
            const sheet = new CSSStyleSheet();
            sheet.replaceSync(rules);
            document.adoptedStyleSheets.push(sheet);
        }""",
        rules,
    )
