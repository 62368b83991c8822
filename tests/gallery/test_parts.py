"""The gallery's parts: names, notes, the graph's drawing, likeness, curves, themes."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.synthetic import anatomy, branching, fill, layer, plan_of, png, rich_plan, texture
from generator.errors import UserError
from generator.gallery.curve import HEIGHT, WIDTH, curve
from generator.gallery.diagram import Diagram, draw, shorten
from generator.gallery.gather import gather
from generator.gallery.likeness import likeness_order
from generator.gallery.names import relative, safe_names
from generator.gallery.notes import read_notes
from generator.gallery.pages import Note
from generator.gallery.pictures import GUTTER, TILE, WORTH_PROCESSES, Encoding, encode_all, tiny_tiles
from generator.gallery.place import Place
from generator.gallery.templating import Templates, script, without_folders
from generator.gallery.wording import count, number
from generator.models.anatomy import Anatomy
from tests.conftest import DECOYS, ROOT
from tests.gallery.conftest import build, files_of

# -- words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ((35, 35), "35 px of 128"),
        ((1, 7), "1 × 7 px of 128"),
        ((128, 128), "the whole input"),
        ((199, 7), "199 × 7 px of 128"),
        (None, "the whole input"),
    ],
)
def test_what_a_unit_sees_is_said_by_height_and_width(
    tmp_path: Path, field: tuple[int, int] | None, words: str
) -> None:
    (tmp_path / "sees.html").write_text(
        '{% import "partials/macros.html" as m %}{{ m.sees(layer, anatomy) }}'
    )
    network = anatomy([layer("conv", 4, "input", receptive_field=field)])
    said = Templates(tmp_path).part("sees.html", "sees.html", layer=network.layer("conv"), anatomy=network)
    assert said.strip() == words


# -- names and links -------------------------------------------------------------------------------

AWKWARD = [
    *(
        "../../etc",
        "a/b",
        "a\\b",
        "a:b",
        "a b",
        "a~b",
        "~",
        "-x",
        "?",
        "#",
        "%2e",
        "ä",
        "模型",
        "",
        "x" * 300,
    ),
    *("CON", "con.txt", "aux", "nul", "lpt1", "COM9.x", "x.", "x ", ".", "..", ".git"),
    *("index", "Index.html", "page.HTML", "a.webp"),
]


def test_ordinary_names_stay_as_they_are() -> None:
    names = ["efficientnet-lite0", "VGG19", "block5c_add", "Conv2d_1a_3x3", "mixed4.conv", "_private", "17"]
    assert safe_names(names) == {name: name for name in names}


def test_awkward_names_become_safe_and_stay_apart() -> None:
    safe = safe_names(AWKWARD)
    assert len({name.casefold() for name in safe.values()}) == len(AWKWARD)
    for name in safe.values():
        assert 0 < len(name) <= 64
        assert all(letter.isascii() and (letter.isalnum() or letter in "._~-") for letter in name)
        assert not name.endswith(".") and not name.startswith(".")
        assert not name.lower().endswith((".html", ".webp"))


def test_reserved_and_dotted_names_never_appear_bare() -> None:
    for name in AWKWARD:
        assert safe_names([name])[name] != name


def test_names_that_differ_in_case_only_stay_apart() -> None:
    safe = safe_names(["Conv", "conv", "CONV", "other"])
    assert len({name.casefold() for name in safe.values()}) == 4
    assert safe["other"] == "other"


def test_a_name_can_not_be_chosen_to_meet_another() -> None:
    taken = safe_names(["a/b"])["a/b"]
    assert len(set(safe_names(["a/b", taken]).values())) == 2


@pytest.mark.parametrize(
    ("path", "page", "link"),
    [
        ("index.html", "index.html", "index.html"),
        ("index.html", "a/b/c.html", "../../index.html"),
        ("a/b/d.html", "a/b/c.html", "d.html"),
        ("a/x/d.html", "a/b/c.html", "../x/d.html"),
        ("a/b/c/d.html", "a/b/c.html", "c/d.html"),
        ("", "a/b.html", "../"),
        ("", "b.html", ""),
    ],
)
def test_links_are_relative(path: str, page: str, link: str) -> None:
    assert relative(path, page) == link


def test_awkward_models_and_layers_make_a_whole_gallery(tmp_path: Path) -> None:
    names = ["a/b", "A/b", "con", "..", "index.html", "ü"]
    network = anatomy([layer(name, 2, "input") for name in names], name="n")
    plan = plan_of(
        tmp_path, {"CON": network, "con": network}, {n: {"layers": ["all"]} for n in ("CON", "con")}
    )
    fill(plan)
    report = build(plan)
    pages = [name for name in files_of(report.output) if name.endswith("/1.html")]
    assert len({page.casefold() for page in pages}) == 2 * len(names)
    assert report.shown == 2 * 2 * len(names)


# -- notes -----------------------------------------------------------------------------------------


def noted(folder: Path, text: str) -> tuple[dict[str, Note], list[str]]:
    plan = plan_of(folder, {"net": branching()}, {"net": {"layers": ["stem", "block/Add:2"]}})
    (folder / "notes.yaml").write_text(text, encoding="utf-8")
    return read_notes(folder / "notes.yaml", plan)


def test_notes_have_labels_texts_and_tags(tmp_path: Path) -> None:
    notes, warnings = noted(
        tmp_path,
        "net/stem/3: {label: curve, text: 'two\n lines', tags: [a, b, a]}\n"
        "net/block/Add:2/1: bare label\nnet/stem: {tags: one}\n",
    )
    assert warnings == []
    assert notes["net/stem/3"] == Note("curve", "two lines", ("a", "b"))
    assert notes["net/block/Add:2/1"] == Note("bare label")
    assert notes["net/stem"] == Note(tags=("one",))


def test_notes_on_nothing_are_warned_about(tmp_path: Path) -> None:
    notes, warnings = noted(
        tmp_path, "net/steam/3: x\nnet/stem/99: x\nnet/stem/1: {lable: x}\nnet/stem/2: [x]\n"
    )
    assert set(notes) == {"net/stem/1", "net/stem/2"}
    assert [warning.partition("notes.yaml:")[2] for warning in warnings] == [
        "1: net/steam/3: nothing in the gallery has that address; is it in net/stem?",
        "2: net/stem/99: nothing in the gallery has that address; is it in net/stem?",
        "3: net/stem/1.lable: unknown key; did you mean `label`?",
        "4: net/stem/2: should be a label or a mapping of label, text, tags, not a list",
    ]


def test_notes_of_any_type_are_read_or_warned_about(tmp_path: Path) -> None:
    notes, warnings = noted(
        tmp_path,
        "net/stem/0: 2026-11-23\nnet/stem/1: {label: 15, tags: [2026, yes]}\nnet/stem/2: !!set {a}\n"
        "net/stem/3: on\nnet/stem/4: {label: {a: b}, text: [], tags: {a: b}}\n2026: x\n? [a]\n: x\n"
        "net/stem/5:\nnet/stem/0: twice\n",
    )
    assert notes["net/stem/0"] == Note("twice")
    assert notes["net/stem/1"] == Note("15", tags=("2026",))
    assert [warning.partition("notes.yaml:")[2] for warning in warnings] == [
        "1: a key should be text, not a list or a mapping",
        "2: net/stem/1.tags[1]: should be text, in quotes if need be, not true",
        "3: net/stem/2: is of the type !!set, which has no place here; "
        "write text, a number, a list or a mapping",
        "4: net/stem/3: should be a label or a mapping of label, text, tags, not true",
        "5: net/stem/4.label: should be text, in quotes if need be, not a mapping",
        "5: net/stem/4.text: should be text, in quotes if need be, not a list",
        "5: net/stem/4.tags: should be text, in quotes if need be, not a mapping",
        "6: 2026: nothing in the gallery has that address",
        "9: net/stem/5: should be a label or a mapping of label, text, tags, not nothing",
        "10: net/stem/0: is given twice",
    ]


@pytest.mark.parametrize(
    ("text", "message"), [("a: [", r"notes\.yaml:1: not valid YAML"), ("- a\n", "should hold notes such as")]
)
def test_broken_notes_end_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        noted(tmp_path, text)


def test_no_notes_are_fine_but_a_missing_file_of_another_name_is_told(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"net": branching()}, {"net": {"layers": ["stem"]}})
    assert read_notes(tmp_path / "notes.yaml", plan) == ({}, [])
    assert "no such file" in read_notes(tmp_path / "mine.yaml", plan)[1][0]


def test_families_gather_what_shares_a_tag(tmp_path: Path) -> None:
    output = build(rich_plan(tmp_path)).output
    family = (output / "families" / f"{safe_names(['curve detectors'])['curve detectors']}.html").read_text(
        "utf-8"
    )
    assert "stem 3" in family and "stem 5" in family and "mixed 7" not in family
    assert "Arcs open to the right &amp; &lt;upwards&gt;." in family


# -- the graph -------------------------------------------------------------------------------------


def drawing(network: Anatomy, *layers: str) -> Diagram:
    plan = plan_of(Path("/nowhere"), {"net": network}, {"net": {"layers": list(layers)}})
    return draw(gather(plan, {}).site.models[0])


def boxes_of(diagram: Diagram) -> dict[str, tuple[float, float]]:
    return {box.layers[0].name: (box.x, box.y) for box in diagram.boxes}


def test_branches_stand_beside_each_other_and_runs_share_a_box() -> None:
    diagram = drawing(branching(), "stem", "mixed")
    places = boxes_of(diagram)
    assert set(places) == {"input", "stem", "left_conv", "right", "mixed", "block/Add:2", "pool"}
    assert places["left_conv"][1] == places["right"][1]
    assert abs(places["left_conv"][0] - places["right"][0]) > 84
    assert places["stem"][1] < places["right"][1] < places["mixed"][1] < places["block/Add:2"][1]
    assert "left · 3 layers" in [box.text for box in diagram.boxes]
    box_of = {layer.name: number for number, box in enumerate(diagram.boxes) for layer in box.layers}
    ways = {(box_of[before], box_of[one.name]) for one in branching().layers for before in one.inputs}
    assert len(diagram.paths) == len([way for way in ways if way[0] != way[1]])


def test_no_two_boxes_overlap_and_all_are_in_the_picture() -> None:
    """Four inception-like modules, each with branches of different lengths and a skip connection."""
    layers = [layer("stem", 8, "input")]
    for module in range(4):
        before = layers[-1].name
        ends = [before]
        for branch in range(5):
            above = before
            for step in range(branch):
                # Shown layers keep their own boxes, so that branches differ in length.
                layers.append(layer(f"m{module}b{branch}s{step}", 8, above))
                above = layers[-1].name
            ends.append(above)
        layers.append(layer(f"m{module}", 8, *dict.fromkeys(ends), kind="Concatenate"))
    diagram = drawing(anatomy(layers), "all")
    frames = []
    for box in diagram.boxes:
        width, height = box.size
        assert box.left >= 0 and box.left + width <= diagram.width
        assert box.y >= 0 and box.y + height <= diagram.height
        frames.append((box.left, box.y, box.left + width, box.y + height))
    for number_, (left, top, right, bottom) in enumerate(frames):
        for other in frames[number_ + 1 :]:
            apart = right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
            assert apart, (frames[number_], other)


def test_a_chain_is_a_straight_line() -> None:
    layers = [layer(f"conv{n}", 8, f"conv{n - 1}" if n else "input") for n in range(30)]
    diagram = drawing(anatomy(layers), "all")
    assert len({round(box.x) for box in diagram.boxes}) == 1
    assert len(drawing(anatomy(layers), "conv29").boxes) == 3


def test_long_names_keep_both_ends() -> None:
    assert shorten("short", 10) == "short"
    assert shorten("a_very_long_layer_name_17", 12) == "a_very…me_17"


# -- pictures --------------------------------------------------------------------------------------


def here(path: Path) -> Place:
    """A file that waits for no others."""
    return Place(path, path)


def test_sheets_hold_their_thumbnails_in_order(tmp_path: Path) -> None:
    sources = []
    for place in range(10):
        sources.append(tmp_path / f"{place}.png")
        sources[-1].write_bytes(png(np.full((48, 48, 3), place * 20, np.uint8)))
    pictures = tuple((source, here(tmp_path / f"{source.stem}.webp")) for source in sources)
    (made,) = encode_all([Encoding(here(tmp_path / "sheet.webp"), (*pictures, (None, None)))])
    assert made.changed and len(made.written) == 10
    assert made.digests == (*(sha256(path.read_bytes()).hexdigest() for path in sources), "")
    with Image.open(tmp_path / "sheet.webp") as sheet:
        assert sheet.size == (8 * (TILE + 2 * GUTTER), 2 * (TILE + 2 * GUTTER))
    assert np.allclose(made.tiny[:10].mean(axis=(1, 2, 3)), np.arange(10) * 20)
    assert np.array_equal(tiny_tiles(made.encoding), made.tiny)


def test_many_sheets_in_several_processes_are_the_same_as_in_one(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(texture(3, 64)))
    encodings = [
        Encoding(
            here(tmp_path / f"sheet-{n}.webp"), ((tmp_path / "a.png", here(tmp_path / f"{n}.webp")),) * 64
        )
        for n in range(7)
    ]
    assert sum(len(one.pictures) for one in encodings) > WORTH_PROCESSES
    assert [made.encoding for made in encode_all(encodings)] == encodings
    assert len({(tmp_path / f"sheet-{n}.webp").read_bytes() for n in range(7)}) == 1
    assert not any(made.changed or made.written for made in encode_all(encodings[:3]))


def test_a_script_without_a_guard_gets_its_sheets_too(tmp_path: Path) -> None:
    """Fresh processes run the main script again; where that fails, sheets are made without them."""
    (tmp_path / "a.png").write_bytes(png(texture(3, 64)))
    (tmp_path / "script.py").write_text(
        "from pathlib import Path\n"
        "from generator.gallery.pictures import Encoding, encode_all\n"
        "from generator.gallery.place import Place\n"
        "places = [Place(Path(f'{n}.webp'), Path(f'{n}.webp')) for n in range(8)]\n"
        "encodings = [Encoding(place, ((Path('a.png'), None),) * 64) for place in places]\n"
        "print(len(list(encode_all(encodings))))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.stdout.split()[-1] == "8", done.stderr
    assert len(list(tmp_path.glob("*.webp"))) == 8


def test_files_in_the_current_folder_take_no_modules_place_where_sheets_are_made(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(texture(3, 64)))
    for name in DECOYS:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('this is not what you wanted')\n")
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "script.py").write_text(
        "from pathlib import Path\n"
        "from generator.gallery.pictures import Encoding, encode_all\n"
        "from generator.gallery.place import Place\n"
        "if __name__ == '__main__':\n"
        "    places = [Place(Path(f'{n}.webp'), Path(f'{n}.webp')) for n in range(8)]\n"
        "    encodings = [Encoding(place, ((Path('a.png'), None),) * 64) for place in places]\n"
        "    print(len(list(encode_all(encodings))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "script/script.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("8\n", "")


def test_neighbours_in_the_order_of_likeness_look_alike() -> None:
    """Red, green and striped pictures in a random order come out in three runs."""
    random = np.random.default_rng(0)
    kinds = random.permutation(np.repeat([0, 1, 2], 12))
    tiles = random.integers(0, 60, (36, 32, 32, 3), np.uint8)
    tiles[kinds == 0, ..., 0] += 150
    tiles[kinds == 1, ..., 1] += 150
    tiles[kinds == 2, :, ::4] += 150
    order = likeness_order(tiles)
    assert sorted(order) == list(range(36))
    seen = kinds[order]
    assert int((seen[1:] != seen[:-1]).sum()) == 2


# -- small things ----------------------------------------------------------------------------------


def test_a_curve_fills_its_box_and_marks_zero() -> None:
    plot = curve([-1.0, 0.0, 3.0])
    assert plot is not None
    assert plot.points == f"0,{HEIGHT} {WIDTH // 2},{HEIGHT * 0.75:g} {WIDTH},0"
    assert plot.zero == HEIGHT * 0.75
    assert curve([2.0, 2.0]) is not None
    assert curve([1.0]) is None


@pytest.mark.parametrize(
    "text, shown",
    [
        ("/home/me/nets/digits.keras", "digits.keras"),
        (r"C:\Users\me\nets\digits.keras", "digits.keras"),
        ("~/nets/digits.keras", "digits.keras"),
        ("can't read '/srv/a/b.png': no", "can't read 'b.png': no"),
        ("see https://example.org/a/b, layer block/Add:2", "see https://example.org/a/b, layer block/Add:2"),
        ("OSError:/home/me/my nets/a b.png: gone", "OSError:a b.png: gone"),
        ('File "/usr/lib/x.py", line 3', 'File "x.py", line 3'),
        ("/a.png: gone", "/a.png: gone"),
        ("package.module:build", "package.module:build"),
        ("1/2 or 3 / 4", "1/2 or 3 / 4"),
    ],
)
def test_files_are_named_without_their_folders(text: str, shown: str) -> None:
    assert without_folders(text) == shown


def test_numbers_are_written_for_people() -> None:
    values = (0.12345, -3.21987, 12345.6, 1e-7, -0.0)
    assert [number(value) for value in values] == ["0.123", "−3.22", "12346", "1.0e-07", "0"]
    assert count(1234567) == "1\u202f234\u202f567"


def test_data_can_not_end_a_script() -> None:
    assert "</script>" not in script({"a": "</script><b>"})


# -- themes ----------------------------------------------------------------------------------------


def test_a_theme_replaces_templates_and_static_files(tmp_path: Path) -> None:
    theme = tmp_path / "theme"
    (theme / "partials").mkdir(parents=True)
    (theme / "static").mkdir()
    (theme / "about.html").write_text(
        '{% extends "original/about.html" %}'
        "{% block main %}<h1>By {{ site.title }}</h1>{{ super() }}{% endblock %}"
    )
    (theme / "static" / "microscope.css").write_text("body { color: red }")
    (theme / "static" / "logo.svg").write_text("<svg/>")
    plan = rich_plan(tmp_path, templates=theme, title="Me")
    first = build(plan)
    about = (first.output / "about.html").read_text("utf-8")
    assert "<h1>By Me</h1>" in about and "Recipes in this gallery" in about
    assert (first.output / "static" / "microscope.css").read_text() == "body { color: red }"
    assert (first.output / "static" / "logo.svg").exists()
    assert (first.output / "static" / "microscope.js").exists()
    (theme / "static" / "logo.svg").unlink()
    (theme / "about.html").write_text("<!doctype html><title>x</title>")
    again = build(plan)
    assert (again.written, again.removed) == (1, 1)


def test_a_style_sheet_is_no_template(tmp_path: Path) -> None:
    """The page for lost addresses holds it, for it can link to none."""
    style = "p::before { content: '{# {% {{ </style><b>' } /* ü */"
    (tmp_path / "theme" / "static").mkdir(parents=True)
    (tmp_path / "theme" / "static" / "microscope.css").write_text(style, "utf-8")
    output = build(rich_plan(tmp_path, templates=tmp_path / "theme")).output
    assert (output / "static" / "microscope.css").read_text("utf-8") == style
    lost = (output / "404.html").read_text("utf-8")
    assert style.replace("</", "<\\/") in lost
    assert lost.index("</style>") > lost.index("ü")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{% if %}", r"about\.html:1: Expected an expression"),
        ("\n{{ nonsense.more }}", r"about\.html:2: 'nonsense' is undefined"),
    ],
)
def test_a_broken_theme_names_its_file_and_line(tmp_path: Path, template: str, message: str) -> None:
    (tmp_path / "theme").mkdir()
    (tmp_path / "theme" / "about.html").write_text(template)
    with pytest.raises(UserError, match=message):
        build(rich_plan(tmp_path, templates=tmp_path / "theme"))


def test_a_missing_theme_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        build(rich_plan(tmp_path, templates=tmp_path / "theme"))
