"""A YAML file of the user's -> plain values and the line of each: one reader for config.yaml and notes.yaml.

What comes out is what JSON knows: text, numbers, true and false, nothing, lists, and mappings whose keys are
text. Dates are the text that stands there. How large a file may grow is bounded before anything is made of
it, aliases counted as often as they are used.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from generator.config.problems import Location, Problem
from generator.errors import UserError

MAX_BYTES = 4_000_000
MAX_NODES = 250_000
"""Values and keys, aliases counted as often as they are used: a reading of some seconds."""
MAX_DEPTH = 32
MAX_ALIASES = 1_000
MAX_NUMBER = 2**63

_TAG = "tag:yaml.org,2002:"
_TEXT = {f"{_TAG}{kind}" for kind in ("str", "timestamp", "value")}
_MERGE = f"{_TAG}merge"


@dataclass
class Yaml:
    """A file as read: its values, the line (from 1) of each location, and what is wrong so far.

    `unusable` are the locations whose value can't be read; there stands None.
    """

    value: Any
    lines: dict[Location, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unusable: list[Location] = field(default_factory=list)


def read_yaml(path: Path) -> Yaml:
    """Read a file; UserError, in one line, when it can't be read, is no YAML or larger than we read."""
    text = _text(path)
    try:
        loader = _BoundedLoader(text)
        node = loader.get_single_node()
        if node is not None:
            _check_expanded(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UserError(f"{path}:{mark.line + 1 if mark else 1}: not valid YAML: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UserError(
            f"{path}:{line}: not valid YAML: the character U+{ord(text[error.position]):04X} is not allowed"
        ) from None
    except _TooMuch as error:
        raise UserError(f"{path}:{error.line}: {error}") from None
    read = Yaml(None)
    if node is not None:
        read.value = _Plain(read).value(node, ())
        read.lines.setdefault((), node.start_mark.line + 1)
    return read


# -- bytes to text ---------------------------------------------------------------------------------

_OTHER_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: can't be read: {reason}") from None
    if len(data) > MAX_BYTES:
        raise UserError(f"{path}: is larger than {MAX_BYTES // 1_000_000} MB; is it the right file?")
    if data.startswith(_OTHER_ENCODINGS):
        raise UserError(f"{path}: is in UTF-16; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path}:{line}: the byte {data[error.start]:#04x} is not UTF-8; save the file as UTF-8"
        ) from None


# -- text to nodes, within bounds ------------------------------------------------------------------


class _TooMuch(Exception):
    """A bound is passed, on a line."""

    def __init__(self, message: str, mark: yaml.Mark) -> None:
        super().__init__(message)
        self.line = mark.line + 1


class _BoundedLoader(yaml.SafeLoader):
    """Composes nodes and stops as soon as there are too many, too deep or too many aliases."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._nodes = self._depth = self._aliases = 0
        self._open: set[str] = set()

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        anchor, mark = event.anchor, event.start_mark
        if isinstance(event, yaml.AliasEvent):
            self._aliases += 1
            if anchor in self._open:
                raise _TooMuch(f"the alias *{anchor} stands for something that holds it", mark)
            if self._aliases > MAX_ALIASES:
                raise _TooMuch(f"holds more than {MAX_ALIASES:,} aliases; is it the right file?", mark)
            return super().compose_node(parent, index)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _TooMuch(f"holds more than {MAX_NODES:,} values; is it the right file?", mark)
        if self._depth >= MAX_DEPTH:
            raise _TooMuch(f"is nested more than {MAX_DEPTH} deep", mark)
        self._depth += 1
        self._open |= {anchor} if anchor else set()
        node = super().compose_node(parent, index)
        self._open -= {anchor}
        self._depth -= 1
        return node


def _check_expanded(root: yaml.Node) -> None:
    """Raise if the values, each alias written out, are too many or too deep."""
    known: dict[int, tuple[int, int]] = {}

    def measured(node: yaml.Node) -> tuple[int, int]:
        """How many nodes there are, and how deep, with this one."""
        if id(node) not in known:
            sizes = [measured(child) for child in _children(node)]
            known[id(node)] = 1 + sum(size for size, _ in sizes), 1 + max((d for _, d in sizes), default=0)
        count, depth = known[id(node)]
        if count > MAX_NODES:
            raise _TooMuch(f"its aliases stand for more than {MAX_NODES:,} values", node.start_mark)
        if depth > MAX_DEPTH:
            raise _TooMuch(f"with its aliases, is nested more than {MAX_DEPTH} deep", node.start_mark)
        return count, depth

    measured(root)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair


# -- nodes to plain values -------------------------------------------------------------------------


class _Plain:
    """Makes plain values of nodes, taking note of lines and problems in `read`."""

    def __init__(self, read: Yaml) -> None:
        self._read = read
        self._construct = yaml.constructor.SafeConstructor()

    def value(self, node: yaml.Node, location: Location) -> Any:
        """The plain value of a node; None, and a problem, for one that has none."""
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self._item(child, (*location, place)) for place, child in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, location)
        return self._unusable(location, _foreign_type(node.tag))

    def _item(self, node: yaml.Node, location: Location) -> Any:
        self._read.lines[location] = node.start_mark.line + 1
        return self.value(node, location)

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        # What is merged comes first, so that the lines of a mapping's own keys are theirs.
        for key, value in sorted(node.value, key=lambda pair: pair[0].tag != _MERGE):
            if key.tag == _MERGE:
                merged = {**self._merged(value, location), **merged}
                continue
            if not isinstance(key, yaml.ScalarNode):
                self._problem(location, "a key should be text, not a list or a mapping")
                continue
            name = str(key.value)
            where = (*location, name)
            self._read.lines[where] = key.start_mark.line + 1
            if name in own:
                self._problem(where, "is given twice")
            if fault := _no_text(name):
                self._problem(location, f"a key {fault}")
            else:
                own[name] = self.value(value, where)
        return {**merged, **own}

    def _merged(self, node: yaml.Node, location: Location) -> dict[str, Any]:
        """What `<<:` brings in: a mapping, or several of which the first wins."""
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        mappings = [part for part in parts if isinstance(part, yaml.MappingNode)]
        if len(mappings) < len(parts):
            self._problem(location, "`<<` should stand before a mapping or a list of them")
        found: dict[str, Any] = {}
        for part in mappings:
            found = {**self._mapping(part, location), **found}
        return found

    def _scalar(self, node: yaml.ScalarNode, location: Location) -> Any:
        if node.tag in _TEXT:
            fault = _no_text(node.value)
            return self._unusable(location, fault) if fault else node.value
        kind = node.tag.removeprefix(_TAG)
        if kind not in ("null", "bool", "int", "float"):
            return self._unusable(location, _foreign_type(node.tag))
        try:
            value = getattr(self._construct, f"construct_yaml_{kind}")(node)
        except (ValueError, LookupError, ArithmeticError):
            return self._unusable(location, f"{node.value[:40]!r} can't be read as {_KINDS[kind]}")
        if kind == "int" and abs(value) >= MAX_NUMBER:
            return self._unusable(location, "is too large a number")
        return value

    def _unusable(self, location: Location, message: str) -> None:
        self._read.unusable.append(location)
        self._problem(location, message)

    def _problem(self, location: Location, message: str) -> None:
        self._read.problems.append(Problem(location, message))


_KINDS = {"null": "nothing", "bool": "true or false", "int": "a whole number", "float": "a number"}


def _no_text(text: str) -> str:
    """What is wrong with a text that no file, page or terminal could take; or nothing."""
    strange = next((c for c in text if c == "\0" or "\ud800" <= c <= "\udfff"), None)
    return f"holds the character U+{ord(strange):04X}, which is no text" if strange else ""


def _foreign_type(tag: str) -> str:
    shown = f"!!{tag.removeprefix(_TAG)}" if tag.startswith(_TAG) else tag
    return f"is of the type {shown[:40]}, which has no place here; write text, a number, a list or a mapping"
