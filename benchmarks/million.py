"""How long planning, telling the status and writing pages take in a cache of a million entries.

    python -m benchmarks.million --folder /tmp/million

fills a cache with synthetic entries once (2 million files, 8 GB, some minutes), then runs `build-site` as a
user does, on a config that asks for all of it and on one that asks for a model of 20,000 channels, the latter
also with a cache of its own. Its rows go to benchmarks/RESULTS.md. Delete the folder afterwards.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.synthetic import anatomy, layer, png, record, texture
from generator.cache.encoding import RECORD, entry_name, written_record
from generator.cache.entries import Cache
from generator.config.reading import read_config
from generator.models.identity import remember, spec_digest
from generator.pipeline import load_plan
from generator.plan import Plan

PIXELS = 32
VARIETY = 200
ONE = "one"
NETWORKS = 10
LAYERS, CHANNELS = 49, 500
RECIPES = ("channel", "diversity", "negative", "neuron")
"""10 networks of 49 layers of 500 channels by four recipes are 980,000 pictures, ..."""
ONES = 20_000
"""... and those of one more network make it a million."""


def write_configs(folder: Path) -> tuple[Path, Path, Path]:
    """Configs of all networks, of the one in the same cache, and of the one with a cache of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"network{number}" for number in range(NETWORKS)]
    for name in (*names, ONE):
        (folder / f"{name}.keras").write_text(f"a stand-in that is never opened: {name}")
    many = f"layers: [all]\n    recipes: [{', '.join(RECIPES)}]"
    models = {ONE: "layers: [all]", **dict.fromkeys(names, many)}
    texts = {name: f"  {name}:\n    source: {name}.keras\n    {how}\n" for name, how in models.items()}
    paths = []
    for config, cache, chosen in (
        ("all", "cache", texts.values()),
        ("one", "cache", [texts[ONE]]),
        ("alone", "alone", [texts[ONE]]),
    ):
        path = folder / f"{config}.yaml"
        path.write_text(
            f"cache: {cache}\noutput: site-{config}\nsize: {PIXELS}\nsteps: 16\nmodels:\n{''.join(chosen)}"
        )
        know_networks(path)
        paths.append(path)
    return paths[0], paths[1], paths[2]


def know_networks(path: Path) -> None:
    """Have the cache know the config's networks as if they had been opened."""
    know_layers(path, {ONE: ONES // CHANNELS})


def know_layers(path: Path, counts: Mapping[str, int]) -> None:
    """The same, with so many layers of each network, or LAYERS."""
    config = read_config(path).check()
    for name, model in config.models.items():
        layers, before = [], "input"
        for place in range(counts.get(name, LAYERS)):
            layers.append(layer(f"layer{place:02d}", CHANNELS, before))
            before = layers[-1].name
        remember(spec_digest(name, model), anatomy(layers, name=name), Cache(config.cache))


def fill(plan: Plan) -> None:
    """Put a picture of every job into the plan's cache, unless a run before this has; not flushed."""
    assert isinstance(plan.config.cache, Path)
    pictures = [png(texture(number, PIXELS)) for number in range(VARIETY)]
    due = plan.due(Cache(plan.config.cache))
    for folder in {entry_name(job.key, RECORD).rpartition("/")[0] for job in due}:
        (plan.config.cache / folder).mkdir(parents=True, exist_ok=True)
    for place, job in enumerate(due):
        files = {"png": pictures[place % VARIETY]}
        values = record(plan, job).to_json()
        for kind, data in {**files, RECORD: written_record(job.key, values, files)}.items():
            (plan.config.cache / entry_name(job.key, kind)).write_bytes(data)


def timed(*arguments: str | Path) -> tuple[float, float, float, str]:
    """Seconds, seconds of processor time and peak megabytes of build-site with these arguments, and the last
    line that it said."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "generator", *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, said
    took, own = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
    return took, own, usage.ru_maxrss / 1e3, said.strip().rpartition("\n")[2]


def measured(folder: Path) -> Iterator[str]:
    """Rows of the table."""
    everything, one, alone = write_configs(folder)
    # In a process of its own: what this one takes would count as theirs that it starts.
    subprocess.run([sys.executable, "-m", "benchmarks.million", "--folder", folder, "--fill"], check=True)
    sizes = Counter(path.rpartition("/")[0] for path, _ in Cache(folder / "cache").store.list())
    yield f"| files in the fullest folder | {max(sizes.values()):,} | | | |"
    for path in (folder / "cache").glob("index*"):
        path.unlink()
    for title, *arguments in (
        ("`plan`, the first time: no index yet", "plan", everything),
        ("`plan`", "plan", everything),
        ("`status`", "status", everything),
        ("`plan` of one network of 20,000 channels", "plan", one),
        ("the same in a cache of its own", "plan", alone),
        ("`html` of that network, from nothing", "html", one),
        ("the same in a cache of its own", "html", alone),
        ("`html`, nothing changed", "html", one),
        ("the same in a cache of its own", "html", alone),
    ):
        seconds, own, megabytes, said = timed(*arguments)
        print(title, seconds, own, megabytes, said, flush=True)
        yield f"| {title} | | {seconds:.1f} s | {own:.1f} s | {megabytes:,.0f} MB |"


def main() -> None:
    """Fill and measure, and say what it was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--fill", action="store_true", help="only fill")
    options = parser.parse_args()
    if options.fill:
        for path in write_configs(options.folder)[::2]:
            fill(load_plan(path))
        return
    rows = list(measured(options.folder))
    print("\n".join(["| | files | time | of processor | peak memory |", "|---|---|---|---|---|", *rows]))


if __name__ == "__main__":
    main()
