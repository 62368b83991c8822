"""`build-site publish` as a user runs it: checked, published, cloned, served under /repo/ and crawled."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urldefrag, urljoin
from urllib.request import ProxyHandler, build_opener

import pytest
from click.testing import Result

from tests.conftest import Rendered, click_run
from tests.gallery.conftest import files_of
from tests.gallery.test_whole_site import _Links
from tests.publishing.conftest import git
from tests.serving import serving


@pytest.fixture
def gallery(rendered: Rendered, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The config of a gallery that is built, in a repository."""
    shutil.copytree(rendered.folder / "cache", repository / "cache")
    config = shutil.copy(rendered.config, repository / "config.yaml")
    monkeypatch.chdir(repository)
    assert click_run("html", "--quiet").exit_code == 0
    return Path(config)


def lines(result: Result, code: int = 0) -> list[str]:
    assert result.exit_code == code, result.output
    return result.output.splitlines()


def test_without_options_it_checks_and_says_what_may_come_next(gallery: Path) -> None:
    told, *rest = lines(click_run("publish"))
    count = len(files_of(gallery.parent / "site"))
    assert told.startswith(f"site is fit to be published: {count} files, ") and "lead somewhere" in told
    assert rest == [
        "Next: `build-site publish --branch gh-pages` publishes it from here,",
        "      `build-site publish --workflow` has GitHub render and publish it.",
    ]
    assert git(gallery.parent, "branch", "--list") == "* main"


def test_what_is_due_is_told_and_counted(gallery: Path) -> None:
    from generator.cache.entries import Cache
    from generator.pipeline import load_plan

    assert lines(click_run("plan", "--values"))[0] == "due=0"
    plan = load_plan(gallery)
    for job in plan.jobs[:2]:
        Cache(plan.config.cache).remove(job.key)
    assert click_run("html", "--quiet").exit_code == 0
    assert "2 pictures or pieces of evidence are still due; pages say where one is missing." in lines(
        click_run("publish")
    )
    values = dict(line.split("=", 1) for line in lines(click_run("plan", "--values")))
    folder = gallery.parent.resolve()
    assert values == {"due": "2", "cache": str(folder / "cache"), "site": str(folder / "site")}
    parts = [lines(click_run("plan", "--values", "--shard", f"{n}/3"))[0] for n in (1, 2, 3)]
    assert sum(int(part.removeprefix("due=")) for part in parts) == 2


def test_what_is_unfit_is_not_published(gallery: Path, remote: Path) -> None:
    (gallery.parent / "site" / "models" / "tiny" / "first" / "channel" / "2.webp").unlink()
    *problems, last = lines(click_run("publish", "--branch", "gh-pages"), code=1)
    assert problems == [
        "Unfit: 1 picture is missing, such as models/tiny/first/channel/2.webp, which "
        f"{problems[0].split('which ')[1]}"
    ]
    assert last == "Error: site is not fit to be published: 1 problem."
    assert git(remote, "branch", "--list") == ""


def test_the_gallery_of_another_config_is_told(gallery: Path) -> None:
    text = gallery.read_text()
    gallery.write_text(text.replace("layers: [first, second]", "layers: [second, pool]"))
    problems = [line for line in lines(click_run("publish"), code=1) if line.startswith("Unfit: ")]
    assert problems == [
        "Unfit: 9 pages are missing that config.yaml asks for, such as models/tiny/pool/0.html; "
        "`build-site html config.yaml` writes the gallery as the config has it",
        "Unfit: 7 pages are there that config.yaml does not ask for, such as models/tiny/first/0.html; "
        "`build-site html config.yaml` writes the gallery as the config has it",
    ]


def test_a_gallery_that_is_not_there_is_told(gallery: Path) -> None:
    shutil.rmtree(gallery.parent / "site")
    (said,) = lines(click_run("publish", "--branch", "gh-pages"), code=2)
    assert said == "Error: site: holds no gallery yet; `build-site config.yaml` writes it"


# -- published, cloned, served, crawled ------------------------------------------------------------


