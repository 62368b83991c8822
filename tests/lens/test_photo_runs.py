"""Photos of the user's through the public doors: configured, planned, looked at, shown, kept and pruned."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator.cache.entries import Cache
from generator.engines.inprocess import InProcess
from generator.engines.tasks import Result
from generator.evidence import lens as lenses
from generator.inquiries.everything import kept, settled
from generator.inquiries.photos import PhotoPursuit, photos_of
from generator.inquiries.pursuit import Round
from generator.pipeline import Progress, load_plan, run
from generator.selection import Shard
from tests.conftest import Ran, click_run, process_run
from tests.gallery.test_export import documented

PHOTOS = "{cat & dog: {path: cat.png, caption: A <b>cat</b>., licence: CC0}, plain: plain.png}"
RECIPES = "{cell: {steps: 2, size: 32}}"


def draw(folder: Path) -> None:
    """A picture of noise in four colours, and one of a single grey."""
    random = np.random.default_rng(5)
    pixels = np.kron(random.integers(0, 256, (6, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    Image.fromarray(pixels).save(folder / "cat.png")
    Image.new("L", (40, 40), 90).save(folder / "plain.png")


@dataclass(frozen=True)
class Looked:
    """A folder in which `build-site` has run with two photos, its config, and what that said."""

    folder: Path
    config: Path
    ran: Ran

    @property
    def page(self) -> Path:
        """The first photo's page."""
        (page,) = (self.folder / "site").glob("photos/cat-dog~*/tiny.html")
        return page


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory, configure: Callable[..., Path]) -> Looked:
    folder = tmp_path_factory.mktemp("photos")
    draw(folder)
    config = configure(folder, "[first, second, pool, classes]", photos=PHOTOS, recipes=RECIPES)
    return Looked(folder, config, process_run(config, "--jobs", "1", cwd=folder))


def pursuits(config: Path) -> tuple[tuple[PhotoPursuit, ...], Cache]:
    plan = load_plan(config)
    return photos_of(plan), Cache(plan.config.cache)


def test_a_run_looks_and_pictures_every_cell_and_is_then_done(looked: Looked) -> None:
    assert looked.ran.code == 0, looked.ran.err
    found, cache = pursuits(looked.config)
    there = cache.snapshot().entries
    assert [(one.name, one.due(there)) for one in found] == [("cat & dog", 0), ("plain", 0)]
    for one in found:
        for layer, shape in {"first": (14, 14), "second": (14, 14)}.items():
            seen = one.seen(layer, cache)
            assert seen is not None and seen.grid == shape
            keys = one.view(layer, cache).cells
            assert len(keys) == 196 and one.view(layer, cache).keys <= set(there)
            on = lenses.strengths(seen).reshape(-1) > 0
            assert [bool(key) for key in keys] == on.tolist()
        assert one.view("pool", cache).cells == one.view("classes", cache).cells == ()
    assert "none missing" in click_run(looked.config).output
    assert "due=0" in click_run("plan", looked.config, "--values").output


def test_plan_counts_cells_before_the_photo_was_looked_at(
    looked: Looked, tmp_path: Path, configure: Callable[..., Path]
) -> None:
    draw(tmp_path)
    config = configure(tmp_path, "[second, pool]", photos="[cat.png]", recipes=RECIPES)
    said = click_run("plan", config).output
    assert "tiny: photo cat: 198 pieces due" in said
    assert "Evidence: 198 pieces due" in click_run("status", config).output
    assert "tiny: photo cat & dog: 0 pieces due" in click_run("plan", looked.config).output
    # As many as it then makes, where something is on in every cell.
    (one,), _ = pursuits(config)
    assert one.due(()) == 198 and replace(one, layers=("pool",)).due(()) == 1


