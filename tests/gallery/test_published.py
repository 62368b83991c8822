"""What a gallery tells strangers: what is so, and nothing of the machine that it was made on."""

from __future__ import annotations

import html
import shutil
from pathlib import Path

import pytest

from generator.cache.entries import Cache
from generator.cache.records import Failure
from generator.pipeline import load_plan
from tests.conftest import Rendered, click_run


@pytest.fixture(scope="module")
def published(rendered: Rendered, tiny_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the gallery of a network in a file elsewhere, one of its pictures failed."""
    folder = tmp_path_factory.mktemp("private") / "of the user"
    shutil.copytree(rendered.folder, folder)
    (folder / "cache" / "models").exists() and shutil.rmtree(folder / "cache" / "models")
    config = folder / "config.yaml"
    plan = load_plan(config)
    job = plan.jobs[3]
    cache = Cache(plan.config.cache)
    cache.remove(job.key)
    reason = f"OSError: {tiny_file}: [Errno 13] Permission denied: '{folder}/a photo.png'"
    cache.put_failure(Failure(job.key, job.title, reason, "2026-11-23T22:25:39+00:00"))
    result = click_run("html", config)
    assert result.exit_code == 0, result.output
    return folder


def test_no_page_tells_where_things_are_on_the_users_machine(published: Path, tiny_file: Path) -> None:
    texts = {".html", ".js", ".json", ".xml", ".svg", ".css", ".txt"}
    files = [path for path in (published / "site").rglob("*") if path.suffix in texts]
    assert len(files) > 10
    for path in files:
        text = html.unescape(path.read_text("utf-8"))
        for folder in (published, published.parent, tiny_file.parent, Path.home()):
            assert str(folder) not in text, path


def test_how_a_picture_was_made_is_told_as_it_was(published: Path) -> None:
    page = html.unescape((published / "site/models/tiny/second/0.html").read_text("utf-8"))
    assert "model        tiny (saved model tiny.keras)" in page
    # The config says 24 pixels; the network takes 32 and nothing else.
    assert "  size               32\n" in page and "  size               24" not in page
    assert 'width="32" height="32"' in page
