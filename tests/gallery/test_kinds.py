"""Every kind of picture a recipe may make: of whole layers, moving, several together, small, transparent."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from benchmarks.synthetic import anatomy, fill, layer, plan_of, png, record, texture, varied_plan
from generator.cache.entries import Cache
from generator.config.cookbook import BUILT_IN
from generator.config.recipes import Recipe
from generator.gallery.names import safe_names
from generator.gallery.pictures import GREY, GUTTER, TILE, Encoding, encode
from generator.gallery.place import Place
from generator.gallery.settings import settings_of
from generator.gallery.shapes import grid, is_small, shown_width
from generator.gallery.site import SiteReport
from generator.targets import WHOLE
from tests.gallery.conftest import build, files_of, moments_of

NAMES = safe_names(["net", "many colours", "as a whole"])
STEM = "models/net/stem"
ALONE = f"models/{NAMES['as a whole']}"
COLOURED = f"models/{NAMES['many colours']}/deep"


def text(report: SiteReport, path: str) -> str:
    return (report.output / path).read_text("utf-8")


# -- whole layers ----------------------------------------------------------------------------------


def test_a_layer_page_shows_the_layer_as_a_whole(varied: SiteReport) -> None:
    page = text(varied, f"{STEM}/index.html")
    assert "The layer as a whole" in page
    assert 'alt="net, stem as a whole, recipe dream"' in page
    assert 'src="photo/layer.webp" width="300" height="200"' in page
    assert "This picture could not be rendered" in page  # sketch
    assert "Not rendered yet" in page  # blend
    assert "Mean square of the layer" in page
    assert "1 picture failed" in page and "1 picture not rendered yet" in page
    with Image.open(varied.output / STEM / "photo" / "layer.webp") as image:
        assert image.size == (300, 200)


def test_the_models_page_has_its_thumbnail(varied: SiteReport) -> None:
    page = text(varied, "models/net/index.html")
    assert 'href="stem/index.html#dream"' in page
    assert 'src="stem/dream/sheet-0.webp"' in page
    assert page.count("no picture") == 2
    assert "as a whole · Concatenate" in page


def test_a_whole_layer_is_no_channel(varied: SiteReport) -> None:
    assert not [name for name in files_of(varied.output) if "/-1" in name]
    assert '"wholes":[["dream","dream"],["photo","photo"]]' in text(varied, "data/search.js")
    assert "-1" not in re.findall(r'"channels":\[\[(.*?),', text(varied, "data/search.js"))


def test_a_network_may_have_nothing_but_whole_layers(varied: SiteReport) -> None:
    files = files_of(varied.output)
    assert f"{ALONE}/collage.webp" in files
    page = text(varied, f"{ALONE}/deep/index.html")
    assert "data-grid" not in page and "Its channels" not in page
    assert "4 channels · Conv2D" in page
    assert not [name for name in files if re.fullmatch(rf"{ALONE}/deep/\d+\.html", name)]
    assert "Channels shown" not in text(varied, f"{ALONE}/index.html")


def test_the_report_counts_whole_layers(varied: SiteReport) -> None:
    pictures = [name for name in files_of(varied.output) if re.search(r"/(\d+|layer)\.webp$", name)]
    assert (varied.shown, varied.failed, varied.missing) == (len(pictures), 1, 1)


def test_notes_on_a_whole_layer_are_notes_on_the_layer(tmp_path: Path) -> None:
    plan = varied_plan(tmp_path)
    (tmp_path / "notes.yaml").write_text("net/stem/-1: x\nnet/stem: first of all\n", encoding="utf-8")
    report = build(plan)
    assert len(report.warnings) == 1 and "net/stem/-1" in report.warnings[0]
    assert "first of all" in text(report, f"{STEM}/index.html")


# -- building again --------------------------------------------------------------------------------


def test_nothing_changed_writes_nothing_and_one_picture_only_its_own(tmp_path: Path) -> None:
    plan = varied_plan(tmp_path)
    output = build(plan).output
    before = moments_of(output)
    assert build(plan).written == 0
    job = next(job for job in plan.jobs if job.channel == WHOLE and job.recipe_name == "photo")
    pixels = texture(99, 300)[:200]
    Cache(plan.config.cache).put(replace(record(plan, job), activation=0.25), png(pixels))
    build(plan)
    changed = {name for name, moment in moments_of(output).items() if before.get(name) != moment}
    own = {f"{STEM}/photo/layer.webp", f"{STEM}/photo/sheet-0.webp", f"{STEM}/index.html"}
    assert changed == own | {"data/net/stem.json"}


def test_an_animation_is_copied_kept_replaced_and_removed(tmp_path: Path) -> None:
    network = {"net": anatomy([layer("deep", 4, "input")], name="net")}
    models = {"net": {"layers": ["deep"], "recipes": ["moving"]}}
    recipes = {"moving": {"base": "channel", "frames": 3}}
    plan = plan_of(tmp_path, network, models, recipes=recipes)
    cache = fill(plan)
    output = build(plan).output
    place = output / "models/net/deep/moving/2-animation.webp"
    with Image.open(place) as image:
        assert sum(1 for _ in ImageSequence.Iterator(image)) == 3
    assert place.read_bytes() == cache.animation_path(plan.jobs[2].key, "webp").read_bytes()
    before = moments_of(output)
    assert build(plan).written == 0
    cache.put(record(plan, plan.jobs[2]), png(texture(1, 32)), b"another")
    build(plan)
    assert place.read_bytes() == b"another"
    other = "models/net/deep/moving/1-animation.webp"
    assert moments_of(output)[other] == before[other]
    build(plan_of(tmp_path, network, models, recipes={"moving": {"base": "channel"}}))
    assert not list(output.rglob("*-animation.*"))


def test_a_picture_whose_animation_is_lost_stands_still(tmp_path: Path) -> None:
    plan = varied_plan(tmp_path)
    job = next(job for job in plan.jobs if job.recipe_name == "moving")
    Cache(plan.config.cache).animation_path(job.key, "webp").unlink()
    report = build(plan)
    assert "data-animation" not in text(report, f"{STEM}/0.html")
    assert "data-animation" in text(report, f"{STEM}/1.html")
    assert build(plan).written == 0


def test_animations_are_played_on_demand_and_linked_without_a_script(varied: SiteReport) -> None:
    page = text(varied, f"{STEM}/2.html")
    assert 'data-animation="moving/2-animation.webp"' in page
    assert '<a class="button plain-only" href="moving/2-animation.webp">' in page
    assert not re.search(r'src="[^"]*-animation', page)
    assert 'data-animation="dream/layer-animation.gif"' in text(varied, f"{STEM}/index.html")
    assert varied.bytes == sum(
        len(data) for name, data in files_of(varied.output).items() if not name.startswith(".pocket")
    )


# -- shapes ----------------------------------------------------------------------------------------


def thumbnail(folder: Path, picture: np.ndarray, count: int = 1) -> np.ndarray:
    """What a sheet shows of a picture, (112, 112, 3), without its border, where lossy files ring."""
    (folder / "a.png").write_bytes(png(picture))
    sheet, large = (Place(path, path) for path in (folder / "sheet.webp", folder / "a.webp"))
    encode(Encoding(sheet, ((folder / "a.png", large),), count))
    with Image.open(sheet.file) as image:
        assert image.size == (8 * (TILE + 2 * GUTTER), TILE + 2 * GUTTER)
        return np.asarray(image.convert("RGB"), int)[GUTTER + 8 :, GUTTER + 8 :][: TILE - 16, : TILE - 16]


def test_of_a_wide_picture_the_thumbnail_is_the_middle(tmp_path: Path) -> None:
    picture = np.full((100, 300, 3), 40, np.uint8)
    picture[:, 100:200] = 200
    assert abs(thumbnail(tmp_path, picture) - 200).max() < 8


def test_of_a_tall_picture_too(tmp_path: Path) -> None:
    picture = np.full((301, 100, 3), 40, np.uint8)
    picture[100:201] = 200
    assert abs(thumbnail(tmp_path, picture) - 200).max() < 8


@pytest.mark.parametrize(("together", "columns", "rows"), [(2, 2, 1), (4, 2, 2), (6, 3, 2), (7, 3, 3)])
def test_of_several_pictures_the_thumbnail_is_the_first(
    tmp_path: Path, together: int, columns: int, rows: int
) -> None:
    assert grid(together) == (columns, rows)
    picture = np.full((rows * 100, columns * 100, 3), 40, np.uint8)
    picture[:100, :100] = 200
    assert abs(thumbnail(tmp_path, picture, together) - 200).max() < 8


def test_what_is_transparent_lies_on_grey_and_stays_transparent_when_large(tmp_path: Path) -> None:
    picture = np.full((128, 128, 4), 250, np.uint8)
    picture[:64, :, 3] = 0
    picture[64:, :, 3] = 255
    tile = thumbnail(tmp_path, picture)
    assert abs(tile[:48] - GREY).max() < 8 and abs(tile[64:] - 250).max() < 8
    with Image.open(tmp_path / "a.webp") as large:
        alpha = np.asarray(large.getchannel("A"))
    assert large.mode == "RGBA"
    assert alpha[:60].max() == 0 and alpha[68:].min() == 255


def test_small_pictures_stay_exact_and_grow_without_being_smoothed(tmp_path: Path) -> None:
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[::2] = 255
    tile = thumbnail(tmp_path, picture)
    assert np.logical_or(tile < 64, tile > 191).all()  # black and white, nothing between
    with Image.open(tmp_path / "a.webp") as large:
        assert np.array_equal(np.asarray(large.convert("RGB")), picture)


def test_large_pictures_are_shown_no_larger_than_they_bear() -> None:
    assert shown_width(160, 160) == 320
    assert shown_width(480, 320) == 560
    assert shown_width(320, 480) == 373
    assert shown_width(2048, 2048) == 560
    assert shown_width(28, 28) == 392  # a whole factor: all of its pixels are alike
    assert is_small(28, 28) and not is_small(96, 96)
    assert is_small(112, 112, 16) and shown_width(112, 112, 16) == 336


def test_pages_say_what_they_show(varied: SiteReport) -> None:
    page = text(varied, f"{STEM}/3.html")
    assert 'alt="net, stem, channel 3, recipe facets, 4 pictures"' in page
    assert 'width="256" height="256" alt="net, stem, channel 3, recipe facets, 4 pictures"' in page
    assert 'width="288" height="192" alt="net, stem, channel 3, recipe between, 6 pictures"' in page
    assert 'class="large" src="moving/3.webp"' in page
    assert 'class="large small" src="tiny/3.webp"' in text(varied, "models/net/right/3.html")


def test_false_colours_are_called_so(varied: SiteReport) -> None:
    sentence = "False colours: the network takes 5 colours"
    assert text(varied, f"{COLOURED}/1.html").count(sentence) == 1
    assert text(varied, f"{COLOURED}/index.html").count(sentence) == 2  # the channels', and the whole layer's
    assert "False colours" not in text(varied, f"{STEM}/3.html")


# -- words -----------------------------------------------------------------------------------------


def test_settings_are_told_where_they_matter_and_all_of_them_can_be_copied() -> None:
    for recipe in BUILT_IN.values():
        settings = settings_of(recipe)
        lines = [line.split()[0] for line in f"{settings.main}\n{settings.rest}".splitlines()]
        assert sorted(lines) == sorted(recipe.identity())
        assert len(settings.rest.splitlines()) == settings.usual
    usual = settings_of(Recipe())
    assert [line.split()[0] for line in usual.main.splitlines()] == ["objective", "size", "steps", "seed"]
    direction = Recipe(objective="direction", direction=((3, 1.0), (17, -0.5)), frames=8, gif=True)
    assert "  direction          {3: 1, 17: -0.5}\n" in settings_of(direction).main
    assert "  gif                true" in settings_of(direction).main


def test_files_are_told_by_name_and_content(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(b"cat")
    settings = settings_of(Recipe(objective="caricature", image=tmp_path / "cat.png"))
    digest = hashlib.sha256(b"cat").hexdigest()
    assert f"  image              cat.png (SHA-256 {digest})" in settings.main
    assert str(tmp_path) not in settings.main


def test_a_page_folds_the_settings_that_are_as_usual(varied: SiteReport) -> None:
    page = text(varied, "models/net/right/3.html")
    made, rest = re.findall(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)
    assert "size               28" in made and "learning_rate" not in made
    assert "learning_rate" in rest and "more settings, as they are by default" in page


def test_the_method_is_told_for_every_recipe(varied: SiteReport) -> None:
    page = re.sub(r"<details>.*?</details>", "", text(varied, "about.html"), flags=re.DOTALL)
    words = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    for part in (
        "raises the mean activation of a channel in 4 pictures at once, which pay for being alike",
        "goes from a channel to channel 3 in 6 pictures",
        "phases of spatial frequencies; their magnitudes stay those of natural pictures",
        "whole layer’s squares, so that whatever it sees grows, in 80 steps from photo.png, through 4 sizes",
        "Its longer side has 300 pixels, seen in tiles of 256",
        "clipped to what a screen can show",
        "raises what the layer sees in photo.png, and paints it anew",
        "several channels together (channel 1 with weight 1, channel 3 with weight −0.5)",
        "An animation of 4 frames shows how it came about.",
    ):
        assert part in words, part
    assert "None" not in words and " ." not in words and " ," not in words
    assert "none is a photograph" not in words


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_recipe_reads_well(tmp_path: Path, name: str) -> None:
    (tmp_path / "photo.png").write_bytes(png(texture(1, 32)))
    needs = {"image": tmp_path / "photo.png", "direction": {0: 1.0}, "towards": 1}
    missing = BUILT_IN[name].missing
    own = {"base": name, **({missing: needs[missing]} if missing else {})}
    plan = plan_of(
        tmp_path,
        {"net": anatomy([layer("deep", 2, "input")], name="net")},
        {"net": {"layers": ["deep"], "recipes": ["own"]}},
        recipes={"own": own},
    )
    report = build(plan)
    page = text(report, "about.html")
    told = page.partition("<h3>own</h3>")[2].partition("<details>")[0]
    words = " ".join(re.sub(r"<[^>]+>", " ", told).split())
    assert words.endswith(".") and "  " not in words
    assert not re.search(r"None| [.,;]|\.\.|Undefined|\{", words), words
