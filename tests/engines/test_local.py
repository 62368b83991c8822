"""The local engine: whatever becomes of a worker, every task comes back, and only the guilty one fails."""

from __future__ import annotations

import ctypes
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from generator.config.cookbook import BUILT_IN
from generator.config.schema import ModelConfig
from generator.engines import local, process
from generator.engines.local import LocalEngine
from generator.engines.pictures import PictureTask
from generator.engines.process import last_words
from generator.engines.tasks import Bench, Output, Pace, Result, Task
from generator.errors import WorkerError
from generator.models.zoo import open_model
from tests.conftest import DECOYS, ROOT, environment
from tests.rendering import picture_task

NETS = """
import os
import signal
import sys
from pathlib import Path

import keras


def harmless():
    pixels = keras.Input((16, 16, 3), name="pixels")
    return keras.Model(pixels, keras.layers.Conv2D(2, 3, name="layer")(pixels))


def deadly_once():
    mark = Path(__file__).with_name("mark")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return harmless()


def exiting():
    sys.exit("no such data")
"""

LIGHT = """
from generator.engines import worker

worker.start_tensorflow = lambda threads: None
worker.main()
"""


@pytest.fixture
def light(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers without TensorFlow, which start in a tenth of the time."""
    boot = tmp_path / "light.py"
    boot.write_text(LIGHT)
    monkeypatch.setattr(process, "_BOOT", str(boot))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@dataclass(frozen=True)
class Sum:
    """A task of another kind than pictures: adds two numbers, or asks the others what the sum is."""

    first: int
    second: int = 0
    ask: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        return (f"{self.first}+{self.second}",)

    @property
    def pace(self) -> Pace:
        return Pace("arithmetic", "sums", 1.0)

    def work(self, bench: Bench) -> Result:
        answer = str(self.first + self.second)
        if self.ask:
            answer = bench.agree("sum", answer)
        output = Output(self.keys[0], {"sum": answer, "memory": bench.memory}, {"txt": answer.encode()})
        return Result(self, (output,), 0.5)

    def smaller(self) -> Sum:
        return self


@dataclass(frozen=True)
class Patient(Sum):
    """Works in steps of a hundredth of a second, for ten minutes; makes a file when it has begun."""

    mark: Path = Path()
    deaf: bool = False

    def work(self, bench: Bench) -> Result:
        self.mark.touch()
        for _ in range(60_000):
            time.sleep(0.01)
            if bench.stopping() and not self.deaf:
                return Result(self, ())
        return super().work(bench)


@dataclass(frozen=True)
class Ending(Sum):
    """Says something and ends its process."""

    how: str = ""

    def work(self, bench: Bench) -> Result:
        if self.how == "raises":
            raise ZeroDivisionError("this one raises")
        print("goodbye, and thanks for all the fish", flush=True)
        if self.how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "crashes":
            ctypes.string_at(0)
        os._exit(7)


def thread_of_reading() -> Sum:
    """A sum of the number of the thread that it is read in."""
    return Sum(threading.get_ident())


class Read(Sum):
    """A task that becomes another when it is read."""

    def __reduce__(self) -> tuple[object, ...]:
        return thread_of_reading, ()


@dataclass(frozen=True)
class InThread(Sum):
    """Its sum is the number of the thread that tasks are worked off in."""

    def work(self, bench: Bench) -> Result:
        return Result(self, (Output(self.keys[0], {"sum": str(threading.get_ident())}),))


def errors(results: list[Result]) -> dict[str, str]:
    """What went wrong with each output, by key."""
    return {output.key: output.error for result in results for output in result.outputs}


def sums(results: list[Result]) -> dict[str, str]:
    return {output.key: output.record["sum"] for result in results for output in result.outputs}


# -- tasks of all kinds ----------------------------------------------------------------------------


def picture(function: str, fingerprint: str, channels: tuple[int, ...] = (0, 1)) -> PictureTask:
    config = ModelConfig.model_validate({"source": f"deadly_nets:{function}", "layers": "all"})
    recipe = BUILT_IN["channel"].model_copy(update={"size": 16, "steps": 2})
    return picture_task(function, config, "layer", recipe, channels, fingerprint=fingerprint)


def test_pictures_and_others_are_worked_off_even_if_a_worker_dies_or_a_network_exits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deadly_nets.py").write_text(NETS)
    monkeypatch.syspath_prepend(tmp_path)
    print_ = open_model("harmless", picture("harmless", "").config).anatomy.fingerprint
    tasks = [picture("exiting", print_, (5,)), picture("deadly_once", print_), Sum(1, 2)]
    results = list(LocalEngine(1).run(tasks))
    said = errors(results)
    assert "no such data" in said.pop("5") and set(said.values()) == {""}
    made = {output.key: output.files for result in results for output in result.outputs}
    assert made["1+2"] == {"txt": b"3"} and made["0"]["png"] != made["1"]["png"]
    assert sorted(map(id, tasks)) == sorted(id(result.task) for result in results)


@pytest.mark.usefixtures("light")
def test_all_workers_agree_with_the_first_that_had_an_answer() -> None:
    results = list(LocalEngine(2).run([Sum(n, n, ask=True) for n in range(4)]))
    assert len(results) == 4 and len(set(sums(results).values())) == 1


@pytest.mark.usefixtures("light")
def test_tasks_are_read_in_the_thread_that_imports_tensorflow_and_works_them_off() -> None:
    """Reading one imports modules: beside another import Python's locks have come to a deadlock."""
    read, worked = LocalEngine(1).run([Read(1), InThread(1)])
    assert [*sums([read]).values()] == [*sums([worked]).values()]


@pytest.mark.usefixtures("light")
def test_a_worker_is_told_its_memory_and_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local.memory, "available", lambda: 6 << 30)
    (result,) = LocalEngine(2).run([Sum(1)])
    # Its half, less what it takes by itself.
    assert 2.5 * (1 << 30) < result.outputs[0].record["memory"] < 3 << 30


