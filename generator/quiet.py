"""TensorFlow's native start-up messages, out of the way: they are printed past Python's own settings."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def native_messages_hidden() -> Iterator[None]:
    """Drop what native code writes to standard error meanwhile, unless --debug set the log level to 0."""
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def import_tensorflow() -> None:
    """Import TensorFlow and let it look for devices, quietly."""
    with native_messages_hidden():
        import tensorflow as tf

        tf.config.list_physical_devices()
    # It warns of repeated tracing by a function's name: ours is traced once a layer, size and recipe.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
