"""The git of a folder: commands, and what they say when they fail, in one line."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from generator.errors import UserError

_OF_A_REPOSITORY = {
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
}
"""What git sets for its hooks: build-site in a hook means the config's repository all the same."""
_AS_WRITTEN = ("-c", "core.quotePath=false", "-c", "push.followTags=false", "-c", "submodule.recurse=false")


class GitFailed(UserError):
    """A git command failed; `said` is all that it said on standard error."""

    def __init__(self, what: str, said: str) -> None:
        super().__init__(f"{what}: {_reason(said)}")
        self.said = said


class Git:
    """The repository that a folder is in. Raises UserError if there is no git, or no repository."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            self.top = Path(self("rev-parse", "--show-toplevel"))
        except GitFailed as error:
            if "not a git repository" in error.said:
                raise UserError(f"{folder}: is in no git repository; `git init` there makes one") from None
            if "must be run in a work tree" in error.said:
                raise UserError(f"{folder}: is in a bare repository; work in a clone of it") from None
            raise

    def __call__(self, *words: str, send: str = "", env: dict[str, str] | None = None) -> str:
        """What a command says; raises GitFailed."""
        own = {name: value for name, value in os.environ.items() if name not in _OF_A_REPOSITORY}
        try:
            done = subprocess.run(
                ["git", *_AS_WRITTEN, *words],
                cwd=self._folder,
                env={**own, "LC_ALL": "C", **(env or {})},
                input=send.encode("utf-8", "surrogateescape"),
                capture_output=True,
            )
        except FileNotFoundError:
            raise UserError("git: no such command; install git to publish to a branch") from None
        if done.returncode:
            raise GitFailed(f"git {words[0]}", done.stderr.decode(errors="replace"))
        return done.stdout.decode("utf-8", "surrogateescape").rstrip("\n")

    def asks(self, *words: str) -> str | None:
        """What a command says, or None if it fails."""
        try:
            return self(*words)
        except GitFailed:
            return None


def _reason(said: str) -> str:
    """What matters in git's words: why a ref was refused, with what the other side said, else the error."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    refused = re.search(r"\[(?:remote )?rejected\].*\((.*)\)", said)
    if refused:
        other = [line[7:].strip() for line in lines if line.startswith("remote:")]
        told = next((line for line in other if re.search(r"[a-z]", line, re.I)), "")
        return f"{refused[1]}: {told}" if told else refused[1]
    errors = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return re.sub(r"^(fatal|error): ", "", (errors or lines or ["no reason given"])[0])
