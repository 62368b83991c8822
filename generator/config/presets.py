"""The configs that `build-site init` writes to start from."""

from __future__ import annotations

from pathlib import Path

from generator.errors import UserError
from generator.resources import default_config

_FOLDER = Path(__file__).resolve().parent / "presets"

DEFAULT = "efficientnet-lite0"


def names() -> list[str]:
    """What `--preset` may be, the default first."""
    return [DEFAULT, *sorted(path.stem for path in _FOLDER.glob("*.yaml"))]


def text(name: str) -> str:
    """The commented YAML of a preset; KeyError if there is none of that name."""
    if name == DEFAULT:
        return _without_photos(default_config())
    path = _FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise KeyError(name)
    return path.read_text(encoding="utf-8")


def _without_photos(config: str) -> str:
    """The shipped config for a folder that has no photographs of ours: what names them becomes a comment."""
    lines, inside = [], False
    for line in config.splitlines():
        inside = line == "datasets:" or (inside and line.startswith(" "))
        named = inside or line.strip() == "evidence: photos"
        lines.append(f"# {line}" if inside else f"    # {line.strip()}" if named else line)
    return "\n".join(lines) + "\n"


def write(name: str, path: Path) -> None:
    """Write a preset to a new file; UserError if it exists or can't be written."""
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text(name))
    except FileExistsError:
        raise UserError(f"{path}: exists already; name another file, or remove it first") from None
    except OSError as error:
        raise UserError(f"{path}: can't be written: {error.strerror}") from None
