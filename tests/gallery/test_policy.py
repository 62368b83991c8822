"""The Content-Security-Policy of every page: what it lets run, and that nothing on a page needs more."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from html.parser import HTMLParser
from pathlib import Path

import pytest

from benchmarks.synthetic import rich_plan
from generator.errors import UserError
from generator.gallery.policy import inline_scripts, policy
from generator.gallery.site import SiteReport
from tests.gallery.conftest import build


class _Page(HTMLParser):
    """A page's policy, what came before it, and all that a policy may forbid."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.policies: list[str] = []
        self.before: list[str] = []
        self.handlers: list[str] = []
        self.inline: dict[str, list[str]] = {"script": [], "style": []}
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policies.append(values["content"] or "")
        elif not self.policies:
            self.before.append(tag)
        self.handlers += [name for name in values if name.startswith("on")]
        is_data = values.get("type") == "application/json"
        self._open = tag if tag in self.inline and "src" not in values and not is_data else ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self.inline[self._open].append(data)

    def handle_endtag(self, tag: str) -> None:
        self._open = ""


def directives(text: str) -> dict[str, list[str]]:
    return {what: whose for what, *whose in (part.split() for part in text.split("; "))}


def hash_of(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@pytest.mark.parametrize("gallery", ["rich", "evident", "varied", "unruly"])
def test_every_page_has_one_policy_before_all_that_it_is_for(
    gallery: str, request: pytest.FixtureRequest
) -> None:
    report: SiteReport = request.getfixturevalue(gallery)
    for path in sorted(report.output.rglob("*.html")):
        page = _Page(path.read_text("utf-8"))
        assert len(page.policies) == 1, path
        assert page.before == ["html", "head", "meta"], path
        assert page.handlers == [], path
        allowed = directives(page.policies[0])
        assert not {"'unsafe-inline'", "'unsafe-eval'", "*"} & set(allowed["script-src"]), path
        for kind in ("script", "style"):
            own = allowed["script-src" if kind == "script" else "style-src-elem"]
            assert {hash_of(text) for text in page.inline[kind]} <= set(own), path


def test_nothing_is_asked_of_another_host() -> None:
    allowed = directives(policy([]))
    hosts = {source for whose in allowed.values() for source in whose if not source.startswith("'")}
    assert hosts == {"file:", "data:"}
    for what in ("default-src", "object-src", "base-uri", "form-action"):
        assert allowed[what] == ["'none'"]


def test_pictures_may_be_at_another_host_and_nothing_else_may() -> None:
    with_pictures = directives(policy([], "https://pictures.example:8443/some/folder/"))
    assert with_pictures.pop("img-src") == ["'self'", "file:", "data:", "https://pictures.example:8443"]
    without = directives(policy([]))
    assert with_pictures == {what: whose for what, whose in without.items() if what != "img-src"}
    assert "https://xn--bcher-kva.example" in policy([], "https://bücher.example/")


@pytest.mark.parametrize("address", ["https://a;script-src", "https://a,b/", "https:///x", "https://'x'/"])
def test_an_address_adds_no_directive(address: str) -> None:
    with pytest.raises(UserError, match="pictures_url"):
        policy([], address)


def test_an_inline_script_that_is_filled_in_is_not_allowed() -> None:
    """Else a word of a config's could become part of a script that is."""
    template = (
        "<script>one()</script><script>{{ two }}</script><script src='x'></script><SCRIPT>{% if x %}</SCRIPT>"
    )
    assert inline_scripts([template]) == ["one()"]


def test_a_theme_has_scripts_and_a_policy_of_its_own(tmp_path: Path) -> None:
    theme = tmp_path / "theme"
    theme.mkdir()
    (theme / "about.html").write_text(
        '{% extends "original/about.html" %}{% block scripts %}<script>mine(1 < 2)</script>{% endblock %}'
    )
    (theme / "compare.html").write_text(
        '{% extends "original/compare.html" %}{% block policy %}'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'self\'">{% endblock %}'
    )
    output = build(rich_plan(tmp_path, templates=theme)).output
    about = _Page((output / "about.html").read_text("utf-8"))
    assert "mine(1 < 2)" in about.inline["script"]
    assert hash_of("mine(1 < 2)") in directives(about.policies[0])["script-src"]
    compare = _Page((output / "compare.html").read_text("utf-8"))
    assert compare.policies == ["default-src 'self'"]


def test_lines_that_end_as_on_windows_have_the_hash_that_browsers_see() -> None:
    assert policy(["one()\r\ntwo()"]) == policy(["one()\ntwo()"])
