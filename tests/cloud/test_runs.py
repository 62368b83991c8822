"""build-site on a cache in an object store: rendered, killed, resumed, shown, merged, kept in order."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import s3fs
from PIL import Image

from generator import api
from generator.cache.entries import Cache
from generator.errors import UserError
from generator.pipeline import load_plan
from tests.cloud.conftest import Proxy
from tests.conftest import Rendered, click_run
from tests.crash.test_resume import Run, wait_until


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_render_killed_in_mid_put_is_resumed_and_equals_an_uninterrupted_one(
    bucket: str, s3: Proxy, tmp_path: Path, configure: Callable[..., Path], rendered: Rendered
) -> None:
    config = configure(tmp_path, cache=f"{bucket}/kept", batch=2)
    under_way, puts = threading.Event(), 0

    def trouble(method: str, path: str) -> float | None:
        nonlocal puts
        puts += method == "PUT" and ".png" in path
        if puts == 5:
            under_way.set()
            return 2
        return None

    s3.trouble = trouble
    run = Run("render", config, "--jobs", "1", folder=tmp_path)
    wait_until(lambda: under_way.is_set() or run.process.poll() is not None)
    run.process.kill()
    run.ended(-signal.SIGKILL)
    s3.calm()
    cache = Cache(f"{bucket}/kept")
    before = cache.snapshot().entries
    assert 0 < len(before) < 14 and list(cache.verify()) == []
    said = click_run("render", config, "--jobs", "1")
    assert said.exit_code == 0 and f"Rendered {14 - len(before)} pictures" in said.output
    after = cache.snapshot().entries
    assert set(after) == load_plan(config).keys and all(after[key] == before[key] for key in before)
    whole = Cache(rendered.folder / "cache")
    assert {key: cache.read(key, "png") for key in after} == {key: whole.read(key, "png") for key in after}
    assert cache.prune(set(after)) == (0, 0), "nothing is left over"


@pytest.fixture
def kept(bucket: str, tmp_path: Path, configure: Callable[..., Path], rendered: Rendered) -> Path:
    """A config whose cache, in the object store, holds all of its pictures by a merge."""
    config = configure(tmp_path, cache=f"{bucket}/kept")
    said = click_run("merge", rendered.folder / "cache", "--config", config)
    assert said.exit_code == 0 and "14 copied" in said.output, said.output
    return config


def test_a_gallery_is_made_and_an_unchanged_one_fetches_no_picture(
    kept: Path, s3: Proxy, rendered: Rendered, tmp_path: Path
) -> None:
    said = click_run("html", kept)
    assert said.exit_code == 0, said.output
    config = rendered.config.read_text() + f"output: {tmp_path / 'near'}\n"
    near = rendered.folder / "near.yaml"
    near.write_text(config)
    try:
        assert click_run("html", near).exit_code == 0
    finally:
        near.unlink()
    assert content(tmp_path / "site") == content(tmp_path / "near")
    s3.asked.clear()
    said = click_run("html", kept)
    assert said.exit_code == 0 and not [
        line for line in s3.asked if ".png" in line and "list-type" not in line
    ]
    assert content(tmp_path / "site") == content(tmp_path / "near")


def test_commands_read_it(kept: Path, bucket: str, tmp_path: Path) -> None:
    assert "In all 0 of 14 pictures are due" in click_run("plan", kept).output
    assert ["In", "all", "14", "0"] in [
        line.split()[:4] for line in click_run("status", kept).output.splitlines()
    ]
    said = click_run("render", kept)
    assert said.output == f"Nothing to render: 14 pictures in {bucket}/kept, none missing.\n"
    cache = Cache(f"{bucket}/kept")
    key = min(cache.keys())
    cache.store.put(f"entries/{key[:3]}/{key}.png", b"nonsense")
    said = click_run("verify", kept)
    assert said.exit_code == 1 and f"Broken: {key}: its picture is not the one" in said.output
    assert click_run("verify", kept, "--fix").exit_code == 0
    assert "13 entries are whole" in click_run("verify", kept).output
    kept.write_text(kept.read_text().replace("[first, second]", "[first]"))
    assert re.match(r"Removed 1[46] files, ", click_run("prune", kept).output)


def test_caches_are_merged_from_there(kept: Path, bucket: str, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    config = own / "config.yaml"
    config.write_text(kept.read_text().replace(f"cache: {bucket}/kept", "cache: near"))
    said = click_run("merge", f"{bucket}/kept", "--config", config)
    assert said.exit_code == 0 and f"{bucket}/kept: 14 copied" in said.output
    assert Cache(own / "near").keys() == Cache(f"{bucket}/kept").keys()
    assert list(Cache(own / "near").verify()) == []
    assert "14 there already" in click_run("merge", f"{bucket}/kept", "--config", config).output
    for other, why in [
        (f"{bucket}/nothing", "is no cache: it holds neither"),
        ("s3://no-such-bucket/x", "there is no such bucket"),
        ("s3://", "names no bucket"),
    ]:
        said = click_run("merge", other, "--config", config)
        assert said.exit_code == 2 and why in said.output and said.output.count("\n") == 1
    said = click_run("merge", f"{bucket}/kept", "--config", kept)
    assert said.exit_code == 2 and "is the config's own cache" in said.output


def test_it_is_opened_in_python(kept: Path, bucket: str) -> None:
    opened = api.open_cache(f"{bucket}/kept")
    assert len(opened) == 14 and len(list(opened.records(layer="first"))) == 6
    picture = next(opened.pictures(layer="second"))
    assert isinstance(picture.image, Image.Image)
    with pytest.raises(UserError, match="is no cache, or an empty one"):
        api.open_cache(f"{bucket}/nothing")


@pytest.mark.parametrize(
    ("cache", "why"),
    [
        ("s3://", "names no bucket; write s3://bucket/prefix"),
        ("https://example.org/cache", "nothing can be written to https://; name a bucket"),
        ("file:///tmp/cache", "a folder of this machine is named as a path: /tmp/cache"),
        ("s3://bucket/a*", "can't hold '*' here"),
        ("s4://bucket/a", "cache: s4://bucket/a: Protocol not known: s4"),
        ("s3://no-such-bucket/a", "cache: s3://no-such-bucket/a: there is no such bucket"),
        ("[a]", "should be a path or an address"),
    ],
)
def test_a_place_that_can_not_be_used_is_a_line(
    s3: Proxy, tmp_path: Path, configure: Callable[..., Path], cache: str, why: str
) -> None:
    said = click_run("plan", configure(tmp_path, cache=cache))
    assert said.exit_code == 2 and why in said.output and "cache" in said.output, said.output
    assert said.output.count("Error") == 1 and "Traceback" not in said.output


@pytest.mark.long
def test_a_store_that_goes_away_in_mid_run_is_a_line_and_the_run_goes_on_later(
    bucket: str, s3: Proxy, tmp_path: Path, configure: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configure(tmp_path, cache=f"{bucket}/kept", batch=2)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    s3fs.S3FileSystem.clear_instance_cache()
    puts = 0

    def trouble(method: str, path: str) -> str | None:
        nonlocal puts
        puts += method == "PUT" and ".png" in path
        return "503" if puts > 4 else None

    s3.trouble = trouble
    said = click_run("render", config, "--jobs", "1")
    assert said.exit_code == 2 and f"Error: cache: {bucket}/kept: " in said.output, said.output
    s3.calm()
    said = click_run("render", config, "--jobs", "1")
    assert said.exit_code == 0 and re.search(r"Rendered 1\d pictures", said.output), said.output
    assert len(Cache(f"{bucket}/kept").keys()) == 14
