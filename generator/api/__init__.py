"""The Python door: networks opened, channels pictured, folders surveyed and caches read, in a notebook."""

from __future__ import annotations

from generator.api.caches import OpenCache, open_cache
from generator.api.evidence import ChannelEvidence, Crop, Evidence, LayerEvidence, survey
from generator.api.models import Model, open_model
from generator.api.pictures import Picture, render
from generator.api.rows import Row

__all__ = [
    "ChannelEvidence",
    "Crop",
    "Evidence",
    "LayerEvidence",
    "Model",
    "OpenCache",
    "Picture",
    "Row",
    "open_cache",
    "open_model",
    "render",
    "survey",
]
