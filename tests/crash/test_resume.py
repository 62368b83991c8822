"""A run stopped in any way loses no finished picture, renders none twice, and leaves no process behind."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from generator.cache.entries import Cache
from generator.pipeline import load_plan
from tests.crash.running import Run, wait_until

REAL = """
size: 32
steps: 12
batch: 2
models:
  efficientnet-lite0:
    layers:
      - block2b_add
"""


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
def underway(tmp_path: Path, configure: Callable[..., Path], request: pytest.FixtureRequest) -> Iterator[Run]:
    """A run of 14 pictures, six of them done, the others taking minutes each; perhaps a deaf one."""
    path = configure(tmp_path, "[first, {name: second, recipes: [long]}]", batch=1)
    path.write_text(path.read_text() + "recipes:\n  long: {steps: 10000}\n")
    deaf = getattr(request, "param", "") == "deaf"
    run = Run("render", "config.yaml", "--jobs", "2", folder=tmp_path, deaf=deaf)
    wait_until(lambda: len(Cache(tmp_path / "cache").keys()) >= 6 or run.process.poll() is not None)
    yield run
    for process in run.descendants():
        os.kill(process, signal.SIGKILL)


def interrupt(run: Run) -> None:
    """As a terminal does it: Ctrl-C goes to all processes of the group."""
    os.killpg(run.process.pid, signal.SIGINT)


@pytest.mark.parametrize(
    ("underway", "stop"),
    [
        ("", interrupt),
        ("deaf", interrupt),
        ("", lambda run: run.process.terminate()),  # as a service manager does it: to the first process only
    ],
    indirect=["underway"],
    ids=["Ctrl-C", "Ctrl-C, ignored at the start", "SIGTERM"],
)
def test_a_stop_ends_within_a_step_and_says_how_to_go_on(
    tmp_path: Path, underway: Run, stop: Callable[[Run], None]
) -> None:
    stop(underway)
    said = underway.ended(130)
    stopped = re.search(r"^Stopped: (\d+) rendered, (\d+) left\. (.*)$", said, re.MULTILINE)
    assert stopped, said
    done, left = int(stopped[1]), int(stopped[2])
    assert stopped[3] == "`build-site` goes on from there."
    assert (done, left) == (6, 8), "no picture that takes ten minutes was waited for, none that was done lost"
    assert len(Cache(tmp_path / "cache").keys()) == 6
    assert list(Cache(tmp_path / "cache").verify()) == []
    assert not list(tmp_path.rglob("*.tmp"))
    assert complaints(said) == []


KNOWN = (
    "Stopping after the steps under way; once more stops at once.",
    "Stopped at once; finished pictures are kept.",
    r"Stopped: \d+ rendered, \d+ left\. `build-site` goes on from there\.",
    "Stopped; finished pictures are kept. The same command goes on.",
    r"[\d,]+ of 14 pictures, [\d.]+ a second, about \d+ min \d\d s left",
)


def complaints(said: str) -> list[str]:
    """Lines of standard error that tell no user anything."""
    lines = filter(None, said.splitlines())
    return [line for line in lines if not any(re.fullmatch(known, line) for known in KNOWN)]


@pytest.mark.parametrize("pause", [0.0, 0.1, 0.4])
def test_a_second_ctrl_c_stops_at_once_and_leaves_no_complaints(
    tmp_path: Path, underway: Run, pause: float
) -> None:
    """Whether it comes while the steps end, while that is said, or while the process takes itself down."""
    interrupt(underway)
    time.sleep(pause)
    interrupt(underway)
    assert complaints(underway.ended(130)) == []
    assert list(Cache(tmp_path / "cache").verify()) == []


SLOW = """
import time
from pathlib import Path

def build():
    Path(__file__).with_name("begun").touch()
    time.sleep(600)
"""


def test_ctrl_c_is_heard_while_a_network_is_opened_even_if_it_was_ignored_at_the_start(
    tmp_path: Path,
) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "config.yaml").write_text("models:\n  slow:\n    source: slow:build\n    layers: all\n")
    run = Run("render", "config.yaml", folder=tmp_path, deaf=True)
    wait_until(lambda: (tmp_path / "begun").exists())
    interrupt(run)
    assert complaints(run.ended(130)) == []
