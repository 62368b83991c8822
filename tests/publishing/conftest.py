"""Galleries to be published, and repositories to publish them into: on this disk, none on a network."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.synthetic import rich_plan
from generator.cache.entries import Cache
from generator.gallery.site import build_site


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a gallery with everything in it; tests only look at it."""
    plan = rich_plan(tmp_path_factory.mktemp("built"))
    return build_site(plan, Cache(plan.config.cache)).output


@pytest.fixture
def site(built: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may spoil, in a folder with a name that needs care."""
    return shutil.copytree(built, tmp_path / "a gällery's site")


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Git without the settings of whoever runs the tests, and knowing of nobody."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    own = tmp_path / "gitconfig"
    own.write_text("[user]\n  useConfigOnly = true\n[init]\n  defaultBranch = main\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(own))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def git(folder: Path, *words: str) -> str:
    """What git says in a folder."""
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A bare repository, as a host has it."""
    folder = tmp_path / "remote.git"
    git(tmp_path, "init", "--quiet", "--bare", str(folder))
    return folder


@pytest.fixture
def repository(tmp_path: Path, remote: Path) -> Path:
    """A user's repository with a commit, a file that is changed and one that is ignored, and a remote."""
    folder = tmp_path / "my repository"
    git(tmp_path, "init", "--quiet", str(folder))
    (folder / "notes.txt").write_text("first\n")
    (folder / ".gitignore").write_text("*.webp\nsite/\n")
    (folder / ".gitattributes").write_text("*.html text eol=crlf\n*.webp filter=lfs\n")
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit", "--quiet", "-m", "First")
    git(folder, "remote", "add", "origin", str(remote))
    (folder / "notes.txt").write_text("first\nsecond\n")
    (folder / "staged.txt").write_text("staged\n")
    git(folder, "add", "staged.txt")
    return folder
