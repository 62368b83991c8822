"""A run of the pipeline, on an engine within this process: what is stored, what fails, and how it ends."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from PIL import Image

from generator.cache.entries import Cache
from generator.config import recipes
from generator.config.cookbook import BUILT_IN
from generator.config.schema import ModelConfig
from generator.engines import worker
from generator.engines.tasks import Bench, Limit, Output, Results, Task, unlimited
from generator.errors import CacheError, UserError
from generator.pipeline import Progress, load_plan, run
from generator.plan import Plan
from generator.timings import Timings
from tests.rendering import picture_task


class Here:
    """An engine without processes: one task after the other, in this one."""

    jobs = 1

    def __init__(self, before: Callable[[int], object] = lambda count: None) -> None:
        self._before, self._stopped = before, False
        self.done = 0

    def run(self, tasks: Iterable[Task], limit: Limit = unlimited) -> Results:
        for task in tasks:
            if self._stopped:
                return
            self._before(self.done)
            yield worker.work(task, Bench(stopping=lambda: self._stopped))
            self.done += 1
            if self._stopped:
                return

    def stop(self) -> None:
        self._stopped = True

    def kill(self) -> None:
        self.stop()


RECIPES = """
recipes:
  mine: {base: caricature, image: photo.png}
  grand: {base: maco, magnitude: photos}
"""


@pytest.fixture
def planned(tmp_path: Path, configure: Callable[..., Path]) -> Callable[[str], Plan]:
    """Plans two channels of a layer, or the layer, by `channel` and one of RECIPES."""
    (tmp_path / "photos").mkdir()
    for place in ("photo.png", "photos/a.png", "photos/b.png"):
        # Of no other test: what this process has read before, it would not read again.
        Image.frombytes("RGB", (24, 24), os.urandom(24 * 24 * 3)).save(tmp_path / place)

    def plan(recipe: str) -> Plan:
        layers = f"[{{name: first, channels: 0-1, recipes: [channel, {recipe}]}}]"
        path = configure(tmp_path, layers, batch=1)
        path.write_text(path.read_text() + RECIPES)
        return load_plan(path)

    return plan


@pytest.fixture
def plan(planned: Callable[[str], Plan]) -> Plan:
    """Two channels by a recipe without files, and their layer by one with a photo."""
    return planned("mine")


CHANGED = "changed since the plan was made; run again"
GONE = "can't be read: No such file or directory"


def test_everything_is_stored_under_its_key(plan: Plan) -> None:
    outcome = run(plan, plan.jobs, Here(), Progress())
    cache = Cache(plan.config.cache)
    assert (outcome.done, outcome.left, outcome.failures) == (3, 0, [])
    assert cache.keys() == plan.keys and list(cache.verify()) == []
    for job in plan.jobs:
        record = cache.get(job.key)
        assert record is not None
        assert record.recipe["image"] == plan.identities[job.recipe_name]["image"]


@pytest.mark.parametrize(
    ("damage", "failed", "reason"),
    [
        (lambda folder: repaint(folder / "photo.png"), "mine", CHANGED),
        (lambda folder: (folder / "photo.png").unlink(), "mine", GONE),
        (lambda folder: repaint(folder / "photos/c.png"), "grand", CHANGED),
        (lambda folder: (folder / "photos/a.png").unlink(), "grand", CHANGED),
        (lambda folder: (folder / "photos").rename(folder / "elsewhere"), "grand", GONE),
    ],
)
def test_files_that_change_or_go_during_a_run_fail_their_pictures_only(
    planned: Callable[[str], Plan], damage: Callable[[Path], object], failed: str, reason: str
) -> None:
    """What a key promises is what is used: nothing else is ever stored under it."""
    plan = planned(failed)
    folder = plan.config.cache.parent
    engine = Here(lambda done: damage(folder) if done == 1 else None)
    outcome = run(plan, plan.jobs, engine, Progress())
    assert {failure.title for failure in outcome.failures} == {
        job.title for job in plan.jobs if job.recipe_name == failed
    }
    assert all(failure.reason.endswith(reason) for failure in outcome.failures), outcome.failures
    cache = Cache(plan.config.cache)
    assert cache.keys() == {job.key for job in plan.jobs if job.recipe_name != failed}
    assert outcome.done == len(cache.keys()) and outcome.left == 0


def repaint(path: Path) -> None:
    Image.new("RGB", (24, 24), (255, 0, 0)).save(path)


def test_a_file_that_can_not_be_read_for_the_plan_is_the_users_mistake(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may go between the check of the config and the plan."""

    def content_digest(path: Path) -> str:
        raise FileNotFoundError(2, "No such file or directory", str(path))

    monkeypatch.setattr(recipes, "content_digest", content_digest)
    with pytest.raises(UserError, match=r"^recipe 'mine': .*/photo.png: can't be read: No such file"):
        load_plan(tmp_path / "config.yaml")


