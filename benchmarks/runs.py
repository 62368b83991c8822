"""Runs tools as processes of their own and keeps what they made under benchmarks/.results/."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.environments import ensure, environment
from benchmarks.processes import run_measured
from benchmarks.tools.common import Job

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / ".results"


@dataclass(frozen=True)
class Spec:
    """A row of the comparison: its module under tools/, its environment (None: ours) and its variant."""

    name: str
    module: str
    environment: str | None = None
    variant: str = ""
    remark: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether this is Pocket Microscope."""
        return self.module == "ours"


TOOLS = {
    spec.name: spec
    for spec in (
        Spec("ours", "ours"),
        Spec("lucent", "lucent", "lucent", remark="enlarges to 224 px, its default"),
        Spec("lucent-own-size", "lucent", "lucent", "own-size", "`fixed_image_size` = the picture's"),
        Spec("tf-keras-vis", "tf_keras_vis", "tf-keras-vis"),
        Spec("xplique", "xplique", "xplique"),
        Spec("pixel", "pixel", remark="10 steps of 0.1"),
    )
}


@dataclass(frozen=True)
class Stored:
    """What a tool made: its report, with peak memory and date, and where its pictures are."""

    spec: Spec
    folder: Path
    report: Mapping[str, Any]

    @property
    def label(self) -> str:
        """How tables call it."""
        return f"{self.report['version']}" + (f" ({self.spec.remark})" if self.spec.remark else "")

    def picture(self, layer: str, channel: int) -> Path:
        """Where that picture is, if it was rendered."""
        return self.folder / layer / f"{channel}.png"

    def channels(self, layer: str, wanted: Iterable[int]) -> list[int]:
        """Which of the wanted channels it rendered."""
        return [channel for channel in wanted if self.picture(layer, channel).exists()]


def run_tool(spec: Spec, folder: Path, job: Job) -> Stored:
    """Run a tool on a job in a fresh folder. Raises CalledProcessError when it fails."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    python, env = _python(spec)
    job = replace(job, out=str(folder), variant=job.variant or spec.variant, started=time.time())
    (folder / "job.json").write_text(json.dumps(asdict(job)))
    print(f"{spec.name} ...", flush=True)
    command = [python, "-m", f"benchmarks.tools.{spec.module}", str(folder / "job.json")]
    peak = run_measured(command, env, ROOT)
    report = json.loads((folder / "report.json").read_text())
    report |= {"peak": peak, "size": job.size, "date": date.today().isoformat(), "batch": job.batch}
    (folder / "report.json").write_text(json.dumps(report, indent=1))
    return Stored(spec, folder, report)


def _python(spec: Spec) -> tuple[str, dict[str, str]]:
    env = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
    if spec.environment is None:
        return sys.executable, env
    wanted = environment(spec.environment)
    # The repository's own folder is on the path by `python -m`; shims only where they are wanted.
    return str(ensure(wanted)), env | {"PYTHONPATH": ":".join(map(str, wanted.shims))}


def stored(spec: Spec, folder: Path, wanted: Job) -> Stored | None:
    """What an earlier run of the tool made, if it came to its end and was asked for the same.

    Fewer channels than wanted are enough.
    """
    try:
        report = json.loads((folder / "report.json").read_text())
        asked = Job(**json.loads((folder / "job.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    same = (asked.size, asked.steps, [*asked.layers]) == (wanted.size, wanted.steps, [*wanted.layers])
    fits = same and all(set(asked.layers[layer]) <= set(wanted.layers[layer]) for layer in asked.layers)
    return Stored(spec, folder, report) if fits and "peak" in report else None


def command() -> str:
    """How this run was started."""
    return shlex.join(["python", "-m", "benchmarks.peers", *sys.argv[1:]])


def machine() -> str:
    """The processor's name and how many of its cores this process may use."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    revision = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    return f"{names[0] if names else 'unknown processor'}, {len(os.sched_getaffinity(0))} cores, {revision}"
