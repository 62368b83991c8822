"""A gallery as data: all of it, as docs/export.md says, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.synthetic import anatomy, fill, layer, plan_of
from generator.gallery.site import SiteReport
from generator.gallery.table import AFTER, BEFORE, OF_RECIPE
from tests.conftest import ROOT
from tests.evident import FLAGS, FORMULA, evidence_of
from tests.gallery.conftest import build

NET = "models/Branch-Net~004f041aa344"
DATA = "data/Branch-Net~004f041aa344"

PARTS = {
    "dataset": "The data set",
    "photos": "A photo",
    "channels": "A channel",
    "whole": "A picture",
    "pictures": "A picture",
    "trust": "Trust",
    "recognised": "A recognition",
    "strongest": "An example",
    "lowest": "An example",
    "ordinary": "An example",
    "histogram": "A histogram",
    "labels": "A label",
    "classes": "Classes",
    "raised": "A class",
    "lowered": "A class",
    "built_from": "A circuit",
    "feeds": "A circuit",
    "exciting": "A connection",
    "inhibiting": "A connection",
    "relatives": "A relative",
}
"""Under which heading of the documentation the fields of a part are."""
BY_NAME = {"photos", "whole", "pictures", "trust", "recognised", "ordinary"}
"""Parts by recipe, quantile or number: their keys are no fields."""


def documented() -> dict[str, set[str]]:
    """The fields under each heading of docs/export.md."""
    fields: dict[str, set[str]] = {}
    for section in (ROOT / "docs" / "export.md").read_text("utf-8").split("\n## ")[1:]:
        heading, _, text = section.partition("\n")
        first = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
        fields[heading] = {name for cell in first for name in re.findall(r"`([^`]+)`", cell)}
    return fields


def written(value: Any, heading: str) -> Iterator[tuple[str, str]]:
    """Each field in a value, with the heading that it is under."""
    if isinstance(value, list):
        for one in value:
            yield from written(one, heading)
        return
    for name, one in value.items() if isinstance(value, dict) else ():
        yield heading, name
        if name in PARTS:
            for part in one.values() if name in BY_NAME and isinstance(one, dict) else [one]:
                yield from written(part, PARTS[name])


def layers(site: SiteReport) -> list[dict[str, Any]]:
    return [
        json.loads(path.read_bytes(), parse_constant=pytest.fail)
        for path in site.output.glob("data/*/*.json")
    ]


def table(site: SiteReport, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((site.output / name).read_text("utf-8"), newline="")))


def test_all_that_is_written_is_documented_and_all_that_is_documented_is_written(
    evident: SiteReport, varied: SiteReport
) -> None:
    found: dict[str, set[str]] = {}
    for one in (*layers(evident), *layers(varied)):
        for heading, name in written(one, "The layer"):
            found.setdefault(heading, set()).add(name)
    failures = json.loads((varied.output / "data" / "failures.json").read_bytes())
    found["What failed"] = {*failures, *failures["failures"][0]}
    # There is no derived layer here; tests/lens/test_dictionary_facts.py looks at one.
    found["The layer"].add("dictionary")
    wanted = documented()
    columns = wanted.pop("The table")
    atlas = json.loads(next(evident.output.glob("data/*/atlas/*.json")).read_bytes())
    assert wanted.pop("An atlas") == {*atlas, *atlas["levels"][0]["cells"][0]}
    wanted.pop("Photos of your own")  # tests/lens/test_photo_runs.py looks at one
    # No picture of a class has been shown to other networks here.
    assert found | {"A recognition": wanted["A recognition"]} == wanted
    own = {f"{name}:<recipe>" for name in OF_RECIPE}
    assert columns == {*BEFORE, *own, *AFTER}


def test_a_layer_is_told_whole(evident: SiteReport) -> None:
    stem = json.loads((evident.output / DATA / "stem.json").read_bytes())
    assert (stem["version"], stem["model"], stem["layer"]) == (1, "Branch Net", "stem")
    examples = [e for one in stem["channels"] for name in ("strongest", "lowest") for e in one.get(name, [])]
    assert stem["dataset"]["skipped"] == 1 and {str(e["photo"]) for e in examples} <= stem["photos"].keys()
    channels = stem["channels"]
    assert [one["channel"] for one in channels] == list(range(24))
    assert channels[3]["label"] == "curve" and channels[3]["tags"] == ["curve detectors", "early"]
    assert channels[1]["pictures"]["channel"] == {"state": "failed"}
    assert channels[2]["pictures"]["channel"] == {"state": "missing"}
    assert channels[4]["pictures"]["channel"]["state"] == "dead" and channels[4]["twins"] == [5]
    assert channels[3]["mean"] is None and channels[3]["flags"] == list(FLAGS[3])
    assert channels[0]["trust"]["channel"]["kinship"] is None
    for one in channels:
        assert len(one["strongest"]) == 9
        assert all(0 <= example["photo"] < 24 for example in one["strongest"])
        for picture in one["pictures"].values():
            assert "file" not in picture or (evident.output / picture["file"]).is_file()
        assert (evident.output / one["page"]).is_file()


def test_a_channel_is_a_line(evident: SiteReport) -> None:
    lines = (evident.output / DATA / "stem.json").read_text("utf-8").splitlines()
    assert [json.loads(line.rstrip(","))["channel"] for line in lines[1:-1]] == list(range(24))


def test_the_table_says_what_the_layers_say(evident: SiteReport) -> None:
    rows = table(evident, f"{DATA}.csv")
    of_layer = {one["layer"]: one["channels"] for one in layers(evident) if one["model"] == "Branch Net"}
    assert len(rows) == sum(map(len, of_layer.values())) == 78
    for row in rows:
        (channel,) = [one for one in of_layer[row["layer"]] if str(one["channel"]) == row["channel"]]
        for name in ("density", "pictures_on", "mean", "maximum"):
            assert row[name] == "" if channel[name] is None else math.isclose(float(row[name]), channel[name])
        activation = channel["pictures"]["channel"].get("activation")
        assert row["activation:channel"] == ("" if activation is None else repr(activation))
        assert row["flags"] == "; ".join(channel["flags"])
        relative = channel["relatives"][0]
        assert row["relative"] == f"Branch Net/{relative['layer']}/{relative['channel']}"
    stem = [row for row in rows if row["layer"] == "stem"]
    assert stem[4]["twins"] == "5" and stem[1]["state:channel"] == "failed"
    assert stem[3]["tags"] == "curve detectors; early"
    # A recipe of another layer is not known of this one.
    assert all(row["state:negative"] == "" for row in rows if row["layer"] == "mixed")


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    nasty = ("=1+1", "+1", "-1", "@x", "\tx", "＝1")
    network = {"=net": anatomy([layer("@deep", len(nasty), "input", shape=(len(nasty),))], classes=nasty)}
    plan = plan_of(tmp_path, network, {"=net": {"layers": ["@deep"], "recipes": ["=r"]}}, recipes={"=r": {}})
    fill(plan)
    site = build(plan, evidence_of(plan))
    (path,) = site.output.glob("data/*.csv")
    rows = table(site, path.relative_to(site.output).as_posix())
    assert [row["label"] for row in rows] == [f"'{name}" for name in nasty]
    assert rows[0]["top_label"] == f"'{FORMULA}"
    numbers = re.compile(r"-?[\d.]+(e-?\d+)?")
    for row in rows:
        for cell in (*row, *row.values()):
            assert numbers.fullmatch(cell) or not cell.startswith(("=", "+", "-", "@", "\t", "＝")), cell


def test_without_evidence_there_are_pictures_and_their_scores(rich: SiteReport) -> None:
    stem = json.loads((rich.output / DATA / "stem.json").read_bytes())
    assert "dataset" not in stem and "density" not in stem["channels"][5]
    assert stem["channels"][5]["pictures"]["negative"]["activation"] < 0
    rows = table(rich, f"{DATA}.csv")
    assert rows[5]["activation:negative"].startswith("-") and rows[5]["density"] == ""


def test_a_table_is_kept_while_its_layers_are(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"net": anatomy([layer("deep", 6, "input")])}, {"net": {"layers": ["deep"]}})
    fill(plan)
    evidence = evidence_of(plan)
    csv_path = build(plan, evidence).output / "data" / "net.csv"
    before = csv_path.stat().st_mtime_ns
    assert build(plan, evidence).written == 0 and csv_path.stat().st_mtime_ns == before
    # Without its evidence it is another table.
    assert build(plan).written > 0
    assert table(build(plan), "data/net.csv")[3]["flags"] == ""


def test_names_that_meet_on_a_disk_stay_apart(tmp_path: Path) -> None:
    """The folder of one model and the table of another."""
    one = anatomy([layer("deep", 2, "input"), layer("deep.json", 2, "deep")])
    names = ("net", "net.csv", "search.js")
    models = {name: {"layers": ["deep", "deep.json"]} for name in names}
    plan = plan_of(tmp_path, dict.fromkeys(names, one), models)
    fill(plan)
    site = build(plan)
    assert len(list(site.output.glob("data/*.csv"))) == 2 + 1
    assert len(list(site.output.glob("data/*/*.json"))) == 6
