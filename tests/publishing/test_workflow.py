"""The workflow and the action: well-formed and tight, and their steps do what they should in a real shell."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.errors import UserError
from generator.publishing.git import Git
from generator.publishing.workflow import Choices, write_workflow
from tests.conftest import ROOT, Rendered, click_run, environment
from tests.publishing.conftest import git

ACTION = ROOT / "action.yml"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def written(repository: Path, *, force: bool = False, **choices: Any) -> Path:
    """The workflow of a config in a repository."""
    own = Choices(**{"install": ("git+https://example.org/pocket-microscope@abc",), **choices})
    places = (repository / "my cönfig.yaml", repository / "cache", repository / "site")
    return write_workflow(Git(repository), *places, own, force=force)[0]


@pytest.fixture(params=[1, 3], ids=["one machine", "three machines"])
def workflow(request: pytest.FixtureRequest, repository: Path) -> Path:
    return written(repository, shards=request.param, runs=4)


def parsed(path: Path) -> dict[str, Any]:
    # YAML 1.1 takes `on` for true.
    return yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)  # type: ignore[no-any-return]


# -- as a text -------------------------------------------------------------------------------------


def tool(*words: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *map(str, words)] if words[0] == "check_jsonschema" else [*map(str, words)],
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_github_can_read_them(workflow: Path) -> None:
    tool("check_jsonschema", "--builtin-schema", "vendor.github-workflows", workflow, *WORKFLOWS)
    tool("check_jsonschema", "--builtin-schema", "vendor.github-actions", ACTION)


def test_no_tool_finds_a_hole_in_them(workflow: Path) -> None:
    zizmor = Path(sys.executable).with_name("zizmor")
    tool(zizmor, "--offline", "--no-progress", "--quiet", workflow, ACTION, *WORKFLOWS)


def steps_of(job: dict[str, Any]) -> list[dict[str, Any]]:
    return list(job.get("steps", job.get("runs", {}).get("steps", [])))


def test_what_they_refer_to_is_there(workflow: Path) -> None:
    """Every step, job, input and matrix value that an expression names."""
    whole = parsed(workflow)
    for name, job in whole["jobs"].items():
        known = {f"inputs.{one}" for one in whole["on"]["workflow_dispatch"]["inputs"]}
        known |= {f"steps.{step['id']}" for step in steps_of(job) if "id" in step}
        known |= {f"matrix.{one}" for one in job.get("strategy", {}).get("matrix", {})}
        needs = job.get("needs", [])
        known |= {f"needs.{one}" for one in ([needs] if isinstance(needs, str) else needs)}
        used = set(re.findall(r"\b(?:inputs|steps|matrix|needs)\.\w+", str(job)))
        assert used <= known, name
        for other, output in re.findall(r"needs\.(\w+)\.outputs\.(\w+)", str(job)):
            assert output in whole["jobs"][other]["outputs"]
    action = parsed(ACTION)
    known = {f"inputs.{one}" for one in action["inputs"]}
    known |= {f"steps.{step['id']}" for step in steps_of(action) if "id" in step}
    assert set(re.findall(r"\b(?:inputs|steps)\.[\w-]+", str(action))) == known


def test_every_action_is_pinned_by_commit_to_one_version(workflow: Path) -> None:
    pins: dict[str, set[str]] = {}
    for path in (workflow, ACTION, *WORKFLOWS):
        used = re.findall(r"uses: (.*)", path.read_text("utf-8"))
        for line in used:
            found = re.fullmatch(r"([\w-]+/[\w-]+)(?:/\w+)?@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)", line)
            assert found, line
            pins.setdefault(found[1], set()).add(f"{found[2]} {found[3]}")
    assert all(len(one) == 1 for one in pins.values()), pins


def test_what_is_rendered_is_kept_however_a_run_ends(workflow: Path) -> None:
    jobs = parsed(workflow)["jobs"]
    for job in (job for name, job in jobs.items() if name in ("render", "build")):
        assert int(job["timeout-minutes"]) < 360
        keeping = [s for s in steps_of(job) if re.search("cache/save|upload-artifact", s.get("uses", ""))]
        assert keeping and all(step["if"] == "always()" for step in keeping)
    if "render" in jobs:
        assert jobs["build"]["if"] == "always()" and jobs["render"]["strategy"]["fail-fast"] == "false"
    assert parsed(workflow)["concurrency"]["cancel-in-progress"] == "false"


def test_our_own_workflow_is_the_generated_one() -> None:
    (own,) = (one for one in WORKFLOWS if one.name == "microscope.yml")
    text = own.read_text("utf-8")
    from generator.publishing.workflow import _untouched

    assert _untouched(text), "build-site publish --workflow writes it"
    assert "pip install --quiet .\n" in text


# -- as a file -------------------------------------------------------------------------------------


def test_it_is_updated_until_somebody_changes_it(repository: Path) -> None:
    path = written(repository)
    first = path.read_text("utf-8")
    assert "runs:" in first and '"10"' in first
    assert '"2"' in written(repository, runs=2).read_text("utf-8")
    edited = path.read_text("utf-8").replace("timeout-minutes: 355", "timeout-minutes: 60")
    path.write_text(edited, "utf-8")
    with pytest.raises(UserError, match="was written or changed by hand"):
        written(repository)
    assert path.read_text("utf-8") == edited
    assert written(repository, force=True).read_text("utf-8") == first


def test_what_a_workflow_can_not_hold_is_refused(repository: Path, tmp_path: Path) -> None:
    git_ = Git(repository)
    inside = repository / "config.yaml"
    cases = [
        ((tmp_path / "c.yaml", inside, inside), "the config is outside of the repository"),
        ((inside, tmp_path / "cache", inside), "`cache` is outside of the repository"),
        ((inside, inside, repository / "${{ x }}"), "`output` has a character"),
    ]
    for places, said in cases:
        with pytest.raises(UserError, match=said):
            write_workflow(git_, *places, Choices(install=("x",)))
    with pytest.raises(UserError, match=re.escape("--install ${{ secrets.X }}: has a character")):
        written(repository, install=("${{ secrets.X }}",))
    with pytest.raises(UserError, match="is not Pocket Microscope's own repository; say where"):
        written(repository, install=())


def test_names_of_files_stay_one_word_in_a_shell(repository: Path) -> None:
    text = written(repository, install=("./my nets", "x; rm -rf /")).read_text("utf-8")
    assert 'CONFIG: "my cönfig.yaml"' in text
    assert "pip install --quiet './my nets' 'x; rm -rf /'\n" in text


# -- as shell --------------------------------------------------------------------------------------


@dataclass
class Runner:
    """A machine that runs the steps of a job which are shell, as GitHub's do; other actions are skipped."""

    repository: Path
    scratch: Path
    path: Path
    values: dict[str, str] = field(default_factory=dict)

    def run(self, document: dict[str, Any], job: dict[str, Any]) -> list[str]:
        """Run a job's steps, and what they said; their outputs become `values`."""
        said = []
        for step in steps_of(job):
            if "run" in step:
                said.append(self._step(step, {**document.get("env", {}), **step.get("env", {})}))
        return said

    def _step(self, step: dict[str, Any], env: dict[str, str]) -> str:
        output = self.scratch / "output"
        output.write_text("")
        own = {name: self._filled(value) for name, value in env.items()}
        own |= {"GITHUB_OUTPUT": str(output), "RUNNER_TEMP": str(self.scratch), "PATH": str(self.path)}
        own |= {"GITHUB_ACTION_PATH": "/action", "GH_CALLS": str(self.scratch / "gh")}
        assert "${{" not in step["run"], "values reach a shell as variables only"
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.repository,
            env=environment(own),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        for line in output.read_text().splitlines():
            name, _, value = line.partition("=")
            self.values[f"steps.{step['id']}.outputs.{name}"] = value
        return done.stdout

    def _filled(self, text: str) -> str:
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: self.values[found[1]], text)


