"""The site as a whole: every link leads somewhere, every page is valid HTML, nothing points outside."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import html5lib
import pytest
from PIL import Image

from benchmarks.synthetic import anatomy, fail, fill, layer, plan_of, varied_plan
from generator.cache.entries import Cache
from generator.gallery.pages import OWN_IDS
from generator.gallery.site import SiteReport
from tests.conftest import ROOT
from tests.gallery.conftest import build, files_of

ATTRIBUTES = ("href", "src", "srcset", "data-root", "action")


class _Links(HTMLParser):
    """All addresses in a page, and all the places in it that an address may name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.names: set[str] = set()
        self.pictures: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.links += [(tag, values[name] or "") for name in ATTRIBUTES if name in values]
        if values.get("id"):
            self.names.add(str(values["id"]))
        if tag == "img":
            self.pictures.append(values)


def links_of(report: SiteReport) -> dict[Path, _Links]:
    return {path: _Links(path.read_text("utf-8")) for path in sorted(report.output.rglob("*.html"))}


@pytest.fixture(scope="module", params=["rich", "evident", "varied", "unruly"])
def site(request: pytest.FixtureRequest) -> SiteReport:
    """A gallery with everything in it, with evidence too, of every kind of picture, and of unruly names."""
    report: SiteReport = request.getfixturevalue(request.param)
    return report


@pytest.fixture(scope="module")
def pages(site: SiteReport) -> dict[Path, _Links]:
    return links_of(site)


def test_there_are_all_kinds_of_pages(rich: SiteReport) -> None:
    names = {path.relative_to(rich.output).as_posix() for path in links_of(rich)}
    stem = "models/Branch-Net~004f041aa344"
    assert {"index.html", "about.html", "compare.html", "404.html", "families/index.html"} <= names
    assert {f"{stem}/index.html", f"{stem}/stem/index.html", f"{stem}/stem/0.html"} <= names
    layers = {f"{stem}/stem": 24, f"{stem}/mixed": 40, f"{stem}/predictions": 4, "models/chain/deep": 100}
    for folder, channels in layers.items():
        own = {name for name in names if name.startswith(f"{folder}/")}
        assert own == {f"{folder}/index.html", *(f"{folder}/{channel}.html" for channel in range(channels))}


def test_every_link_leads_to_a_file_and_a_place_in_it(pages: dict[Path, _Links]) -> None:
    broken = []
    for path, page in pages.items():
        for _, link in page.links:
            parts = urlsplit(link)
            if parts.scheme in ("https", "data") or not link:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            named = parts.fragment and target in pages and parts.fragment not in pages[target].names
            if not target.exists() or named:
                broken.append(f"{path.name}: {link}")
    assert broken == []


def sheets_of_the_script(page: Path) -> set[Path]:
    """The contact sheets that a layer's grid may be shown by."""
    data = re.findall(r'id="layer-data">(.*?)</script>', page.read_text("utf-8"))
    recipes = json.loads(data[0])["recipes"] if data else []
    return {sheet for recipe in recipes for sheet in (page.parent / recipe["slug"]).glob("sheet-*.webp")}


def lists_of_photos(page: Path) -> set[Path]:
    """What the script of a channel's page fetches when an interval is chosen."""
    return {page.parent / name for name in re.findall(r'data-photos="(.*?)"', page.read_text("utf-8"))}


def test_every_file_is_reached_from_the_index(site: SiteReport, pages: dict[Path, _Links]) -> None:
    reached: set[Path] = set()
    ahead = [site.index]
    while ahead:
        path = ahead.pop()
        if path not in reached:
            reached.add(path)
            links = pages[path].links if path in pages else []
            ahead += [(path.parent / urlsplit(link).path).resolve() for _, link in links if "://" not in link]
    reached |= {sheet for path in pages for sheet in sheets_of_the_script(path)}
    lists = {path for page in pages for path in lists_of_photos(page)}
    shown = {photo for path in lists for photo in re.findall(r"photos/\w+.webp", path.read_text("utf-8"))}
    reached |= lists | {site.output / photo for photo in shown}
    files = {site.output / name for name in files_of(site.output)}
    # These are for hosts and search engines, and one is for the script.
    unlinked = {path.name for path in files - reached} - {
        "404.html",
        "run.js",
        "search.js",
        "sitemap.xml",
        ".nojekyll",
        ".pocket-microscope.json",
        "social.jpg",
    }
    # There are maps and atlases only where there is evidence, and none of these has photos of the user's.
    names = {path.name for path in files}
    absent = ["photo", *(page for page in ("map", "atlas") if f"{page}.html" not in names)]
    # The script of an atlas asks for the tiles of the levels to come.
    unlinked -= {name for name in unlinked if name.startswith("level-")}
    assert unlinked == {f"{page}.{kind}" for page in absent for kind in ("css", "js")}


