"""What is done with a stranger's file, as functions of its path that import no more than they need."""

from __future__ import annotations

from pathlib import Path


def picture(path: Path) -> tuple[int, int]:
    """The size of a picture of a data set."""
    from generator.datasets.decoding import decoded

    return decoded(path.read_bytes()).size
