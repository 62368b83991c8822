"""A plan in parts: what is of which shard, what a shard does, and what comes of their caches together."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from generator.cache.encoding import entry_name, written_record
from generator.cache.entries import Cache
from generator.cache.records import Failure
from generator.console import session
from generator.console.log import Log
from generator.datasets.sources import DataSet, Item
from generator.engines import worker
from generator.engines.tasks import Bench, Engine, Limit, Results, Task, unlimited
from generator.inquiries.everything import inquiries_of
from generator.inquiries.inquiry import Inquiry
from generator.pipeline import Outcome, load_plan
from generator.plan import Plan
from generator.selection import Shard
from tests.conftest import click_run
from tests.test_evidence import LAYERS, SETS, draw

KEYS = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(2000)]


# -- what is of which ------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 16, 1000])
def test_each_key_is_of_one_shard_and_shards_are_alike(count: int) -> None:
    shards = [Shard(number, count) for number in range(1, count + 1)]
    found = Counter(shard.number for shard in shards for key in KEYS if key in shard)
    assert found.total() == len(KEYS)
    if count <= 16:
        assert all(abs(size - len(KEYS) / count) < 5 * (len(KEYS) / count) ** 0.5 for size in found.values())


def test_the_first_and_the_last_key_are_of_the_first_and_the_last_shard() -> None:
    for count in (1, 3, 7, 999_999):
        assert "0" * 64 in Shard(1, count) and "f" * 64 in Shard(count, count)


@pytest.mark.parametrize("command", ["build", "render", "plan"])
@pytest.mark.parametrize("text", ["0/4", "5/4", "x", "3", "1/0", "-1/4", "", "1/2/3", "1.5/2", "1/9999999"])
def test_a_shard_that_there_is_not_is_one_line(command: str, text: str) -> None:
    said = click_run(command, "--shard", text)
    assert said.exit_code == 2
    assert said.output.startswith(f"Error: --shard {text}: ") and said.output.count("\n") == 1
    assert "1/" in said.output, "it says what there could be"


def surveyed(inquiry: Inquiry, shards: Iterable[Shard]) -> dict[tuple[str, ...], list[int]]:
    """By a block's pictures the shards that show it."""
    found: dict[tuple[str, ...], list[int]] = {}
    for shard in shards:
        for task in replace(inquiry, shard=shard).first(()):
            if items := getattr(task, "items", ()):
                found.setdefault(tuple(item.digest for item in items), []).append(shard.number)
    return found


def test_a_block_is_shown_by_one_shard_and_the_same_whatever_the_layers(
    tmp_path: Path, configure: Callable[..., Path]
) -> None:
    draw(tmp_path / "shapes", 2)
    config = configure(tmp_path, "[first, second]")
    config.write_text(SETS + config.read_text())
    items = tuple(sorted(Item(f"{key}.png", "", key) for key in KEYS))
    shards = [Shard(number, 4) for number in range(1, 5)]
    (whole,) = inquiries_of(many_pictures(load_plan(config), items))
    found = surveyed(whole, shards)
    assert (
        len(found) > 8
        and all(len(by) == 1 for by in found.values())
        and len({*map(tuple, found.values())}) > 1
    )
    config.write_text(config.read_text().replace("[first, second]", "[second, pool]"))
    (other,) = inquiries_of(many_pictures(load_plan(config), items))
    assert surveyed(other, shards) == found
    (more,) = inquiries_of(many_pictures(load_plan(config), (*items, Item("new.png", "", "0" * 64))))
    now = surveyed(more, shards)
    assert len(found.keys() - now.keys()) <= 2 and all(
        now[block] == found[block] for block in found.keys() & now
    )


def many_pictures(plan: Plan, items: tuple[Item, ...]) -> Plan:
    return replace(plan, datasets={"shapes": DataSet(Path("shapes"), items, {})})


