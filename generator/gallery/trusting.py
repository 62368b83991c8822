"""A layer's facts as its grid shows them: figures to sort and colour by, flags, and plots of trust."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.evidence.facts import ChannelFacts, LayerFacts
from generator.gallery.pages import LayerView, RecipeView
from generator.gallery.spread import Spread, spread

TWIN = "has a twin"
KINSHIP = (-1.0, 2.0)
"""Between these ends kinship is shown: there are values beyond its scale of 0 to 1, on both sides."""
_NOTHING = ChannelFacts()

Figures = list[float | None]


@dataclass(frozen=True)
class TrustPlots:
    """How far a recipe's pictures of a layer are to be trusted, over all its channels."""

    recipe: RecipeView
    strength: Spread | None
    kinship: Spread | None


def trust_plots(layer: LayerView, facts: LayerFacts | None) -> tuple[TrustPlots, ...]:
    """The plots of each recipe of which anything is known."""
    if facts is None:
        return ()
    plots = (
        TrustPlots(recipe, spread(strength), spread(kinship, KINSHIP))
        for recipe in layer.recipes
        for strength, kinship in [_trust(layer, recipe, facts)]
    )
    return tuple(one for one in plots if one.strength or one.kinship)


def flags(layer: LayerView, facts: LayerFacts | None) -> dict[str, tuple[int, ...]]:
    """The places of the layer's channels that have a flag, by flag; a twin is one too."""
    found: dict[str, list[int]] = {}
    for place, channel in enumerate(layer.channels):
        one = facts.channels.get(channel, _NOTHING) if facts else _NOTHING
        for flag in (*one.flags, *([TWIN] if one.twins else [])):
            found.setdefault(flag, []).append(place)
    return {flag: tuple(places) for flag, places in found.items()}


def flag_texts(one: ChannelFacts | None) -> list[str]:
    """What a channel's cell says of it, in a few words."""
    if one is None:
        return []
    shorter = [flag.removesuffix(" on") if "always" in flag else flag for flag in one.flags]
    twins = [f"twin of {', '.join(map(str, one.twins))}"] if one.twins else []
    return [*shorter, *twins]


def script_facts(layer: LayerView, facts: LayerFacts | None) -> dict[str, Any]:
    """What the script sorts, colours and filters a grid by: `recipes` by slug, `density` and `flags`."""
    if facts is None or not layer.channels:
        return {"recipes": {}, "flags": {}}
    known = [facts.channels.get(channel) for channel in layer.channels]
    data: dict[str, Any] = {
        "recipes": {recipe.slug: _figures(layer, recipe, facts) for recipe in layer.recipes},
        "flags": flags(layer, facts),
    }
    density = [_finite(one.density if one else None) for one in known]
    return data if not any(known) else {**data, "density": density}


def _figures(layer: LayerView, recipe: RecipeView, facts: LayerFacts) -> Mapping[str, Figures]:
    names = ("strength", "kinship")
    both = zip(names, _trust(layer, recipe, facts), strict=True)
    return {name: figures for name, figures in both if any(value is not None for value in figures)}


def _trust(layer: LayerView, recipe: RecipeView, facts: LayerFacts) -> Sequence[Figures]:
    """Strength and kinship of each channel's picture by a recipe."""
    known = [facts.channels.get(channel, _NOTHING).trust.get(recipe.name) for channel in layer.channels]
    return (
        [_finite(one.strength if one else None) for one in known],
        [_finite(one.kinship if one else None) for one in known],
    )


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.3g}")
