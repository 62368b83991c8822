"""notes.yaml: the user's labels, notes and tags on models, layers and channels."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from pathlib import Path

from generator.config.mistakes import shown, suggestion
from generator.config.problems import Location, Problem, describe, in_order
from generator.config.yaml_file import Yaml, read_yaml
from generator.errors import UserError
from generator.gallery.pages import Note
from generator.plan import Plan
from generator.targets import WHOLE

_KEYS = ("label", "text", "tags")


def read_notes(path: Path, plan: Plan) -> tuple[dict[str, Note], list[str]]:
    """Notes by address (`model`, `model/layer` or `model/layer/channel`), and warnings on those of no use.

    Without the file there are no notes. Raises UserError when it can't be read as a mapping.
    """
    if not path.exists():
        # The default need not be there; a file that the config names should.
        return {}, [f"{path}: no such file, so there are no notes"] if path.name != "notes.yaml" else []
    read = read_yaml(path)
    if read.value is not None and not isinstance(read.value, dict):
        raise UserError(f"{path}:1: should hold notes such as `model/layer/7: {{label: curves}}`")
    notes: dict[str, Note] = {}
    known = _addresses(plan)
    for address, value in (read.value or {}).items():
        note = _note(value, address, read)
        if address in known:
            notes[address] = note
        else:
            message = f"nothing in the gallery has that address{_near(address, known)}"
            read.problems.append(Problem((address,), message))
    return notes, [describe(path, read.lines, problem) for problem in in_order(read.problems, read.lines)]


def _addresses(plan: Plan) -> dict[str, None]:
    """Every address a note may have, from models down to channels."""
    layers = dict.fromkeys(f"{job.model}/{job.layer}" for job in plan.jobs)
    channels = dict.fromkeys(
        f"{job.model}/{job.layer}/{job.channel}" for job in plan.jobs if job.channel != WHOLE
    )
    return {**dict.fromkeys(plan.models), **layers, **channels}


def _near(address: str, known: Collection[str]) -> str:
    layers = [name for name in known if name.count("/") < 2]
    close = difflib.get_close_matches(address.rpartition("/")[0] or address, layers, n=1)
    return f"; is it in {close[0]}?" if close else ""


def _note(value: object, address: str, read: Yaml) -> Note:
    """The note at an address, without what is wrong in it."""
    if isinstance(value, str):
        return Note(label=_in_a_line(value))
    if not isinstance(value, dict):
        _wrong(read, (address,), f"should be a label or a mapping of {', '.join(_KEYS)}, not {shown(value)}")
        return Note()
    for key in value.keys() - set(_KEYS):
        _wrong(read, (address, key), f"unknown key{suggestion(key, _KEYS)}")
    label, text = (_text(value.get(key), (address, key), read) for key in ("label", "text"))
    tags = value.get("tags")
    tags = tags if isinstance(tags, list) else [] if tags is None else [tags]
    texts = [_text(tag, (address, "tags", place), read) for place, tag in enumerate(tags)]
    return Note(label, text, tuple(tag for tag in dict.fromkeys(texts) if tag))


def _text(value: object, location: Location, read: Yaml) -> str:
    """The text at a location; nothing for what is none. A number is its digits."""
    if isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return _in_a_line(str(value))
    if value is not None:
        _wrong(read, location, f"should be text, in quotes if need be, not {shown(value)}")
    return ""


def _in_a_line(text: str) -> str:
    return " ".join(text.split())


def _wrong(read: Yaml, location: Location, message: str) -> None:
    if location not in read.unusable:
        read.problems.append(Problem(location, message))
