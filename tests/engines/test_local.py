"""The local engine: whatever becomes of a worker, every task comes back, and only the guilty one fails."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from generator.config.cookbook import BUILT_IN
from generator.config.schema import ModelConfig
from generator.engines.local import LocalEngine, default_jobs
from generator.engines.tasks import Result, Task

NETS = '''
"""Networks that kill the process that opens them: always, or the first time only."""
import os
import signal
from pathlib import Path

import keras


def harmless():
    pixels = keras.Input((16, 16, 3), name="pixels")
    return keras.Model(pixels, keras.layers.Conv2D(2, 3, name="layer")(pixels))


def deadly():
    os.kill(os.getpid(), signal.SIGKILL)


def deadly_once():
    mark = Path(__file__).with_name("mark")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return harmless()


def careless():
    raise ZeroDivisionError("this one raises")
'''


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the module `deadly_nets`, which processes that we start can import."""
    (tmp_path / "deadly_nets.py").write_text(NETS)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def task(function: str, channels: Sequence[int] = (0, 1), fingerprint: str = "") -> Task:
    config = ModelConfig.model_validate({"source": f"deadly_nets:{function}", "layers": "all"})
    recipe = BUILT_IN["channel"].model_copy(update={"size": 16, "steps": 2})
    return Task(function, config, fingerprint, "layer", recipe, tuple(channels), 2)


def fingerprint() -> str:
    from generator.models.zoo import open_model

    return open_model("harmless", task("harmless").config).anatomy.fingerprint


def errors(results: list[Result], name: str) -> list[str]:
    """What went wrong with each picture of the network of that name."""
    return [picture.error for result in results if result.task.model == name for picture in result.pictures]


def test_a_worker_that_dies_is_replaced_and_its_task_tried_again(nets: Path) -> None:
    print_ = fingerprint()
    tasks = [task("deadly_once", fingerprint=print_), task("harmless", fingerprint=print_)]
    results = list(LocalEngine(1).run(tasks))
    assert errors(results, "deadly_once") == errors(results, "harmless") == ["", ""]
    assert all(picture.png.startswith(b"\x89PNG") for result in results for picture in result.pictures)


def test_a_task_that_kills_two_workers_fails_alone(nets: Path) -> None:
    harmless = task("harmless", fingerprint=fingerprint())
    results = list(LocalEngine(2).run([task("deadly"), harmless, harmless, harmless]))
    assert errors(results, "deadly") == 2 * ["its worker process died twice, most likely out of memory"]
    assert errors(results, "harmless") == 6 * [""]


def test_what_goes_wrong_in_a_worker_is_said_and_the_next_task_goes_on(nets: Path) -> None:
    tasks = [
        task("careless"),
        task("harmless", fingerprint="of another network"),
        task("harmless", (0,), fingerprint()),
    ]
    first, second, third = sorted(LocalEngine(1).run(tasks), key=lambda result: tasks.index(result.task))
    assert [p.channel for p in first.pictures] == [0, 1]
    assert "ZeroDivisionError: this one raises" in first.pictures[0].error
    assert "changed since the plan was made" in second.pictures[0].error
    assert third.pictures[0].error == ""


def test_stop_starts_nothing_further(nets: Path) -> None:
    engine = LocalEngine(1)
    engine.stop()
    assert list(engine.run([task("harmless")])) == []


def test_jobs_suit_the_machine() -> None:
    assert default_jobs() >= 1 and LocalEngine(3).jobs == 3
