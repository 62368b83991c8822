"""What the cache knows of a layer's channels, as plain frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from generator.cache import Record
from generator.gallery.pages import LayerView, Note, RecipeView

State = Literal["shown", "dead", "failed", "missing"]


@dataclass(frozen=True)
class Shot:
    """A channel by a recipe: its picture, or why there is none."""

    recipe: RecipeView
    state: State
    path: str
    record: Record | None = None
    reason: str = ""

    @property
    def visible(self) -> bool:
        """Whether there is a picture."""
        return self.record is not None


@dataclass(frozen=True)
class Cell:
    """A channel with all its shots, and its place (`index`) in the layer and on its sheets."""

    layer: LayerView
    channel: int
    index: int
    shots: tuple[Shot, ...]

    @property
    def path(self) -> str:
        """Its page."""
        return self.layer.page(self.channel)

    def shot(self, recipe: RecipeView) -> Shot | None:
        """Its shot by a recipe, if the plan has one."""
        return next((shot for shot in self.shots if shot.recipe.name == recipe.name), None)

    def visible(self, recipe: RecipeView) -> bool:
        """Whether there is a picture of it by a recipe."""
        shot = self.shot(recipe)
        return shot is not None and shot.visible

    @property
    def note(self) -> Note:
        """What the user wrote on it."""
        return self.layer.note_of.get(self.channel, _NO_NOTE)

    @property
    def label(self) -> str:
        """What the user or the network calls it, or nothing."""
        return self.layer.label(self.channel)


_NO_NOTE = Note()


@dataclass(frozen=True)
class Summary:
    """A layer in numbers.

    `best` are the places of its most active channels by its first recipe, for strips and collages; `bare`
    the channels without a picture, by recipe's slug.
    """

    shown: int = 0
    failed: int = 0
    missing: int = 0
    dead: int = 0
    best: tuple[int, ...] = ()
    bare: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Summary:
        """A summary from what `to_json` gave; raises KeyError or TypeError for anything else."""
        bare = {slug: tuple(channels) for slug, channels in values["bare"].items()}
        return cls(**{**values, "best": tuple(values["best"]), "bare": bare})
