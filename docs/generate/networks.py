"""Every network of keras.applications with random weights: opened, listed, a channel of its middle rendered.

`python -m docs.generate.networks [NAME ...]` writes the first part of docs/networks.md; each network has a
process of its own, so that memory is given back and one that fails takes none with it.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from generator.config.cookbook import BUILT_IN
from generator.config.schema import ModelConfig
from generator.engines.pictures import PictureTask, Wanted
from generator.engines.tasks import Bench
from generator.engines.worker import work
from generator.models.anatomy import Anatomy, Layer
from generator.models.zoo import BUILT_IN as BUILT_IN_NETWORKS
from generator.models.zoo import model_names, open_model
from generator.targets import Channel

PAGE = Path(__file__).parents[1] / "networks.md"
SECOND = "## Presets of KerasHub"
"""What the second part of the page begins with; hub_networks.py writes it."""
SIZE, STEPS, PATIENCE = 64, 2, 420.0
LARGE = re.compile(r"XLarge|NASNetLarge|B7|V2L|ConvNeXtLarge|VGG")

INTRODUCTION = f"""# Networks that were tried

Every network of keras.applications, with random weights at its own input size: opened, its layers listed,
and channel 0 of its middle renderable layer rendered through the worker, {STEPS} steps at {SIZE} px. Made by
`make networks`; nothing in the table is written by hand. Seconds are of the whole process, TensorFlow's start
and making random weights included, on two shared cores; memory is the process' most.

"""


@dataclass(frozen=True)
class Trial:
    """What came of a network; `why` is empty when its channel was rendered."""

    name: str
    parameters: int = 0
    layers: int = 0
    renderable: int = 0
    layer: str = ""
    seconds: float = 0.0
    megabytes: int = 0
    why: str = ""


def middle(anatomy: Anatomy) -> Layer:
    """The renderable layer half way from input to output."""
    layers = [layer for layer in anatomy.layers if layer.renderable]
    return layers[len(layers) // 2]


def render(name: str, config: ModelConfig, anatomy: Anatomy, layer: str) -> str:
    """Render channel 0 of a layer in a few steps; why it failed, or nothing."""
    fields = {"size": SIZE, "steps": STEPS, "precision": "float32"}
    recipe = BUILT_IN["channel"].model_copy(update=fields)
    task = PictureTask(
        model=name,
        config=config,
        fingerprint=anatomy.fingerprint,
        layer=layer,
        recipe_name="channel",
        recipe=recipe,
        identity=recipe.identity(),
        wanted=(Wanted("0", Channel(0)),),
        batch=1,
    )
    (output,) = work(task, Bench()).outputs
    return output.error or ("" if output.files.get("png") else "no picture")


def tried(name: str) -> Trial:
    """Open a network in this process and render."""
    config = ModelConfig.model_validate({"source": name, "weights": "none", "layers": "all"})
    anatomy = open_model(name, config).anatomy
    layer = middle(anatomy).name
    why = render(name, config, anatomy, layer)
    renderable = sum(layer.renderable for layer in anatomy.layers)
    return Trial(name, anatomy.parameters, len(anatomy.layers), renderable, layer, why=why)


def tried_apart(name: str) -> Trial:
    """The same in a process of its own, timed."""
    return Trial(**{**asdict(Trial(name)), **apart("docs.generate.networks", name)})


def apart(module: str, name: str) -> dict[str, Any]:
    """What `python -m module --one name` prints as JSON, and how long it took; or why it printed nothing."""
    started = time.perf_counter()
    command = [sys.executable, "-m", module, "--one", name]
    found: dict[str, Any]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        found = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        found = {"why": f"not done after {PATIENCE:.0f} s"}
    except (IndexError, ValueError):
        lines = done.stderr.strip().splitlines() or ["nothing said"]
        found = {"why": f"exit {done.returncode}: {lines[-1]}"}
    return {**found, "seconds": time.perf_counter() - started}


def table(trials: list[Trial]) -> str:
    """The page: how many went well, and a row for each."""
    well = sum(not trial.why for trial in trials)
    rows = [
        f"| {t.name} | {t.parameters / 1e6:.1f} M | {t.layers} | {t.renderable} | `{t.layer}` "
        f"| {t.seconds:.0f} | {t.megabytes} | {t.why or 'ok'} |"
        for t in sorted(trials, key=lambda trial: trial.name)
    ]
    head = ["network", "parameters", "layers", "renderable", "layer rendered", "seconds", "MB", "result"]
    ruler = "|---|---:|---:|---:|---|---:|---:|---|"
    lines = [f"{well} of {len(trials)} went well.", "", f"| {' | '.join(head)} |", ruler, *rows, ""]
    return INTRODUCTION + "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Try the networks named, or all; how many did not go well."""
    if arguments[:1] == ["--one"]:
        trial = asdict(tried(arguments[1]))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(json.dumps({**trial, "megabytes": peak}))
        return 0
    everything = [name for name in model_names() if name not in BUILT_IN_NETWORKS]
    names = sorted(arguments or everything, key=lambda name: bool(LARGE.search(name)))
    trials = []
    for name in names:
        trials.append(tried_apart(name))
        print(trials[-1], flush=True)
        if not arguments:
            _, heading, second = PAGE.read_text(encoding="utf-8").partition(SECOND)
            PAGE.write_text(f"{table(trials)}\n{heading}{second}", encoding="utf-8")
    return sum(bool(trial.why) for trial in trials)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
