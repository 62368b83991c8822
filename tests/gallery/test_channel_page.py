"""A channel's page tells its evidence, section by section, and leaves out what is not known."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks.synthetic import anatomy, fill, layer, plan_of, rich_plan
from benchmarks.synthetic_facts import channel_facts, evidence, layer_facts, photos, put_facts
from generator.cache.entries import Cache
from generator.evidence.facts import (
    ChannelFacts,
    ClassEffect,
    Classes,
    Evidence,
    LayerFacts,
    Neighbour,
    Photo,
    Recognition,
    Trust,
)
from generator.evidence.labels import Preference
from generator.gallery.drawings import DIGITS, LEVELS, packed, weights
from generator.gallery.elsewhere import Elsewhere, LayerCard
from generator.gallery.photo_views import photo
from generator.gallery.sentences import looks_for, trusting
from generator.gallery.site import build_site
from generator.gallery.wording import percent
from generator.plan import Plan
from tests.gallery.conftest import files_of

PARTS = ("examples", "trust", "circuits", "classes", "relatives", "making")

EVERYTHING = channel_facts(3, 24, ("deep", "deep"), ["a cat", "a dog", "a bee"])
EVERYTHING = replace(EVERYTHING, relatives=(Neighbour("net", "deep", 1, 0.9),))

WITHOUT: dict[str, dict[str, Any]] = {
    "examples": {"strongest": (), "ordinary": {}, "lowest": ()},
    "trust": {"trust": {}},
    "circuits": {"built_from": (), "feeds": ()},
    "classes": {"classes": None, "labels": ()},
    "relatives": {"relatives": ()},
}
"""What a part is made from: without it, it is left out."""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    plan = plan_of(
        tmp_path_factory.mktemp("net"),
        {"net": anatomy([layer("deep", 3, "input")], name="net")},
        {"net": {"layers": ["deep"]}},
    )
    fill(plan)
    return plan


def page_of(plan: Plan, facts: ChannelFacts, **changes: Any) -> str:
    """The page of channel 0, which has these facts."""
    cache = Cache(plan.config.cache)
    shown = photos(cache, 24)
    known = LayerFacts("photos", "CC0", 796, 0, shown, (160, 160), {0: facts})
    ref = put_facts(cache, replace(known, **changes))
    build_site(plan, cache, Evidence({("net", "deep"): ref}))
    return (plan.config.output / "models/net/deep/0.html").read_text("utf-8")


def parts(page: str) -> set[str]:
    return set(PARTS) & set(re.findall(r'\sid="([a-z-]+)"', page))


def anchors(page: str) -> list[str]:
    found = re.search(r'<nav class="anchors".*?</nav>', page, re.S)
    return re.findall(r'href="#([a-z]+)"', found.group()) if found else []


def test_all_that_is_known_is_told(plan: Plan) -> None:
    page = page_of(plan, EVERYTHING)
    assert parts(page) == set(PARTS)
    assert anchors(page) == ["picture", *PARTS]


@pytest.mark.parametrize("part", WITHOUT)
def test_a_part_without_data_is_left_out(plan: Plan, part: str) -> None:
    page = page_of(plan, replace(EVERYTHING, **WITHOUT[part]))
    assert parts(page) == set(PARTS) - {part}
    assert anchors(page) == ["picture", *(one for one in PARTS if one != part)]


def test_a_channel_without_facts_has_its_picture_and_neighbours(plan: Plan) -> None:
    page_of(plan, EVERYTHING)
    page = (plan.config.output / "models/net/deep/1.html").read_text("utf-8")
    assert parts(page) == set() and 'class="film"' in page and "How it was made" in page


def test_neighbours_by_number_give_way_to_relatives(plan: Plan) -> None:
    assert 'class="film"' not in page_of(plan, EVERYTHING)
    assert 'class="film"' in page_of(plan, replace(EVERYTHING, relatives=()))


def test_licence_and_number_of_photos_are_told_where_they_are_shown(plan: Plan) -> None:
    page = page_of(plan, EVERYTHING, licence="CC0 & more", seen=796, skipped=3)
    section = page[page.index('id="examples"') : page.index('id="circuits"')]
    assert "796 seen, 3 could not be read" in section and "CC0 &amp; more" in section


# -- nothing that a name says is markup ------------------------------------------------------------

PAYLOAD = "</script><img src=x onerror=alert(1)>\"'&--><!--"


class _Tags(HTMLParser):
    """The elements of a page, and what could run: its scripts' addresses and its `on...` attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_names_of_photos_labels_layers_and_classes_are_no_markup(plan: Plan) -> None:
    facts = (
        replace(
            EVERYTHING,
            labels=(Preference(PAYLOAD, 0.9, 1.0, 5),),
            flags=(PAYLOAD,),
            relatives=(Neighbour(PAYLOAD, PAYLOAD, 3, 0.5),),
            recognised={"channel": (Recognition(PAYLOAD, 3, 0.25), Recognition("b", 1, None))},
            built_from=(replace(EVERYTHING.built_from[0], layer=PAYLOAD, obstacle=PAYLOAD),),
            classes=replace(
                EVERYTHING.classes, raised=(replace(EVERYTHING.classes.raised[0], name=PAYLOAD),)
            ),
        )
        if EVERYTHING.classes
        else EVERYTHING
    )
    shown = tuple(replace(one, name=PAYLOAD, label=PAYLOAD) for one in photos(Cache(plan.config.cache), 24))
    page = page_of(plan, facts, photos=shown, dataset=PAYLOAD, licence=PAYLOAD)
    script = (plan.config.output / "models/net/deep/photos.js").read_text("utf-8")
    assert "</script" not in script and photos_of(plan)[0][1] == PAYLOAD
    plain = page_of(plan, EVERYTHING)
    tags = _Tags(page).seen
    assert not any(name.startswith("on") for _, attributes in tags for name in attributes)
    assert not any(attributes.get("src") == "x" for _, attributes in tags)
    assert sum(tag == "script" for tag, _ in tags) == sum(tag == "script" for tag, _ in _Tags(plain).seen)
    assert PAYLOAD in unescape(page)


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'id="channel-data"[^>]*>(.*?)</script>', page, re.S)
    assert found
    data: dict[str, Any] = json.loads(found.group(1))
    return data


