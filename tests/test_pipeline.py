"""From a plan to a cache on the real network: what a key stands for does not depend on how it was run."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.cache.entries import Cache
from tests.conftest import click_run

CONFIG = """
size: 160
steps: 24
batch: {batch}
models:
  efficientnet-lite0:
    layers: [{{name: head, channels: {channels}}}]
"""


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return pictures(tmp_path_factory.mktemp("apart"), batch=1, channels="[3, 7, 11, 5, 2]")


def pictures(folder: Path, batch: int, channels: str) -> dict[str, bytes]:
    """The lossless pictures of a run, by their keys."""
    (folder / "config.yaml").write_text(CONFIG.format(batch=batch, channels=channels))
    assert click_run("render", folder / "config.yaml", "--jobs", "1").exit_code == 0
    cache = Cache(folder / "cache")
    return {key: cache.picture_path(key).read_bytes() for key in sorted(cache.keys())}


def test_a_key_is_the_same_picture_whatever_the_batch_and_company(
    apart: dict[str, bytes], tmp_path: Path
) -> None:
    assert len(apart) == 5
    assert pictures(tmp_path, batch=8, channels="[2, 3, 5, 7, 11]") == apart


def test_a_key_is_the_same_picture_after_a_resume(apart: dict[str, bytes], tmp_path: Path) -> None:
    pictures(tmp_path, batch=2, channels="[11]")
    assert pictures(tmp_path, batch=3, channels="[2, 3, 5, 7, 11]") == apart
