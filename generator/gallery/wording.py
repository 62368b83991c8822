"""Numbers and moments as pages say them."""

from __future__ import annotations

from datetime import datetime


def count(value: int) -> str:
    """A whole number with thin spaces between thousands, as typography has it."""
    return f"{value:,}".replace(",", "\u202f")


def number(value: float) -> str:
    """A measured number with three digits that matter."""
    value += 0.0  # no minus before a zero
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return text.replace("-", "\u2212") if "e" not in text else f"{value:.1e}"


def percent(share: float) -> str:
    """A share, 0 to 1, in per cent; neither end is said unless it is reached."""
    hundredths = 100 * share
    if 0 < hundredths < 0.1:
        return "under 0.1\u202f%"
    if 99.9 < hundredths < 100:
        return "over 99.9\u202f%"
    text = f"{hundredths:.0f}" if 10 <= hundredths <= 99 or hundredths in (0, 100) else f"{hundredths:.1f}"
    return f"{text}\u202f%"


def day(moment: str) -> str:
    """A moment as `23 November 2026, 22:25 UTC`; anything unknown as it is."""
    try:
        time = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    return f"{time.day} {time:%B %Y, %H:%M} UTC"
