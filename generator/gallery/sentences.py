"""What is known of a channel, in sentences: what it looks for, and how far to trust its picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from generator.evidence.facts import ChannelFacts, Classes, Trust
from generator.evidence.labels import Preference
from generator.gallery.wording import count, number, percent

FEW = 100
"""Photos below which a data set says little of what else a channel may answer to."""
CLEAR, LEANING = 0.8, 0.65
"""AUC from which a channel answers to a label, and from which it leans towards it."""
FEWEST = 3
"""Photos below which nothing is said of a class."""
TELLING = 8
"""Photos of a label below which it says little."""
WEAK = 0.5
"""Strength below which a picture excites its channel less than photos do."""
STRANGE, LIKE = 0.3, 0.7
"""Kinship below which a picture is processed otherwise than photos are, and from which it is like them."""


def looks_for(facts: ChannelFacts, seen: int) -> Iterator[str]:
    """What a channel answers to, by `seen` photos: sentences, those that say most first."""
    if "never on" in facts.flags:
        yield f"Never on in any of {_photos(seen)}."
    else:
        if facts.labels:
            yield _preference(_surest(facts.labels))
        yield f"On at {percent(facts.density)} of positions, in {percent(facts.pictures_on)} of photos."
    if facts.share is not None and facts.share > 0:
        yield f"Explains {percent(facts.share)} of what varies in its layer."
    if raised := _raised(facts.classes):
        yield f"Raises the output “{raised}” most."
    if facts.twins:
        twins = ", ".join(map(str, facts.twins))
        yield f"Says almost the same as channel{'s' if len(facts.twins) > 1 else ''} {twins}."
    if seen < FEW:
        yield f"This rests on {_photos(seen)}, which is little."


def _photos(seen: int) -> str:
    return "one photo" if seen == 1 else f"{count(seen)} photos"


def _raised(classes: Classes | None) -> str:
    """The class that it raises most, unless only a photo or two say so."""
    if classes is None or not classes.raised:
        return ""
    first = classes.raised[0]
    return first.name if classes.exact or first.photos >= FEWEST else ""


def _surest(labels: Sequence[Preference]) -> Preference:
    """The label that stands out most from chance: of two as clear, the one with more photos."""
    return max(labels, key=lambda one: (one.auc - 0.5) * one.count**0.5)


def _preference(best: Preference) -> str:
    figures = f"(AUC {best.auc:.2f} over its {_photos(best.count)})"
    if best.auc >= CLEAR and best.count < TELLING:
        return f"Answers most to “{best.label}”, as far as {_photos(best.count)} tell (AUC {best.auc:.2f})."
    if best.auc >= CLEAR:
        return f"Answers most to “{best.label}” {figures}."
    if best.auc >= LEANING:
        return f"Leans towards “{best.label}” {figures}."
    return f"Prefers no label clearly: “{best.label}” comes first {figures}."


def trusting(trust: Trust, sign: float = 1.0, mean: bool = True) -> str:
    """How far to trust a picture, in a sentence or two.

    `sign` is -1 where its activation was to fall; `mean` says whether that is a mean over positions, compared
    with the photos' means, or one unit's, compared with all positions.
    """
    strength = trust.strength if sign > 0 else 1 - trust.strength
    excites, excite = "excites it more", "excite it more"
    if sign < 0:
        excites, excite = "drives it further down", "drive it further down"
    others = "photos" if mean else "positions in photos"
    if strength < WEAK:
        return (
            f"More than half of the {others} {excite} than the picture does: "
            "trust the photos, not the picture."
        )
    start = f"The picture {excites} than {_most(strength, others)}{_times(trust, sign)}"
    if trust.kinship is None:
        return (
            f"{start}. Whether the network gets there as it does for photos can’t be told: "
            "its examples are no more alike than others."
        )
    if trust.kinship < STRANGE:
        return f"{start}, but the network gets there by another way than for its examples: trust the photos."
    if trust.kinship < LIKE:
        return f"{start}, and the network gets there partly as it does for its examples: look at both."
    return f"{start}, and the network gets there as it does for its examples: both tell the same."


def _most(strength: float, others: str) -> str:
    return f"any of the {others} do" if strength >= 1 else f"{percent(strength)} of the {others} do"


def _times(trust: Trust, sign: float) -> str:
    if sign < 0 or trust.times is None or trust.times <= 1:
        return ""
    return f", {number(trust.times)} times as much as the strongest"
