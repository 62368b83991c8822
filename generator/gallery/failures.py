"""The pictures that could not be made, as JSON for scripts; docs/export.md names the fields."""

from __future__ import annotations

import json
from collections.abc import Iterable

from generator.gallery.layers import LayerSection
from generator.gallery.snapshot import CacheSnapshot
from generator.gallery.templating import without_folders
from generator.targets import WHOLE

VERSION = 1
"""Raised when a field changes its meaning or goes."""


def failures_export(layers: Iterable[LayerSection], snapshot: CacheSnapshot) -> bytes:
    """All failures that the gallery tells of, one a line, in its order."""
    lines = [
        {
            "model": section.model.name,
            "layer": section.layer.name,
            "channel": None if entry.channel == WHOLE else entry.channel,
            "recipe": entry.recipe,
            "page": section.layer.page(entry.channel),
            "reason": without_folders(failure.reason),
            "failed_at": failure.failed_at,
            "lasting": failure.lasting,
        }
        for section in layers
        for entry in section.entries
        if entry.stamp and entry.stamp.failed and (failure := snapshot.failure(entry.key))
    ]
    written = ",\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    return f'{{"version":{VERSION},"failures":[\n{written}\n]}}\n'.encode()
