"""The shape of the code: imports go down, TensorFlow stays where it belongs, functions stay small."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, Rendered, environment

PACKAGE = ROOT / "generator"

LEVELS = [
    {"errors", "images", "quiet", "resources", "targets"},
    {"config"},
    {"cache", "datasets"},
    {"models"},
    {"render", "evidence"},
    {"engines"},
    {"layers"},
    {"plan"},
    {"timings"},
    {"schedule", "selection"},
    {"inquiries"},
    {"pipeline", "gallery"},
    {"publishing"},
    {"console", "api"},
    {"cli", "__init__"},
    {"__main__"},
]
"""Lowest first: a part imports from its own level and from those before it."""


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def level(part: str) -> int:
    return next(place for place, parts in enumerate(LEVELS) if part in parts)


def part_of(path: Path) -> str:
    inside = path.relative_to(PACKAGE)
    return inside.parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Each module that a file imports, and whether at its top, where importing the file imports it too."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node in tree.body) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module, node in tree.body
            yield from ((f"{node.module}.{alias.name}", node in tree.body) for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    own = level(part_of(path))
    for name, _ in imports(path):
        parts = name.split(".")
        if parts[0] == "generator" and len(parts) > 1 and is_part(parts[1]):
            assert level(parts[1]) <= own, f"{path.name} imports {name}, which stands above it"


def is_part(name: str) -> bool:
    return (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_some_parts_import_tensorflow(path: Path) -> None:
    heavy = [name for name, _ in imports(path) if name.split(".")[0] in ("tensorflow", "keras")]
    assert not heavy or part_of(path) in ("models", "render", "evidence", "engines", "quiet")


def test_render_knows_no_files_config_or_progress() -> None:
    unknown = ("generator.config.schema", "generator.config.reading", "generator.cache")
    for path in (PACKAGE / "render").glob("*.py"):
        names = {name for name, _ in imports(path)}
        assert not any(name.startswith((*unknown, "pathlib", "tqdm", "click")) for name in names), path


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 300, "split it"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 50, f"{node.name} is longer than a screen"


WITHOUT_TENSORFLOW = """
import sys
from generator.cli import main
sys.argv = ["build-site", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    code = end.code
heavy = sorted({name.split(".")[0] for name in sys.modules} & {"tensorflow", "keras", "h5py", "distributed"})
print(f"code {code}, heavy {heavy}")
"""


@pytest.mark.parametrize(
    "arguments",
    ["--help", "build --help", "plan CONFIG", "verify CONFIG", "prune --dry-run CONFIG", "init new.yaml"],
)
def test_commands_that_need_no_tensorflow_do_not_import_it(
    rendered: Rendered, tmp_path: Path, arguments: str
) -> None:
    words = arguments.replace("CONFIG", str(rendered.config)).split()
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW, *words],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == "code 0, heavy []", done.stdout + done.stderr