def photos_of(plan: Plan) -> list[list[str]]:
    """The photos that the script of the layer's pages knows."""
    script = (plan.config.output / "models/net/deep/photos.js").read_text("utf-8")
    found: list[list[str]] = json.loads(script.partition("=")[2].strip().rstrip(";"))
    return found


def test_what_is_no_number_leaves_the_scripts_data_readable(plan: Plan) -> None:
    """JSON has no such numbers: one would take all intervals and heat maps with it."""
    nan = float("nan")
    interval = {number: (replace(found[0], value=nan),) for number, found in EVERYTHING.intervals.items()}
    page = page_of(plan, replace(EVERYTHING, intervals=interval, mean=nan, maximum=float("inf")))
    (first, *_) = data_of(page)["intervals"].values()
    assert first[0][1] is None


# -- photos ----------------------------------------------------------------------------------------


def test_a_photo_that_the_cache_has_not_is_no_broken_picture(plan: Plan) -> None:
    shown = tuple(replace(one, key="") for one in photos(Cache(plan.config.cache), 24))
    shown = (replace(shown[0], key="f" * 64), *shown[1:])
    page = page_of(plan, EVERYTHING, photos=shown)
    assert "photos/" not in page and 'class="example"' in page
    assert not any(picture for picture, _ in photos_of(plan))
    assert not any(data_of(page)["intervals"].values())


def test_only_photos_of_examples_are_fetched_and_each_is_a_file(plan: Plan) -> None:
    page = page_of(plan, EVERYTHING)
    shown = {attributes["src"] for tag, attributes in _Tags(page).seen if tag == "img"}
    addresses = {src for src in shown if src and "photos/" in src}
    assert addresses
    folder = plan.config.output / "models/net/deep"
    assert all((folder / address).resolve().is_file() for address in addresses)
    lazy = [a for tag, a in _Tags(page).seen if tag == "img" and "photos/" in str(a["src"])]
    assert all(one.get("loading") == "lazy" and one.get("alt") for one in lazy)


