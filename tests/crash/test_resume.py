"""A run stopped in any way loses no finished picture, renders none twice, and leaves no process behind."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from generator.cache.entries import Cache
from generator.pipeline import load_plan
from tests.conftest import command, environment

REAL = """
size: 32
steps: 12
batch: 2
models:
  efficientnet-lite0:
    layers:
      - block2b_add
"""


class Run:
    """build-site in a process group of its own, whose descendants can be found by a mark."""

    def __init__(self, *arguments: str | Path, folder: Path) -> None:
        self.mark = uuid.uuid4().hex
        self.process = subprocess.Popen(
            command(*arguments),
            cwd=folder,
            env=environment({"POCKET_TEST_MARK": self.mark}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def descendants(self) -> list[int]:
        """Ids of all processes that carry this run's mark, its own included."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                alive = (folder / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
                marked = f"POCKET_TEST_MARK={self.mark}".encode() in (folder / "environ").read_bytes()
            except OSError:
                continue
            if alive and marked:
                found.append(int(folder.name))
        return found

    def ended(self, code: int) -> str:
        """Waits for the end, checks the exit code and that nothing is left; what was said on stderr."""
        _, said = self.process.communicate(timeout=120)
        assert self.process.returncode == code, said
        wait_until(lambda: not self.descendants())
        return said


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def entries(folder: Path) -> dict[str, tuple[str, int]]:
    """Each whole entry's files: the hash of what is in them and when they were written."""
    cache = Cache(folder / "cache")
    keys = cache.keys()
    files = [path for key in keys for path in (cache.picture_path(key), cache.record_path(key))]
    return {
        path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) for path in files
    }


def test_three_kills_lose_no_finished_picture_and_render_none_twice(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(REAL)
    kept: dict[str, tuple[str, int]] = {}
    # The first kill comes with the first picture, the others in the midst of things.
    for more, options in [(1, ["--jobs", "2"]), (4, ["--jobs", "1"]), (5, ["--jobs", "1"])]:
        run = Run("config.yaml", *options, folder=tmp_path)
        before = len(kept) // 2
        wait_until(lambda: len(Cache(tmp_path / "cache").keys()) >= before + more)  # noqa: B023
        run.process.kill()
        run.ended(-signal.SIGKILL)
        whole = entries(tmp_path)
        assert kept.items() <= whole.items(), "an entry that was whole has been touched"
        assert list(Cache(tmp_path / "cache").verify()) == []
        kept = whole
    plan = load_plan(tmp_path / "config.yaml")
    assert len(kept) // 2 < len(plan.jobs) == 24
    last = Run("config.yaml", "--jobs", "1", folder=tmp_path)
    last.ended(0)
    whole = entries(tmp_path)
    assert kept.items() <= whole.items()
    assert Cache(tmp_path / "cache").keys() == plan.keys
    assert (tmp_path / "site" / "index.html").is_file()
    assert Cache(tmp_path / "cache").prune(plan.keys)[0] <= 3 * 2, "no more leftovers than kills under way"


@pytest.fixture
def underway(tmp_path: Path, configure: Callable[..., Path]) -> Iterator[Run]:
    """A run of 14 tasks whose first picture is done and whose others take their time."""
    configure(tmp_path, steps=400, batch=1)
    run = Run("render", "config.yaml", "--jobs", "2", folder=tmp_path)
    wait_until(lambda: Cache(tmp_path / "cache").keys() or run.process.poll() is not None)
    yield run
    for process in run.descendants():
        os.kill(process, signal.SIGKILL)


@pytest.mark.parametrize("way", ["Ctrl-C", "SIGTERM"])
def test_a_stop_finishes_what_is_under_way_and_says_how_to_go_on(
    tmp_path: Path, underway: Run, way: str
) -> None:
    # A terminal sends Ctrl-C to all processes of the group, a service manager SIGTERM to the first.
    if way == "Ctrl-C":
        os.killpg(underway.process.pid, signal.SIGINT)
    else:
        underway.process.terminate()
    said = underway.ended(130)
    stopped = re.search(r"^Stopped: (\d+) rendered, (\d+) left\. (.*)$", said, re.MULTILINE)
    assert stopped, said
    done, left = int(stopped[1]), int(stopped[2])
    assert stopped[3] == "`build-site` goes on from there."
    assert done + left == 14 and done == len(Cache(tmp_path / "cache").keys()) < 14
    assert list(Cache(tmp_path / "cache").verify()) == []
    assert not list(tmp_path.rglob("*.tmp"))
    assert "Traceback" not in said


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path, underway: Run) -> None:
    os.killpg(underway.process.pid, signal.SIGINT)
    time.sleep(0.3)
    os.killpg(underway.process.pid, signal.SIGINT)
    said = underway.ended(130)
    assert "Traceback" not in said
    assert list(Cache(tmp_path / "cache").verify()) == []
