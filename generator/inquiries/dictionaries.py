"""The dictionaries of a plan's derived layers, read for what is told of them."""

from __future__ import annotations

from pathlib import Path

from generator.cache.entries import Cache
from generator.errors import UserError
from generator.evidence.dictionaries import Judged, judged
from generator.evidence.summary import Summary
from generator.inquiries.inquiry import Inquiry
from generator.models.deriving import CONCEPTS, asked_for
from generator.models.dictionary_file import read_dictionary


def dictionary_judged(
    inquiry: Inquiry, layer: str, cache: Cache, features: Summary, of: Summary | None
) -> Judged | None:
    """What is told of a derived layer's dictionary, `of` being the layer that it stands behind; None for
    layers of the network's own, and where the dictionary can't be read any more."""
    derived = inquiry.anatomy.layer(layer).derived
    path = _file(inquiry, layer, cache)
    if derived is None or path is None:
        return None
    try:
        return judged(derived.base, read_dictionary(path), features, of)
    except UserError:
        return None


def _file(inquiry: Inquiry, layer: str, cache: Cache) -> Path | None:
    found = inquiry.anatomy.layer(layer)
    if found.derived and found.kind == CONCEPTS:
        return cache.fetched([found.derived.digest], "npz")[found.derived.digest]
    config = inquiry.plan.config.models[inquiry.model]
    return next((one.file for one in asked_for(config, inquiry.anatomy) if one.name == layer), None)
