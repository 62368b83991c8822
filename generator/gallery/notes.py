"""notes.yaml: the user's labels, notes and tags on models, layers and channels."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from generator.config.recipes import WHOLE
from generator.errors import UserError
from generator.gallery.pages import Note
from generator.plan import Plan

_KEYS = ("label", "text", "tags")


def read_notes(path: Path, plan: Plan) -> tuple[dict[str, Note], list[str]]:
    """Notes by address (`model`, `model/layer` or `model/layer/channel`), and warnings on those of no use.

    Without the file there are no notes. Raises UserError when it can't be read as a mapping.
    """
    if not path.exists():
        # Only a file that the user asked for by name is missed.
        return {}, [f"{path}: no such file, so there are no notes"] if path.name != "notes.yaml" else []
    notes: dict[str, Note] = {}
    warnings: list[str] = []
    known = _addresses(plan)
    for address, value in _read(path).items():
        note = _note(value, f"{path}: {address}", warnings)
        if str(address) in known:
            notes[str(address)] = note
        else:
            warnings.append(
                f"{path}: {address}: nothing in the gallery has that address{_near(address, known)}"
            )
    return notes, warnings


def _addresses(plan: Plan) -> dict[str, None]:
    """Every address a note may have, from models down to channels."""
    layers = dict.fromkeys(f"{job.model}/{job.layer}" for job in plan.jobs)
    channels = dict.fromkeys(
        f"{job.model}/{job.layer}/{job.channel}" for job in plan.jobs if job.channel != WHOLE
    )
    return {**dict.fromkeys(plan.models), **layers, **channels}


def _near(address: object, known: Collection[str]) -> str:
    layers = [name for name in known if name.count("/") < 2]
    close = difflib.get_close_matches(str(address).rpartition("/")[0] or str(address), layers, n=1)
    return f"; is it in {close[0]}?" if close else ""


def _read(path: Path) -> Mapping[Any, Any]:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{path}:{line}: not valid YAML: {error.problem}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: can't be read as text: {error}") from None
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise UserError(f"{path}:1: should hold notes such as `model/layer/7: {{label: curves}}`")
    return raw


def _note(value: object, place: str, warnings: list[str]) -> Note:
    if isinstance(value, str):
        return Note(label=value)
    if not isinstance(value, dict):
        warnings.append(f"{place}: should be a label or a mapping of {', '.join(_KEYS)}")
        return Note()
    warnings += [
        f"{place}: unknown key {key!r}; known are {', '.join(_KEYS)}" for key in value if key not in _KEYS
    ]
    tags = value.get("tags") or []
    tags = [tags] if isinstance(tags, str) else tags
    if not isinstance(tags, list):
        warnings.append(f"{place}: tags should be a list")
        tags = []
    words = {key: " ".join(str(value.get(key) or "").split()) for key in ("label", "text")}
    return Note(**words, tags=tuple(dict.fromkeys(text for tag in tags if (text := str(tag).strip()))))
