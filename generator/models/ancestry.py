"""Which layers feed which, by a network's anatomy."""

from __future__ import annotations

from collections.abc import Sequence

from generator.models.anatomy import Anatomy


def ancestors(anatomy: Anatomy, layer: str) -> set[str]:
    """All layers that feed a layer, itself left out."""
    inputs = {one.name: one.inputs for one in anatomy.layers}
    found: set[str] = set()
    waiting = [layer]
    while waiting:
        for before in inputs.get(waiting.pop(), ()):
            if before not in found:
                found.add(before)
                waiting.append(before)
    return found


def feeding(anatomy: Anatomy, layer: str, among: Sequence[str]) -> list[str]:
    """The layers of `among` that one meets first on all ways back from a layer."""
    inputs = {one.name: one.inputs for one in anatomy.layers}
    met: set[str] = set()
    seen: set[str] = set()
    waiting = [layer]
    while waiting:
        for before in inputs.get(waiting.pop(), ()):
            if before in among:
                met.add(before)
            elif before not in seen:
                seen.add(before)
                waiting.append(before)
    return [name for name in among if name in met]
