"""A disk that is full, a folder that vanishes: a line, nothing half-written, and the next run goes on."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from generator.cache.entries import Cache
from tests.conftest import process_run
from tests.crash.running import Run, wait_until

PICTURES = 14


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of 96 kB; where none may be mounted, there is nothing to try."""
    disk = tmp_path / "small"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_is_a_line_and_is_gone_on_from_when_there_is_room(
    tmp_path: Path, small: Path, configure: Callable[..., Path]
) -> None:
    configure(tmp_path, cache=small / "cache", batch=2)
    full = process_run("render", "config.yaml", "--jobs", "1", cwd=tmp_path)
    assert full.code == 2 and full.complaints[-1].startswith("Error: ")
    assert full.complaints[-1].endswith("No space left on device") and "Traceback" not in full.err
    cache = Cache(small / "cache")
    kept = cache.keys()
    assert 0 < len(kept) < PICTURES and list(cache.verify()) == []
    subprocess.run(["mount", "-o", "remount,size=8m", str(small)], check=True)
    again = process_run("render", "config.yaml", "--jobs", "1", cwd=tmp_path)
    assert again.code == 0 and f"Rendered {PICTURES - len(kept)} pictures" in again.out
    assert len(cache.keys()) == PICTURES and not list(small.rglob("*.tmp"))


def test_a_gallery_that_does_not_fit_leaves_the_old_one_whole(
    tmp_path: Path, small: Path, configure: Callable[..., Path]
) -> None:
    config = configure(tmp_path, output=small / "site")
    assert process_run("render", "config.yaml", "--jobs", "1", cwd=tmp_path).code == 0
    subprocess.run(["mount", "-o", "remount,size=700k", str(small)], check=True)
    assert process_run("html", "config.yaml", cwd=tmp_path).code == 0
    before = {path: path.read_bytes() for path in small.rglob("*") if path.is_file()}
    config.write_text("title: Another\n" + config.read_text())
    full = process_run("html", "config.yaml", cwd=tmp_path)
    assert full.code == 2 and full.complaints[-1].endswith("No space left on device")
    assert {path: path.read_bytes() for path in small.rglob("*") if path.is_file()} == before


@pytest.mark.long
def test_a_cache_that_vanishes_in_mid_run_is_made_anew(
    tmp_path: Path, configure: Callable[..., Path]
) -> None:
    configure(tmp_path, batch=1, steps=60)
    run = Run("render", "config.yaml", "--jobs", "1", folder=tmp_path)
    cache = Cache(tmp_path / "cache")
    wait_until(lambda: len(cache.keys()) >= 3 or run.process.poll() is not None)
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    run.process.communicate(timeout=600)
    assert process_run("render", "config.yaml", "--jobs", "1", cwd=tmp_path).code == 0
    assert len(cache.keys()) == PICTURES and list(cache.verify()) == []
