"""A network's layers -> a drawing of its graph: boxes and curves in a coordinate system of their own.

Layers without pictures are dimmed, and runs of them become one box. Boxes stand in rows by their longest
way from the input; a connection that skips rows gets a place in each, so that it runs beside the boxes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from generator.gallery.pages import LayerView, ModelView
from generator.models.anatomy import Layer

BOX_HEIGHT = 30
SHOWN_BOX = (300, 108)
THUMB = 51
THUMBS = 5
_LANE = 10
_SPACE = 16
_ROW_GAP = 26
_MARGIN = 12
_PADDING = 14
_SWEEPS = 6


@dataclass(frozen=True)
class Box:
    """One or more layers: `x` is its centre, `y` its top. `layer` is the one shown, if it is."""

    layers: tuple[Layer, ...]
    layer: LayerView | None
    x: float = 0.0
    y: float = 0.0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        if self.layer:
            return max(SHOWN_BOX[0], 2 * _PADDING + width_of(self.text, 14)), SHOWN_BOX[1]
        return max(84, 2 * _PADDING + width_of(self.text, 12)), BOX_HEIGHT

    @property
    def left(self) -> float:
        """Its left edge."""
        return self.x - self.size[0] / 2

    @property
    def text(self) -> str:
        """What is written in it, short enough to fit."""
        first, count = self.layers[0], len(self.layers)
        if self.layer or count == 1:
            return shorten(first.name, 32 if self.layer else 24)
        shared = _shared_start([layer.name for layer in self.layers])
        return f"{shorten(shared, 12)} · {count} layers" if shared else f"{count} layers"

    @property
    def details(self) -> str:
        """Its layers in full, one a line."""
        return "\n".join(f"{layer.name} ({layer.kind})" for layer in self.layers)


@dataclass(frozen=True)
class Diagram:
    """A drawing: its size, its boxes and the paths (SVG's `d`) of its connections.

    `start` is where, from the left, the network begins.
    """

    width: int
    height: int
    start: float
    boxes: tuple[Box, ...]
    paths: tuple[str, ...]


def _shared_start(names: Sequence[str]) -> str:
    first, last = min(names), max(names)
    same = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:same].rstrip("_-./0123456789")


def shorten(text: str, length: int) -> str:
    """The text, or its ends around an ellipsis."""
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[: length - 1 - half]}…{text[-half:]}"


_NARROW, _WIDE = frozenset("fijlrtI.,:;'|()[]·- "), frozenset("mwMW@%…")


def width_of(text: str, size: int) -> int:
    """How wide a text of that font size may be at most: as in Verdana, bold from 14 on."""
    letters = sum(0.42 if c in _NARROW else 1.02 if c in _WIDE or ord(c) > 0x2000 else 0.66 for c in text)
    return round(letters * size * (1.13 if size >= 14 else 1.0))


def draw(model: ModelView) -> Diagram:
    """The drawing of a model's graph."""
    graph = _condense(model)
    rows = _rows(graph)
    _order(rows, graph)
    centres = _centres(rows, graph)
    return _finish(graph, rows, centres)


# -- which boxes there are -------------------------------------------------------------------------


@dataclass
class _Graph:
    """Boxes by number; `above` and `below` hold neighbours, in whose rows lanes stand for long ways."""

    boxes: dict[int, Box] = field(default_factory=dict)
    above: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    below: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def connect(self, upper: int, lower: int) -> None:
        if lower not in self.below[upper]:
            self.below[upper].append(lower)
            self.above[lower].append(upper)

    def width(self, number: int) -> int:
        return self.boxes[number].size[0] if number in self.boxes else _LANE


def _condense(model: ModelView) -> _Graph:
    shown = {layer.name: layer for layer in model.layers}
    readers: dict[str, int] = defaultdict(int)
    for layer in model.anatomy.layers:
        for name in layer.inputs:
            readers[name] += 1
    members: list[list[Layer]] = []
    home: dict[str, int] = {}
    for layer in model.anatomy.layers:
        place = home[layer.inputs[0]] if len(layer.inputs) == 1 else len(members)
        if layer.name in shown or not _goes_on(members[place:], layer, shown, readers):
            place = len(members)
            members.append([])
        members[place].append(layer)
        home[layer.name] = place
    graph = _Graph({n: Box(tuple(group), shown.get(group[0].name)) for n, group in enumerate(members)})
    for layer in model.anatomy.layers:
        for name in layer.inputs:
            if home[name] != home[layer.name]:
                graph.connect(home[name], home[layer.name])
    return graph


def _goes_on(
    place: Sequence[Sequence[Layer]], layer: Layer, shown: Mapping[str, LayerView], readers: Mapping[str, int]
) -> bool:
    """Whether a layer may share the first box of `place`: no branch, no junction, nothing to click there."""
    if not place:
        return False
    last = place[0][-1]
    follows = (last.name,) == layer.inputs and readers[last.name] == 1
    return follows and len(last.inputs) == 1 and last.name not in shown


# -- where they stand ------------------------------------------------------------------------------


def _rows(graph: _Graph) -> list[list[int]]:
    """Boxes by row, with a lane in every row that a connection passes; splits those connections."""
    row: dict[int, int] = {}
    for number in graph.boxes:  # inputs come before what they feed
        row[number] = max((row[upper] + 1 for upper in graph.above[number]), default=0)
    rows: list[list[int]] = [[] for _ in range(max(row.values()) + 1)]
    for number, place in row.items():
        rows[place].append(number)
    lane = len(graph.boxes)
    for upper in graph.boxes:
        for lower in [n for n in graph.below[upper] if row[n] > row[upper] + 1]:
            graph.below[upper].remove(lower)
            graph.above[lower].remove(upper)
            before = upper
            for place in range(row[upper] + 1, row[lower]):
                rows[place].append(lane)
                graph.connect(before, lane)
                before, lane = lane, lane + 1
            graph.connect(before, lower)
    return rows


def _order(rows: list[list[int]], graph: _Graph) -> None:
    """Sort each row so that few connections cross: every box near the middle of its neighbours."""
    place = {number: float(index) for row in rows for index, number in enumerate(row)}
    for sweep in range(_SWEEPS):
        near = graph.below if sweep % 2 else graph.above
        for row in reversed(rows) if sweep % 2 else rows:
            wish = {number: _mean([place[other] for other in near[number]], place[number]) for number in row}
            row.sort(key=wish.__getitem__)
            place.update({number: index - len(row) / 2 for index, number in enumerate(row)})


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _centres(rows: Sequence[Sequence[int]], graph: _Graph) -> dict[int, float]:
    """The centre of every box and lane: as near to its neighbours' as the others in its row allow."""
    centre = {number: 0.0 for row in rows for number in row}
    for sweep in range(2 * _SWEEPS):
        near = graph.below if sweep % 2 else graph.above
        for row in reversed(rows) if sweep % 2 else rows:
            wishes = [_mean([centre[other] for other in near[number]], centre[number]) for number in row]
            centre.update(zip(row, _apart(wishes, [graph.width(number) for number in row]), strict=True))
    return centre


def _apart(wishes: Sequence[float], widths: Sequence[int]) -> list[float]:
    """The centres nearest to `wishes` (least squares) that keep boxes of these widths apart, in order."""
    offsets = [0.0]
    for left, right in pairwise(widths):
        offsets.append(offsets[-1] + (left + right) / 2 + _SPACE)
    # Without the offsets it is a regression on a rising line: neighbours out of order share their mean.
    blocks: list[tuple[float, int]] = []
    for wish, offset in zip(wishes, offsets, strict=True):
        total, count = wish - offset, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / count:
            before, more = blocks.pop()
            total, count = total + before, count + more
        blocks.append((total, count))
    rising = [total / count for total, count in blocks for _ in range(count)]
    return [value + offset for value, offset in zip(rising, offsets, strict=True)]


# -- the drawing -----------------------------------------------------------------------------------


def _finish(graph: _Graph, rows: Sequence[Sequence[int]], centres: Mapping[int, float]) -> Diagram:
    shift = _MARGIN - min(x - graph.width(number) / 2 for number, x in centres.items())
    spans: dict[int, tuple[float, float]] = {}
    top = float(_MARGIN)
    for row in rows:
        height = max(graph.boxes[number].size[1] if number in graph.boxes else 0 for number in row)
        for number in row:
            own = graph.boxes[number].size[1] if number in graph.boxes else height
            spans[number] = (top + (height - own) / 2, top + (height + own) / 2)
        top += height + _ROW_GAP
    boxes = [replace(box, x=centres[n] + shift, y=spans[n][0]) for n, box in graph.boxes.items()]
    places = {number: (x + shift, *spans[number]) for number, x in centres.items()}
    right = max(x + shift + graph.width(number) / 2 for number, x in centres.items())
    return Diagram(
        width=round(right + _MARGIN),
        height=round(top - _ROW_GAP + _MARGIN),
        start=sum(centres[number] for number in rows[0]) / len(rows[0]) + shift,
        boxes=tuple(boxes),
        paths=tuple(_paths(graph, places)),
    )


def _paths(graph: _Graph, places: Mapping[int, tuple[float, float, float]]) -> Iterable[str]:
    for upper in graph.boxes:
        for lower in graph.below[upper]:
            yield _path(upper, lower, graph, places)


def _path(upper: int, lower: int, graph: _Graph, places: Mapping[int, tuple[float, float, float]]) -> str:
    """From a box down to the next, through the lanes between them."""
    x, _, y = places[upper]
    steps = [f"M{x:.0f} {y:.0f}"]
    while True:
        x_next, top, bottom = places[lower]
        bend = (top - y) / 2
        steps.append(f"C{x:.0f} {y + bend:.0f} {x_next:.0f} {top - bend:.0f} {x_next:.0f} {top:.0f}")
        if lower in graph.boxes:
            return "".join(steps)
        steps.append(f"V{bottom:.0f}")
        x, y, lower = x_next, bottom, graph.below[lower][0]