def test_shards_split_all_that_depends_on_nothing(tmp_path: Path, configure: Callable[..., Path]) -> None:
    draw(tmp_path / "shapes", 4)
    config = configure(tmp_path, LAYERS)
    config.write_text(SETS + config.read_text())
    plan = load_plan(config)
    (whole,) = inquiries_of(plan)
    parts = [inquiries_of(plan, shard=Shard(number, 5))[0] for number in range(1, 6)]
    keys = [key for part in parts for task in part.first(()) for key in task.keys]
    assert sorted(keys) == sorted(key for task in whole.first(()) for key in task.keys)
    assert sum(part.due(()) for part in parts) == len(keys), (
        "and no second look, for there is nothing to look at"
    )


# -- what comes of them together -------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, configure: Callable[..., Path]) -> Path:
    """The folders `whole`, in which build-site ran once, and `one`, `two`, in which shards of it ran."""
    world = tmp_path_factory.mktemp("world")
    draw(world / "shapes")
    for name in ("whole", "one", "two"):
        config_in(world, name, configure)
    rendered(world / "whole" / "config.yaml")
    assert click_run("html", world / "whole" / "config.yaml").exit_code == 0
    rendered(world / "one" / "config.yaml", shard=Shard(1, 2))
    said = click_run("render", world / "two" / "config.yaml", "--shard", "2/2", "--jobs", "1")
    assert said.exit_code == 0, said.output
    return world


