"""Where the files that travel with the code are: beside it in a wheel, above it in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def templates_folder() -> Path:
    """The folder of our templates and static files."""
    installed = _PACKAGE / "_templates"
    return installed if installed.is_dir() else _PACKAGE.parent / "templates"


def default_config() -> str:
    """The text of the commented config that `build-site init` writes."""
    installed = _PACKAGE / "_templates" / "config.yaml"
    path = installed if installed.is_file() else _PACKAGE.parent / "config.yaml"
    return path.read_text(encoding="utf-8")
