"""How durations, sizes and paths read, in messages and in options."""

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


def seconds(text: str) -> float:
    """The seconds in `90`, `90s`, `30m` or `2h`; ValueError says what is wrong."""
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        value = float(number) * units[unit]
    except ValueError:
        raise ValueError(f"{text!r} is no duration; write 90s, 30m or 2h") from None
    if not 0 < value < float("inf"):
        raise ValueError("should be more than nothing")
    return value
