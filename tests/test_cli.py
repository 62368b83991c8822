"""build-site as its users meet it: what it says, what it writes, and how it ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.synthetic import layer
from generator.cache.entries import Cache
from generator.config.reading import read_config
from generator.console.wording import layer_table
from generator.pipeline import load_plan
from tests.conftest import DECOYS, ROOT, Rendered, click_run, command, environment, process_run

PICTURES = 14


@pytest.fixture
def copy(rendered: Rendered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The config of a folder of one's own in which everything is rendered."""
    shutil.copytree(rendered.folder, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy" / "config.yaml"


# -- help and looking around -----------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--help"], ["-h"]])
def test_help_names_every_command_and_exit_code(arguments: list[str]) -> None:
    result = click_run(*arguments)
    assert result.exit_code == 0
    for word in [
        "build",
        "render",
        "html",
        "plan",
        "layers",
        "models",
        "init",
        "serve",
        "verify",
        "prune",
        "merge",
    ]:
        assert re.search(rf"^  {word}\b", result.output, re.MULTILINE), word
    assert (
        "Exit codes: 0 done, 1 some pictures failed, 2 the input is wrong, 130 interrupted." in result.output
    )


@pytest.mark.parametrize(
    "option", ["--only", "--shard", "--force", "--jobs", "--time-limit", "--strict", "--quiet", "--debug"]
)
def test_rendering_has_its_options(option: str) -> None:
    assert option in click_run("build", "--help").output
    assert option in click_run("render", "--help").output


def test_version() -> None:
    assert click_run("--version").output == "build-site, version 0.1.0\n"


def test_models_lists_what_can_be_opened_by_name() -> None:
    output = click_run("models").output
    for name in ("efficientnet-lite0", "efficientnet-lite2", "VGG19", "InceptionV3", "MobileNetV3Small"):
        assert re.search(rf"^  {name}$", output, re.MULTILINE), name


def test_layers_lists_names_kinds_shapes_channels_and_fields(tiny_file: Path) -> None:
    said = click_run("layers", tiny_file).output.splitlines()
    assert said[0].startswith(
        f"Warning: {tiny_file}: the range of its input is a guess (black becomes 0, white"
    )
    assert said[1].startswith("Input 32 x 32 x 3; black becomes 0, white 1: a guess, since the network does")
    table = [re.split(r"\s{2,}", line) for line in said[2:]]
    assert table[0] == ["layer", "kind", "shape", "channels", "sees"]
    assert ["first", "Conv2D", "32 x 32 x 6", "6", "3 px"] in table
    assert ["second", "Conv2D", "16 x 16 x 8", "8", "5 px"] in table
    assert ["pool", "GlobalAveragePooling2D", "8", "8", "all"] in table


def test_layers_tells_height_and_width_where_they_differ() -> None:
    fields = [(1, 7), (7, 7), None]
    _, *lines = layer_table(layer("conv", 4, "input", receptive_field=field) for field in fields)
    assert [re.split(r"\s{2,}", line)[-1] for line in lines] == ["1 x 7 px", "7 px", "all"]


def test_layers_takes_a_name_from_the_config(copy: Path) -> None:
    assert "32 x 32 x 6" in click_run("layers", "tiny", "--config", copy).output


def test_layers_of_an_unknown_network_names_the_nearest() -> None:
    result = click_run("layers", "VGG91")
    assert result.exit_code == 2
    assert result.output.startswith("Error: no network 'VGG91'; the nearest are VGG19, VGG16,")
    assert result.output.count("\n") == 1


# -- init ------------------------------------------------------------------------------------------


def test_init_writes_a_config_that_is_right_and_teaches(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    result = click_run("init", path)
    assert result.exit_code == 0 and f"build-site {path}" in result.output
    assert read_config(path).check().models
    # The shipped config, but that photographs of ours are not there.
    own, shipped = path.read_text().splitlines(), (ROOT / "config.yaml").read_text().splitlines()
    others = [(a, b) for a, b in zip(own, shipped, strict=True) if a != b]
    assert all(a.strip() == f"# {b}" or a.strip() == f"# {b.strip()}" for a, b in others)
    assert {b.partition(":")[0].strip() for _, b in others} == {
        *("datasets", "photos", "path", "licence", "evidence")
    }
    assert path.read_text().count("#") >= 15


def test_init_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("mine")
    result = click_run("init", path)
    assert result.exit_code == 2 and "exists already" in result.output
    assert path.read_text() == "mine"


def test_init_where_nothing_can_be_written(tmp_path: Path) -> None:
    result = click_run("init", tmp_path / "no" / "my.yaml")
    assert result.exit_code == 2 and "can't be written" in result.output


# -- the user's mistakes ---------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["", "build", "render", "html", "plan", "verify", "prune", "serve"])
def test_a_missing_config_is_one_line_and_exit_2(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = click_run(*words.split())
    assert result.exit_code == 2
    assert result.output == "Error: config.yaml: no such file; `build-site init` writes one to start from\n"


def test_several_mistakes_are_a_line_each_and_how_many(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("titel: x\nsize: big\nmodels:\n")
    result = click_run("render", path)
    assert result.exit_code == 2
    assert result.output.splitlines() == [
        f"Error: {path}:1: titel: unknown key; did you mean `title`?",
        f"Error: {path}:2: size: should be a whole number, not 'big'",
        f"Error: {path}:3: models: should be a mapping of settings, not nothing",
        "3 problems; nothing was done.",
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--only", "nothing"], "--only nothing: nothing in the plan has that name; models: tiny"),
        (["--only", "tiny/fist"], "nothing in the plan has that name; layers: first, second"),
        (["--only", "tiny/first/9"], "--only tiny/first/9: layer 'first' has 6 channels, 0 to 5"),
        (["--time-limit", "soon"], "'soon' is no duration; write 90s, 30m or 2h"),
        (["--time-limit", "0"], "should be more than nothing"),
        (["--jobs", "0"], "0 is not in the range"),
        (["--sort"], "No such option"),
        (["--ony", "tiny"], "--only"),
    ],
)
def test_wrong_options_end_in_exit_2(copy: Path, options: list[str], words: str) -> None:
    result = click_run("render", copy, *options)
    assert result.exit_code == 2 and words in result.output


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("paln", "paln: no such command, and no file of that name; did you mean `build-site plan`?"),
        ("sevre", "sevre: no such command, and no file of that name; did you mean `build-site serve`?"),
        ("help", "help: no such command, and no file of that name; did you mean `build-site --help`?"),
        ("xyz", "xyz: no such command, and no file of that name; `build-site --help` lists them"),
        ("paln.yaml", "paln.yaml: no such file; `build-site init` writes one to start from"),
        ("sub", "sub: is a folder; name the config in it, e.g. sub/config.yaml"),
        ("--versoin", "--version"),
    ],
)
def test_what_is_no_command_is_told_with_what_it_may_have_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    result = click_run(word)
    assert result.exit_code == 2 and said in result.output.splitlines()[-1]


def test_a_gallery_that_cant_be_written_is_told_before_the_first_picture(
    tmp_path: Path, configure: Callable[..., Path]
) -> None:
    path = configure(tmp_path)
    for folder in ("site", "theme"):
        (tmp_path / folder).mkdir()
    (tmp_path / "site" / "index.html").write_text("mine")
    foreign = click_run(path)
    (tmp_path / "site" / "index.html").unlink()
    (tmp_path / "notes.yaml").write_text("a: [")
    notes = click_run(path)
    (tmp_path / "notes.yaml").unlink()
    (tmp_path / "theme" / "layer.html").write_text("{% if %}")
    path.write_text(f"templates: theme\n{path.read_text()}")
    broken = click_run(path)
    assert "index.html: would be overwritten" in foreign.output
    assert "notes.yaml:1: not valid YAML" in notes.output
    assert "layer.html:1: " in broken.output
    for result in (foreign, notes, broken):
        assert result.exit_code == 2 and "Rendering" not in result.output
        assert result.output.splitlines()[-1].startswith("Error: ")


def test_our_own_bug_is_one_line_and_debug_shows_where(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise LookupError("a bug\nof ours")

    monkeypatch.setattr("generator.console.session.load_plan", fails)
    result = click_run("plan", copy)
    assert result.exit_code == 1
    assert result.output == "Error: LookupError: a bug of ours; --debug shows where\n"
    assert isinstance(click_run("plan", copy, "--debug").exception, LookupError)


def test_debug_shows_what_lies_behind_a_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "bad.keras").write_bytes(b"no zip")
    short = click_run("layers", tmp_path / "bad.keras")
    long = click_run("layers", tmp_path / "bad.keras", "--debug")
    assert (short.exit_code, long.exit_code) == (2, 2)
    assert short.output.count("\n") == 1 and "not a readable Keras model" in short.output
    assert "Traceback" in long.output and long.output.endswith(short.output)


def test_ctrl_c_before_rendering_is_130_too(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("generator.console.session.load_plan", stopped)
    result = click_run("plan", copy)
    assert result.exit_code == 130 and "goes on" in result.output


# -- rendering -------------------------------------------------------------------------------------


def test_a_first_run_renders_everything_and_says_so(rendered: Rendered) -> None:
    said = rendered.ran.out.splitlines()
    assert rendered.ran.code == 0, rendered.ran.err
    assert said[:2] == ["Opening tiny ...", f"Rendering {PICTURES} of {PICTURES} pictures with 1 worker ..."]
    assert re.fullmatch(rf"Rendered {PICTURES} pictures in [\d.]+ s \([\d.]+ a second\)\.", said[2])
    assert rendered.ran.complaints == []
    plan = load_plan(rendered.config)
    cache = Cache(plan.config.cache)
    assert cache.keys() == plan.keys and len(plan.jobs) == PICTURES
    assert list(cache.verify()) == []


def test_an_entry_holds_the_picture_and_what_is_known_of_it(rendered: Rendered) -> None:
    plan = load_plan(rendered.config)
    cache = Cache(plan.config.cache)
    for job in plan.jobs:
        record = cache.get(job.key)
        assert record is not None
        assert (record.model, record.layer, record.channel) == (job.model, job.layer, job.channel)
        # The network's input is small: pictures have its size, and are shifted in proportion.
        assert record.recipe == {**plan.recipes["channel"].identity(), "size": 32, "jitter": 8}
        assert len(record.trajectory) == 3 and record.seconds > 0
        assert set(record.versions) == {"renderer", "pocket-microscope", "tensorflow", "keras", "numpy"}
        with Image.open(cache.picture_path(job.key)) as image:
            assert (image.format, image.mode, image.size) == ("PNG", "RGB", (32, 32))


def test_files_beside_the_config_take_no_modules_place(
    tmp_path: Path, configure: Callable[..., Path]
) -> None:
    configure(tmp_path, "[{name: first, channels: 0-1}]")
    for name in DECOYS:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('this is not what you wanted')\n")
    ran = process_run("config.yaml", "--jobs", "1", "--quiet", cwd=tmp_path)
    assert (ran.code, ran.err) == (0, ""), ran.out
    assert (tmp_path / "site" / "index.html").is_file()


def test_nothing_due_is_said_and_renders_nothing(copy: Path) -> None:
    before = stamps(copy)
    result = click_run("render", copy)
    assert result.exit_code == 0
    assert result.output == f"Nothing to render: {PICTURES} pictures in cache, none missing.\n"
    assert stamps(copy) == before
    assert click_run("render", copy, "--quiet").output == ""


def stamps(config: Path) -> dict[str, int]:
    """When each file of the cache's entries was last written."""
    entries = config.parent / "cache" / "entries"
    return {path.name: path.stat().st_mtime_ns for path in entries.glob("*/*")}


def test_only_and_force_render_just_that_again(copy: Path) -> None:
    before = stamps(copy)
    result = click_run("render", copy, "--only", "tiny/first/1-2", "--force", "--jobs", "1", "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    plan = load_plan(copy)
    again = {job.key for job in plan.jobs if job.layer == "first" and job.channel in (1, 2)}
    changed = {name for name, written in stamps(copy).items() if before[name] != written}
    assert changed == {f"{key}.{kind}" for key in again for kind in ("png", "json")}


def test_a_changed_recipe_concerns_only_its_pictures(copy: Path) -> None:
    text = copy.read_text().replace("[first, second]", "[first, {name: second, recipes: [channel, long]}]")
    copy.write_text(text + "recipes:\n  long: {steps: 4}\n")
    lines = click_run("plan", copy).output.splitlines()
    assert lines.pop(0) == "tiny: Input 32 x 32 x 3; black becomes 0, white 1: as the config says."
    assert [re.sub(r"\s+", " ", line) for line in lines[:2]] == [
        "tiny/first (channel) 0 of 6 due done",
        "tiny/second (channel) 0 of 8 due done",
    ]
    assert re.match(r"tiny/second \(long\) +8 of +8 due +about [\d.]+ s", lines[2])
    assert re.fullmatch(
        r"In all 8 of 22 pictures are due: about [\d.]+ s, \d+ kB of cache at most\.", lines[3]
    )


def test_plan_says_when_it_cant_know_the_time(tmp_path: Path, configure: Callable[..., Path]) -> None:
    lines = click_run("plan", configure(tmp_path)).output.splitlines()
    assert lines[0] == "Opening tiny ..."
    assert lines[2].endswith("6 of      6 due  time unknown yet")
    assert "14 of 14 pictures are due: time unknown until a first picture is made" in lines[-1]


def test_a_guessed_range_is_warned_of_where_pictures_depend_on_it(
    tmp_path: Path, configure: Callable[..., Path]
) -> None:
    config = configure(tmp_path)
    config.write_text(config.read_text().replace("    preprocessing: unit\n", ""))
    words = "Warning: tiny: the range of its input is a guess (black becomes 0, white 1); say it with"
    assert click_run("plan", config).stderr.startswith(words)
    assert words in click_run("render", config, "--time-limit", "0.001s", "--jobs", "1").stderr
    assert words not in click_run("render", config, "--time-limit", "0.001s", "--jobs", "1", "-q").stderr


def test_a_time_limit_ends_cleanly_and_says_how_to_go_on(
    tmp_path: Path, configure: Callable[..., Path]
) -> None:
    config = configure(tmp_path, batch=1)
    result = click_run("render", config, "--time-limit", "0.001s", "--jobs", "1")
    assert result.exit_code == 0
    assert f"are left. `build-site {config}` goes on from there." in result.output
    left = int(re.search(r"(\d+) are left", result.output)[1])  # type: ignore[index]
    assert len(Cache(tmp_path / "cache").keys()) == PICTURES - left < PICTURES


def test_a_cache_in_use_is_left_alone(copy: Path) -> None:
    from filelock import FileLock

    with FileLock(copy.parent / "cache" / "render.lock"):
        for words in (["render", str(copy), "--force"], ["prune", str(copy)]):
            result = click_run(*words)
            assert result.exit_code == 2 and "another build-site" in result.output


def test_who_comes_second_is_told_who_has_the_cache_or_waits_and_makes_nothing_twice(
    tmp_path: Path, configure: Callable[..., Path]
) -> None:
    config = configure(tmp_path)
    cache = Cache(tmp_path / "cache")
    with cache.store.only_run():
        second = click_run("render", config, "--jobs", "1")
        waiting = subprocess.Popen(
            command("render", config, "--jobs", "1", "--wait"),
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert waiting.stdout is not None
        told = next(line for line in waiting.stdout if line.startswith("Waiting"))
        holder = cache.store.holder()
        assert holder is not None and holder.process == os.getpid()
    rest, _ = waiting.communicate(timeout=300)
    busy = rf"another build-site renders into this cache \(process {os.getpid()} on \S+, since 20\d\d-"
    assert second.exit_code == 2 and re.search(busy, second.output)
    assert re.match(f"Waiting: {busy}", told) and waiting.returncode == 0
    assert f"Rendered {PICTURES} pictures" in rest and len(cache.keys()) == PICTURES
    assert cache.store.holder() is None


def test_a_log_of_events_tells_a_run(tmp_path: Path, configure: Callable[..., Path]) -> None:
    config = configure(tmp_path, "[first]", batch=3)
    log = tmp_path / "log.jsonl"
    click_run(config, "--jobs", "1", "--log-json", log)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [one["event"] for one in events] == ["begin", "done", "done", "end", "gallery"]
    assert events[0]["pictures"] == 6 and events[0]["workers"] == 1
    assert {key for one in events if one["event"] == "done" for key in one["keys"]} == Cache(
        tmp_path / "cache"
    ).keys()
    assert events[1]["titles"][0] == "tiny/first/0 (channel)" and events[1]["seconds"] > 0
    assert events[3] | {"time": "", "seconds": 0} == {
        "time": "",
        "event": "end",
        "pictures": 6,
        "evidence": 0,
        "failed": 0,
        "failed_before": 0,
        "left": 0,
        "evidence_left": 0,
        "seconds": 0,
        "stopped": False,
    }
    documented = (ROOT / "docs" / "log.md").read_text()
    assert all(f"`{name}`" in documented for one in events for name in (one["event"], *one))
    again = click_run("render", config, "--log-json", tmp_path / "none" / "log")
    assert again.exit_code == 2 and "--log-json" in again.output and "No such file" in again.output


def test_what_fails_is_named_and_the_rest_is_done(broken: Rendered) -> None:
    assert broken.ran.code == 1, broken.ran.err
    said = broken.ran.complaints
    assert (
        said[0]
        == "Failed: broken/good/2 (channel): its activation or the gradient became infinite or not a number"
    )
    assert re.fullmatch(
        r"Failed: broken/unlucky/0 \(channel\): InvalidArgumentError: .*what bad luck.*", said[1]
    )
    assert said[2].startswith("Failed: broken/unlucky/1 (channel): ")
    assert said[3:] == ["Error: 3 pictures failed; their pages say why."]
    plan = load_plan(broken.config)
    cache = Cache(plan.config.cache)
    done = {(job.layer, job.channel) for job in plan.jobs if job.key in cache}
    assert done == {("good", 0), ("good", 1), ("good", 3)}
    failures = {(job.layer, job.channel) for job in plan.jobs if cache.failure(job.key)}
    assert failures == {("good", 2), ("unlucky", 0), ("unlucky", 1)}


def test_strict_stops_at_the_first_failure(broken: Rendered, tmp_path: Path) -> None:
    shutil.copy(broken.folder / "unlucky_nets.py", tmp_path)
    text = broken.config.read_text().replace("[good,", "[{name: good, channels: 2},")
    (tmp_path / "config.yaml").write_text(text.replace("channels: 0-1", "channels: all"))
    ran = process_run("render", "--strict", "--jobs", "1", cwd=tmp_path)
    assert ran.code == 1
    failed = re.search(r"Error: (\d+) pictures? failed", ran.err)
    assert failed and 1 <= int(failed[1]) <= 3
    assert len(load_plan(tmp_path / "config.yaml").jobs) == 5


# -- the gallery -----------------------------------------------------------------------------------


def test_build_site_renders_nothing_new_and_writes_the_pages(copy: Path) -> None:
    before = stamps(copy)
    result = click_run(copy)
    assert result.exit_code == 0, result.output
    index = copy.parent / "site" / "index.html"
    assert str(index) in result.output.replace("\n", "") or "site/index.html" in result.output
    assert index.is_file() and stamps(copy) == before
    assert click_run("html", copy, "--quiet").output == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_shows_the_gallery_on_loopback_only_until_it_is_stopped(
    copy: Path, number: signal.Signals
) -> None:
    click_run("html", copy, "--quiet")
    # As a shell starts a job in the background: Ctrl-C is ignored, and Python leaves it so.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = subprocess.Popen(
        command("serve", copy, "--port", "0"),
        env=environment({"PYTHONUNBUFFERED": "1"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    signal.signal(signal.SIGINT, before)
    assert server.stdout is not None
    try:
        address = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())
        assert address
        local = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with local.open(address[0], timeout=30) as page:
            assert page.read() == (copy.parent / "site" / "index.html").read_bytes()
        server.send_signal(number)
        _, said = server.communicate(timeout=30)
    finally:
        server.kill()
    assert server.returncode == 0 and "Traceback" not in said


def test_serve_without_a_gallery_says_what_to_do(copy: Path) -> None:
    result = click_run("serve", copy)
    assert result.exit_code == 2 and f"`build-site {copy}` writes it" in result.output


def test_serve_on_a_port_in_use_is_one_line(copy: Path) -> None:
    import socket

    click_run("html", copy, "--quiet")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = click_run("serve", copy, "--port", taken.getsockname()[1])
    assert result.exit_code == 2 and "choose one with --port" in result.output


# -- upkeep ----------------------------------------------------------------------------------------


def test_verify_finds_what_is_broken_and_mends_it(copy: Path) -> None:
    assert click_run("verify", copy).output == f"{PICTURES} entries are whole.\n"
    victim = next((copy.parent / "cache").glob("entries/*/*.png"))
    victim.write_bytes(b"\0")
    result = click_run("verify", copy)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"Broken: {victim.stem}: its picture is not the one that was rendered",
        f"Error: 1 of {PICTURES} entries are broken; --fix sets them aside.",
    ]
    fixed = click_run("verify", copy, "--fix")
    assert fixed.exit_code == 0
    assert fixed.output.splitlines()[-1] == (
        f"{PICTURES - 1} entries are whole. 1 broken ones set aside, under `broken` in the cache."
    )
    aside = copy.parent / "cache" / "broken"
    assert {path.name for path in aside.iterdir()} == {victim.name, f"{victim.stem}.json"}
    assert (aside / victim.name).read_bytes() == b"\0"
    assert click_run("verify", copy).output == f"{PICTURES - 1} entries are whole.\n"
    assert f"1 of {PICTURES} pictures are due" in click_run("plan", copy).output
    click_run("prune", copy)
    assert not list(aside.iterdir())


def test_a_picture_that_rotted_or_is_another_s_is_never_shown_and_made_again(copy: Path) -> None:
    """Of its own size, so that only reading it tells; one of them is whole, but another key's."""
    flipped, swapped, other = sorted((copy.parent / "cache").glob("entries/*/*.png"))[:3]
    data = bytearray(flipped.read_bytes())
    data[len(data) // 2] ^= 1
    flipped.write_bytes(data)
    swapped.write_bytes(other.read_bytes())
    said = click_run("html", copy)
    assert said.exit_code == 0
    whole = [path for path in (flipped, swapped) if f"{path.name}: damaged" in said.output]
    # A picture of another size is no entry, and due, before its bytes are looked at.
    assert flipped in whole and len(whole) + said.output.count("Warning") >= 2
    shown = "".join(path.read_text() for path in (copy.parent / "site").glob("models/*/*/*.html"))
    assert shown.count("Not rendered yet") == 2
    assert f"2 of {PICTURES} pictures are due" in click_run("plan", copy).output
    assert click_run(copy, "--jobs", "1").exit_code == 0
    assert click_run("verify", copy).output == f"{PICTURES} entries are whole.\n"


@pytest.mark.parametrize("kind", ["png", "json"])
@pytest.mark.parametrize("cut", [0, 0.5])
def test_an_entry_that_can_not_be_read_is_due_and_rendered_again(copy: Path, kind: str, cut: float) -> None:
    before = stamps(copy)
    victim = next((copy.parent / "cache").glob(f"entries/*/*.{kind}"))
    victim.write_bytes(victim.read_bytes()[: int(cut * victim.stat().st_size)])
    assert f"1 of {PICTURES} pictures are due" in click_run("plan", copy).output
    result = click_run("render", copy, "--jobs", "1", "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    changed = {name for name, written in stamps(copy).items() if before[name] != written}
    assert changed == {f"{victim.stem}.png", f"{victim.stem}.json"}
    assert click_run("verify", copy).output == f"{PICTURES} entries are whole.\n"


def test_prune_removes_what_the_config_no_longer_asks_for(copy: Path) -> None:
    copy.write_text(copy.read_text().replace("[first, second]", "[first]"))
    assert click_run("prune", copy, "--dry-run").output.startswith("Would remove 16 files, ")
    assert len(stamps(copy)) == 2 * PICTURES
    assert click_run("prune", copy).output.startswith("Removed 16 files, ")
    assert len(stamps(copy)) == 12
    assert click_run("verify", copy).output == "6 entries are whole.\n"


def test_status_says_how_far_each_layer_is(broken: Rendered, rendered: Rendered) -> None:
    said = click_run("status", rendered.config)
    assert said.exit_code == 0
    lines = [line.split() for line in said.output.splitlines()]
    assert ["tiny/first", "6", "0", "0", "done"] in lines and ["tiny/second", "8", "0", "0", "done"] in lines
    assert ["tiny:", "2", "layers", "14", "0", "0", "done"] in lines
    assert lines[-2] == ["In", "all", "14", "0", "0", "done"]
    assert said.output.splitlines()[-1] == "No run is on."
    said = click_run("status", broken.config)
    lines = [line.split() for line in said.output.splitlines()]
    good = next(line for line in lines if line[0] == "broken/good")
    # What is not a number would be so again, and is not due; bad luck may turn.
    assert good[1:] == ["3", "0", "1", "done", "but", "for", "failures"]
    assert next(line for line in lines if line[0] == "broken/unlucky")[1:4] == ["0", "2", "2"]
    assert said.output.splitlines()[-1] == "No run is on. `build-site` goes on."


def test_status_tells_from_outside_who_renders_and_how_fast(copy: Path) -> None:
    for one in stamps(copy):
        if one.startswith(("0", "1", "2", "3")):
            next((copy.parent / "cache").glob(f"entries/*/{one}")).unlink()
    due = 14 - len(Cache(copy.parent / "cache").keys())
    with Cache(copy.parent / "cache").store.only_run():
        time.sleep(0.01)
        whole = next((copy.parent / "cache").glob("entries/*/[4-9]*.json"))
        whole.write_bytes(whole.read_bytes())  # as if it were made just now
        said = click_run("status", copy).output.splitlines()[-1]
    assert re.fullmatch(
        rf"Running: process {os.getpid()} on \S+, since 20[\d-]+ [\d:]+: 1 made by now, [\d.]+ a second"
        + (r", about [\d.]+ s left" if due else ""),
        said,
    )
