"""A site as a commit on a branch of a remote repository, by git's own objects.

Files go into the repository as they are: past the index, the work tree, `.gitignore`, attributes and filters,
none of which is read or changed. Nor is a local branch: only the remote's moves.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from generator import __version__
from generator.errors import UserError
from generator.gallery.output import MANIFEST
from generator.publishing.checking import NOT_PUBLISHED
from generator.publishing.git import Git, GitFailed

NOBODY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Pocket Microscope"), ("EMAIL", "pocket-microscope@localhost"))
}
"""Who commits where git knows of nobody."""


@dataclass(frozen=True)
class Published:
    """What was published: the commit, how many files it has, and how many of them differ from before; no
    commit where the branch held just this already."""

    commit: str
    files: int
    changed: int
    address: str = ""


def publish(
    git: Git, folder: Path, branch: str, remote: str = "origin", *, squash: bool = False, force: bool = False
) -> Published:
    """Make the site in `folder` the content of a branch of a remote; with `squash` its only commit.

    Raises UserError when the branch holds what is not ours (unless `force`), when there is no such remote,
    or when it refuses.
    """
    url = _expect_remote(git, remote, branch)
    before = _tip(git, remote, branch)
    if before and not force and git.asks("cat-file", "-e", f"{before}:{MANIFEST}") is None:
        raise UserError(
            f"branch {branch} of {remote} holds files that Pocket Microscope did not write, and publishing "
            "replaces all of them; name another branch, or say --force"
        )
    files = sorted(_files(folder))
    tree = _tree(git, folder, files, before)
    same = bool(before) and git("rev-parse", f"{before}^{{tree}}") == tree
    if same and not (squash and git.asks("rev-parse", "--verify", "-q", f"{before}^")):
        return Published("", len(files), 0, _address(url))
    commit = _commit(git, tree, before if not squash else "")
    _push(git, remote, branch, commit, before, squash=squash)
    return Published(commit, len(files), _changed(git, before, commit, len(files)), _address(url))


def _expect_remote(git: Git, remote: str, branch: str) -> str:
    """The remote's address; UserError if there is no such remote, or can be no such branch."""
    if branch.startswith("-") or git.asks("check-ref-format", f"refs/heads/{branch}") is None:
        raise UserError(f"--branch {branch}: can't be a branch's name; the usual one is gh-pages")
    known = git("remote").split()
    if remote not in known:
        hint = f"there is {', '.join(known)}" if known else f"`git remote add {remote} ADDRESS` adds it"
        raise UserError(f"--remote {remote}: the repository has no such remote; {hint}")
    return git("remote", "get-url", remote)


def _tip(git: Git, remote: str, branch: str) -> str:
    """The commit that the remote's branch is at, fetched; nothing if there is no such branch."""
    try:
        found = git("ls-remote", remote, f"refs/heads/{branch}").split()
        if not found:
            return ""
        local = f"refs/remotes/{remote}/{branch}"
        git("fetch", "--quiet", "--no-tags", remote, f"+refs/heads/{branch}:{local}")
        return git("rev-parse", local)
    except GitFailed as error:
        raise UserError(f"{remote} can't be reached: {error.message}") from None


def _files(folder: Path, prefix: str = "") -> Iterator[str]:
    for entry in os.scandir(folder / prefix if prefix else folder):
        if entry.name == ".git" or prefix + entry.name in NOT_PUBLISHED:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(folder, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name


def _tree(git: Git, folder: Path, files: list[str], before: str) -> str:
    """The id of a tree that holds these files of a folder, each as it is."""
    places = "".join(f"{(folder / path).absolute()}\n" for path in files)
    ids = git("hash-object", "-w", "--no-filters", "--stdin-paths", send=places).split("\n")
    entries = [f"100644 {id_}\t{path}" for id_, path in zip(ids, files, strict=True)]
    # A custom domain that was set on GitHub stands in the branch alone.
    if before and "CNAME" not in files and (kept := git("ls-tree", before, "CNAME")):
        entries.append(re.sub(r"^(\d+) blob ", r"\1 ", kept))
    with tempfile.TemporaryDirectory() as scratch:
        own = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        git("update-index", "-z", "--add", "--index-info", send=_ended(entries), env=own)
        return git("write-tree", env=own)


def _ended(entries: Iterable[str]) -> str:
    return "".join(f"{entry}\0" for entry in entries)


def _commit(git: Git, tree: str, parent: str) -> str:
    known = git.asks("var", "GIT_AUTHOR_IDENT") and git.asks("var", "GIT_COMMITTER_IDENT")
    message = f"Gallery by Pocket Microscope {__version__}"
    above = ("-p", parent) if parent else ()
    return git("commit-tree", tree, *above, "-m", message, env=None if known else NOBODY)


def _push(git: Git, remote: str, branch: str, commit: str, before: str, *, squash: bool) -> None:
    # Only what was looked at is replaced: not what somebody else pushed since.
    lease = (f"--force-with-lease=refs/heads/{branch}:{before}",) if squash else ()
    words = ("push", "--quiet", "--no-follow-tags", "--recurse-submodules=no", *lease, remote)
    try:
        git(*words, f"{commit}:refs/heads/{branch}")
    except GitFailed as error:
        hint = (
            "; somebody else published meanwhile: again"
            if re.search(r"stale info|fetch first|non-fast-forward", error.said)
            else ""
        )
        raise UserError(f"{remote} refused branch {branch}: {error.message}{hint}") from None


def _changed(git: Git, before: str, commit: str, count: int) -> int:
    if not before:
        return count
    return len(git("diff-tree", "-r", "--name-only", "--no-renames", before, commit).splitlines())


def _address(url: str) -> str:
    """Where GitHub Pages shows the site of a repository there; nothing for another host."""
    found = re.fullmatch(r"(?:https://|ssh://git@|git@)github\.com[:/]([\w.-]+)/([\w.-]+?)(?:\.git)?/?", url)
    if not found:
        return ""
    owner, name = found[1].lower(), found[2]
    return f"https://{owner}.github.io/" + ("" if name.lower() == f"{owner}.github.io" else f"{name}/")
