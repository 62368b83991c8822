"""`build-site recipes`: every way to make a picture, in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from generator.cli import main
from generator.config.cookbook import BUILT_IN


def said(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["recipes", *map(str, words)])
    return result.exit_code, result.output


def test_all_are_listed_within_80_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, text = said()
    assert code == 0 and max(map(len, text.splitlines())) < 80
    channels, layers = text.split("Of a whole layer:")
    for name, recipe in BUILT_IN.items():
        assert f"\n  {name} " in (layers if recipe.of_whole_layer else channels)


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_is_shown_in_full(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, text = said(name)
    assert code == 0 and max(map(len, text.splitlines())) < 80
    missing = BUILT_IN[name].missing
    assert (f"You must give `{missing}`" in text) if missing else ("You must give" not in text)
    assert "\n  seed: 0" in text


def test_a_configs_own_are_shown_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "my.yaml"
    path.write_text("models: {VGG19: {layers: all}}\nrecipes: {mine: {size: 99, description: Ours.}}\n")
    assert "mine           Ours." in said("--config", path)[1]
    assert "\n  size: 99\n      Longer side" in said("mine", "--config", path)[1]
    assert said("mine")[0] == 2


def test_an_unknown_name_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, text = said("chanel")
    assert code == 2 and text.count("\n") == 1 and "channel" in text
