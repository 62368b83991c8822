"""Which pictures of a data set are looked at together.

Blocks follow from the pictures themselves: one ends where a picture's digest says so. A picture that is
added, removed or changed therefore changes one block, or two, and leaves the others and their keys alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from generator.datasets.sources import Item

USUAL, LONGEST = 128, 256
"""Pictures in a block: about as many as the first, at most as many as the second."""


def blocks(items: Iterable[Item], usual: int = USUAL, longest: int = LONGEST) -> Iterator[tuple[Item, ...]]:
    """The items in their order, cut into blocks."""
    block: list[Item] = []
    for item in items:
        block.append(item)
        if int(item.digest[:8], 16) % usual == 0 or len(block) == longest:
            yield tuple(block)
            block = []
    if block:
        yield tuple(block)