# -- other channels --------------------------------------------------------------------------------

CARD = LayerCard("net", "deep", "models/net/deep", "channel", (0, 2), (2,), ((2, "arc"),), 4, True, True)


def test_a_channel_elsewhere_is_linked_where_it_has_a_page() -> None:
    elsewhere = Elsewhere([CARD])
    assert elsewhere.find("net", "deep", 2).picture == "models/net/deep/channel/2.webp"
    assert elsewhere.find("net", "deep", 2).label == "arc"
    undrawn = elsewhere.find("net", "deep", 0)
    assert (undrawn.path, undrawn.picture) == ("models/net/deep/0.html", "")
    for place in (("net", "deep", 1), ("net", "other", 0), ("other", "deep", 0)):
        assert elsewhere.find(*place).path == ""
    output = elsewhere.output("net", 2)
    assert output and output.path == "models/net/deep/2.html"
    assert elsewhere.output("net", 1) is None and elsewhere.output("other", 2) is None


def test_every_link_of_an_evident_gallery_leads_somewhere(tmp_path: Path) -> None:
    plan = rich_plan(tmp_path)
    cache = Cache(plan.config.cache)
    output = build_site(plan, cache, Evidence(evidence(plan, cache))).output
    broken = set()
    for path in output.rglob("*.html"):
        for tag, attributes in _Tags(path.read_text("utf-8")).seen:
            address = attributes.get("src") or attributes.get("href") or ""
            target = address.partition("#")[0]
            if tag != "link" and target and "://" not in target and not (path.parent / target).exists():
                broken.add(f"{path.relative_to(output)}: {address}")
    assert broken == set()
    assert (output / photo(photos(cache, 1)[0].key)).is_file()


def test_large_pictures_have_thumbnails_for_the_pages_of_other_channels(tmp_path: Path) -> None:
    """A page leads to some thirty channels of several layers: large, their pictures would be megabytes."""
    network = anatomy([layer("a", 3, "input"), layer("b", 70, "a")], name="net")
    plan = plan_of(tmp_path, {"net": network}, {"net": {"layers": ["a", "b"]}}, size=272)
    cache = fill(plan)
    known = evidence(plan, cache, 12)
    build_site(plan, cache)
    folder = plan.config.output / "models/net"
    assert not list(folder.rglob("*-small.webp"))
    del known["net", "b"]
    build_site(plan, cache, Evidence(known))
    shown = {str(a["src"]) for tag, a in _Tags((folder / "a/1.html").read_text("utf-8")).seen if tag == "img"}
    thumbnails = {src for src in shown if src.endswith("-small.webp")}
    assert {src.rpartition("/")[0] for src in thumbnails} == {"channel", "../b/channel"}
    assert not [src for src in shown if "sheet" in src or (src.startswith("../b") and src not in thumbnails)]
    with Image.open(folder / "b/channel/69-small.webp") as image:
        assert image.size == (128, 128)
    before = files_of(plan.config.output)
    shutil.rmtree(plan.config.output)
    build_site(plan, cache, Evidence(known))
    assert files_of(plan.config.output) == before
    build_site(plan, cache)
    assert not list(folder.rglob("*-small.webp"))


# -- words and drawings ----------------------------------------------------------------------------


