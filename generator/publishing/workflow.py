"""The GitHub workflow that renders, publishes and goes on by itself, from templates/workflow.yml."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

from generator.cache.local import write_atomically
from generator.errors import UserError
from generator.publishing.git import Git
from generator.resources import templates_folder

PLACE = Path(".github/workflows/microscope.yml")
_FIRST_LINE = "# Written by `build-site publish --workflow`, which updates it until it is changed otherwise"
_SPECIAL = re.compile(r"[*?!\x00-\x1f\x7f\\]|\$\{\{")
"""What starts an expression in a workflow, or a pattern where a path is expected."""


@dataclass(frozen=True)
class Choices:
    """What a user chooses of the workflow: how many machines, how many further runs, and what is installed
    (nothing for the repository itself)."""

    shards: int = 1
    runs: int = 10
    install: Sequence[str] = ()


def write_workflow(
    git: Git, config: Path, cache: Path, site: Path, choices: Choices, *, force: bool = False
) -> tuple[Path, bool]:
    """Write or update the workflow of the repository that a config is in: where it is, whether it changed.

    Raises UserError when the file there is not ours or was changed by hand (unless `force`), or when a folder
    that the workflow needs lies outside the repository.
    """
    path = git.top / PLACE
    text = workflow_text(git, config, cache, site, choices)
    known = path.read_text("utf-8") if path.exists() else ""
    if known == text:
        return path, False
    if known and not force and not _untouched(known):
        raise UserError(
            f"{path}: was written or changed by hand, and would be replaced; move it away, or say --force"
        )
    write_atomically(path, text.encode(), durable=False)
    return path, True


def workflow_text(git: Git, config: Path, cache: Path, site: Path, choices: Choices) -> str:
    """The workflow of a config in a repository."""
    values = {
        "config": _inside(git, config, "the config"),
        "cache": _inside(git, cache, "`cache`"),
        "site": _inside(git, site, "`output`"),
        "install": shlex.join(_requirements(git, choices.install)),
        "branch": git.asks("symbolic-ref", "--short", "-q", "HEAD") or "main",
        "shards": choices.shards,
        "runs": choices.runs,
    }
    body = _template().render(values)
    return f"{_FIRST_LINE} ({_digest(body)})\n{body}"


def _template() -> Template:
    # Braces are GitHub's own.
    environment = Environment(
        block_start_string="[%",
        block_end_string="%]",
        variable_start_string="[[",
        variable_end_string="]]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    # JSON's strings are YAML's too.
    environment.filters["quoted"] = partial(json.dumps, ensure_ascii=False)
    return environment.from_string((templates_folder() / "workflow.yml").read_text("utf-8"))


def _untouched(text: str) -> bool:
    """Whether a workflow is as we wrote it."""
    first, _, body = text.partition("\n")
    return first == f"{_FIRST_LINE} ({_digest(body)})"


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:12]


def _inside(git: Git, path: Path, what: str) -> str:
    """A path relative to the repository's top, in which the workflow's commands run."""
    try:
        found = path.resolve().relative_to(git.top.resolve()).as_posix()
    except ValueError:
        raise UserError(
            f"{path}: {what} is outside of the repository {git.top}; a runner has only what is in it"
        ) from None
    if _SPECIAL.search(found):
        raise UserError(f"{found}: {what} has a character in its name that means something else to GitHub")
    return found


def _requirements(git: Git, given: Sequence[str]) -> Sequence[str]:
    """What pip installs: what is given, else the repository if it is our own."""
    if given:
        if wrong := next((one for one in given if _SPECIAL.search(one)), None):
            raise UserError(f"--install {wrong}: has a character that means something else to GitHub")
        return given
    try:
        project = tomllib.loads((git.top / "pyproject.toml").read_text("utf-8"))["project"]["name"]
    except (OSError, ValueError, KeyError, TypeError):
        project = ""
    if project != "pocket-microscope":
        raise UserError(
            f"{git.top}: is not Pocket Microscope's own repository; say where a runner installs it from, "
            "e.g. --install git+https://github.com/OWNER/pocket-microscope"
        )
    return (".",)
