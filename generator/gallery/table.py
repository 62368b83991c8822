"""A model's channels as a table (CSV), a row each, from its layers' JSON; docs/export.md names the columns.

One layer is read at a time, so that a large gallery's evidence is never held as a whole.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.gallery.output import Output
from generator.gallery.pages import LayerView, ModelView
from generator.gallery.pictures import Encoding
from generator.gallery.provenance import made_from
from generator.gallery.sections import Build
from generator.gallery.snapshot import CacheSnapshot

BEFORE = ("layer", "channel", "label", "tags", "page")
OF_RECIPE = ("state", "activation", "strength", "kinship")
"""Columns that each recipe has, such as `strength:channel`."""
AFTER = (
    "density",
    "pictures_on",
    "mean",
    "maximum",
    "flags",
    "twins",
    "top_label",
    "top_label_auc",
    "raised",
    "lowered",
    "relative",
    "relative_correlation",
)

_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""What a spreadsheet takes for the beginning of a formula."""


@dataclass(frozen=True)
class Tables:
    """The tables of a site's models. Comes after the layers, whose JSON it reads."""

    models: tuple[ModelView, ...]

    def addresses(self) -> Iterable[str]:
        """A table for each model that has channels."""
        return (model.table for model in self._with_channels())

    def encodings(self, snapshot: CacheSnapshot, output: Output) -> Sequence[Encoding]:
        """None."""
        return ()

    def write(self, build: Build) -> None:
        """Write the tables, or keep those whose layers are as they were."""
        for model in self._with_channels():
            sources = [build.output.source(layer.data) for layer in model.layers]
            source = made_from("table", model.folder, sources) if all(sources) else ""
            if source and build.output.is_current(model.table, source):
                build.output.keep(model.table)
            else:
                build.output.write(model.table, _table(model, build.output), source)

    def _with_channels(self) -> Iterator[ModelView]:
        return (model for model in self.models if model.channel_count)


def _table(model: ModelView, output: Output) -> bytes:
    recipes = list(dict.fromkeys(recipe.name for layer in model.layers for recipe in layer.recipes))
    columns = [*BEFORE, *(f"{name}:{recipe}" for recipe in recipes for name in OF_RECIPE), *AFTER]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for layer in model.layers:
        for channel in _channels(layer, output):
            writer.writerow([_cell(value) for value in _row(layer, channel, recipes)])
    return text.getvalue().encode()


def _channels(layer: LayerView, output: Output) -> list[dict[str, Any]]:
    return list(json.loads(output.read(layer.data))["channels"])


def _row(layer: LayerView, channel: Mapping[str, Any], recipes: Sequence[str]) -> Iterator[Any]:
    yield layer.name
    yield channel["channel"]
    yield channel["label"]
    yield channel["tags"]
    yield channel["page"]
    for recipe in recipes:
        picture, trust = channel["pictures"].get(recipe, {}), channel.get("trust", {}).get(recipe, {})
        yield from (
            picture.get("state"),
            picture.get("activation"),
            trust.get("strength"),
            trust.get("kinship"),
        )
    yield from (channel.get(name) for name in ("density", "pictures_on", "mean", "maximum", "flags", "twins"))
    yield from _first(channel.get("labels"), "label", "auc")
    for side in ("raised", "lowered"):
        yield [one["name"] or str(one["number"]) for one in (channel.get("classes") or {}).get(side, ())]
    relative, correlation = _first(channel.get("relatives"), "channel", "correlation")
    yield None if relative is None else "{model}/{layer}/{channel}".format_map(channel["relatives"][0])
    yield correlation


def _first(found: Sequence[Mapping[str, Any]] | None, *names: str) -> list[Any]:
    """Fields of the first of a list, where there is one."""
    return [found[0][name] if found else None for name in names]


def _cell(value: Any) -> Any:
    """A value as a cell: several with semicolons between, and nothing that a spreadsheet would work out."""
    if isinstance(value, list):
        value = "; ".join(map(str, value))
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
