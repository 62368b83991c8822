"""Names that TensorFlow can bear: layers keep theirs for people and get others for its scopes.

A scope's name may hold no space, no `:` and no letter beyond ASCII; a layer's name may hold all of these,
and Keras opens a scope of that name wherever the layer is run in a graph.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

_SAFE = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.-]*")


def shown_name(operation: Any) -> str:
    """A layer's or operation's name as its maker gave it."""
    return str(getattr(operation, "_shown_name", operation.name))


def give_safe_names(network: Any) -> None:
    """Give each layer of a network whose name no scope can hold another; `shown_name` keeps the old one."""
    for layer in network._flatten_layers():
        if not _SAFE.fullmatch(layer.name):
            layer._shown_name = layer.name
            layer.name = f"layer_{hashlib.sha256(layer.name.encode()).hexdigest()[:16]}"