def test_the_page_tells_all_of_it(looked: Looked) -> None:
    page = looked.page.read_text()
    assert "cat &amp; dog" in page and "A &lt;b&gt;cat&lt;/b&gt;." in page and "Licence: CC0" in page
    found, cache = pursuits(looked.config)
    for layer in ("first", "second"):
        seen = found[0].seen(layer, cache)
        assert seen is not None
        part = page.partition(f'id="layer-{layer}"')[2].partition("</section>")[0]
        assert part.count('<tr><th scope="row">') == 196
        first = next(found[0] for found in lenses.strongest_in_cells(seen) if found)
        assert f'href="../../models/tiny/{layer}/{first.channel}.html"' in part
        grid = Image.open(looked.page.with_suffix("") / layer / "grid.webp")
        assert grid.size == (896, 896) and grid.mode == "RGBA"
        # Between the pictures the photo shines through; in the strongest cell it is covered.
        row, column = np.unravel_index(lenses.strengths(seen).argmax(), seen.grid)
        assert grid.getpixel((int(column) * 64 + 32, int(row) * 64 + 32))[3] == 255
    for verdict in ("class 0", "class 1"):
        assert verdict in page
    # From the output to the input; what the scores are, the verdict tells.
    order = [page.index(f'id="layer-{layer}"') for layer in ("pool", "second", "first")]
    assert order == sorted(order) and 'id="layer-classes"' not in page
    assert "Exact: behind this layer everything is linear" in page and "Gradient times activation" in page
    assert "<script>" not in page.partition("<main")[2]


def test_scores_are_what_channels_add_and_the_rest(looked: Looked) -> None:
    (data,) = (looked.folder / "site").glob("data/photos/cat-dog~*/tiny.json")
    told = json.loads(data.read_text())
    assert (told["photo"], told["model"], told["licence"]) == ("cat & dog", "tiny", "CC0")
    assert len(told["classes"]) == 5 and sum(one["probability"] for one in told["classes"]) == pytest.approx(
        1
    )
    assert documented()["Photos of your own"] == {*told, *told["layers"][0]}
    by_name = {layer["layer"]: layer for layer in told["layers"]}
    assert [by_name[name]["exact"] for name in ("first", "second", "pool")] == [False, True, True]
    for layer in told["layers"]:
        for why in layer["why"]:
            assert why["sum"] + why["rest"] == pytest.approx(why["score"], abs=1e-4)
    # The dense layer's bias is zero: its channels make the whole score.
    assert all(abs(why["rest"]) < 1e-4 for name in ("second", "pool") for why in by_name[name]["why"])
    assert len(by_name["first"]["cells"]) == 196 and by_name["first"]["grid"] == [14, 14]


def test_channels_show_the_photos_on_which_they_are_strong(looked: Looked) -> None:
    found, cache = pursuits(looked.config)
    seen = found[0].seen("second", cache)
    assert seen is not None
    strong = lenses.strong_channels(seen)
    assert strong
    for channel in range(8):
        page = (looked.folder / f"site/models/tiny/second/{channel}.html").read_text()
        own = page.partition("On your photos")[2]
        assert ("cat-dog~" in own) == (channel in strong)
        assert not own or "/second/heat.webp" in own


def test_photos_are_reached_from_everywhere(looked: Looked) -> None:
    site = looked.folder / "site"
    address = looked.page.relative_to(site).as_posix()
    for page in ("index.html", "models/tiny/index.html", "photos/index.html"):
        text = (site / page).read_text()
        assert address.removeprefix("photos/") in text, page
        assert 'index.html">Photos</a>' in text
    assert address in (site / "data/search.js").read_text()


def test_pages_are_kept_as_long_as_nothing_changes(looked: Looked) -> None:
    files = {path: path.stat().st_mtime_ns for path in (looked.folder / "site/photos").rglob("*.*")}
    assert click_run("html", looked.config).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in files} == files


