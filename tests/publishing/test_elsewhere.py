"""Sites that are too large in one piece: smaller files, pictures elsewhere, a site for each model."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks.synthetic import rich_plan
from generator.cache.entries import Cache
from generator.config.reading import read_config
from generator.console.publishing import split_site
from generator.errors import ConfigError
from generator.gallery.names import safe_names
from generator.gallery.site import SiteReport, build_site
from generator.plan import Plan, of_model
from generator.publishing import checking
from generator.publishing.checking import check_site
from tests.evident import evidence_of

ADDRESS = "https://pictures.example.org/mine/"
STEM = "models/Branch-Net~004f041aa344/stem"


def configured(plan: Plan, **settings: Any) -> Plan:
    values = {**plan.config.model_dump(), **settings}
    config = type(plan.config).model_validate({**values, "models": plan.config.models})
    return replace(plan, config=config)


def build(plan: Plan) -> SiteReport:
    return build_site(plan, Cache(plan.config.cache), evidence_of(plan))


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_pictures_at_another_address_are_in_a_folder_of_their_own(tmp_path: Path) -> None:
    plan = rich_plan(tmp_path)
    site, pictures = tmp_path / "site", tmp_path / "site-pictures"
    build(plan)
    together = files(site)
    elsewhere = configured(plan, pictures_url=ADDRESS)
    report = build(elsewhere)
    shown = {path for path in together if path.endswith((".webp", ".gif"))}
    assert files(pictures) == shown and files(site) == together - shown
    assert report.bytes < 10e6 and build(elsewhere).written == 0
    page = (site / STEM / "3.html").read_text()
    assert f'src="{ADDRESS}{STEM}/channel/3.webp"' in page
    assert re.search(r"img-src [^;]*https://pictures\.example\.org(;| )", page)
    found = check_site(site, (), (ADDRESS, pictures))
    assert found.problems == [] and found.links > 1000
    (pictures / STEM / "channel" / "3.webp").unlink()
    (problem,) = check_site(site, (), (ADDRESS, pictures)).problems
    assert f"1 picture is missing, such as {STEM}/channel/3.webp" in problem
    # And back again: what was moved is beside the pages, and the pages are as they were.
    (pictures / "mine.webp").write_bytes(b"a picture of my own")
    back = build(plan)
    assert files(back.output) == together and check_site(site).problems == []
    assert files(pictures) == {"mine.webp"}
    (pictures / STEM / "channel").mkdir(parents=True)
    (pictures / STEM / "channel" / "3.webp").write_bytes(b"a copy that somebody made")
    build(plan)
    assert files(pictures) == {"mine.webp", f"{STEM}/channel/3.webp"}


def test_smaller_files_are_asked_for_in_the_config_and_written_from_the_same_cache(tmp_path: Path) -> None:
    plan = rich_plan(tmp_path)
    before = build(plan)
    sizes = {path: path.stat().st_size for path in before.output.rglob("channel/*.webp")}
    smaller = configured(plan, pictures={"quality": 30, "size": 96})
    after = build(smaller)
    changed = [path for path, size in sizes.items() if path.stat().st_size != size]
    assert changed and after.bytes < before.bytes
    for path in changed:
        with Image.open(path) as image:
            assert max(image.size) == 96 or "sheet" in path.name
        assert path.stat().st_size < sizes[path]
    assert build(smaller).written == 0 and build(plan).bytes == before.bytes


def test_a_site_over_a_limit_is_told_the_ways_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = build(rich_plan(tmp_path)).output
    monkeypatch.setattr(checking, "SITE_LIMIT", 1_000_000)
    (problem,) = check_site(site).problems
    assert all(way in problem for way in ("`pictures: {", "`pictures_url`", "`build-site publish --split`"))


def test_a_split_site_has_a_complete_one_for_each_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = rich_plan(tmp_path)
    split_site(plan, tmp_path / "config.yaml")
    parts = sorted(path for path in (tmp_path / "site-split").iterdir())
    assert len(parts) == len(plan.config.models) > 1
    pages = {path for part in parts for path in files(part) if path.startswith("models/")}
    whole = files(build_site(plan, Cache(plan.config.cache)).output)
    assert {path for path in whole if path.startswith("models/") and path.endswith(".html")} <= pages
    for part in parts:
        assert (part / "index.html").is_file() and check_site(part).problems == []
        assert len({path.split("/")[1] for path in files(part) if path.startswith("models/")}) == 1
    assert capsys.readouterr().out.count("is fit to be published") == len(parts)


def test_the_site_of_a_model_that_left_the_config_goes_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    plan = configured(rich_plan(tmp_path), pictures_url=ADDRESS)
    split_site(plan, tmp_path / "config.yaml")
    above = tmp_path / "site-split"
    kept, gone = (above / slug for slug in safe_names(plan.config.models).values())
    (gone / "CNAME").write_text("gallery.example.org")
    (above / "notes").mkdir()
    (above / "notes" / "mine.txt").write_text("mine")
    before = files(kept)
    one = of_model(plan, next(iter(plan.config.models)), plan.config.output)
    split_site(one, tmp_path / "config.yaml")
    assert files(kept) == before and files(gone) == {"CNAME"}
    assert {path.name for path in above.iterdir()} == {kept.name, f"{kept.name}-pictures", gone.name, "notes"}


@pytest.mark.parametrize(
    "address", ["ftp://x/", "pictures", "https://a b/", 'https://x/"onload=', "https://x/?a"]
)
def test_an_address_of_pictures_that_can_be_none_is_a_line(tmp_path: Path, address: str) -> None:
    text = f"pictures_url: {address!r}\nmodels:\n  efficientnet-lite0: {{layers: [head]}}\n"
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ConfigError, match="pictures_url"):
        read_config(tmp_path / "config.yaml").check()
