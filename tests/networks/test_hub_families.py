"""The page of networks has every vision family in KerasHub; `make networks` tries them."""

from __future__ import annotations

import re

import pytest

from docs.generate.hub_families import FAMILIES
from tests.conftest import ROOT

keras_hub = pytest.importorskip("keras_hub", exc_type=ImportError)

PAGE = (ROOT / "docs" / "networks.md").read_text()
ROWS = dict(re.findall(r"^\| ([^|]+) \| `(\w+)` \|", PAGE, re.MULTILINE))


def test_every_family_is_on_the_page() -> None:
    assert set(FAMILIES) <= set(ROWS)
    kinds = keras_hub.models.ImageClassifier.__subclasses__()
    assert {kind.__name__ for kind in kinds} <= set(ROWS.values())
    assert {kind.backbone_cls.__name__ for kind in kinds} <= set(ROWS.values())


def test_what_keeps_a_family_from_being_shown_is_said() -> None:
    second = PAGE.partition("## Presets of KerasHub")[2]
    well, count = map(int, re.findall(r"(\d+) of (\d+) went well", second)[0])
    assert count == len(ROWS) and second.count("| ok |") == well >= 40
