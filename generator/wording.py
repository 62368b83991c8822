"""How durations, sizes and paths read in messages."""

from __future__ import annotations

from pathlib import Path


def many(count: int, what: str) -> str:
    """`1 picture`, `1,280 pictures`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def duration(seconds: float) -> str:
    """`8.1 s`, `12 min 5 s` or `2 h 3 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


def short(path: Path) -> str:
    """A path relative to the current folder, if it is inside."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def size(count: float) -> str:
    """Bytes as `310 kB`, `8 MB` or `1.2 GB`."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
