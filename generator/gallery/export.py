"""All that a gallery knows of a layer, as JSON for others to build on; docs/export.md names the fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from pydantic_core import to_json

from generator.evidence.facts import ChannelFacts, Circuit, Classes, Example, LayerFacts, Neighbour, Photo
from generator.evidence.histogram import Histogram
from generator.gallery.cells import Cell, Shot
from generator.gallery.pages import LayerView, ModelHead

VERSION = 1
"""Raised when a field changes its meaning or goes; a new field is no new version."""


def layer_export(
    model: ModelHead, layer: LayerView, cells: Sequence[Cell], whole: Cell, facts: LayerFacts | None
) -> bytes:
    """A layer and its channels as JSON, a channel a line. What is not known is left out, or null."""
    known = facts.channels if facts else {}
    places = facts.places if facts else {}
    channels = [_line(_channel(cell, known.get(cell.channel), places.get(cell.channel))) for cell in cells]
    head = _line(_layer(model, layer, whole, facts)).removesuffix("}")
    lines = ",\n".join(channels)
    return f'{head},"channels":[\n{lines}\n]}}\n'.encode()


def _line(value: object) -> str:
    # JSON has no numbers that are none.
    return to_json(value, inf_nan_mode="null").decode()


def _layer(model: ModelHead, layer: LayerView, whole: Cell, facts: LayerFacts | None) -> dict[str, Any]:
    data: dict[str, Any] = {
        "version": VERSION,
        "model": model.name,
        "weights": model.anatomy.fingerprint,
        "layer": layer.name,
        "kind": layer.layer.kind,
        "shape": layer.layer.shape,
        "receptive_field": layer.layer.receptive_field,
        "page": layer.path,
        "label": layer.note.label,
        "text": layer.note.text,
        "whole": {shot.recipe.name: _picture(shot) for shot in whole.shots},
    }
    if facts is None:
        return data
    return {
        **data,
        "dataset": {
            "name": facts.dataset,
            "licence": facts.licence,
            "seen": facts.seen,
            "skipped": facts.skipped,
        },
        "photos": {number: _photo(facts.photos[number]) for number in _named(facts)},
        **({"dictionary": asdict(facts.dictionary)} if facts.dictionary else {}),
    }


def _named(facts: LayerFacts) -> list[int]:
    """The photos that exported examples name; a large set has many that only intervals do."""
    channels = facts.channels.values()
    return sorted(
        {
            example.photo
            for one in channels
            for found in (one.strongest, *one.ordinary.values(), one.lowest)
            for example in found
        }
    )


def _photo(photo: Photo) -> dict[str, str]:
    return {"name": photo.name, "label": photo.label, "sha256": photo.digest}


def _channel(cell: Cell, facts: ChannelFacts | None, place: tuple[float, float] | None) -> dict[str, Any]:
    data: dict[str, Any] = {
        "channel": cell.channel,
        "page": cell.path,
        "label": cell.label,
        "text": cell.note.text,
        "tags": cell.note.tags,
        "pictures": {shot.recipe.name: _picture(shot) for shot in cell.shots},
    }
    if place is not None:
        data["place"] = place
    return data if facts is None else {**data, **_facts(facts)}


def _picture(shot: Shot) -> dict[str, Any]:
    """A picture's scores, or why there is none."""
    if shot.record is None:
        return {"state": shot.state}
    record = shot.record
    return {
        "state": shot.state,
        "file": shot.path,
        "activation": record.activation,
        "sparsity": record.extra.get("sparsity"),
        "key": record.key,
    }


def _facts(facts: ChannelFacts) -> dict[str, Any]:
    return {
        "density": facts.density,
        "pictures_on": facts.pictures_on,
        "mean": facts.mean,
        "maximum": facts.maximum,
        "flags": facts.flags,
        "twins": facts.twins,
        "share": facts.share,
        "histogram": _histogram(facts.histogram),
        "trust": {
            recipe: {"strength": one.strength, "times": one.times, "kinship": one.kinship}
            for recipe, one in facts.trust.items()
        },
        "recognised": {
            recipe: [{"model": o.model, "rank": o.rank, "probability": o.probability} for o in found]
            for recipe, found in facts.recognised.items()
        },
        "strongest": _examples(facts.strongest),
        "ordinary": {f"{share:g}": _examples(found) for share, found in facts.ordinary.items()},
        "lowest": _examples(facts.lowest),
        "labels": [
            {"label": one.label, "auc": one.auc, "mean": one.mean, "count": one.count} for one in facts.labels
        ],
        "classes": _classes(facts.classes),
        "built_from": [_circuit(one) for one in facts.built_from],
        "feeds": [_circuit(one) for one in facts.feeds],
        "relatives": [_relative(one) for one in facts.relatives],
    }


def _histogram(found: Histogram | None) -> dict[str, Any] | None:
    if found is None:
        return None
    bars = [[bar.low, bar.high, bar.count] for bar in found.bars]
    return {"bars": bars, "zeros": found.zeros}


def _examples(found: Iterable[Example]) -> list[dict[str, Any]]:
    return [
        {
            "photo": one.photo,
            "value": one.value,
            "box": [one.box.top, one.box.left, one.box.bottom, one.box.right],
        }
        for one in found
    ]


def _classes(found: Classes | None) -> dict[str, Any] | None:
    if found is None:
        return None
    sides = {"raised": found.raised, "lowered": found.lowered}
    return {
        "exact": found.exact,
        **{
            side: [
                {"number": o.number, "name": o.name, "effect": o.effect, "photos": o.photos} for o in effects
            ]
            for side, effects in sides.items()
        },
    }


def _circuit(found: Circuit) -> dict[str, Any]:
    sides = {"exciting": found.exciting, "inhibiting": found.inhibiting}
    return {
        "layer": found.layer,
        "obstacle": found.obstacle,
        "opened": found.opened,
        **{
            side: [
                {"layer": o.layer, "channel": o.channel, "strength": o.strength, "kernel": o.kernel}
                for o in connections
            ]
            for side, connections in sides.items()
        },
    }


def _relative(found: Neighbour) -> dict[str, Any]:
    return {
        "model": found.model,
        "layer": found.layer,
        "channel": found.channel,
        "correlation": found.value,
    }
