"""Which network this is: a fingerprint of what it computes, and what was learnt when it was last opened.

Imports no TensorFlow: planning asks `known_anatomy` and opens only networks that are new or changed.
"""

from __future__ import annotations

import hashlib
import json
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from generator.cache.entries import Cache
from generator.config.content import content_digest
from generator.config.schema import ModelConfig, is_file_name, is_place
from generator.models import efficientnet_lite
from generator.models.anatomy import Anatomy
from generator.models.graph import Step
from generator.models.preprocessing import Preprocessing

READING = 8
"""Raised when the same network is read otherwise: what was remembered before is then asked for again."""


def fingerprint(network: Any, steps: list[Step], mapping: Preprocessing) -> str:
    """SHA-256 (hex) of all that determines what a network computes of display pixels, and its layers' names.

    That is its graph with all arguments, settings, code, weights and other state, its input's shape, and
    its preprocessing. It is the same in every process and after saving and loading the network.
    """
    import keras

    from generator.models.canonical import Canon, digest

    names = [[step.name, step.channels_first] for step in steps]
    pixels = [list(mapping.scale), list(mapping.offset), mapping.bgr]
    shared = [keras.config.floatx(), keras.config.epsilon()]
    return digest([Canon(network).of(network), names, pixels, shared])


# -- what is known without opening -----------------------------------------------------------------


def spec_digest(name: str, config: ModelConfig) -> str | None:
    """SHA-256 (hex) of all that a network is made from: settings, files, versions.

    None where that can't be told without running code that may have changed: factories, and modules that
    the config imports.
    """
    source = config.source or name
    named = source.startswith("kerashub:")  # such presets have versions, which KerasHub's own settles
    if (":" in source and not is_file_name(source) and not named) or config.imports:
        return None
    files = [Path(source)] if is_place(source) else []
    if source in efficientnet_lite.VARIANTS and config.weights == "imagenet":
        files.append(efficientnet_lite.weights_path(source))
    files += [Path(config.weights)] if config.weights not in ("imagenet", "none") else []
    files += [config.classes] if config.classes else []
    files.append(Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json")
    identity = {
        "reading": READING,
        "source": source,
        # What is rendered of it is no part of a network; any other setting may be.
        "settings": config.model_dump(mode="json", exclude={"source", "layers", "channels", "recipes"}),
        "files": [_file_digest(path) for path in files],
        "versions": [version(package) for package in ("keras", "tensorflow", "pocket-microscope")],
        "hub": _hub_version() if named or (is_place(source) and Path(source).is_dir()) else "",
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def known_anatomy(digest: str | None, cache: Cache) -> Anatomy | None:
    """The anatomy of a network of that `spec_digest`, if it was opened before; needs no TensorFlow."""
    if digest is None:
        return None
    try:
        return Anatomy.from_json(cache.recall(f"models/{digest}"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def remember(digest: str | None, anatomy: Anatomy, cache: Cache) -> None:
    """Keep an anatomy for `known_anatomy`; one without a digest is not kept."""
    if digest is not None:
        cache.remember(f"models/{digest}", anatomy.to_json())


def _file_digest(path: Path) -> str:
    try:
        return content_digest(path)
    except OSError:
        return "unreadable"


def _hub_version() -> str:
    try:
        return version("keras-hub")
    except PackageNotFoundError:
        return "none"
