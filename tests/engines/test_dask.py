"""The Dask engine, on real clusters of worker processes: what becomes of tasks when workers die, join, differ
or don't see a file, and when the run is stopped."""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import LocalCluster

from generator.cache.entries import Cache
from generator.config.content import content_digest
from generator.config.cookbook import BUILT_IN
from generator.config.schema import ModelConfig
from generator.engines import dask as engine_module
from generator.engines import dask_worker, depot
from generator.engines.crew import PER_WORKER, Crew
from generator.engines.dask import DaskEngine
from generator.engines.local import LocalEngine
from generator.engines.tasks import NamedFile, Output, Result, Task
from generator.errors import UserError
from tests.conftest import ROOT, environment
from tests.engines.errands import Errand, at_once
from tests.rendering import picture_task


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Two worker processes; three deaths, and a task is given up."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 2}),
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
            silence_logs=60,
        ) as made,
    ):
        yield made


@pytest.fixture
def engine(cluster: LocalCluster) -> Callable[..., DaskEngine]:
    """A new engine on the cluster, which has two workers again."""

    def new(**options: Any) -> DaskEngine:
        return DaskEngine(cluster.scheduler_address, prepare=at_once, **options)

    def complete() -> bool:
        cluster.scale(max(2, len(cluster.scheduler.workers)))  # Dask gives up workers that die as they start
        return len(cluster.scheduler.workers) >= 2

    until(complete)
    return new


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def meanwhile(act: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread


def run(engine: DaskEngine, errands: Iterable[Errand | None]) -> dict[str, Output]:
    return {output.key: output for result in engine.run(iter(errands)) for output in result.outputs}


def lines(note: Path) -> list[str]:
    return note.read_text().splitlines() if note.exists() else []


New = Callable[..., DaskEngine]


def test_a_worker_that_dies_loses_its_task_only_and_others_do_it(engine: New, tmp_path: Path) -> None:
    note = tmp_path / "note"
    errands = [Errand((f"job {number}",), seconds=0.2, note=note) for number in range(12)]

    def kill() -> None:
        until(lambda: len(lines(note)) >= 4)
        os.kill(int(lines(note)[0].split()[0]), signal.SIGKILL)

    killer = meanwhile(kill)
    found = run(engine(), errands)
    killer.join()
    assert len(found) == 12 and not any(output.error for output in found.values())
    # Eleven were done once, and the one that the dead worker was at perhaps twice, as well as results that
    # it still held.
    assert 12 <= len(lines(note)) <= 12 + 1 + PER_WORKER


def test_a_worker_of_this_machine_that_dask_has_given_up_is_replaced() -> None:
    ours = DaskEngine(jobs=1, prepare=at_once)
    assert ours.jobs == 1
    local = ours._connected()[0]._local
    assert local is not None

    def errands() -> Iterator[Errand]:
        yield Errand(("first",))
        local.sync(local.workers[0].close)  # its nanny, which would else start it again
        yield Errand(("second",))

    with dask.config.set({"distributed.deploy.lost-worker-timeout": "100ms"}):
        assert run(ours, errands()).keys() == {"first", "second"}


def test_a_task_that_kills_workers_is_taken_apart_and_only_the_guilty_part_fails(engine: New) -> None:
    errands = [Errand(("good", "bad", "fine"), deadly=("bad",)), *(Errand((f"other {i}",)) for i in range(6))]
    found = run(engine(), errands)
    assert found.keys() == {"good", "bad", "fine", *(f"other {i}" for i in range(6))}
    assert {key for key, output in found.items() if output.error} == {"bad"}
    # Dask gives up after three, of which it may have been told of fewer that were in the midst of it.
    assert re.match("[3-5] workers died in the midst of it, tried alone", found["bad"].error)


@pytest.mark.long
def test_a_task_that_never_ends_ends_its_workers_and_only_the_guilty_part_fails(
    engine: New, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    stuck = Errand(("good", "endless"), endless=("endless",), note=note)
    errands = [stuck, *(Errand((f"other {number}",)) for number in range(6))]
    results = engine().run(iter(errands), lambda task: 1.0 if "endless" in task.keys else math.inf)
    found = {output.key: output for result in results for output in result.outputs}
    assert found.keys() == {"good", "endless", *(f"other {number}" for number in range(6))}
    assert {key for key, output in found.items() if output.error} == {"endless"}
    assert re.fullmatch(
        r"[3-5] workers died in the midst of it, tried alone \(a worker that takes over 1 s ends itself\)",
        found["endless"].error,
    )
    tried = [line.split()[0] for line in lines(note) if line.endswith("endless")]
    assert len(tried) == len(set(tried)) >= 6, "each time by another process"


def test_the_scheduler_is_given_a_few_tasks_a_worker(engine: New) -> None:
    drawn = taken = most = 0

    def many() -> Iterator[Errand]:
        nonlocal drawn
        for number in range(200):
            drawn += 1
            yield Errand((f"job {number}",))

    for _ in engine().run(many()):
        most = max(most, drawn - taken)
        taken += 1
    assert taken == 200
    # What has come back and waits to be taken has left the scheduler.
    assert most <= 2 * 3 * PER_WORKER


def test_however_many_workers_the_scheduler_is_given_a_bounded_number(
    engine: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "MOST", 1)
    drawn: list[int] = []
    new = engine()
    for _ in new.run(Errand((f"job {drawn.append(i) or i}",)) for i in range(5)):  # type: ignore[func-returns-value]
        assert len(new._under_way) <= 1
    assert len(drawn) == 5


def test_tasks_that_wait_for_results_are_drawn_once_those_are_taken(engine: New) -> None:
    taken: list[str] = []

    def staged() -> Iterator[Errand | None]:
        yield Errand(("first",), seconds=0.2)
        while not taken:
            yield None
        yield Errand(("second",))

    for result in engine().run(staged()):
        taken += [output.key for output in result.outputs]
    assert taken == ["first", "second"]


def test_a_stop_ends_after_the_step_and_begins_nothing_further(engine: New, tmp_path: Path) -> None:
    note, stopped = tmp_path / "note", engine()

    def stop() -> None:
        until(lambda: len(lines(note)) >= 2)
        stopped.stop()

    meanwhile(stop)
    assert run(stopped, (Errand((f"job {i}",), seconds=60, note=note) for i in range(40))) == {}
    assert len(lines(note)) == 2
    assert run(engine(), [Errand(("again",))]), "another run on the same workers is not stopped"


def test_a_worker_that_joins_late_is_used(cluster: LocalCluster, engine: New, tmp_path: Path) -> None:
    note = tmp_path / "note"

    def join() -> None:
        until(lambda: bool(lines(note)))
        cluster.scale(3)

    meanwhile(join)

    def while_needed() -> Iterator[Errand]:
        number = 0
        while len({line.split()[0] for line in lines(note)}) < 3 and number < 500:
            yield Errand((f"job {(number := number + 1)}",), seconds=0.1, note=note)

    run(engine(), while_needed())
    assert len({line.split()[0] for line in lines(note)}) == 3


def test_all_workers_agree(engine: New) -> None:
    found = run(engine(), [Errand((f"job {number}",), seconds=0.2) for number in range(8)])
    assert len({output.record["process"] for output in found.values()}) >= 2
    assert len({output.record["agreed"] for output in found.values()}) == 1


@contextmanager
def joined(cluster: LocalCluster, *options: str, path: Path = ROOT) -> Iterator[str]:
    """A further worker, started by Dask's own command, that looks modules up at `path` first; its address."""
    there = set(cluster.scheduler.workers)
    command = [
        sys.executable,
        "-m",
        "dask",
        "worker",
        cluster.scheduler_address,
        "--no-nanny",
        "--no-dashboard",
    ]
    process = subprocess.Popen(
        [*command, "--nthreads", "1", *options],
        env=environment({"PYTHONPATH": f"{path}{os.pathsep}{ROOT}"}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: set(cluster.scheduler.workers) - there)
        yield min(set(cluster.scheduler.workers) - there)
    finally:
        process.kill()
        process.wait()
        until(lambda: not set(cluster.scheduler.workers) - there)


def test_where_workers_have_graphics_cards_only_those_are_given_tasks(
    cluster: LocalCluster, engine: New
) -> None:
    others = set(cluster.scheduler.workers)
    with joined(cluster, "--resources", "GPU=1"):
        # Long enough for Dask to look for idle workers, which it does each second.
        found = run(engine(), [Errand((f"job {number}",), seconds=0.3) for number in range(9)])
        assert others <= set(cluster.scheduler.workers)
    assert len({output.record["process"] for output in found.values()}) == 1
    assert not any(output.error for output in found.values()) and len(found) == 9


def test_tasks_of_a_pace_are_advised_to_one_worker_until_it_has_its_share(
    engine: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where they end up is Dask's affair, which keeps nobody idle."""
    advised: list[tuple[str, str]] = []
    home_of = Crew.home_of

    def noted(crew: Crew, pace: str) -> str:
        advised.append((pace, home_of(crew, pace)))
        return advised[-1][1]

    monkeypatch.setattr(Crew, "home_of", noted)
    run(engine(), [Errand((f"{layer} {i}",), layer=layer) for layer in "ab" for i in range(PER_WORKER)])
    assert len(advised) == 2 * PER_WORKER and len(set(advised)) == 2
    assert len({home for _, home in advised}) == 2


# -- what workers have and see ---------------------------------------------------------------------


def test_workers_of_other_versions_are_refused_in_a_line(
    engine: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {**dask_worker.versions(), "keras": "2.0"}
    monkeypatch.setattr(dask_worker, "versions", lambda: other)
    with pytest.raises(UserError, match=r"^the Dask worker at tcp://\S+ has keras 3\S+, this process 2\.0; "):
        run(engine(), [Errand(("job",))])


@pytest.mark.parametrize(
    ("package", "blocked", "why"),
    [
        ("keras", "", r"has keras 1\.2\.3, this process 3\S+; install the same on both"),
        ("pocket_microscope", "generator", r"has pocket-microscope 1\.2\.3, this process \S+; install"),
    ],
)
def test_a_worker_of_another_version_that_joins_is_left_out_with_a_word(
    cluster: LocalCluster, engine: New, tmp_path: Path, package: str, blocked: str, why: str
) -> None:
    """Be it that it has another version of Keras, or one of ours in which nothing is as it is here."""
    info = tmp_path / f"{package}-1.2.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2.3\n")
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.modules[{blocked!r}] = None\n")
    said: list[str] = []
    with joined(cluster, path=tmp_path) as address:
        found = run(engine(say=said.append), [Errand((f"job {i}",), seconds=0.05) for i in range(12)])
    assert len(found) == 12 and not any(output.error for output in found.values())
    assert len(said) == 1 and re.match(f"Warning: the Dask worker at {address} {why}", said[0])


def test_a_module_that_no_worker_has_is_said_in_a_line(engine: New) -> None:
    with pytest.raises(UserError, match=r"the Dask worker at tcp://\S+ can't import `no.such`, which"):
        run(engine(), [Errand(("job",), module="no.such")])


@pytest.fixture
def unseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that relative paths lead to from here, but not from the workers."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "one.txt").write_text(str(tmp_path))
    (tmp_path / "album" / "two.txt").write_bytes(b"")
    (tmp_path / "net.keras").write_bytes(os.urandom(1 << 20))
    return tmp_path


def reading(reads: NamedFile, inside: str = "") -> list[Errand]:
    return [Errand((f"job {number}",), seconds=0.02, reads=reads, inside=inside) for number in range(9)]


@pytest.mark.parametrize(
    ("path", "inside", "rooted"),
    [
        ("net.keras", "", False),
        ("album", "one.txt", False),
        ("album", "two.txt", False),
        ("album/one.txt", "", True),
    ],
)
def test_a_file_that_workers_do_not_see_is_sent_to_each_once(
    cluster: LocalCluster,
    engine: New,
    unseen: Path,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    inside: str,
    rooted: bool,
) -> None:
    sent: list[Sequence[NamedFile]] = []

    def counted(files: Sequence[NamedFile]) -> Iterator[list[depot.Piece]]:
        sent.extend([files] if files else [])
        return parcels(files)

    parcels = depot.parcels
    monkeypatch.setattr(depot, "parcels", counted)
    monkeypatch.setattr(depot, "PARCEL", 300_000)  # a large file goes in several
    reads = NamedFile(Path(path), content_digest(Path(path)), Path(path).parent if rooted else None)
    for _ in range(2):
        found = run(engine(), reading(reads, inside))
        assert {output.error for output in found.values()} == {""}
        assert {output.files["txt"] for output in found.values()} == {(unseen / path / inside).read_bytes()}
    assert 1 <= len(sent) <= len(cluster.scheduler.workers)


def test_a_file_that_has_changed_is_not_taken_for_the_one_that_was_planned(engine: New, unseen: Path) -> None:
    found = run(engine(), reading(NamedFile(Path("net.keras"), "0" * 64)))
    assert {output.error for output in found.values()} == {
        "net.keras: changed since the plan was made; run again"
    }
    (unseen / "net.keras").unlink()
    found = run(engine(), reading(NamedFile(Path("net.keras"), "1" * 64)))
    assert {output.error for output in found.values()} == {"net.keras: can't be read any more; run again"}


def test_a_file_that_cannot_be_sent_is_named_with_the_worker_that_lacks_it(engine: New, unseen: Path) -> None:
    with pytest.raises(UserError, match=r"^the Dask worker at tcp://\S+ doesn't see net\.keras, as this"):
        run(engine(), reading(NamedFile(Path("net.keras"), travels=False)))


# -- where results go ------------------------------------------------------------------------------


def test_workers_that_reach_the_cache_store_there_themselves(engine: New, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    found = run(engine(place=tmp_path / "cache"), reading(NamedFile(Path(__file__))))
    assert all(output.stored and not output.files and not output.record for output in found.values())
    assert cache.keys() == found.keys() and cache.read("job 3", "txt") == Path(__file__).read_bytes()
    assert cache.recall(dask_worker.PROBE) is None


def test_what_workers_cannot_store_comes_back(engine: New, unseen: Path) -> None:
    found = run(engine(place=Path("cache")), reading(NamedFile(Path(__file__))))
    assert not any(output.stored for output in found.values())
    assert {output.files["txt"] for output in found.values()} == {Path(__file__).read_bytes()}


# -- pictures --------------------------------------------------------------------------------------


@pytest.mark.long
def test_pictures_are_those_of_the_local_engine_and_the_network_is_sent(
    cluster: LocalCluster, tiny_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_file.parent)
    config = ModelConfig.model_validate({"source": tiny_file.name, "layers": "all"})
    recipe = BUILT_IN["channel"].model_copy(update={"size": 24, "steps": 3})
    tasks: list[Task] = [
        picture_task("tiny", config, layer, recipe, channels)
        for layer in ("first", "second")
        for channels in (range(3), range(3, 6))
    ]
    # In processes that have not prepared errands.
    cluster.scale(0)
    until(lambda: not cluster.scheduler.workers)
    cluster.scale(2)
    here = [result for result in LocalEngine(1).run(iter(tasks))]
    there = [result for result in DaskEngine(cluster.scheduler_address).run(iter(tasks))]
    assert files(here) == files(there) and len(files(here)) == 12
    assert {result.learnt["precision"] for result in there} == {"float32"}


def files(results: list[Result]) -> dict[tuple[str, str], dict[str, bytes]]:
    """What was made, by layer and channel."""
    return {
        (output.record["layer"], output.key): dict(output.files)
        for result in results
        for output in result.outputs
    }
