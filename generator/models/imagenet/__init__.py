"""The names of ImageNet's thousand classes, in the order of every network's outputs that was trained on them.

`classes.txt` is the list `_IMAGENET_CATEGORIES` of torchvision 0.29.1 (`torchvision/models/_meta.py`, from
PyPI), which says of classes of one name in WordNet which is meant (`crane bird`); its BSD-3 licence is
`LICENSE` beside it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def class_names() -> tuple[str, ...]:
    """The thousand names: `tench` is 0, `toilet tissue` 999."""
    return tuple((Path(__file__).parent / "classes.txt").read_text(encoding="utf-8").splitlines())
