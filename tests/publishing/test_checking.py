"""A site is checked before it is published: what is wrong is named, each mistake in a line, and only that."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.synthetic import rich_plan, varied_plan
from generator.cache.entries import Cache
from generator.gallery.site import build_site
from generator.publishing import checking
from generator.publishing.checking import check_site
from tests.evident import evidence_of
from tests.unruly import unruly_plan

STEM = "models/Branch-Net~004f041aa344/stem"


@pytest.mark.parametrize("kind", ["rich", "evident", "varied", "unruly"])
def test_whatever_we_build_is_fit(kind: str, tmp_path: Path) -> None:
    makers = {"varied": varied_plan, "unruly": unruly_plan}
    address = {} if kind in makers else {"url": "https://example.org/microscope/"}
    plan = makers.get(kind, rich_plan)(tmp_path, **address)
    output = build_site(
        plan, Cache(plan.config.cache), evidence_of(plan) if kind == "evident" else None
    ).output
    found = check_site(output, [tmp_path, Path.home()])
    assert found.problems == [] and found.warnings == []
    files = [path for path in output.rglob("*") if path.is_file()]
    assert (found.files, found.bytes) == (len(files), sum(path.stat().st_size for path in files))
    assert found.links > found.files


def edited(path: str, old: str, new: str) -> Callable[[Path], None]:
    def edit(site: Path) -> None:
        text = (site / path).read_text("utf-8")
        assert old in text
        (site / path).write_text(text.replace(old, new, 1), "utf-8")

    return edit


def without(path: str) -> Callable[[Path], None]:
    return lambda site: (site / path).unlink()


def written(path: str, text: str) -> Callable[[Path], None]:
    def write(site: Path) -> None:
        (site / path).parent.mkdir(exist_ok=True)
        (site / path).write_text(text, "utf-8")

    return write


MISTAKES: dict[str, tuple[Callable[[Path], object], str]] = {
    "page": (without(f"{STEM}/3.html"), f"1 address leads nowhere, such as {STEM}/3.html, which "),
    "picture": (without(f"{STEM}/channel/3.webp"), f"1 picture is missing, such as {STEM}/channel/3.webp,"),
    "sheet that only a script shows": (without(f"{STEM}/neuron/sheet-0.webp"), "1 picture is missing, such"),
    "style": (without("static/grid.css"), "1 address leads nowhere, such as static/grid.css, which models/"),
    "search data": (written("data/search.js", "window.MICROSCOPE = 3;"), "data/search.js: is not as the scr"),
    "nojekyll": (without(".nojekyll"), ".nojekyll is missing, so that GitHub Pages would leave out"),
    "404": (without("404.html"), "404.html is missing, so that wrong addresses would"),
    "404 with links": (
        written("404.html", "<link rel=stylesheet href=static/microscope.css><a href=index.html>home</a>"),
        "404.html: refers to index.html, but is shown at addresses of any depth",
    ),
    "link from the top": (
        edited("about.html", 'href="index.html"', 'href="/index.html"'),
        "1 link is absolute, such as /index.html, which about.html refers to",
    ),
    "link into the machine": (
        edited("about.html", 'href="index.html"', "href='file:///home/ada/x.html'"),
        "1 link is absolute, such as file:///home/ada/x.html",
    ),
    "link out of the site": (
        edited("about.html", 'href="index.html"', 'href="../../secret.html"'),
        "1 address leads nowhere, such as ../../secret.html, which about.html",
    ),
    "picture in a set": (
        edited("about.html", "</main>", '<img srcset="a.webp 1x, b.webp 2x" src=c.webp></main>'),
        "3 pictures are missing, such as a.webp",
    ),
    "picture of a style": (
        written("static/own.css", "b { background: url( 'none.png' ) }"),
        "1 picture is missing, such as static/none.png",
    ),
    "case": (
        written("About.html", "<p>Another</p>"),
        "About.html and about.html differ by case only, and are one on many disks",
    ),
    "case of a folder": (written("Static/new.txt", "x"), "Static and static differ by case only"),
    "accent": (
        lambda site: [(site / name).write_text("x") for name in ("caf\u00e9.txt", "cafe\u0301.txt")],
        "differ by case only",
    ),
    "symbolic link": (
        lambda site: (site / "more.txt").symlink_to("/etc/hostname"),
        "more.txt: is a symbolic link, which hosts don't follow",
    ),
    "line break in a name": (written("a\nb.txt", "x"), "'a\\nb.txt': has a character in its name"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_that_names_it(mistake: str, site: Path) -> None:
    spoil, said = MISTAKES[mistake]
    spoil(site)
    (problem,) = check_site(site).problems
    assert said in problem and "\n" not in problem, problem


def test_what_is_no_link_is_not_taken_for_one(site: Path) -> None:
    text = (
        "<!-- <a href='/gone.html'> --><p>write href=\"/x\" or src=/y</p><a href='#main'>here</a>"
        "<a href=\"https://example.org/x\">x</a><a href='mailto:a@b'>m</a><a href=''>self</a>"
        "<a href='./'>up</a>"
        "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='><a href='?q=1'>q</a>"
        '<script>const link = `<a href="/nowhere">`;</script><a title="a > b" href="about.html?x=1#y">a</a>'
    )
    (site / "own.html").write_text(text)
    assert check_site(site).problems == []


def test_no_text_tells_where_things_are(site: Path) -> None:
    (site / "own.txt").write_text("see /home/ada/nets/digits.keras")
    (problem,) = check_site(site, [Path("/home/ada")]).problems
    assert problem.startswith("1 file tells where things are on this machine, such as /home/ada in own.txt")
    for harmless in ("/home/adam/nets", "x/home/ada", "../home/ada/1.html"):
        (site / "own.txt").write_text(harmless)
        assert check_site(site, [Path("/home/ada"), Path("/")]).problems == []


def test_limits_are_told_before_they_are_reached(site: Path) -> None:
    with (site / "large.bin").open("wb") as file:
        os.truncate(file.fileno(), 95_000_000)
    found = check_site(site)
    assert found.problems == []
    assert found.warnings[0].startswith(
        "large.bin has 95 MB, 95 % of the 100 MB that GitHub Pages takes a fi"
    )


def test_what_is_over_a_limit_is_a_problem_with_its_remedies(site: Path) -> None:
    for name, size in (("one.bin", 101_000_000), *((f"{n}.bin", 99_000_000) for n in range(10))):
        with (site / name).open("wb") as file:
            os.truncate(file.fileno(), size)
    whole, single = check_site(site).problems
    assert (
        whole.startswith("the site has 1,0") and " % of the 1,000 MB that GitHub Pages takes a site" in whole
    )
    assert "choose fewer `channels`" in whole
    assert single.startswith("one.bin has 101 MB, 101 % of the 100 MB that GitHub Pages takes a file: choose")


def test_a_checkout_of_its_own_is_no_part_of_a_site(site: Path) -> None:
    (site / ".git").mkdir()
    (site / ".git" / "config").write_text("secret")
    before = check_site(site)
    assert before.problems == [] and ".git/config" not in str(vars(before))


def test_a_folder_that_cannot_be_read_is_named(site: Path) -> None:
    folder = site / "data"
    real = checking.os.scandir

    def scandir(path: Path) -> object:
        if Path(path) == folder:
            raise PermissionError(13, "Permission denied")
        return real(path)

    checking_os = pytest.MonkeyPatch()
    with checking_os.context() as patch:
        patch.setattr(checking.os, "scandir", scandir)
        problems = check_site(site).problems
    assert any("data: can't be read: Permission denied" in problem for problem in problems)