def test_files_are_read_once_a_plan_however_many_pictures_take_them(
    planned: Callable[[str], Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    real = recipes.content_digest

    def content_digest(path: Path) -> str:
        read.append(path)
        return real(path)

    monkeypatch.setattr(recipes, "content_digest", content_digest)
    plan = planned("grand")
    assert len(plan.jobs) == 4 and [path.name for path in read] == ["photos"]
    run(plan, plan.jobs, Here(), Progress())
    assert len(read) == 1, "keys and records are of what the plan has read"


# -- how it ends -----------------------------------------------------------------------------------


class Bad(Progress):
    """Fails at the second result."""

    told = 0

    def advance(self, pictures: int) -> None:
        self.told += 1
        if self.told == 2:
            raise LookupError("a bug of ours")


def test_what_was_measured_is_kept_when_a_run_ends_by_an_exception(plan: Plan) -> None:
    with pytest.raises(LookupError):
        run(plan, plan.jobs, Here(), Bad())
    cache = Cache(plan.config.cache)
    done = [job for job in plan.jobs if job.key in cache]
    assert len(done) == 2
    config = plan.config.models["tiny"]
    task = picture_task("tiny", config, done[0].layer, plan.recipes[done[0].recipe_name], [0])
    assert Timings(cache).estimate(task.pace, 1)


def test_a_cache_that_can_not_be_written_ends_the_run_with_a_line(plan: Plan) -> None:
    folder = plan.config.cache / "entries"
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("not a folder")
    with pytest.raises(CacheError, match="can't write"):
        run(plan, plan.jobs, Here(), Progress())


def test_a_time_limit_begins_nothing_new_and_ends_what_is_under_way(
    tmp_path: Path, configure: Callable[..., Path]
) -> None:
    """Each of the six pictures would take a minute; the first is under way when the time is up."""
    plan = load_plan(configure(tmp_path, "[first]", batch=1, steps=10_000))
    started = time.monotonic()
    outcome = run(plan, plan.jobs, Here(), Progress(), time_limit=0.5)
    assert (outcome.done, outcome.left, outcome.failures) == (0, 6, [])
    assert time.monotonic() - started < 60


def test_a_first_failure_stops_a_strict_run(planned: Callable[[str], Plan], tmp_path: Path) -> None:
    plan = planned("grand")
    repaint(tmp_path / "photos" / "a.png")
    outcome = run(plan, plan.jobs, Here(), Progress(), stop_at_failure=True)
    assert len(outcome.failures) == 1 and outcome.left > 0


# -- paces -----------------------------------------------------------------------------------------


def pace(recipe: str, **changes: object) -> str:
    config = ModelConfig.model_validate({"source": "x", "layers": "all"})
    made = BUILT_IN[recipe].model_copy(update=changes)
    return picture_task("x", config, "layer", made, [0], fingerprint="f").pace.what


def test_recipes_that_cost_differently_have_paces_of_their_own() -> None:
    names = [name for name in BUILT_IN if not BUILT_IN[name].missing]
    paces = {name: pace(name) for name in names}
    assert len(set(paces.values())) == len(names), "maco, pixels and channel among them"
    assert pace("channel", seed=9) == pace("channel") != pace("channel", steps=9)


def test_an_unfinished_task_says_nothing_about_speed(tmp_path: Path) -> None:
    from generator.engines.tasks import Result

    task = picture_task(
        "x",
        ModelConfig.model_validate({"source": "x", "layers": "all"}),
        "a",
        BUILT_IN["channel"],
        [0, 1],
        fingerprint="f",
    )
    timings = Timings(Cache(tmp_path))
    timings.add(Result(task, (Output("0"),), 9.0), jobs=1)
    assert timings.estimate(task.pace, 1) is None
    unmeasured = timings.limit(task, 2)
    timings.add(Result(task, (Output("0"), Output("1")), 9.0), jobs=2)
    assert timings.estimate(task.pace, 4) == pytest.approx(9.0)
    # So much slower than ever before, a task is taken to hang; but a quick one gets its time too.
    assert 9.0 * 10 < timings.limit(task, 2) < unmeasured
    slow = Timings(Cache(tmp_path / "slow"))
    slow.add(Result(task, (Output("0"), Output("1")), 9e4), jobs=2)
    assert slow.limit(task, 2) > 9e4 * 10
