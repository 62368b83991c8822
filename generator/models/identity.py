"""Which network this is: a fingerprint of what it computes, and what was learnt when it was last opened.

Imports no TensorFlow: planning asks `known_anatomy` and opens only networks that are new or changed.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from generator.cache.entries import Cache, write_atomically
from generator.config.schema import ModelConfig, is_file_name
from generator.models import efficientnet_lite
from generator.models.anatomy import Anatomy
from generator.models.graph import Step
from generator.models.preprocessing import Preprocessing

READING = 3
"""Raised when the same network is read otherwise: what was remembered before is then asked for again."""

_NO_PART_OF_IDENTITY = re.compile(r"initializer|regularizer|constraint|^seed$|^trainable$|^name$")


def fingerprint(network: Any, steps: list[Step], mapping: Preprocessing) -> str:
    """SHA-256 (hex) of a network's graph, weights and preprocessing."""
    digest = hashlib.sha256()
    graph = [(step.name, type(step.operation).__name__, step.inputs, _settings(step)) for step in steps]
    text = json.dumps([graph, mapping.scale, mapping.offset, mapping.bgr], sort_keys=True, default=_name_of)
    digest.update(text.encode())
    for weight in network.weights:
        values = np.ascontiguousarray(weight.numpy())
        digest.update(f"{values.dtype}{values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _settings(step: Step) -> dict[str, Any]:
    config = getattr(step.operation, "get_config", dict)
    try:
        values: dict[str, Any] = config()
    except NotImplementedError:
        values = {}
    return {key: value for key, value in values.items() if not _NO_PART_OF_IDENTITY.search(key)}


def _name_of(value: object) -> str:
    return getattr(value, "__name__", type(value).__name__)


# -- what is known without opening -----------------------------------------------------------------


def known_anatomy(name: str, config: ModelConfig, cache: Cache) -> Anatomy | None:
    """The anatomy of a network that was opened before and has not changed since, without TensorFlow."""
    digest = _spec_digest(name, config)
    if digest is None:
        return None
    try:
        return Anatomy.from_json(json.loads(cache.model_path(digest).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(name: str, config: ModelConfig, anatomy: Anatomy, cache: Cache) -> None:
    """Keep an anatomy for `known_anatomy`; factories, whose code may change, are not kept."""
    digest = _spec_digest(name, config)
    if digest is not None:
        write_atomically(cache.model_path(digest), json.dumps(anatomy.to_json()).encode())


def _spec_digest(name: str, config: ModelConfig) -> str | None:
    source = config.source or name
    if ":" in source and not is_file_name(source):
        return None
    files = [Path(source)] if is_file_name(source) else []
    if source in efficientnet_lite.VARIANTS and config.weights == "imagenet":
        files.append(efficientnet_lite.weights_path(source))
    files += [Path(config.weights)] if config.weights not in ("imagenet", "none") else []
    files += [config.classes] if config.classes else []
    identity = {
        "reading": READING,
        "source": source,
        "weights": config.weights,
        "settings": config.model_dump(mode="json", include={"input_size", "preprocessing"}),
        "files": [_file_digest(path) for path in files],
        "keras": importlib.metadata.version("keras"),
        "generator": importlib.metadata.version("pocket-microscope"),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return "unreadable"