def test_nothing_of_it_is_pruned_and_without_photos_all_of_it(looked: Looked, tmp_path: Path) -> None:
    plan = load_plan(looked.config)
    cache = Cache(plan.config.cache)
    assert "0 files" in click_run("prune", "--dry-run", looked.config).output
    refs = settled(plan, cache).photos
    assert set(refs) == {("cat & dog", "tiny"), ("plain", "tiny")}
    assert all(ref.keys <= kept(plan, cache) for ref in refs.values())
    bare = tmp_path / "config.yaml"
    text = looked.config.read_text().replace(f"photos: {PHOTOS}\n", "")
    bare.write_text(f"cache: {looked.folder / 'cache'}\n" + text)
    assert click_run("html", bare).exit_code == 0
    assert not (tmp_path / "site/photos").exists()
    assert "Photos</a>" not in (tmp_path / "site/index.html").read_text()
    without = load_plan(bare)
    assert not any(ref.keys & (kept(without, cache) | without.keys) for ref in refs.values())


def test_named_channels_that_the_plan_leaves_out_have_pictures_all_the_same(
    looked: Looked, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    text = looked.config.read_text().replace("photos: {", f"cache: {looked.folder / 'cache'}\nphotos: {{", 1)
    text = text.replace("cat.png", str(looked.folder / "cat.png"))
    text = text.replace("plain.png", str(looked.folder / "plain.png"))
    config.write_text(text.replace("[first, second, pool, classes]", "[{name: second, channels: 0-1}]"))
    (one, *_), cache = pursuits(config)
    seen, view = one.seen("second", cache), one.view("second", cache)
    assert seen is not None
    left_out = [channel for channel in lenses.named_channels(seen) if channel > 1]
    assert left_out and [channel for channel, _ in view.channels] == left_out
    plan = load_plan(config)
    before = set(cache.snapshot().entries)
    due = [key for _, key in view.channels if key not in before]
    assert one.due(before) == len(due)
    outcome = run(plan, (), InProcess(), Progress(), pursuits=[one])
    assert outcome.evidence == len(due) and not outcome.failures
    assert click_run("html", config).exit_code == 0
    (page,) = (tmp_path / "site").glob("photos/cat-dog~*/tiny.html")
    for channel in left_out:
        assert (page.with_suffix("") / "second" / f"{channel}.webp").is_file()
    assert f'/second/{left_out[0]}.webp"' in page.read_text()
    assert f'/second/{left_out[0]}.html"' not in page.read_text()


class Kill(Progress):
    """Ends a run after so many tasks, as a kill between two of them would."""

    def __init__(self, engine: InProcess, after: int) -> None:
        self.engine, self.left = engine, after
        self.made: list[str] = []

    def heard(self, result: Result) -> None:
        self.made += [output.key for output in result.outputs]
        self.left -= 1
        if not self.left:
            self.engine.stop()


def test_a_run_that_was_stopped_goes_on_and_makes_no_cell_twice(
    looked: Looked, tmp_path: Path, configure: Callable[..., Path]
) -> None:
    draw(tmp_path)
    config = configure(tmp_path, "[{name: second, channels: 0-1}]", photos="[cat.png]", recipes=RECIPES)
    plan = load_plan(config)
    cache = Cache(plan.config.cache)
    made: list[str] = []
    for after in (2, 3, 0):
        engine = InProcess()
        progress = Kill(engine, after)
        outcome = run(plan, plan.due(cache), engine, progress, pursuits=photos_of(plan))
        assert not outcome.failures
        made += progress.made
    (one,) = photos_of(plan)
    view = one.view("second", cache)
    assert len(made) == len(set(made)) == 2 + len(view.keys) and len(set(view.cells)) > 100
    # In whatever order: the same pictures as in a run that was not stopped, under the same keys.
    there = cache.snapshot().entries
    whole, other = pursuits(looked.config)
    assert view.cells == whole[0].view("second", other).cells
    key = view.cells[100]
    assert cache.read(key, "png") == other.read(key, "png") and one.due(there) == 0


def test_shards_share_the_layers_between_them(looked: Looked) -> None:
    plan = load_plan(looked.config)
    cache = Cache(plan.config.cache)
    there = cache.snapshot().entries

    def tasks(shard: Shard | None) -> Iterator[tuple[str, ...]]:
        for one in photos_of(plan, shard=shard):
            for now in sorted(one.rounds):
                yield from (task.keys for task in one.tasks(now, there, cache, force=True))

    whole = sorted(chain.from_iterable(tasks(None)))
    parts = [list(chain.from_iterable(tasks(Shard(number, 3)))) for number in (1, 2, 3)]
    assert sorted(chain.from_iterable(parts)) == whole and sum(map(bool, parts)) > 1
    due = sum(one.due(()) for one in photos_of(plan))
    assert sum(one.due(()) for n in (1, 2, 3) for one in photos_of(plan, shard=Shard(n, 3))) == due


def test_only_a_layer_is_looked_at_if_only_that_is_asked_for(looked: Looked) -> None:
    plan = load_plan(looked.config)
    found = photos_of(plan, {("tiny", "second")})
    assert [one.layers for one in found] == [("second",), ("second",)]
    assert photos_of(plan, {("other", "second")}) == ()
    assert found[0].rounds == {Round.FIRST, Round.DIRECTIONS}


@pytest.mark.parametrize(
    ("photos", "message"),
    [
        ("[cat.png, none.png]", "photos.none: no such file: "),
        ("{a: .}", "is a folder, not a picture"),
        ("{a: broken.png}", "photos.a: "),
        ("[cat.png, deep/cat.png]", "photos: cat.png and deep/cat.png would both be called 'cat'; name them"),
        ("{a: {path: cat.png, licens: CC0}}", "photos.a.licens: unknown key; did you mean `licence`?"),
        ("{a: {caption: A cat.}}", "photos.a.path: is missing"),
        ("{a: 3}", "photos.a: should be a picture's path or a mapping of settings, not 3"),
        ("3", "photos: should be a list of pictures, or a mapping of names to pictures, not 3"),
        (
            "{a: {path: cat.png, fit: round}}",
            "photos.a.fit: should be 'crop', 'squash' or 'pad', not 'round'",
        ),
        ("{'': cat.png}", "photos: holds an empty name"),
        ("['']", "photos"),
    ],
)
def test_mistakes_are_told_in_one_line(
    tmp_path: Path, configure: Callable[..., Path], photos: str, message: str
) -> None:
    draw(tmp_path)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/cat.png").write_bytes((tmp_path / "cat.png").read_bytes())
    (tmp_path / "broken.png").write_bytes(b"\x89PNG nothing")
    said = click_run("plan", configure(tmp_path, photos=photos))
    assert said.exit_code == 2, said.output
    (line,) = [line for line in said.output.splitlines() if "photos" in line]
    assert message in line and "config.yaml:3: " in line


@pytest.mark.parametrize(
    "recipe", ["{base: channel}", "{objective: channel, cossim: 0}", "{objective: layer}"]
)
def test_the_recipe_of_cells_stays_one_of_directions(
    tmp_path: Path, configure: Callable[..., Path], recipe: str
) -> None:
    said = click_run("plan", configure(tmp_path, recipes=f"{{cell: {recipe}}}"))
    assert said.exit_code == 2 and "recipes.cell" in said.output, said.output
    said = click_run("plan", configure(tmp_path, recipes="{cell: {size: 96}}"))
    assert said.exit_code == 0, said.output


def test_a_photo_that_changed_since_the_plan_is_refused_and_the_rest_is_done(
    tmp_path: Path, configure: Callable[..., Path]
) -> None:
    draw(tmp_path)
    plan = load_plan(configure(tmp_path, "[{name: second, channels: 0}]", photos="[cat.png]"))
    found = photos_of(plan)
    Image.new("RGB", (40, 40), (1, 2, 3)).save(tmp_path / "cat.png")
    outcome = run(plan, (), InProcess(), Progress(), pursuits=found)
    (failure,) = outcome.failures
    assert "changed since the plan was made; run again" in failure.reason
    assert failure.title == "tiny/second (photo cat.png)"
