"""All that a gallery knows of a photo under the lens, as JSON for others to build on; see docs/export.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic_core import to_json

from generator.evidence import lens
from generator.evidence.lens import Argument, Seen, Valued
from generator.gallery.export import VERSION
from generator.gallery.pages import LayerView, ModelHead
from generator.gallery.photo_views import PhotoView


def photo_export(view: PhotoView, model: ModelHead, layers: Sequence[tuple[LayerView, Seen]]) -> bytes:
    """A photo as one model sees it, a layer a line."""
    head = {
        "version": VERSION,
        "photo": view.name,
        "caption": view.caption,
        "licence": view.licence,
        "model": model.name,
        "weights": model.anatomy.fingerprint,
        "page": view.path,
        "classes": _classes(model, layers[0][1]) if layers else [],
    }
    lines = ",\n".join(_line(_layer(view, layer, seen)) for layer, seen in layers)
    return f'{_line(head).removesuffix("}")},"layers":[\n{lines}\n]}}\n'.encode()


def _line(value: object) -> str:
    # JSON has no numbers that are none.
    return to_json(value, inf_nan_mode="null").decode()


def _classes(model: ModelHead, seen: Seen) -> list[dict[str, Any]]:
    names, said = model.anatomy.classes, seen.verdict
    shares = said.probabilities.tolist() or [None] * len(said.numbers)
    return [
        {
            "number": number,
            "name": names[number] if number < len(names) else f"class {number}",
            "score": score,
            "probability": share,
        }
        for number, score, share in zip(said.numbers.tolist(), said.scores.tolist(), shares, strict=True)
    ]


def _layer(view: PhotoView, layer: LayerView, seen: Seen) -> dict[str, Any]:
    strengths = lens.strengths(seen)
    return {
        "layer": layer.name,
        "page": layer.path,
        "grid": seen.grid,
        "strengths": [[round(value, 4) for value in row] for row in strengths.tolist()],
        "cells": [_valued(found) for found in lens.strongest_in_cells(seen)],
        "strongest": _valued(lens.strongest(seen)),
        "exact": seen.exact,
        "why": [_argument(one) for one in lens.arguments(seen)],
    }


def _valued(found: Sequence[Valued]) -> list[list[float]]:
    return [[one.channel, one.value] for one in found]


def _argument(one: Argument) -> dict[str, Any]:
    return {
        "class": one.number,
        "for": _valued(one.supporting),
        "against": _valued(one.opposing),
        "sum": one.sum,
        "rest": one.rest,
        "score": one.score,
    }