@pytest.fixture
def runner(repository: Path, tmp_path: Path, rendered: Rendered) -> Runner:
    """One with build-site, and with a pip and a gh that only note what they are asked."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "build-site").write_text(f'#!/bin/sh\nexec {sys.executable} -P -m generator "$@"\n')
    (tools / "pip").write_text("#!/bin/sh\n")
    (tools / "python").write_text('#!/bin/sh\n[ "$*" = "-m pip install --quiet /action" ]\n')
    (tools / "gh").write_text('#!/bin/sh\necho "$@" >> "$GH_CALLS"\n')
    for file in tools.iterdir():
        file.chmod(0o755)
    (tmp_path / "runner").mkdir()
    shutil.copy(rendered.config, repository / "my cönfig.yaml")
    return Runner(repository, tmp_path / "runner", Path(f"{tools}{os.pathsep}{os.environ['PATH']}"))


def restore(rendered: Rendered, repository: Path, without: int = 0) -> None:
    """The cache of an earlier run, less some pictures."""
    from generator.cache.entries import Cache

    shutil.copytree(rendered.folder / "cache", repository / "cache")
    cache = Cache(repository / "cache")
    for key in sorted(cache.snapshot().entries)[:without]:
        cache.remove(key)


def test_a_run_on_one_machine_renders_and_leaves_a_gallery(runner: Runner, rendered: Rendered) -> None:
    path = written(runner.repository, shards=1)
    document = parsed(path)
    restore(rendered, runner.repository, without=3)
    said = "".join(runner.run(document, document["jobs"]["build"]))
    assert "Rendered 3 pictures" in said and "site is fit to be published" in said
    assert runner.values["steps.before.outputs.due"] == "3"
    assert runner.values["steps.after.outputs.due"] == "0"
    assert (runner.repository / "site" / "models" / "tiny" / "first" / "0.html").is_file()


@pytest.mark.long
def test_two_machines_render_their_parts_and_a_third_merges_them(runner: Runner, rendered: Rendered) -> None:
    path = written(runner.repository, shards=2)
    document = parsed(path)
    cache, parts = runner.repository / "cache", runner.repository / "shards"
    restore(rendered, runner.repository, without=5)
    before = {file: file.stat().st_mtime_ns for file in cache.rglob("*") if file.is_file()}
    for shard in ("1", "2"):
        # Each begins with the cache of the run before.
        own = shutil.copytree(cache, runner.scratch / f"cache-{shard}", copy_function=shutil.copy2)
        runner.values["matrix.shard"] = shard
        runner.run(document, document["jobs"]["render"])
        with tarfile.open(parts / f"{shard}.tar") as packed:
            assert 0 < len(packed.getnames()) < len(before), "only what is new"
        shutil.rmtree(cache)
        own.rename(cache)
    said = "".join(runner.run(document, document["jobs"]["build"]))
    assert "Nothing to render: 14 pictures" in said and "site is fit to be published" in said
    assert list(parts.iterdir()) == []
    assert runner.values["steps.before.outputs.due"] == "5"
    assert runner.values["steps.after.outputs.due"] == "0"


def test_what_a_machine_made_before_it_was_stopped_is_packed(runner: Runner) -> None:
    document = parsed(written(runner.repository, shards=2))
    pack = next(
        step for step in steps_of(document["jobs"]["render"]) if step.get("name") == "Pack what is new"
    )
    runner.values["matrix.shard"] = "1"
    job = {"steps": [{**pack}]}
    runner.run(document, job)
    assert not list((runner.repository / "shards").iterdir()), "it was stopped before it began to render"
    old, new = runner.repository / "cache" / "old", runner.repository / "cache" / "new one"
    old.write_text("x")
    os.utime(old, (1, 1))
    (runner.scratch / "started").touch()
    os.utime(runner.scratch / "started", (2, 2))
    new.write_text("y")
    runner.run(document, job)
    with tarfile.open(runner.repository / "shards" / "1.tar") as packed:
        assert packed.getnames() == ["./new one"]


@pytest.mark.parametrize(
    ("before", "due", "runs", "started", "said"),
    [
        ("90", "40", "4", "3", "40 are due; the next run goes on, and may start 3 more."),
        ("90", "40", "08", "7", "the next run goes on"),
        ("90", "40", "0", None, "40 are due; start this workflow by hand"),
        ("90", "0", "4", None, "Nothing is due any more."),
        ("0", "0", "4", None, "Nothing is due any more."),
        ("40", "40", "4", None, "no fewer than before this run"),
    ],
)
def test_a_run_starts_the_next_as_long_as_that_helps(
    runner: Runner, before: str, due: str, runs: str, started: str | None, said: str
) -> None:
    document = parsed(written(runner.repository, runs=4))
    assert document["jobs"]["next"]["permissions"] == {"actions": "write"}
    assert {"github.token", "inputs.runs || '4'"} <= set(
        re.findall(r"\{\{ (.*?) \}\}", str(document["jobs"]))
    )
    runner.values |= {
        "github.token": "token",
        "github.repository": "ada/lens",
        "github.ref_name": "main branch",
        "needs.build.outputs.before": before,
        "needs.build.outputs.due": due,
        "inputs.runs || '4'": runs,
    }
    (told,) = runner.run(document, document["jobs"]["next"])
    assert said in told
    calls = runner.scratch / "gh"
    expected = f"workflow run microscope.yml --ref main branch -f runs={started}\n" if started else None
    assert (calls.read_text() if calls.exists() else None) == expected


def test_the_action_renders_and_tells_where_the_gallery_is(runner: Runner, rendered: Rendered) -> None:
    document = parsed(ACTION)
    restore(rendered, runner.repository)
    defaults = {f"inputs.{name}": one["default"] for name, one in document["inputs"].items()}
    runner.values |= {**defaults, "inputs.config": "my cönfig.yaml", "inputs.jobs": "1"}
    runner.run(document, document)
    outputs = {name: runner._filled(one["value"]) for name, one in document["outputs"].items()}
    assert outputs == {"site": str(runner.repository.resolve() / "site"), "due": "0"}
    assert (Path(outputs["site"]) / "index.html").is_file()


def test_the_command_writes_it(repository: Path, rendered: Rendered, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(rendered.config, repository / "config.yaml")
    monkeypatch.chdir(repository)
    words = (
        "publish",
        "--workflow",
        "--shards",
        "2",
        "--runs",
        "7",
        "--install",
        "git+https://example.org/p",
    )
    assert "Wrote .github/workflows/microscope.yml. Commit and push it" in click_run(*words).output
    document = parsed(repository / ".github" / "workflows" / "microscope.yml")
    assert document["jobs"]["render"]["strategy"]["matrix"]["shard"] == ["1", "2"]
    assert document["on"]["push"]["branches"] == ["main"]
    assert click_run(*words).output == ".github/workflows/microscope.yml is as it should be.\n"
    assert git(repository, "status", "--porcelain", ".github") == "?? .github/"