def test_sentences_say_how_much_they_rest_on() -> None:
    facts = ChannelFacts(labels=(Preference("animals/cats", 0.93, 2.0, 41),), density=0.031, pictures_on=0.4)
    assert list(looks_for(facts, 796)) == [
        "Answers most to “animals/cats” (AUC 0.93 over its 41 photos).",
        "On at 3.1\u202f% of positions, in 40\u202f% of photos.",
    ]
    for behind, exact in ((0, True), (3, False), (2, False)):
        raised = Classes((ClassEffect(1, "tabby", 0.5, behind),), (), exact)
        said = list(looks_for(replace(facts, classes=raised), 796))
        assert ("Raises the output “tabby” most." in said) == (exact or behind > 2)
    assert list(looks_for(facts, 14))[-1] == "This rests on 14 photos, which is little."
    few = replace(facts, labels=(Preference("food", 0.95, 1.0, 4), *facts.labels))
    assert next(looks_for(few, 796)).startswith("Answers most to “animals/cats”"), "what more photos say"
    only = replace(facts, labels=(Preference("food", 0.95, 1.0, 4),))
    assert next(looks_for(only, 796)) == "Answers most to “food”, as far as 4 photos tell (AUC 0.95)."
    weak = replace(facts, labels=(Preference("food", 0.55, 1.0, 9),))
    assert next(looks_for(weak, 796)).startswith("Prefers no label clearly")
    assert next(looks_for(replace(facts, flags=("never on",)), 796)) == "Never on in any of 796 photos."


@pytest.mark.parametrize(
    ("trust", "sign", "said"),
    [
        (Trust(0.3, 0.4, 0.9), 1, "trust the photos, not the picture"),
        (Trust(1.0, 1.8, 0.9), 1, "any of the photos do, 1.8 times as much as the strongest"),
        (Trust(1.0, 1.8, 0.9), 1, "both tell the same"),
        (Trust(0.98, 0.9, 0.1), 1, "by another way than for its examples: trust the photos"),
        (Trust(0.98, 0.9, 0.5), 1, "look at both"),
        (Trust(0.98, 0.9, None), 1, "can’t be told"),
        (Trust(0.0, -1.0, 0.9), -1, "drives it further down than any of the photos do"),
        (Trust(0.9, 1.0, 0.9), -1, "trust the photos, not the picture"),
    ],
)
def test_trust_is_put_into_words(trust: Trust, sign: float, said: str) -> None:
    assert said in trusting(trust, sign)


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0, "0 %"),
        (0.0004, "under 0.1 %"),
        (0.031, "3.1 %"),
        (0.42, "42 %"),
        (0.9995, "over 99.9 %"),
        (1, "100 %"),
    ],
)
def test_shares_never_say_none_or_all_unless_it_is_so(share: float, said: str) -> None:
    assert percent(share) == said.replace(" %", "\u202f%")


def test_a_kernel_is_drawn_by_sign_and_size() -> None:
    drawn = weights(((1.0, 0.0), (-0.36, 0.05)))
    assert drawn and (drawn.columns, drawn.rows) == (20, 20)
    assert drawn.above == "M0 0h10v10h-10z", "the largest fills its cell"
    assert drawn.below.startswith("M2 12h6") and drawn.below.count("M") == 1
    assert weights(((0.7,),)) is None and weights(()) is None
    large = weights([[float(x == y) for x in range(31)] for y in range(31)])
    assert large and large.columns == 70 and large.above.count("M") == 7


def test_heat_maps_keep_their_cells_in_half_the_text() -> None:
    for heat in (("0z7", "e00"), ("0z", "70"), ("z",)):
        width, _, text = packed(heat).partition(":")
        pairs = -(-int(width) // 2)
        rows = [text[start : start + pairs] for start in range(0, len(text), pairs)]
        cells = [[level for digit in row for level in divmod(DIGITS.index(digit), LEVELS)] for row in rows]
        expected = [[round(DIGITS.index(digit) / 7) for digit in row] for row in heat]
        assert [row[: int(width)] for row in cells] == expected


def test_facts_may_name_photos_without_label(plan: Plan) -> None:
    bare = tuple(Photo(one.digest, one.name, "", one.key) for one in photos(Cache(plan.config.cache), 24))
    page = page_of(plan, EVERYTHING, photos=bare)
    assert re.search(r'alt="[^"]*/\d{3}\.jpg, [\d.]+"', page)


def test_a_layers_facts_are_those_of_its_channels() -> None:
    made = layer_facts("net", "deep", ("", ""), range(40), (Photo("0" * 64, "a"),))
    assert LayerFacts.from_json(made.to_json()) == made
