"""What development and releases install: locked by hash, and what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.conftest import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DEV, BUILD = ROOT / "requirements" / "dev.lock", ROOT / "requirements" / "build.lock"


@cache
def locked(lock: Path) -> dict[str, Version]:
    """The version of each package in a lock, each of which has hashes."""
    lines = lock.read_text().replace("\\\n", "").splitlines()
    found: dict[str, Version] = {}
    for line in lines:
        if line and not line.startswith("#"):
            asked, *hashes = re.split(r"\s+--hash=", line.strip())
            assert hashes and all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes), line
            requirement = Requirement(asked)
            found[canonicalize_name(requirement.name)] = Version(
                str(requirement.specifier).removeprefix("==")
            )
    return found


def asked_for(*extras: str) -> list[Requirement]:
    """What the project asks for with these extras, its own extras followed."""
    project = PYPROJECT["project"]
    asked = [Requirement(line) for line in project["dependencies"]]
    waiting, seen = list(extras), set()
    while waiting:
        extra = waiting.pop()
        seen.add(extra)
        for requirement in map(Requirement, project["optional-dependencies"][extra]):
            if requirement.name == project["name"]:
                waiting += sorted(requirement.extras - seen)
            else:
                asked.append(requirement)
    return asked


@pytest.mark.parametrize(
    ("lock", "asked"),
    [
        *[(DEV, requirement) for requirement in asked_for("test", "hub")],
        *[
            (lock, Requirement(line))
            for lock in (DEV, BUILD)
            for line in PYPROJECT["build-system"]["requires"]
        ],
    ],
    ids=str,
)
def test_a_lock_has_what_is_asked_for(lock: Path, asked: Requirement) -> None:
    version = locked(lock).get(canonicalize_name(asked.name))
    assert version is not None and asked.specifier.contains(version, prereleases=True), (
        f"{asked} is not what {lock.name} holds ({version}): `make lock` writes it anew"
    )


def test_make_and_the_release_install_by_hash() -> None:
    makefile = (ROOT / "Makefile").read_text()
    release = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    assert (
        "--require-hashes --only-binary :all: -r $(LOCK)" in makefile
        and f"LOCK := requirements/{DEV.name}" in makefile
    )
    assert f"--require-hashes --only-binary :all: -r requirements/{BUILD.name}" in release
    assert "password" not in release.replace("no password", "") and release.count("id-token: write") == 1
