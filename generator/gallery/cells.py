"""What the cache knows of a layer's channels, as plain frozen data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from generator.cache.records import Record
from generator.gallery import shapes
from generator.gallery.pages import LayerView, Note, RecipeView
from generator.targets import WHOLE

State = Literal["shown", "dead", "failed", "missing"]


@dataclass(frozen=True)
class Shot:
    """A channel (or a whole layer) by a recipe: its picture, or why there is none.

    `animation` is the path of the animation of its making, where there is one.
    """

    recipe: RecipeView
    state: State
    path: str
    record: Record | None = None
    reason: str = ""
    animation: str = ""

    @property
    def visible(self) -> bool:
        """Whether there is a picture."""
        return self.record is not None

    @property
    def pictures(self) -> int:
        """How many pictures it is composed of."""
        return int(self.record.extra.get("pictures", 1)) if self.record else 1

    @property
    def false_colour(self) -> bool:
        """Whether the network's colours are not those of a screen."""
        return bool(self.record and self.record.extra.get("false_colour"))

    @property
    def small(self) -> bool:
        """Whether it is to be shown pixel by pixel."""
        return bool(self.record and shapes.is_small(self.record.width, self.record.height, self.pictures))

    @property
    def light(self) -> bool:
        """Whether its picture serves as a thumbnail, a few at a time."""
        return bool(self.record and shapes.is_light(self.record.width, self.record.height))

    @property
    def shown_width(self) -> int:
        """How wide its page shows it, in CSS pixels."""
        if self.record is None:
            return shapes.SMALL_SHOWN
        return shapes.shown_width(self.record.width, self.record.height, self.pictures)


@dataclass(frozen=True)
class Cell:
    """A channel with all its shots, and its place (`index`) in the layer and on its sheets.

    A layer as a whole is one too: its channel is WHOLE.
    """

    layer: LayerView
    channel: int
    index: int
    shots: tuple[Shot, ...]

    @property
    def path(self) -> str:
        """Its page."""
        return self.layer.page(self.channel)

    @property
    def whole(self) -> bool:
        """Whether it is the layer as a whole."""
        return self.channel == WHOLE

    @property
    def address(self) -> str:
        """What pins name it: its layer's folder and its channel, or `layer`."""
        return f"{self.layer.folder}/{'layer' if self.whole else self.channel}"

    @property
    def false_colour(self) -> bool:
        """Whether any picture of it is in false colours."""
        return any(shot.false_colour for shot in self.shots)

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


BEST = 24
"""How many of a layer's most active channels a summary names."""


@dataclass(frozen=True)
class Summary:
    """A layer in numbers.

    `shown`, `failed` and `missing` count pictures, `dead` channels by the first recipe they have. `best` are
    the places of its most active channels by its main recipe, and `size` is the width and height of that
    recipe's pictures; `without` names the channels without a picture, by recipe's slug; `wholes` the slugs of
    recipes that show the layer as a whole and have done so. `mapped` says whether there is a map of it.
    """

    shown: int = 0
    failed: int = 0
    missing: int = 0
    dead: int = 0
    best: tuple[int, ...] = ()
    size: tuple[int, int] = (0, 0)
    without: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    wholes: tuple[str, ...] = ()
    mapped: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Summary:
        """A summary from what `to_json` gave; raises KeyError or TypeError for anything else."""
        without = {slug: tuple(channels) for slug, channels in values["without"].items()}
        tuples = {name: tuple(values[name]) for name in ("best", "size", "wholes")}
        return cls(**{**values, **tuples, "without": without})


def summarize(layer: LayerView, cells: Sequence[Cell], whole: Cell) -> Summary:
    """A layer in numbers."""
    states = [shot.state for cell in (*cells, whole) for shot in cell.shots]
    main = [(cell.index, shot) for cell in cells or (whole,) if (shot := cell.shot(layer.main_recipe))]
    records = [shot.record for _, shot in main if shot.record]
    return Summary(
        shown=states.count("shown") + states.count("dead"),
        failed=states.count("failed"),
        missing=states.count("missing"),
        dead=sum(cell.shots[0].state == "dead" for cell in cells),
        best=_best(main),
        size=(records[0].width, records[0].height) if records else (0, 0),
        without={
            recipe.slug: tuple(cell.channel for cell in cells if not cell.visible(recipe))
            for recipe in layer.recipes
        },
        wholes=tuple(shot.recipe.slug for shot in whole.shots if shot.visible),
    )


def _best(shots: Sequence[tuple[int, Shot]]) -> tuple[int, ...]:
    """The places of the most active channels, those first that come first where several are as active."""
    alive = [
        (-abs(shot.record.activation), index)
        for index, shot in shots
        if shot.record and shot.state == "shown"
    ]
    return tuple(index for _, index in sorted(alive)[:BEST])
