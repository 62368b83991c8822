"""What the page of a photo of the user's tells of each layer, laid out for its template as plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from generator.evidence import lens
from generator.evidence.lens import Argument, Seen, Valued, Verdict
from generator.gallery.elsewhere import Elsewhere, Known, LayerCard
from generator.gallery.pages import LayerView, ModelHead
from generator.gallery.photo_heat import HeatSheet
from generator.gallery.shapes import grid


@dataclass(frozen=True)
class Said:
    """A class that the network says, and its page, if there is one; `probability` is None where it gives
    scores only."""

    name: str
    path: str
    score: float
    probability: float | None


@dataclass(frozen=True)
class Shown:
    """A channel, shown by `link`, with a value, its share of the largest value beside it, -1 to 1, and its
    place on the sheet of heat maps."""

    link: Markup
    value: float
    share: float
    place: tuple[int, int]


@dataclass(frozen=True)
class Why:
    """An argument for a class, laid out; `path` is the class's page, if there is one."""

    name: str
    path: str
    told: Argument
    supporting: tuple[Shown, ...]
    opposing: tuple[Shown, ...]


@dataclass(frozen=True)
class Told:
    """What the page tells of a layer: `picture` is that of its grid, empty where it has none; `cells` are
    (strength, channels), row after row; `script` is what the script needs to show these channels."""

    layer: LayerView
    grid: tuple[int, int]
    picture: str
    sheet: HeatSheet
    strongest: tuple[Shown, ...]
    arguments: tuple[Why, ...]
    exact: bool
    cells: tuple[tuple[float, tuple[tuple[Valued, Known], ...]], ...]
    script: Mapping[str, Any]

    @property
    def place(self) -> str:
        """Its place in the page."""
        return f"layer-{self.layer.folder.rpartition('/')[2]}"

    @property
    def telling(self) -> bool:
        """Whether what channels add is more than the rest that they leave unexplained."""
        return self.exact or all(abs(why.told.sum) > abs(why.told.rest) for why in self.arguments)


class Teller:
    """Lays out what is told of a model's layers; `draw` shows a channel as a link."""

    def __init__(self, model: ModelHead, cards: Sequence[LayerCard], draw: Callable[[Known], Markup]) -> None:
        self._model, self._draw = model, draw
        self._elsewhere = Elsewhere(cards)

    def said(self, verdict: Verdict) -> list[Said]:
        """What the network says, the likeliest first."""
        shares = verdict.probabilities.tolist() or [None] * len(verdict.numbers)
        return [
            Said(*self._named(int(number)), float(score), share)
            for number, score, share in zip(verdict.numbers, verdict.scores, shares, strict=True)
        ]

    def _named(self, number: int) -> tuple[str, str]:
        """A class's name, and its page, if there is one."""
        names = self._model.anatomy.classes
        channel = self._elsewhere.output(self._model.name, number)
        return names[number] if number < len(names) else f"class {number}", channel.path if channel else ""

    def told(self, layer: LayerView, seen: Seen, picture: str, heat: str, own: Mapping[int, str]) -> Told:
        """What is told of a layer; `picture` and `heat` are files, empty where it has no grid, and `own` the
        pictures of channels that have none elsewhere."""
        sheet = HeatSheet.of(seen, heat)

        def find(channel: int) -> Known:
            known = self._elsewhere.find(layer.model, layer.name, channel)
            return (
                known
                if known.picture
                else replace(known, picture=own.get(channel, ""), pictures=1, small=False)
            )

        def shown(one: Valued, largest: float = 0.0) -> Shown:
            share = round(one.value / largest, 3) if largest else 0.0
            return Shown(self._draw(find(one.channel)), one.value, share, sheet.places[one.channel])

        cells = tuple(_cells(seen, find)) if picture else ()
        return Told(
            layer=layer,
            grid=seen.grid,
            picture=picture,
            sheet=sheet,
            strongest=tuple(shown(one) for one in lens.strongest(seen)),
            arguments=tuple(self._why(one, shown) for one in lens.arguments(seen)),
            exact=seen.exact,
            cells=cells,
            script=_script(known for _, found in cells for _, known in found),
        )

    def _why(self, told: Argument, shown: Callable[[Valued, float], Shown]) -> Why:
        sides = (told.supporting, told.opposing)
        largest = max((abs(one.value) for side in sides for one in side), default=1.0)
        supporting, opposing = (tuple(shown(one, largest) for one in side) for side in sides)
        return Why(*self._named(told.number), told, supporting, opposing)


def _cells(
    seen: Seen, find: Callable[[int], Known]
) -> Iterator[tuple[float, tuple[tuple[Valued, Known], ...]]]:
    strengths = lens.strengths(seen).reshape(-1)
    for strength, found in zip(strengths, lens.strongest_in_cells(seen), strict=True):
        yield float(strength), tuple((one, find(one.channel)) for one in found)


def _script(found: Iterable[Known]) -> dict[str, Any]:
    """By number of a channel its picture and label, how many pictures across and down are in one file, and
    whether they are to be shown pixel by pixel."""
    known = {one.channel: one for one in found}
    return {
        str(channel): [one.picture, one.label, *grid(one.pictures), one.small]
        for channel, one in sorted(known.items())
    }
