"""Pages before all is rendered: what is rendered first, pages meanwhile, and the server that does both."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest

from benchmarks.synthetic import anatomy, layer, plan_of
from generator.console import session
from generator.console.log import Log
from generator.engines import worker
from generator.engines.tasks import Bench, Limit, Results, Task, unlimited
from generator.pipeline import load_plan
from generator.plan import Plan
from generator.schedule import queue
from tests.conftest import command, environment

# -- what comes first ------------------------------------------------------------------------------


def big_plan(folder: Path, layers: int, channels: int) -> Plan:
    names = [f"layer{number}" for number in range(layers)]
    network = anatomy([layer(name, channels, "input") for name in names], name="net")
    return plan_of(folder, {"net": network}, {"net": {"layers": names}}, size=160)


def order(plan: Plan) -> list[tuple[str, int]]:
    jobs = {job.key: (job.layer, job.channel) for job in plan.jobs}
    return [jobs[key] for key in queue(plan, plan.jobs)]


def test_every_layer_has_pictures_early_and_all_come_once(tmp_path: Path) -> None:
    found = order(big_plan(tmp_path, 6, 50))
    assert found[:24] == [(f"layer{place}", channel) for place in range(6) for channel in range(4)]
    assert found[24:70] == [("layer0", channel) for channel in range(4, 50)]
    assert len(found) == len(set(found)) == 300


def test_layers_that_would_be_compiled_twice_for_little_come_one_by_one(tmp_path: Path) -> None:
    plan = big_plan(tmp_path, 13, 8)
    assert order(plan) == [(job.layer, job.channel) for job in plan.jobs]
    large = order(big_plan(tmp_path / "large", 13, 200))
    assert large[:52] == [(f"layer{place}", channel) for place in range(13) for channel in range(4)]
    assert len(set(large)) == 13 * 200


# -- pages meanwhile -------------------------------------------------------------------------------


def run_data(site: Path) -> dict[str, object] | None:
    text = (site / "data" / "run.js").read_text("utf-8")
    found: dict[str, object] | None = json.loads(text.partition(" = ")[2].rstrip(";\n"))
    return found


class Watched:
    """An engine within this process; `look` is called when the first result is stored."""

    jobs = 1

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look

    def run(self, tasks: Iterable[Task | None], limit: Limit = unlimited) -> Results:
        for place, task in enumerate(tasks):
            if place == 1:
                self._look()
            assert task is not None
            yield worker.work(task, Bench())

    def stop(self) -> None:
        """Nothing stops it."""

    def kill(self) -> None:
        """Nor that."""


def test_pages_are_there_with_the_first_pictures_and_know_the_queue(
    tmp_path: Path, configure: Callable[..., Path]
) -> None:
    config = configure(tmp_path, "[first, second]", steps=1, batch=2)
    plan, site = load_plan(config), tmp_path / "site"
    seen: list[dict[str, object] | None] = []

    def look() -> None:
        end = time.monotonic() + 120
        while not (site / "index.html").exists():
            assert time.monotonic() < end, "no page came"
            time.sleep(0.02)
        seen.append(run_data(site))
        assert (site / "models/tiny/first/channel/0.webp").exists()
        assert "Not rendered yet" in (site / "models/tiny/second/0.html").read_text("utf-8")

    options: dict[str, object] = {"only": (), "shard": None, "force": False, "time_limit": None}
    options |= {"retry_failed": False, "wait": False, "strict": False, "quiet": True, "log": Log()}
    session.render(plan, config, engine=Watched(look), pages=True, **options)  # type: ignore[arg-type]
    (running,) = seen
    assert running is not None and running["done"] == 2 and running["due"] == 12
    assert running["queue"] == [
        ["models/tiny/second", "channel", 0, 1, 1],
        ["models/tiny/first", "channel", 2, 5, 3],
        ["models/tiny/second", "channel", 2, 7, 7],
    ]
    session.write_pages(plan, strict=False, quiet=True, log=Log())
    assert run_data(site) is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_renders_meanwhile_and_goes_on_until_it_is_stopped(
    tmp_path: Path, configure: Callable[..., Path], number: int
) -> None:
    config = configure(tmp_path, "[first]", steps=1)
    server = subprocess.Popen(
        command("serve", config, "--port", "0", "--render"),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = []
        assert server.stdout is not None
        for line in server.stdout:
            said.append(line)
            if " goes on;" in line:
                break
        address = re.search(r"http://127\.0\.0\.1:\d+/", "".join(said))
        assert address and any(line.startswith("Rendered 6") for line in said), said
        straight = build_opener(ProxyHandler({}))
        page = straight.open(f"{address.group()}models/tiny/first/5.html", timeout=20).read().decode()
        assert 'src="channel/5.webp"' in page
        server.send_signal(number)
        _, complaints = server.communicate(timeout=30)
    finally:
        server.kill()
    assert server.returncode == 0 and "Traceback" not in complaints
