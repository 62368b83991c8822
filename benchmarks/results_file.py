"""Puts sections between our markers in RESULTS.md and leaves the rest of the file alone."""

from __future__ import annotations

from pathlib import Path

_START, _END = "<!-- peers:start -->", "<!-- peers:end -->"
_HEADING = "## Side by side with other tools"


def put(path: Path, section: str, text: str) -> None:
    """Replace one of our sections, or add it after the others."""
    old = path.read_text(encoding="utf-8") if path.exists() else "# Measurements\n"
    if _START not in old:
        old = f"{old.rstrip()}\n\n{_START}\n{_HEADING}\n\n{_END}\n"
    before, rest = old.split(_START, 1)
    inside, after = rest.split(_END, 1)
    new = f"{before}{_START}{_with_section(inside, section, text)}{_END}{after}"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(new, encoding="utf-8")
    temporary.replace(path)


def _with_section(inside: str, section: str, text: str) -> str:
    start, end = f"<!-- peers-{section}:start -->", f"<!-- peers-{section}:end -->"
    block = f"{start}\n{text.strip()}\n{end}"
    if start not in inside:
        return f"{inside.rstrip()}\n\n{block}\n"
    before, rest = inside.split(start, 1)
    return before + block + rest.split(end, 1)[1]