def test_no_two_places_in_a_page_have_the_same_name(tmp_path: Path) -> None:
    """Recipes are places in a page, and may be called anything."""
    network = {"net": anatomy([layer("deep", 3, "input")], name="net")}
    recipes = {name: {"base": "deepdream" if name == "found" else "channel"} for name in OWN_IDS}
    plan = plan_of(
        tmp_path, network, {"net": {"layers": ["deep"], "recipes": list(recipes)}}, recipes=recipes
    )
    fill(plan)
    for path in sorted(build(plan).output.rglob("*.html")):
        names = re.findall(r'\sid="([^"]+)"', path.read_text("utf-8"))
        assert len(names) == len(set(names)), path


def test_no_address_is_absolute_or_of_another_host(pages: dict[Path, _Links]) -> None:
    for path, page in pages.items():
        for tag, link in page.links:
            own = link.startswith("https://example.org/microscope/")
            assert not link.startswith("/"), f"{path}: {link}"
            assert "://" not in link or own, f"{path}: <{tag}> {link}"


def test_styles_and_scripts_ask_for_nothing(rich: SiteReport) -> None:
    files = [path for path in (rich.output / "static").rglob("*") if path.suffix in (".css", ".js")]
    assert {path.suffix for path in files} == {".css", ".js"}
    for path in files:
        text = path.read_text("utf-8")
        assert not re.search(r"https?://|@import|url\(\s*['\"]?//|fetch\(|XMLHttpRequest", text), path


def test_every_page_is_valid_html(pages: dict[Path, _Links]) -> None:
    for path in pages:
        parser = html5lib.HTMLParser(strict=True)
        parser.parse(path.read_text("utf-8"))


def test_every_picture_is_described_and_has_its_size(pages: dict[Path, _Links]) -> None:
    for path, page in pages.items():
        for picture in page.pictures:
            assert picture.get("alt") is not None, path
            if not picture["alt"] or "photos/" in str(picture["src"]):
                continue  # what is beside it says what it shows; photos stand in boxes of their own size
            with Image.open(path.parent / str(picture["src"])) as image:
                assert (str(image.width), str(image.height)) == (picture["width"], picture["height"]), path


def test_descriptions_name_model_layer_channel_and_recipe(rich: SiteReport) -> None:
    page = (rich.output / "models/Branch-Net~004f041aa344/stem/3.html").read_text("utf-8")
    for recipe in ("channel", "negative", "neuron"):
        assert f'alt="Branch Net, stem, channel 3, recipe {recipe}"' in page


def test_what_users_write_stays_text(rich: SiteReport) -> None:
    page = (rich.output / "models/Branch-Net~004f041aa344/predictions/2.html").read_text("utf-8")
    assert "<b>crash" not in page
    assert "&lt;b&gt;crash helmet" in page
    data = (rich.output / "data/search.js").read_text("utf-8")
    assert "<b>" not in data


@pytest.mark.parametrize("source", ["/home/me/nets/digits.keras", "C:\\Users\\me\\nets\\digits.keras"])
def test_no_page_says_where_a_file_lies(tmp_path: Path, source: str) -> None:
    network = replace(anatomy([layer("deep", 3, "input")], name="net"), source=source)
    plan = plan_of(tmp_path, {"net": network}, {"net": {"layers": ["deep"]}})
    fill(plan, plan.jobs[:2])
    fail(plan, plan.jobs[2], f"OSError: can't read {source}")
    Cache(plan.config.cache).picture_path(plan.jobs[1].key).write_bytes(b"broken")
    pages = b"".join(path.read_bytes() for path in sorted(build(plan).output.rglob("*.*")))
    assert b"model        net (digits.keras, Random weights, made for tests)" in pages
    assert b"OSError: can&#39;t read digits.keras" in pages
    assert b"nets" not in pages and str(tmp_path).encode() not in pages