@pytest.fixture
def host(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address that shows it."""
    folder = tmp_path / "host"
    folder.mkdir()
    with serving(folder) as address:
        yield folder, f"{address}/"


def crawl(start: str) -> dict[str, bytes]:
    """All that can be reached from an address without leaving what is below it; nothing may be missing."""
    found: dict[str, bytes] = {}
    ahead = [start]
    # urllib's own opener keeps the proxies of the first test that opened anything.
    straight = build_opener(ProxyHandler({}))
    while ahead:
        address = urldefrag(ahead.pop()).url
        if address in found or address.startswith("data:"):
            continue
        assert address.startswith(start), f"{address} leaves the gallery"
        try:
            with straight.open(address, timeout=10) as answer:
                found[address] = answer.read()
        except HTTPError as error:
            raise AssertionError(f"{address}: {error}") from error
        if address.endswith((".html", "/")):
            ahead += [urljoin(address, link) for _, link in _Links(found[address].decode()).links if link]
    return found


def test_it_is_published_cloned_served_and_crawled(
    gallery: Path, remote: Path, host: tuple[Path, str]
) -> None:
    folder, address = host
    said = lines(click_run("publish", "--branch", "gh-pages"))
    assert said[-1].startswith("Published ") and " to branch gh-pages of origin: commit " in said[-1]
    git(folder, "clone", "--quiet", "--branch", "gh-pages", str(remote), "repo")
    found = crawl(f"{address}repo/")
    site = files_of(gallery.parent / "site")
    reached = {path.removeprefix(f"{address}repo/"): data for path, data in found.items()}
    assert set(reached.values()) <= set(site.values())
    missed = {name for name in site if name not in reached and "sheet-" not in name}
    assert missed <= {
        *("404.html", "data/search.js", "data/run.js", ".nojekyll", ".pocket-microscope.json", "social.jpg"),
        *("static/map.css", "static/map.js", "static/photo.css", "static/photo.js"),
        *("static/atlas.css", "static/atlas.js"),
    }

    assert lines(click_run("publish", "--branch", "gh-pages"))[-1] == (
        "Nothing to publish: branch gh-pages of origin holds just this already."
    )
    gallery.write_text(f"title: Another title\n{gallery.read_text()}")
    assert click_run("html", "--quiet").exit_code == 0
    assert "Published " in lines(click_run("publish", "--branch", "gh-pages"))[-1]
    assert git(remote, "rev-list", "--count", "gh-pages") == "2"
    assert "Published " in lines(click_run("publish", "--branch", "gh-pages", "--squash"))[-1]
    assert git(remote, "rev-list", "--count", "gh-pages") == "1"
    assert git(gallery.parent, "diff", "--name-only") == "notes.txt"


def test_another_folder_can_be_published(gallery: Path, site: Path, remote: Path) -> None:
    lines(click_run("publish", "--site", site, "--branch", "other"))
    names = git(remote, "ls-tree", "-r", "--name-only", "other").splitlines()
    assert len(names) == len(files_of(site))


def test_each_model_s_site_is_complete_served_and_crawled(gallery: Path, host: tuple[Path, str]) -> None:
    folder, address = host
    text = gallery.read_text()
    gallery.write_text(text + text.partition("models:\n")[2].replace("  tiny:", "  The second:"))
    said = lines(click_run("publish", "--split"))
    assert sum("is fit to be published" in line for line in said) == 2
    assert said[-1].startswith("Next: publish each of the folders in site-split,")
    sites = sorted((gallery.parent / "site-split").iterdir())
    assert len(sites) == 2
    for site in sites:
        shutil.copytree(site, folder / site.name)
        pages = [path for path in crawl(f"{address}{site.name}/") if path.endswith(".html")]
        assert len(pages) == len([name for name in files_of(site) if name.endswith(".html")]) - 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--split", "--branch", "gh-pages"], "--split and --branch: --split only writes a site for each"),
        (["--split", "--workflow"], "--split and --workflow: "),
        (["--split", "--site", "site"], "--split and --site: "),
        (["--squash"], "--squash does nothing without --branch"),
        (["--remote", "origin", "--workflow"], "--remote does nothing without --branch"),
        (["--shards", "2"], "--shards does nothing without --workflow"),
        (["--runs", "2", "--branch", "gh-pages"], "--runs does nothing without --workflow"),
        (["--install", "x"], "--install does nothing without --workflow"),
        (["--force"], "--force does nothing without --branch or --workflow"),
        (["--workflow", "--site", "site"], "--site does nothing beside --workflow"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(gallery: Path, options: list[str], said: str) -> None:
    (told,) = lines(click_run("publish", *options), code=2)
    assert told.startswith(f"Error: {said}")
    assert not (gallery.parent / "site-split").exists()
