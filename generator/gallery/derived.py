"""Derived layers in words, and their dictionaries' densities as a small plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from generator.evidence.facts import DictionaryFacts
from generator.gallery.pages import LayerView, Link
from generator.gallery.spread import HEIGHT, WIDTH, Bar
from generator.gallery.wording import count
from generator.models.anatomy import Layer
from generator.models.deriving import CONCEPTS


def derived_words(layer: Layer) -> str:
    """`Concepts of block5c_add`, `Dictionary sae of block5c_add`; nothing for a network's own layers."""
    if layer.derived is None:
        return ""
    base = layer.derived.base
    if layer.kind == CONCEPTS:
        return f"Concepts of {base}"
    return f"Dictionary {layer.name.removeprefix(f'{base}.')} of {base}"


def unit(layer: Layer) -> str:
    """What a layer's channels are called."""
    if layer.derived is None:
        return "channel"
    return "concept" if layer.kind == CONCEPTS else "feature"


def units(layer: Layer, number: int) -> str:
    """So many of them: `1 channel`, `24 concepts`."""
    return f"{count(number)} {unit(layer)}{'s' if number != 1 else ''}"


def behind(layer: LayerView, among: Sequence[LayerView]) -> tuple[Link, ...]:
    """The derived layers that stand behind a layer."""
    return tuple(
        Link(other.name, other.path)
        for other in among
        if other.layer.derived and other.layer.derived.base == layer.name
    )


def base_of(layer: LayerView, among: Sequence[LayerView]) -> Link | None:
    """The page of the layer behind which a layer stands, if it has one."""
    base = layer.layer.derived.base if layer.layer.derived else None
    return next((Link(other.name, other.path) for other in among if other.name == base), None)


@dataclass(frozen=True)
class Densities:
    """How often features are on, as bars in a box of WIDTH x HEIGHT; the axis is logarithmic, up to 1."""

    bars: tuple[Bar, ...]
    lowest: float


def densities(facts: DictionaryFacts) -> Densities | None:
    """The plot; None where none is ever on."""
    if not facts.densities:
        return None
    tallest = max(bar.count for bar in facts.densities)
    step = WIDTH / len(facts.densities)
    bars = tuple(
        Bar(bar.low, bar.high, bar.count, place * step, max(1.5, bar.count / tallest * HEIGHT))
        for place, bar in enumerate(facts.densities)
        if bar.count
    )
    return Densities(bars, facts.densities[0].low)
