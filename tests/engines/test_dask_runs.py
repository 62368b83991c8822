"""build-site on Dask clusters, as a user runs it: same pictures, stopped, killed, gone on with, encrypted."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from distributed import Client
from PIL import Image

from tests.conftest import ROOT, Rendered, environment, process_run
from tests.crash.test_resume import Run, wait_until

Configure = Callable[..., Path]


@contextmanager
def dask(*args: str | Path, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Dask's own command line, as long as it is needed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *map(str, args)],
        env=environment(env),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def cluster(folder: Path, *, env: dict[str, str] | None = None, protocol: str = "tcp") -> Iterator[str]:
    """A scheduler and two workers, each a process; the scheduler's address."""
    file = folder / "scheduler.json"
    listens = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--protocol", protocol)
    works = ("--nworkers", "2", "--nthreads", "1", "--no-dashboard", "--local-directory", folder / "scratch")
    with dask("scheduler", "--scheduler-file", file, *listens, env=env):
        wait_until(file.exists)
        with dask("worker", "--scheduler-file", file, *works, env=env):
            yield json.loads(file.read_text())["address"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with cluster(tmp_path_factory.mktemp("cluster")) as address:
        yield address


def test_a_cluster_makes_what_one_machine_does(configure: Configure, tmp_path: Path, running: str) -> None:
    """Pictures and evidence, byte for byte, with the same keys."""
    rng = np.random.default_rng(1)
    for label in ("cats", "dogs"):
        (tmp_path / "animals" / label).mkdir(parents=True)
        for number in range(3):
            pixels = rng.integers(0, 255, (40, 40, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "animals" / label / f"{number}.png")
    made = {}
    for name, options in {"here": ("--jobs", "1"), "there": ("--scheduler", running)}.items():
        folder = tmp_path / name
        folder.mkdir()
        config = configure(folder, datasets=f"{{animals: {{path: {tmp_path / 'animals'}}}}}")
        ran = process_run("render", config, *options, cwd=folder)
        assert (ran.code, ran.complaints) == (0, [])
        made[name] = files(config)
    assert made["here"] == made["there"] and len(made["here"]) > 20
    assert not (tmp_path / "there" / "cache" / "probe.json").exists()


def files(config: Path) -> dict[str, bytes]:
    """What a cache holds but for records, which tell times, by name."""
    folder = config.parent / "cache" / "entries"
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.suffix not in ("", ".json")}


@pytest.mark.long
def test_killed_clients_are_forgotten_and_the_next_goes_on(
    configure: Configure, tmp_path: Path, running: str
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    long = {"steps": 300, "batch": 1}
    config = configure(broken, **long)
    first = Run("render", config, "--scheduler", running, folder=broken)
    wait_until(lambda: len(records(broken)) >= 3)
    first.process.kill()
    first.ended(-signal.SIGKILL)
    with Client(running, set_as_default=False) as client:
        wait_until(lambda: not any(client.processing().values()))
    before = records(broken)
    assert len(before) < 14
    ran = process_run("render", config, "--scheduler", running, cwd=broken)
    assert ran.code == 0 and f"Rendering {14 - len(before)} of 14 pictures" in ran.out
    after = records(broken)
    assert all(after[name] == stamp for name, stamp in before.items())
    assert process_run("render", configure(whole, **long), "--scheduler", running, cwd=whole).code == 0
    assert after.keys() == records(whole).keys() and len(after) == 14


def records(folder: Path) -> dict[str, int]:
    """When each record in a folder's cache was written."""
    return {path.name: path.stat().st_mtime_ns for path in (folder / "cache").glob("entries/*/*.json")}


@pytest.mark.long
@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_a_cluster_of_this_machine_leaves_no_process(
    configure: Configure, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """Ctrl-C goes to all processes of the terminal; the workers are told by the client."""
    config = configure(tmp_path, steps=400, batch=1)
    run = Run("render", config, "--engine", "dask", "--jobs", "2", folder=tmp_path)
    wait_until(lambda: records(tmp_path))
    assert len(run.descendants()) >= 3
    os.killpg(run.process.pid, number) if number == signal.SIGINT else run.process.kill()
    said = run.ended(code)
    if number == signal.SIGINT:
        assert "Stopping after the steps under way" in said and f"`build-site {config}` goes on" in said
        assert "Traceback" not in said


@pytest.mark.long
def test_a_second_ctrl_c_ends_a_cluster_of_this_machine_at_once(configure: Configure, tmp_path: Path) -> None:
    config = configure(tmp_path, steps=400, batch=1)
    run = Run("render", config, "--engine", "dask", "--jobs", "1", folder=tmp_path)
    wait_until(lambda: records(tmp_path))
    for process in run.descendants():
        if b"spawn_main" in Path(f"/proc/{process}/cmdline").read_bytes():
            os.kill(process, signal.SIGSTOP)  # it can't end its step
    os.killpg(run.process.pid, signal.SIGINT)
    time.sleep(0.5)
    os.killpg(run.process.pid, signal.SIGINT)
    assert "Stopped at once" in run.ended(130)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--scheduler", "tcp://127.0.0.1:1"), "no Dask scheduler answers at tcp://127.0.0.1:1"),
        (("--scheduler", "nonsense"), "no Dask scheduler answers at nonsense: an address is of the form tcp"),
        (("--scheduler", "http://h:1"), "no Dask scheduler answers at http://h:1: an address is of the form"),
        (("--scheduler", "tls://h:1"), "no Dask scheduler answers at tls://h:1: it takes certificates"),
        (("--scheduler-file", "none.json"), "none.json: no such file"),
        (("--scheduler-file", "empty.json"), "empty.json: no Dask scheduler has left its address in it"),
        (("--scheduler-file", "none.json", "--scheduler", "tcp://h:1"), "is named twice"),
        (("--engine", "local", "--scheduler", "tcp://h:1"), "are for --engine dask"),
        (("--jobs", "2", "--scheduler", "tcp://h:1"), "--jobs is for workers on this machine"),
    ],
)
def test_a_scheduler_that_is_not_there_is_said_in_a_line(
    rendered: Rendered, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    (tmp_path / "empty.json").write_text("{}")
    quick = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "1s"}
    ran = process_run("render", rendered.config, "--force", *options, cwd=tmp_path, env=quick)
    assert ran.code == 2 and said in ran.err and len(ran.complaints) == 1, ran.err


def test_without_dask_a_line_says_what_to_install(rendered: Rendered, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['distributed'] = None\n")
    env = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    ran = process_run("render", rendered.config, "--force", "--engine", "dask", cwd=tmp_path, env=env)
    assert ran.code == 2 and ran.complaints == [
        "Error: the engine dask needs Dask, which is not installed: pip install 'pocket-microscope[cluster]'"
    ]
    assert process_run("render", rendered.config, cwd=tmp_path, env=env).code == 0


@pytest.mark.long
def test_traffic_is_encrypted_where_dask_is_configured_so(configure: Configure, tmp_path: Path) -> None:
    env = certificates(tmp_path)
    config = configure(tmp_path)
    with cluster(tmp_path, env=env, protocol="tls") as address:
        assert address.startswith("tls://")
        ran = process_run("render", config, "--scheduler", address, cwd=tmp_path, env=env)
        assert ran.code == 0 and len(records(tmp_path)) == 14


def certificates(folder: Path) -> dict[str, str]:
    """An authority and a certificate, made and told to Dask as docs/cluster.md says; its environment."""
    text = (ROOT / "docs" / "cluster.md").read_text()
    for line in re.findall(r"^    (openssl .*)$", text, re.MULTILINE):
        subprocess.run(line, shell=True, cwd=folder, check=True, capture_output=True)
    settings = re.search(r"^    distributed:\n(?:     .*\n)+", text, re.MULTILINE)
    assert settings is not None
    (folder / "dask").mkdir()
    (folder / "dask" / "security.yaml").write_text(
        re.sub("^    ", "", settings[0], flags=re.MULTILINE).replace("/etc/microscope", str(folder))
    )
    return {"DASK_CONFIG": str(folder / "dask")}
