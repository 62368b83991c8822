"""Why a worker can't take part in a run: it has other versions than the client, or lacks a module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

PACKAGES = ("pocket-microscope", "tensorflow", "keras")
"""What has to be the same on all sides for pictures to be the same."""


def versions() -> dict[str, str]:
    """The versions that this process has of them, `none` where one is missing."""
    from generator.render import RENDERER_VERSION

    found = {package: _version(package) for package in PACKAGES}
    return found | {"renderer": str(RENDERER_VERSION)}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def refusal(worker: str, theirs: Mapping[str, str], ours: Mapping[str, str], modules: Sequence[str]) -> str:
    """Why the worker that this is called on can't take part, in a line that names both sides; or nothing.

    `theirs` are the client's versions, `ours` the worker's, and `modules` is what its tasks import.
    """
    for package, wanted in theirs.items():
        if ours.get(package) != wanted:
            return different(worker, package, ours.get(package, "none"), wanted)
    lacking = [module for module in modules if not _is_found(module)]
    if lacking:
        return (
            f"the Dask worker at {worker} can't import `{lacking[0]}`, which this process can; install it "
            "there, or put it where both look"
        )
    return ""


def different(worker: str, package: str, there: str, here: str) -> str:
    """The line that says so of a worker with another version than this process."""
    return f"the Dask worker at {worker} has {package} {there}, this process {here}; install the same on both"


def _is_found(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # a package around it that is missing, or one that can't say
        return False
