"""What an atlas's cells show: on its page, to the script, and in the export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from generator.evidence.atlas_facts import AtlasCell, AtlasFacts, AtlasLevel
from generator.evidence.facts import Example
from generator.gallery import atlas_paths
from generator.gallery.pages import LayerView
from generator.gallery.photo_views import photo

VERSION = 1
"""Of the export: raised when a field changes its meaning or goes."""


@dataclass(frozen=True)
class Listed:
    """A cell in the table of a page: where it is, counted from 1, its vectors, and what is said of it."""

    row: int
    column: int
    count: int
    labels: tuple[tuple[str, int], ...]
    classes: tuple[str, ...]
    channels: tuple[int, ...]


@dataclass(frozen=True)
class Shown:
    """An atlas with those of its cells, photos and channels that have pictures in the gallery."""

    layer: LayerView
    facts: AtlasFacts
    there: frozenset[str]
    photos: frozenset[str]
    channels: tuple[int, ...]

    def listed(self, level: AtlasLevel) -> list[Listed]:
        """A level's cells for a table."""
        return [
            Listed(
                cell.row + 1,
                cell.column + 1,
                cell.count,
                tuple((self.facts.labels[number], count) for number, count in cell.labels[:3]),
                tuple(effect.name for effect in cell.classes),
                tuple(one.channel for one in cell.channels),
            )
            for cell in level.cells
            if cell.key in self.there
        ]

    def data(self) -> dict[str, Any]:
        """What the script knows, as plain JSON values."""
        facts, layer = self.facts, self.layer
        width, height = facts.photo_size
        names = {one.number: one.name for cell in self._cells() for one in cell.classes}
        return {
            "model": layer.model,
            "layer": layer.name,
            "dataset": facts.dataset,
            "least": facts.least,
            "labels": facts.labels,
            "classes": names,
            "ratio": round(width / height, 4) if height else 1,
            "photos": [
                [photo(one.key) if one.key in self.photos else "", one.label or one.name]
                for one in facts.photos
            ],
            "recipe": layer.main_recipe.slug,
            "channels": self.channels,
            "pages": layer.channels,
            "levels": [{"side": level.side, "cells": self._level(level)} for level in facts.levels],
        }

    def _cells(self) -> Iterator[AtlasCell]:
        return (cell for level in self.facts.levels for cell in level.cells)

    def _level(self, level: AtlasLevel) -> list[list[Any]]:
        return [
            [
                cell.row,
                cell.column,
                cell.count,
                [_example(one) for one in cell.examples if self.facts.photos[one.photo].key in self.photos],
                [[one.channel, one.value, one.above] for one in cell.channels],
                [[one.number, one.effect, one.photos] for one in cell.classes],
                cell.labels,
            ]
            for cell in level.cells
            if cell.key in self.there
        ]

    def export(self) -> bytes:
        """The atlas as JSON, for others to build on; docs/export.md names the fields."""
        facts = self.facts
        data = {
            "version": VERSION,
            "model": self.layer.model,
            "layer": self.layer.name,
            "page": atlas_paths.page(self.layer.folder),
            "dataset": {"name": facts.dataset, "licence": facts.licence},
            "pictures": facts.pictures,
            "vectors": facts.vectors,
            "least": facts.least,
            "whitened": facts.whitened,
            "photos": [{"name": one.name, "label": one.label, "sha256": one.digest} for one in facts.photos],
            "levels": [
                {"side": level.side, "cells": [self._exported(cell) for cell in level.cells]}
                for level in facts.levels
            ],
        }
        return to_json(data, inf_nan_mode="null") + b"\n"

    def _exported(self, cell: AtlasCell) -> Mapping[str, Any]:
        return {
            "row": cell.row,
            "column": cell.column,
            "vectors": cell.count,
            "key": cell.key,
            "examples": [
                {"photo": one.photo, "box": [one.box.top, one.box.left, one.box.bottom, one.box.right]}
                for one in cell.examples
            ],
            "channels": [
                {"channel": one.channel, "mean": one.value, "above": one.above} for one in cell.channels
            ],
            "classes": [
                {"number": one.number, "name": one.name, "adds": one.effect, "vectors": one.photos}
                for one in cell.classes
            ],
            "labels": {self.facts.labels[number]: count for number, count in cell.labels},
        }


def _example(example: Example) -> list[float]:
    """Its photo, and left edge, top, width and height of what the unit sees, in shares of the photo's."""
    box = example.box
    shares = (box.left, box.top, box.right - box.left, box.bottom - box.top)
    return [example.photo, *(round(share, 3) for share in shares)]
