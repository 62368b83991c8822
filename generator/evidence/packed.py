"""Arrays as the cache keeps them, packed into one file; not read when they would fill the memory."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.datasets.arrays import is_bomb


def arrays_of(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays in an .npz by name.

    Raises ValueError or OSError for what is none, or would unpack to far more than arrays of ours do.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            if is_bomb(unpacked, len(data)):
                raise ValueError(f"would unpack to {unpacked >> 20:,} MB")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except zipfile.BadZipFile as error:
        raise ValueError(str(error)) from error