# -- workers that die ------------------------------------------------------------------------------


@pytest.mark.usefixtures("light")
@pytest.mark.parametrize(
    ("how", "end"),
    [
        ("killed", "was killed by signal 9 (SIGKILL)"),
        ("crashes", "was killed by signal 11 (SIGSEGV)"),
        ("leaves", "ended with exit code 7"),
    ],
)
def test_a_task_that_kills_two_workers_fails_alone_and_says_how(how: str, end: str) -> None:
    results = list(LocalEngine(2).run([Sum(1), Ending(0, how=how), Sum(2), Sum(3), Sum(4)]))
    said = errors(results)
    # Where the system has just ended some process for want of memory, that is said too.
    assert said.pop("0+0").partition("; meanwhile")[0] == (
        f"its worker process died twice: it {end}; its last words: goodbye, and thanks for all the fish"
    )
    assert said == {"1+0": "", "2+0": "", "3+0": "", "4+0": ""}


@pytest.mark.usefixtures("light")
def test_what_a_task_raises_is_said_and_the_worker_goes_on() -> None:
    results = list(LocalEngine(1).run([Ending(0, how="raises"), Sum(1)]))
    assert errors(results) == {"0+0": "ZeroDivisionError: this one raises", "1+0": ""}


@pytest.mark.usefixtures("light")
@pytest.mark.parametrize(
    ("kills", "hint"),
    [
        ((3, 3), ""),
        ((3, 5), "; meanwhile the system ended 2 processes because memory ran out"),
        ((None, None), "; the system does so when memory runs out"),
    ],
)
def test_want_of_memory_is_named_only_where_something_speaks_for_it(
    monkeypatch: pytest.MonkeyPatch, kills: tuple[int | None, ...], hint: str
) -> None:
    counted = iter(kills)
    monkeypatch.setattr(local.memory, "kills", lambda: next(counted))
    said = errors(list(LocalEngine(1).run([Ending(0, how="killed")])))
    assert said["0+0"].endswith("all the fish" + hint)


# -- workers that hang -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Hanging(Sum):
    """Comes to no end, at the first time or always."""

    mark: Path = Path()
    once: bool = False

    def work(self, bench: Bench) -> Result:
        if not (self.once and self.mark.exists()):
            self.mark.touch()
            time.sleep(600)
        return super().work(bench)


@pytest.mark.usefixtures("light")
@pytest.mark.parametrize("once", [True, False], ids=["once", "always"])
def test_a_task_that_hangs_is_tried_again_and_fails_alone(tmp_path: Path, once: bool) -> None:
    hanging = Hanging(0, mark=tmp_path / "mark", once=once)
    tasks = [Sum(1), hanging, *(Sum(n) for n in range(2, 6))]
    # Long enough for a worker to start, even while others keep the machine busy.
    results = list(LocalEngine(2).run(tasks, lambda task: 8.0 if task == hanging else math.inf))
    said = errors(results)
    assert said.pop("0+0") == ("" if once else "it had not come to an end after 8 s, twice tried")
    assert len(said) == 5 and set(said.values()) == {""}


# -- stopping --------------------------------------------------------------------------------------


def test_stop_starts_nothing_further() -> None:
    engine = LocalEngine(1)
    engine.stop()
    assert list(engine.run([Sum(1, 2)])) == []


@pytest.mark.usefixtures("light")
def test_stop_draws_no_task_and_ends_those_under_way(tmp_path: Path) -> None:
    engine, drawn = LocalEngine(2), []

    def tasks() -> Iterator[Task]:
        for number in range(9):
            drawn.append(number)
            yield Patient(number, mark=tmp_path / str(number)) if number else Sum(0)

    run = engine.run(tasks())
    assert next(run).outputs[0].key == "0+0"
    assert drawn == [0, 1, 2], "only what there are workers for is drawn"
    wait_for(tmp_path / "1", tmp_path / "2")
    engine.stop()
    assert [result.outputs for result in run] == [(), ()]
    assert drawn == [0, 1, 2]


