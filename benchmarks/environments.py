"""An environment per peer under benchmarks/.envs/, so that none of them becomes a dependency of ours."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENTS = HERE / ".envs"


@dataclass(frozen=True)
class Environment:
    """What pip installs: `packages` with what they need, then `alone` without.

    `shims` are folders for PYTHONPATH that stand in for packages which can't be had.
    """

    name: str
    packages: tuple[str, ...]
    alone: tuple[str, ...]
    shims: tuple[Path, ...] = ()


def _tensorflow() -> tuple[str, ...]:
    # The peers that use Keras get the versions that we have, so that no difference comes from there.
    return tuple(f"{name}=={version(name)}" for name in ("tensorflow", "keras", "numpy", "pillow"))


def environment(name: str) -> Environment:
    """The environment of that name: `lucent`, `tf-keras-vis` or `xplique`."""
    return {"lucent": _lucent, "tf-keras-vis": _tf_keras_vis, "xplique": _xplique}[name]()


def _lucent() -> Environment:
    # Lucent wants kornia <= 0.4.1 and torchvision. Of the latter it uses Normalize and a list of models,
    # and where no build for this torch exists our shim stands in (see shims/torchvision).
    return Environment(
        "lucent",
        ("torch==2.13.0", "numpy", "pillow", "tqdm", "ipython", "decorator"),
        ("torch-lucent==0.1.8", "kornia==0.4.1"),
        (HERE / "shims",),
    )


def _tf_keras_vis() -> Environment:
    return Environment("tf-keras-vis", (*_tensorflow(), "tf-keras-vis==0.8.7"), ())


def _xplique() -> Environment:
    # Xplique asks for tensorflow[and-cuda] <= 2.20 on Linux; installed alone it gets our version, no CUDA.
    needs = ("deprecated", "einops", "matplotlib", "opencv-python-headless", "scipy", "scikit-image")
    return Environment(
        "xplique",
        (*_tensorflow(), *needs, "scikit-learn", "tensorflow-probability[tf]"),
        ("xplique==2.0.2",),
    )


def ensure(wanted: Environment) -> Path:
    """The environment's Python, after making the environment anew unless it is there as wanted."""
    folder = ENVIRONMENTS / wanted.name
    python, stamp = folder / "bin" / "python", folder / "made-from"
    if not (stamp.exists() and stamp.read_text() == _digest(wanted)):
        print(f"making the environment of {wanted.name} ...", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        _pip(python, *wanted.packages)
        if wanted.alone:
            _pip(python, "--no-deps", *wanted.alone)
        stamp.write_text(_digest(wanted))
    return python


def _pip(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True)


def _digest(wanted: Environment) -> str:
    return hashlib.sha256(json.dumps(asdict(wanted), default=str).encode()).hexdigest()
