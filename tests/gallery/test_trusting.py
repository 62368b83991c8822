"""Figures of trust as plots, flags, and maps on which nothing lies on anything else."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from generator.gallery.map_places import FEWEST, dots, lattice
from generator.gallery.site import SiteReport
from generator.gallery.spread import BARS, HEIGHT, spread

STEM = "models/Branch-Net~004f041aa344/stem"


def test_bars_count_all_values_and_the_outermost_those_beyond() -> None:
    plot = spread([0.0, 0.049, 0.05, 0.5, 1.0, 1.7, -0.3, None, None])
    assert plot and (plot.known, plot.unknown, plot.median) == (7, 2, 0.05)
    counts = [bar.count for bar in plot.bars]
    assert len(counts) == BARS and sum(counts) == 7
    assert (counts[0], counts[1], counts[10], counts[-1]) == (3, 1, 1, 2)
    assert plot.bars[0].height == HEIGHT and plot.bars[2].height == 0
    assert all(bar.height >= 1.5 for bar in plot.bars if bar.count)


def test_what_nobody_knows_has_no_plot() -> None:
    assert spread([None, None]) is None and spread([]) is None


@pytest.mark.parametrize("kind", ["spread out", "all at one place", "in a line", "at the edges", "two"])
def test_no_two_channels_of_a_map_share_a_square(kind: str) -> None:
    random = np.random.default_rng(1)
    count = 2 if kind == "two" else 150
    spots = {
        "all at one place": np.full((count, 2), 0.3),
        "in a line": np.stack([np.linspace(0, 1, count), np.full(count, 0.5)], axis=1),
        "at the edges": random.integers(0, 2, (count, 2)).astype(float),
    }.get(kind, random.uniform(0, 1, (count, 2)))
    places = {7 + 2 * n: (float(x), float(y)) for n, (x, y) in enumerate(spots)}
    found = lattice(places, list(places))
    assert found.side >= FEWEST
    assert [square.channel for square in found.squares] == list(places)
    assert [square.place for square in found.squares] == list(range(count))
    taken = {(square.column, square.row) for square in found.squares}
    assert len(taken) == count
    assert all(0 <= x < found.side and 0 <= y < found.side for x, y in taken)
    assert dots(found).count("M") == count


def test_a_map_keeps_neighbours_together() -> None:
    random = np.random.default_rng(2)
    near, far = random.normal(0.2, 0.05, (60, 2)), random.normal(0.8, 0.05, (60, 2))
    spots = np.concatenate([near, far]).clip(0, 1)
    found = lattice({n: (float(x), float(y)) for n, (x, y) in enumerate(spots)}, range(120))
    at = np.array([(square.column, square.row) for square in found.squares], float)
    distance = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1))
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argmin(axis=1)
    assert ((nearest < 60) == (np.arange(120) < 60)).mean() > 0.97


def test_channels_without_a_place_are_on_no_map() -> None:
    found = lattice({0: (0.5, 0.5), 1: (math.nan, 0.2), 9: (0.1, 0.1)}, [0, 1, 2])
    assert [square.channel for square in found.squares] == [0]
    assert lattice({}, [0, 1]).squares == ()


# -- as pages show them ----------------------------------------------------------------------------


def test_a_layers_page_tells_flags_twins_and_where_they_come_from(evident: SiteReport) -> None:
    page = (evident.output / STEM / "index.html").read_text("utf-8")
    for channel, words in {1: "never on", 2: "nearly always", 4: "twin of 5", 5: "twin of 4"}.items():
        assert re.search(rf'href="{channel}\.html".*?<small>{words}</small>', page)
    assert (
        "the data set “photos”" in page and "24 pictures shown" in page and "1 more could not be read" in page
    )
    assert "CC0 &amp; &#34;others&#34; &lt;see the list&gt;" in page
    assert 'href="map.html"' in page and 'href="../../../data/Branch-Net~004f041aa344/stem.json"' in page


def test_both_figures_of_trust_are_plotted_for_each_recipe(evident: SiteReport) -> None:
    page = (evident.output / STEM / "index.html").read_text("utf-8")
    for recipe in ("channel", "negative", "neuron"):
        (part,) = re.findall(rf'<div class="trust" data-trust="{recipe}".*?</div>', page, re.DOTALL)
        strength, kinship = part.split("</figure>")[:2]
        for plot, channels in ((strength, 24), (kinship, 23 if recipe == "channel" else 24)):
            counts = [int(found) for found in re.findall(r": (\d+) channels?</title>", plot)]
            assert sum(counts) == channels
            assert f"of {channels} channels" in plot


def test_without_evidence_nothing_is_said_of_it(rich: SiteReport) -> None:
    page = (rich.output / STEM / "index.html").read_text("utf-8")
    for word in ("Strength", "Kinship", "map.html", "data set", 'name="colour"', 'class="band'):
        assert word not in page
    assert not (rich.output / STEM / "map.html").exists()


def test_the_sitemap_has_the_maps(evident: SiteReport) -> None:
    maps = re.findall(r"microscope/(\S+?/map\.html)", (evident.output / "sitemap.xml").read_text("utf-8"))
    assert f"{STEM}/map.html" in maps
    assert all((evident.output / path).exists() for path in maps)