@pytest.mark.usefixtures("light")
def test_a_worker_that_does_not_hear_the_stop_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "PATIENCE", 0.1)
    engine = LocalEngine(1)
    run = engine.run([Sum(1), Patient(0, mark=tmp_path / "begun", deaf=True)])
    next(run)
    wait_for(tmp_path / "begun")
    engine.stop()
    assert list(run) == []


@pytest.mark.usefixtures("light")
@pytest.mark.parametrize("way", ["closed", "killed"])
def test_a_run_that_is_given_up_leaves_no_process(tmp_path: Path, way: str) -> None:
    before = children()  # of other tests' making
    engine = LocalEngine(2)
    run = engine.run([Sum(1), *(Patient(n, mark=tmp_path / str(n), deaf=True) for n in range(2))])
    next(run)
    wait_for(tmp_path / "0", tmp_path / "1")
    assert len(children() - before) == 2
    if way == "closed":
        run.close()
    else:
        threading.Timer(0.1, engine.kill).start()
        assert list(run) == []
    assert children() <= before


def wait_for(*files: Path) -> None:
    end = time.monotonic() + 60
    while not all(file.exists() for file in files):
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)


def children() -> set[int]:
    """Processes that this one has started and that still run."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(pid) for path in tasks for pid in path.read_text().split()}


# -- starting --------------------------------------------------------------------------------------


def test_a_worker_that_can_not_start_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boot = tmp_path / "boot.py"
    boot.write_text("import tensorflow_that_is_not_there\n")
    monkeypatch.setattr(process, "_BOOT", str(boot))
    with pytest.raises(WorkerError) as caught:
        list(LocalEngine(2).run([Sum(1, 1), Sum(2, 2)]))
    assert caught.value.message == (
        "a worker process could not start: it ended with exit code 1; its last words: "
        "ModuleNotFoundError: No module named 'tensorflow_that_is_not_there'"
    )


SCRIPT = """
import sys
from pathlib import Path
from tests.engines.test_local import Sum
from generator.engines.local import LocalEngine
print("the script runs")
sys.path.append(sys.argv[1])
sys.path.insert(0, "")
for result in LocalEngine(1).run([Sum(1, 2)]):
    print(result.outputs[0].error or result.outputs[0].record["sum"])
"""
"""Without a guard: a worker that ran it again would start workers of its own."""


def test_neither_files_beside_the_config_nor_a_script_without_guard_disturb_a_worker(tmp_path: Path) -> None:
    for name in ["generator", *DECOYS]:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('this is not what you wanted')\n")
    script = tmp_path / "inside" / "script.py"
    script.parent.mkdir()
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-P", str(script), str(tmp_path)],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.splitlines() == ["the script runs", "3"], done.stdout + done.stderr


def test_a_worker_is_of_the_same_package_as_its_engine() -> None:
    assert Path(process._BOOT).is_relative_to(ROOT / "generator")


# -- words and numbers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("", ""),
        ("one\n\n  two  \n", "two"),
        ('Traceback:\n  File "x", line 1\nValueError: no', "ValueError: no"),
        (
            "Fatal Python error: Segmentation fault\n\nThread 0x1:\n  File",
            "Fatal Python error: Segmentation fault",
        ),
        (
            "malloc(): corrupted top size\nFatal Python error: Aborted\n\n  File",
            "malloc(): corrupted top size",
        ),
        ("x" * 900, "x" * 200),
    ],
)
def test_last_words_are_the_line_that_tells_most(said: str, words: str) -> None:
    assert last_words(said) == words


VGG19 = 143_667_240


@pytest.mark.parametrize(
    ("cores", "gigabytes", "parameters", "jobs"),
    [(4, 64, 0, 4), (4, 5, 0, 2), (8, 1, 0, 1), (1, 64, 0, 1), (8, 16, VGG19, 5), (8, 16, 10**6, 8)],
)
def test_as_many_jobs_as_cores_and_memory_allow(
    monkeypatch: pytest.MonkeyPatch, cores: int, gigabytes: int, parameters: int, jobs: int
) -> None:
    monkeypatch.setattr(local, "cores", lambda: cores)
    monkeypatch.setattr(local.memory, "available", lambda: gigabytes << 30)
    monkeypatch.setattr(local, "has_graphics_card", lambda: False)
    assert LocalEngine(parameters=parameters).jobs == jobs
    monkeypatch.setattr(local, "has_graphics_card", lambda: True)
    assert LocalEngine().jobs == 1 and LocalEngine(3).jobs == 3


def test_a_second_try_takes_less_memory() -> None:
    given = replace(picture("harmless", ""), batch=5)
    assert (given.smaller().batch, given.smaller().smaller().smaller().batch) == (2, 1)
