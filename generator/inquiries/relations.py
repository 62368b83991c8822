"""Which channels are on together, within a layer and over all layers and models that were shown the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from generator.evidence import relatives
from generator.evidence.facts import Neighbour
from generator.evidence.summary import Summary
from generator.inquiries.inquiry import Inquiry

Array = NDArray[Any]

RELATIVES, ELSEWHERE = 6, 4
"""Nearest channels that are named: of the same layer; of other layers, and of other models."""


class Relations:
    """Correlations among the layers of inquiries; `summary` gives a layer's."""

    def __init__(
        self, inquiries: Sequence[Inquiry], summary: Callable[[Inquiry, str], Summary | None]
    ) -> None:
        self._inquiries, self._summary = inquiries, summary

    def _table(self, one: tuple[Inquiry, str], other: tuple[Inquiry, str]) -> Array | None:
        summaries = self._summary(*one), self._summary(*other)
        if summaries[0] is None or summaries[1] is None:
            return None
        of, among = (inquiry.channels(layer) for inquiry, layer in (one, other))
        return relatives.correlations(summaries[0], summaries[1], of, among)

    def twins(self, inquiry: Inquiry, layer: str) -> dict[int, tuple[int, ...]]:
        """By channel of a layer those that say the same."""
        table = self._table((inquiry, layer), (inquiry, layer))
        shown = set(inquiry.channels(layer))
        found: dict[int, tuple[int, ...]] = {}
        for one, other, _ in relatives.redundant(table) if table is not None else ():
            for channel, twin in ((one, other), (other, one)):
                if shown >= {channel, twin}:
                    found[channel] = (*found.get(channel, ()), twin)
        return found

    def neighbours(self, inquiry: Inquiry, layer: str) -> dict[int, tuple[Neighbour, ...]]:
        """By channel the nearest of the same layer, of the model's other layers, and of other models."""
        own: dict[int, list[tuple[int, Neighbour]]] = {channel: [] for channel in inquiry.channels(layer)}
        for other in self._inquiries:
            for name in other.layers:
                table = self._table((inquiry, layer), (other, name))
                if table is None:
                    continue
                here = (other.model, name) == (inquiry.model, layer)
                rank = 0 if here else 1 if other.model == inquiry.model else 2
                among = other.channels(name)
                for channel, found in own.items():
                    others = [one for one in among if one != channel] if here else among
                    for column, value in relatives.nearest(table, channel, others, RELATIVES):
                        found.append((rank, Neighbour(other.model, name, column, value)))
        return {channel: _closest(found) for channel, found in own.items()}


def _closest(found: Sequence[tuple[int, Neighbour]]) -> tuple[Neighbour, ...]:
    """Of each rank the nearest, as many as are named."""
    ordered = sorted(
        found, key=lambda one: (one[0], -one[1].value, one[1].model, one[1].layer, one[1].channel)
    )
    named: list[Neighbour] = []
    for rank, count in enumerate((RELATIVES, ELSEWHERE, ELSEWHERE)):
        named += [neighbour for own, neighbour in ordered if own == rank][:count]
    return tuple(named)