def config_in(world: Path, name: str, configure: Callable[..., Path]) -> Path:
    """A config of `world` in a folder of its own."""
    (world / name).mkdir()
    config = configure(world / name, LAYERS)
    config.write_text(SETS.replace("path: shapes", f"path: {world / 'shapes'}") + config.read_text())
    return config


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def moments(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


RENDERED = re.compile(rb"rendered     .* UTC, in \S+ s\n")


def test_two_shards_together_give_the_site_of_one_run(world: Path, configure: Callable[..., Path]) -> None:
    """File for file, but for when and in how long each picture was rendered; no other cache is touched."""
    config = config_in(world, "both", configure)
    before = moments(world / "one") | moments(world / "two")
    said = click_run("merge", world / "one/cache", world / "two/cache", "--config", config)
    assert said.exit_code == 0
    copied = [int(number) for number in re.findall(r"(\d+) copied \(.+\), 0 there already\.", said.output)]
    # 19 pictures, 3 tallies, 2 ways between layers, and what 2 layers do to the classes.
    assert len(copied) == 2 and all(copied) and sum(copied) == 19 + 7
    assert moments(world / "one") | moments(world / "two") == before
    assert "0 of 19 pictures are due" in click_run("plan", config).output
    assert rendered(config).evidence == 3, "the second looks"
    assert click_run("html", config).exit_code == 0
    whole, both = (Cache(world / name / "cache") for name in ("whole", "both"))
    assert whole.keys() == both.keys() and list(both.verify()) == []
    for key in sorted(whole.keys()):
        entries = whole.entry(key), both.entry(key)
        assert entries[0] and entries[1] and entries[0].files == entries[1].files
    sites = [content(world / name / "site") for name in ("whole", "both")]
    untimed = [{name: RENDERED.sub(b"", data) for name, data in site.items()} for site in sites]
    assert untimed[0] == untimed[1]
    assert sum(len(RENDERED.findall(data)) for data in sites[1].values()) == 19


def test_a_plan_says_what_is_due_of_a_shard(
    world: Path, tmp_path: Path, configure: Callable[..., Path]
) -> None:
    config = world / "one" / "config.yaml"
    said = click_run("plan", config, "--shard", "1/2").output
    wanted = len(Cache(world / "one/cache").keys() & load_plan(config).keys)
    assert f"In all 0 of {wanted} pictures of shard 1/2 are due: nothing to do" in said
    assert "25 pictures: 0 pieces of shard 1/2 due" in said
    said = click_run("plan", config, "--shard", "2/2").output
    assert f"In all {19 - wanted} of {19 - wanted} pictures of shard 2/2 are due" in said
    whole = click_run("plan", config).output
    assert f"In all {19 - wanted} of 19 pictures are due" in whole
    assert click_run("plan", config, "--shard", "1/1").output == whole
    said = click_run("render", config, "--shard", "1/2").output
    assert (
        said
        == f"Nothing to render: {wanted} pictures of shard 1/2 in {config.parent / 'cache'}, none missing.\n"
    )


def test_a_shard_takes_its_second_looks_once_all_that_they_rest_on_is_there(
    world: Path, tmp_path: Path
) -> None:
    plan = load_plan(world / "whole" / "config.yaml")
    cache = Cache(plan.config.cache)
    shards = [Shard(number, 3) for number in range(1, 4)]
    (whole,) = inquiries_of(plan)
    there = set(cache.keys())
    looks = {whole.look_key(layer, there) for layer in whole.layers}
    without = there - looks

    def taken(there: set[str]) -> list[str]:
        parts = [inquiry for shard in shards for inquiry in inquiries_of(plan, shard=shard)]
        for part in parts:
            tasks = [*part.first(there), *part.second(there, cache)]
            assert part.due(there) == sum(len(task.keys) for task in tasks)
        return [key for part in parts for task in part.second(there, cache) for key in task.keys]

    assert sorted(taken(without)) == sorted(looks)
    tally = whole.survey.keys("first")[0]
    picture = next(job.key for job in plan.jobs if job.layer == "second")
    assert taken(without - {tally}) == [
        key for key in taken(without) if key != whole.look_key("first", there)
    ]
    assert taken(without - {tally, picture}) == [whole.look_key("classes", there)]
    assert taken(there) == []


# -- a shard and the other options -----------------------------------------------------------------


class Here:
    """An engine within this process, which is stopped after so many tasks."""

    jobs = 1

    def __init__(self, most: int | None = None) -> None:
        self._left, self._stopped = most, False

    def run(self, tasks: Iterable[Task | None], limit: Limit = unlimited) -> Results:
        for task in tasks:
            if self._stopped or self._left == 0:
                return
            self._left = None if self._left is None else self._left - 1
            assert task is not None
            yield worker.work(task, Bench(stopping=lambda: self._stopped))

    def stop(self) -> None:
        self._stopped = True

    def kill(self) -> None:
        self.stop()


def rendered(config: Path, engine: Engine | None = None, **options: object) -> Outcome:
    usual: dict[str, object] = {"only": (), "shard": None, "force": False, "time_limit": None}
    usual |= {"retry_failed": False, "wait": False, "log": Log()}
    given = {**usual, **options, "strict": False, "quiet": True, "engine": engine or Here()}
    return session.render(load_plan(config), config, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("only", [(), ("tiny/first/0-3",), ("tiny/first/0", "tiny/second")])
@pytest.mark.parametrize("limit", [None, 0.0])
def test_shards_cross_with_selections_limits_stops_and_force(
    tmp_path: Path, configure: Callable[..., Path], only: tuple[str, ...], limit: float | None
) -> None:
    config = configure(tmp_path, "[first, second]", steps=1, batch=1)
    plan = load_plan(config)
    cache = Cache(plan.config.cache)
    wanted = {job.key for job in (session.select(plan, only) if only else plan.jobs)}
    shards = [Shard(number, 3) for number in range(1, 4)]
    done: set[str] = set()
    for shard in shards:
        mine = {key for key in wanted if key in shard}
        stopped = rendered(config, Here(most=1), only=only, shard=shard, time_limit=limit)
        assert stopped.done <= 1 and stopped.done + stopped.left == len(mine)
        assert cache.keys() - done <= mine, "whatever ends it, it does nothing of another's"
        rest = rendered(config, only=only, shard=shard)
        assert (rest.done, rest.left) == (len(mine) - stopped.done, 0)
        done |= mine
        assert cache.keys() == done
    assert done == wanted
    before = cache.snapshot().entries
    again = rendered(config, only=only, shard=shards[0], force=True)
    after = cache.snapshot().entries
    assert {key for key in wanted if before[key] != after[key]} == {key for key in wanted if key in shards[0]}
    assert again.done == len([key for key in wanted if key in shards[0]])


def test_what_is_left_is_gone_on_with_by_the_same_shard(
    tmp_path: Path, configure: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config = configure(tmp_path, "[first]", steps=1, batch=1)
    session.render(
        load_plan(config),
        config,
        engine=Here(most=0),
        only=(),
        shard=Shard(2, 2),
        force=False,
        retry_failed=False,
        wait=False,
        time_limit=None,
        strict=False,
        quiet=False,
        log=Log(),
    )
    assert f"`build-site {config} --shard 2/2` goes on from there." in capsys.readouterr().out


# -- merging ---------------------------------------------------------------------------------------


@pytest.fixture
def own(world: Path, tmp_path: Path, configure: Callable[..., Path]) -> Path:
    """A config whose cache holds nothing."""
    return configure(tmp_path, LAYERS)


@pytest.fixture
def other(world: Path, tmp_path: Path) -> Cache:
    """A copy of a shard's cache, to be damaged."""
    import shutil

    shutil.copytree(world / "one" / "cache", tmp_path / "other")
    return Cache(tmp_path / "other")


def cache_of(config: Path) -> Cache:
    return Cache(config.parent / "cache")


def pictures(cache: Cache) -> list[str]:
    return [key for key in sorted(cache.keys()) if cache.picture_path(key).exists()]


def test_broken_entries_are_named_and_left_out(own: Path, other: Cache) -> None:
    keys = other.keys()
    flipped, cut, gone, forged = pictures(other)[:4]
    flip(other.picture_path(flipped), -20)
    flip(other.record_path(cut), 40)
    other.picture_path(gone).unlink()
    forge(other, forged)
    said = click_run("merge", other.place, "--config", own)
    assert said.exit_code == 1
    for key, reason in {
        flipped: "its picture is not the one that was rendered",
        cut: "its record can't be read",
        gone: "its picture is missing",
        forged: "its record names a file of a kind that there can't be, '/../../../../escaped'",
    }.items():
        assert f"Broken: {other.place}: {key}: {reason}\n" in said.output
    assert f"{len(keys) - 4} copied" in said.output and "4 broken and left out." in said.output
    assert said.output.endswith(
        "Error: 4 broken ones left out, which no cache holds whole; the next run makes up for it.\n"
    )
    assert cache_of(own).keys() == keys - {flipped, cut, gone, forged}
    assert list(cache_of(own).verify()) == []


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def forge(cache: Cache, key: str) -> None:
    """An entry, whole by its own word, with a file that would lie elsewhere."""
    entry = cache.entry(key)
    assert entry is not None
    picture = cache.read(key, "png") or b""
    # The store itself would refuse such a name.
    record = written_record(key, entry.record, {"png": picture, "/../../../../escaped": b"!"})
    cache.record_path(key).write_bytes(record)


def test_what_one_cache_has_broken_another_may_have_whole(world: Path, own: Path, other: Cache) -> None:
    key = pictures(other)[0]
    flip(other.picture_path(key), -20)
    said = click_run("merge", other.place, world / "one" / "cache", "--config", own)
    assert said.exit_code == 0 and f"Broken: {other.place}: {key}: " in said.output
    assert "1 copied" in said.output and cache_of(own).keys() == Cache(world / "one/cache").keys()


def test_what_is_broken_here_is_copied_anew_and_the_rest_stays(world: Path, own: Path) -> None:
    one = world / "one" / "cache"
    click_run("merge", one, "--config", own)
    mine = cache_of(own)
    key = pictures(mine)[0]
    mine.picture_path(key).write_bytes(b"short")
    before = moments(own.parent / "cache" / "entries")
    said = click_run("merge", one, "--config", own)
    assert said.exit_code == 0 and "1 copied (" in said.output
    assert f", {len(mine.keys()) - 1} there already." in said.output
    changed = {name for name, at in moments(own.parent / "cache" / "entries").items() if before[name] != at}
    assert {Path(name).stem for name in changed if Path(name).is_file()} == {key}
    assert list(mine.verify()) == []


def test_failures_are_carried_over_where_nothing_better_is(world: Path, own: Path, tmp_path: Path) -> None:
    whole = Cache(world / "whole" / "cache")
    made, known, new = pictures(whole)[:3]
    mine, one, two = cache_of(own), Cache(tmp_path / "a"), Cache(tmp_path / "b")
    mine.put_failure(Failure(known, "known", "mine", "then"))
    for key in (made, known, new):
        one.put_failure(Failure(key, "one", "theirs", "then"))
        two.put_failure(Failure(key, "two", "theirs", "then"))
    record, picture = whole.entry(made), whole.read(made, "png")
    assert record is not None and picture is not None
    two.store.put(entry_name(made, "png"), picture)
    two.store.put(entry_name(made, "json"), whole.record_path(made).read_bytes())
    (tmp_path / "a" / "failures" / f"{'e' * 64}.json").write_text("nothing")
    said = click_run("merge", one.place, two.place, "--config", own)
    assert said.exit_code == 0
    assert f"{one.place}: 0 copied (0 B), 0 there already, 2 failures carried over.\n" in said.output
    assert re.search(rf"{two.place}: 1 copied \(.+\), 0 there already\.\n", said.output)
    assert made in mine and mine.failure(made) is None, "an entry is better"
    reasons = {key: failure.title for key in (known, new) if (failure := mine.failure(key))}
    assert reasons == {known: "known", new: "one"}


def test_an_entry_that_was_made_once_and_then_failed_is_an_entry(
    world: Path, own: Path, other: Cache
) -> None:
    key = pictures(other)[0]
    other.put_failure(Failure(key, "again", "bad luck", "then"))
    said = click_run("merge", other.place, "--config", own)
    assert "carried over" not in said.output and cache_of(own).failure(key) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nowhere", "can't be merged: No such file or directory"),
        ("cache", "is the config's own cache; name the others"),
        ("config.yaml", "is no folder; name other caches' folders, and a config by --config"),
        (".", "is no cache: it holds neither entries nor failures; did you mean cache?"),
        ("site", "is no cache: it holds neither entries nor failures"),
    ],
)
def test_what_is_no_other_cache_is_one_line_and_nothing_is_copied(
    world: Path, own: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    monkeypatch.chdir(own.parent)
    (own.parent / "cache").mkdir()
    (own.parent / "site").mkdir()
    (own.parent / "site" / "index.html").touch()
    said = click_run("merge", world / "one" / "cache", name)
    assert said.exit_code == 2 and said.output == f"Error: {name}: {reason}\n"
    assert cache_of(own).keys() == set()


def test_the_cache_of_a_shard_without_work_is_a_cache(own: Path, tmp_path: Path) -> None:
    (tmp_path / "idle").mkdir()
    said = click_run("merge", tmp_path / "idle", "--config", own)
    assert said.exit_code == 0 and "idle: 0 copied (0 B), 0 there already.\n" in said.output


def test_merging_waits_for_no_run_but_says_so(world: Path, own: Path) -> None:
    from filelock import FileLock

    (own.parent / "cache").mkdir()
    with FileLock(own.parent / "cache" / "render.lock"):
        said = click_run("merge", world / "one" / "cache", "--config", own)
    assert said.exit_code == 2 and "another build-site" in said.output and said.output.count("\n") == 1
    with FileLock(world / "one" / "cache" / "render.lock"):
        assert click_run("merge", world / "one" / "cache", "--config", own).exit_code == 0