def test_the_sitemap_lists_all_pages_by_their_full_address(rich: SiteReport) -> None:
    tree = ElementTree.parse(rich.output / "sitemap.xml")
    listed = {element.text or "" for element in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")}
    root = "https://example.org/microscope/"
    expected = {root + path.relative_to(rich.output).as_posix() for path in links_of(rich)}
    expected -= {f"{root}404.html", f"{root}compare.html"}
    assert listed == {address.replace("/microscope/index.html", "/microscope/") for address in expected}


def test_links_have_previews_and_one_address(rich: SiteReport) -> None:
    page = (rich.output / "about.html").read_text("utf-8")
    assert '<link rel="canonical" href="https://example.org/microscope/about.html">' in page
    assert '<meta property="og:image" content="https://example.org/microscope/social.jpg">' in page
    with Image.open(rich.output / "social.jpg") as image:
        assert image.size == (1200, 630)


# -- what is fetched -------------------------------------------------------------------------------


def sources(page: Path) -> set[str]:
    return {str(picture["src"]) for picture in _Links(page.read_text("utf-8")).pictures}


def test_a_channels_page_fetches_no_contact_sheet(rich: SiteReport) -> None:
    """Its neighbours and its recipes are shown by their own pictures, which their pages fetch anyway."""
    folder = rich.output / "models/chain/deep"
    assert sources(folder / "50.html") == {f"channel/{channel}.webp" for channel in range(45, 56)}
    stem = rich.output / "models/Branch-Net~004f041aa344/stem"
    assert not any("sheet" in source for source in sources(stem / "9.html"))


def test_neighbours_of_large_pictures_are_shown_by_their_thumbnails(tmp_path: Path) -> None:
    network = {"net": anatomy([layer("deep", 3, "input")], name="net")}
    plan = plan_of(tmp_path, network, {"net": {"layers": ["deep"]}}, size=320)
    fill(plan)
    page = build(plan).output / "models/net/deep/1.html"
    assert sources(page) == {"channel/sheet-0.webp", "channel/1.webp"}


def test_a_models_page_fetches_a_small_sheet_for_each_layer(rich: SiteReport) -> None:
    page = rich.output / "models/chain/index.html"
    assert sources(page) == {"deep/best.webp"}
    sheets = [path.stat().st_size for path in (page.parent / "deep" / "channel").glob("sheet-*.webp")]
    assert (page.parent / "deep" / "best.webp").stat().st_size < 0.5 * sum(sheets)
    assert page.read_text("utf-8").count('loading="lazy"') == len(_Links(page.read_text("utf-8")).pictures)


# -- what is not told ------------------------------------------------------------------------------


def assert_tells_no_place(output: Path, *places: Path) -> None:
    secrets = [str(place).encode() for place in (*places, Path.home(), ROOT) if len(place.parts) > 1]
    for name, data in files_of(output).items():
        assert not any(secret in data for secret in secrets), name


def test_no_file_tells_where_on_the_machine_anything_is(tmp_path: Path) -> None:
    """Networks, weights, photos and reasons of failures name files of somebody's; only their names stay."""
    home = tmp_path / "home" / "ada"
    home.mkdir(parents=True)
    plan = varied_plan(home, url="https://example.org")
    anatomies = {
        name: replace(known, source=str(home / "nets" / "own.keras"), weights=str(home / "own.weights.h5"))
        for name, known in plan.models.items()
    }
    plan = replace(plan, models=anatomies)
    failed = next(job for job in plan.jobs if job.recipe_name == "sketch")
    fail(plan, failed, f"OSError: {home / 'photos' / 'cat.png'} can't be read")
    output = build(plan).output
    assert_tells_no_place(output, home, tmp_path)
    page = (output / "models/net/stem/0.html").read_text("utf-8")
    assert "own.keras" in page
    assert "cat.png" in (output / "models/net/stem/index.html").read_text("utf-8")
