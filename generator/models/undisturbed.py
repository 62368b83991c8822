"""Working on networks in somebody else's process: what is theirs is found again as it was.

Opening, cutting and running networks sets Keras' global state and leaves traces on the layers that are used.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from generator.models.graph import functional_of
from generator.quiet import import_tensorflow, native_messages_hidden


@contextmanager
def undisturbed(network: Any = None) -> Iterator[None]:
    """Put back at the end what is done meanwhile to the process, and to the layers of a live `network`.

    That is Keras' names, policy and scopes, its image format, the states of random numbers (Python's,
    NumPy's, TensorFlow's), and TensorFlow's log level; of the network its layers' names and its graph's
    nodes. Within, Keras is as in a new process.
    """
    with native_messages_hidden():
        import tensorflow as tf  # noqa: F401  (it sets its log level when it is imported)
    with ExitStack() as stack:
        for part in (_log_level(), _keras(), _random(), *([] if network is None else [_books(network)])):
            stack.enter_context(part)
        yield


@contextmanager
def _log_level() -> Iterator[None]:
    logger = logging.getLogger("tensorflow")
    level = logger.level
    import_tensorflow()
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _keras() -> Iterator[None]:
    """Set Keras' trackers aside, as `clear_session` does for good."""
    import threading

    import keras
    from keras.src.backend.common import global_state

    trackers = global_state.GLOBAL_STATE_TRACKER, global_state.GLOBAL_SETTINGS_TRACKER
    image_format = keras.config.image_data_format()
    global_state.GLOBAL_STATE_TRACKER = threading.local()
    global_state.GLOBAL_SETTINGS_TRACKER = threading.local()
    keras.config.set_image_data_format("channels_last")
    try:
        yield
    finally:
        global_state.GLOBAL_STATE_TRACKER, global_state.GLOBAL_SETTINGS_TRACKER = trackers
        keras.config.set_image_data_format(image_format)


@contextmanager
def _random() -> Iterator[None]:
    from tensorflow.python.eager.context import context

    eager = context()
    python, numbers = random.getstate(), np.random.get_state()
    seed, drawn = eager._seed, getattr(eager, "_rng", None)
    state = drawn.getstate() if drawn else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numbers)
        eager._seed = seed
        if drawn:
            eager._rng = drawn
            drawn.setstate(state)
        elif hasattr(eager, "_rng"):
            del eager._rng


@contextmanager
def _books(network: Any) -> Iterator[None]:
    """What a network's operations know of where they are used, and how they are called."""
    before = [
        (one, len(one._inbound_nodes), len(one._outbound_nodes), one.name, hasattr(one, "_shown_name"))
        for one in _operations(network)
    ]
    try:
        yield
    finally:
        for one, inbound, outbound, name, had_shown_name in before:
            del one._inbound_nodes[inbound:]
            del one._outbound_nodes[outbound:]
            if hasattr(one, "_shown_name") and not had_shown_name:
                one.name = name
                del one._shown_name


def _operations(network: Any) -> list[Any]:
    """The layers of a network, those inside others included, and the operations of all graphs among them."""
    found = {id(layer): layer for layer in network._flatten_layers()}
    for layer in list(found.values()):
        graph = functional_of(layer)
        found |= {id(one): one for one in (graph.operations if graph is not None else ())}
    return list(found.values())
