"""A site becomes the content of a branch of a remote, and nothing else of any repository is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from generator.errors import UserError
from generator.gallery.output import MANIFEST
from generator.publishing.branch import publish
from generator.publishing.checking import check_site
from generator.publishing.git import Git
from tests.gallery.conftest import files_of
from tests.publishing.conftest import git


def state(repository: Path) -> dict[str, object]:
    """All of a repository that a user works with."""
    return {
        "head": git(repository, "rev-parse", "HEAD"),
        "branches": git(repository, "branch", "--list"),
        "status": git(repository, "status", "--porcelain"),
        "index": (repository / ".git" / "index").read_bytes(),
        "stash": git(repository, "stash", "list"),
        "files": {k: v for k, v in files_of(repository).items() if not k.startswith(".git/")},
    }


def content(remote: Path, folder: Path, branch: str = "gh-pages") -> dict[str, bytes]:
    """What a stranger gets who clones the branch."""
    git(remote.parent, "clone", "--quiet", "--branch", branch, str(remote), str(folder))
    return {name: data for name, data in files_of(folder).items() if not name.startswith(".git/")}


def history(remote: Path, branch: str = "gh-pages") -> list[str]:
    return git(remote, "log", "--format=%an <%ae> %s", branch).splitlines()


def test_the_branch_is_the_site_byte_for_byte(
    site: Path, repository: Path, remote: Path, tmp_path: Path
) -> None:
    (site / "Größe & more.txt").write_bytes(b"one\r\ntwo\n")
    before = state(repository)
    done = publish(Git(repository), site, "gh-pages")
    assert content(remote, tmp_path / "clone") == files_of(site)
    assert state(repository) == before
    assert (done.files, done.changed) == (len(files_of(site)),) * 2
    assert history(remote) == [
        "Pocket Microscope <pocket-microscope@localhost> Gallery by Pocket Microscope 0.1.0"
    ]


def test_what_did_not_change_is_not_committed_again(site: Path, repository: Path, remote: Path) -> None:
    first = publish(Git(repository), site, "gh-pages")
    again = publish(Git(repository), site, "gh-pages")
    assert (again.commit, again.changed) == ("", 0)
    assert git(remote, "rev-parse", "gh-pages") == first.commit
    (site / "about.html").write_text("changed")
    (site / "compare.html").unlink()
    second = publish(Git(repository), site, "gh-pages")
    assert second.changed == 2 and len(history(remote)) == 2
    assert git(remote, "rev-parse", "gh-pages^") == first.commit


def test_history_is_kept_short_on_request(site: Path, repository: Path, remote: Path, tmp_path: Path) -> None:
    for text in ("one", "two"):
        (site / "about.html").write_text(text)
        publish(Git(repository), site, "gh-pages")
    assert len(history(remote)) == 2
    # Nothing changed but the history is to go.
    assert publish(Git(repository), site, "gh-pages", squash=True).commit
    assert len(history(remote)) == 1
    (site / "about.html").write_text("three")
    publish(Git(repository), site, "gh-pages", squash=True)
    assert len(history(remote)) == 1
    assert publish(Git(repository), site, "gh-pages", squash=True).commit == ""
    assert content(remote, tmp_path / "clone")["about.html"] == b"three"


def test_whoever_git_knows_is_the_author(site: Path, repository: Path, remote: Path) -> None:
    git(repository, "config", "user.name", "Ada")
    git(repository, "config", "user.email", "ada@example.org")
    publish(Git(repository), site, "gh-pages")
    assert history(remote)[0].startswith("Ada <ada@example.org>")


def test_it_works_from_anywhere_in_any_state(site: Path, repository: Path, remote: Path) -> None:
    """From a folder below the top, with a detached head, from a repository without a commit."""
    git(repository, "checkout", "--quiet", "--detach")
    (repository / "deep").mkdir()
    publish(Git(repository / "deep"), site, "gh-pages")
    empty = repository.parent / "empty"
    git(repository.parent, "init", "--quiet", str(empty))
    git(empty, "remote", "add", "origin", str(remote))
    assert publish(Git(empty), site, "other").commit
    assert history(remote, "other") == history(remote)


def test_the_repository_of_the_config_counts_not_that_of_the_site(
    site: Path, repository: Path, remote: Path
) -> None:
    """A site may lie in a submodule, or be a checkout of its own."""
    git(site, "init", "--quiet")
    (site / "data" / "inner").mkdir()
    git(site / "data" / "inner", "init", "--quiet")
    (site / "data" / "inner" / "x.txt").write_text("x")
    publish(Git(repository), site, "gh-pages")
    names = git(remote, "ls-tree", "-r", "--name-only", "gh-pages").splitlines()
    assert "data/inner/x.txt" in names and not any(".git/" in name for name in names)


def test_what_git_sets_for_hooks_is_passed_over(
    site: Path, repository: Path, remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(site))
    monkeypatch.setenv("GIT_INDEX_FILE", str(site / "index"))
    assert publish(Git(repository), site, "gh-pages").commit
    assert not (site / "index").exists()


def test_a_domain_set_on_github_stays(site: Path, repository: Path, remote: Path, tmp_path: Path) -> None:
    publish(Git(repository), site, "gh-pages")
    git(tmp_path, "clone", "--quiet", "--branch", "gh-pages", str(remote), "host")
    (tmp_path / "host" / "CNAME").write_text("microscope.example.org\n")
    git(tmp_path / "host", "add", "CNAME")
    git(tmp_path / "host", "-c", "user.name=Host", "-c", "user.email=h@x", "commit", "--quiet", "-m", "CNAME")
    git(tmp_path / "host", "push", "--quiet")
    assert publish(Git(repository), site, "gh-pages").commit == ""
    (site / "about.html").write_text("changed")
    publish(Git(repository), site, "gh-pages")
    assert content(remote, tmp_path / "clone")["CNAME"] == b"microscope.example.org\n"


def test_the_address_on_github_is_told() -> None:
    from generator.publishing.branch import _address

    for url in (
        "git@github.com:Ada/lens.git",
        "https://github.com/Ada/lens",
        "ssh://git@github.com/Ada/lens",
    ):
        assert _address(url) == "https://ada.github.io/lens/"
    assert _address("https://github.com/Ada/ada.github.io.git") == "https://ada.github.io/"
    assert _address("https://example.org/Ada/lens") == _address("/srv/lens.git") == ""


# -- what can go wrong -----------------------------------------------------------------------------


def refusal(
    repository: Path, site: Path, branch: str = "gh-pages", remote: str = "origin", **how: bool
) -> str:
    with pytest.raises(UserError) as error:
        publish(Git(repository), site, branch, remote, **how)
    assert "\n" not in error.value.message
    return error.value.message


def test_a_branch_of_other_things_is_never_replaced(site: Path, repository: Path, remote: Path) -> None:
    git(repository, "push", "--quiet", "origin", "main")
    before = git(remote, "rev-parse", "main")
    for squash in (False, True):
        message = refusal(repository, site, "main", squash=squash)
        assert message.startswith("branch main of origin holds files that Pocket Microscope did not write")
    assert git(remote, "rev-parse", "main") == before
    assert publish(Git(repository), site, "main", force=True).commit
    assert MANIFEST in git(remote, "ls-tree", "--name-only", "main")


def test_each_failure_is_one_line(site: Path, repository: Path, tmp_path: Path) -> None:
    assert "can't be a branch's name" in refusal(repository, site, "a b")
    assert "can't be a branch's name" in refusal(repository, site, "--all")
    assert refusal(repository, site, remote="upstream") == (
        "--remote upstream: the repository has no such remote; there is origin"
    )
    git(repository, "remote", "set-url", "origin", str(tmp_path / "gone.git"))
    assert refusal(repository, site).startswith("origin can't be reached: git ls-remote: ")
    git(repository, "remote", "remove", "origin")
    assert refusal(repository, site).endswith("`git remote add origin ADDRESS` adds it")


def test_no_repository_a_bare_one_and_no_git_are_told_apart(
    site: Path, remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, said in ((tmp_path, "is in no git repository"), (remote, "is in a bare repository")):
        with pytest.raises(UserError, match=said):
            Git(folder)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="no such command; install git"):
        Git(tmp_path)


def test_a_refused_push_says_why(site: Path, repository: Path, remote: Path) -> None:
    hook = remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'GH006: Protected branch update failed.' >&2\nexit 1\n")
    hook.chmod(0o755)
    assert refusal(repository, site) == (
        "origin refused branch gh-pages: git push: pre-receive hook declined: "
        "GH006: Protected branch update failed."
    )
    assert "gh-pages" not in git(remote, "branch", "--list")


def test_what_somebody_else_published_meanwhile_is_not_lost(
    site: Path, repository: Path, remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from generator.publishing import branch as module

    publish(Git(repository), site, "gh-pages")
    real = module._tree

    def slow(*given: object) -> str:
        tree = real(*given)  # type: ignore[arg-type]
        monkeypatch.setattr(module, "_tree", real)
        (site / "compare.html").write_text("by another")
        publish(Git(repository), site, "gh-pages")
        return tree

    for squash in (False, True):
        (site / "about.html").write_text(f"changed {squash}")
        monkeypatch.setattr(module, "_tree", slow)
        assert "somebody else published meanwhile" in refusal(repository, site, squash=squash)
        (site / "compare.html").write_text(f"again {squash}")
    assert len(history(remote)) == 3


def test_no_file_is_left_in_the_scratch_folder(site: Path, repository: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    os.environ["TMPDIR"], before = str(scratch), os.environ.get("TMPDIR")
    try:
        publish(Git(repository), site, "gh-pages")
    finally:
        del os.environ["TMPDIR"]
        if before:
            os.environ["TMPDIR"] = before
    assert list(scratch.iterdir()) == []


def test_what_a_killed_build_left_is_not_published(site: Path, repository: Path, remote: Path) -> None:
    (site / ".pocket-microscope-new").mkdir()
    (site / ".pocket-microscope-new" / "half.webp").write_bytes(b"half")
    (site / ".pocket-microscope.lock").touch()
    assert check_site(site).problems == []
    publish(Git(repository), site, "gh-pages")
    names = set(git(remote, "ls-tree", "-r", "--name-only", "gh-pages").splitlines())
    assert names == set(files_of(site)) - {".pocket-microscope-new/half.webp", ".pocket-microscope.lock"}
