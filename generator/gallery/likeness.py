"""An order of pictures in which neighbours look alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.float32]


def likeness_order(tiles: npt.NDArray[np.uint8]) -> list[int]:
    """Places of small pictures (n, 32, 32, 3), each followed by the most similar one not yet taken."""
    if len(tiles) < 3:
        return list(range(len(tiles)))
    features = _features(tiles)
    squares = np.einsum("ij,ij->i", features, features)
    distances = squares[:, None] + squares[None, :] - 2 * features @ features.T
    # The picture least like the others is a natural end of the line.
    here = int(distances.sum(axis=1).argmax())
    order = [here]
    for _ in range(len(tiles) - 1):
        distances[:, here] = np.inf
        here = int(distances[here].argmin())
        order.append(here)
    return order


def _features(tiles: npt.NDArray[np.uint8]) -> Features:
    """What a picture looks like wherever things are in it: its colours, and how strong which grating is."""
    pixels = np.multiply(tiles, np.float32(1 / 255), dtype=np.float32).reshape(len(tiles), -1, 3)
    mean = np.einsum("npc->nc", pixels) / pixels.shape[1]
    spread = np.einsum("npc,npc->nc", pixels, pixels) / pixels.shape[1] - mean**2
    colours = np.concatenate([mean, np.sqrt(spread.clip(0))], axis=1)
    grey = (pixels @ np.full(3, 1 / 3, np.float32)).reshape(tiles.shape[:3])
    spectrum = np.abs(np.fft.rfft2(grey - grey.mean(axis=(1, 2), keepdims=True)))
    bands = np.log1p(spectrum[:, ::2, :16:2] + spectrum[:, 1::2, 1:16:2]).reshape(len(tiles), -1)
    weighted = np.concatenate([_even(colours) * 3, _even(bands)], axis=1)
    return weighted.astype(np.float32)


def _even(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Each feature with the same spread, the group with a length of about one."""
    spread = values.std(axis=0) + 1e-6
    return np.asarray((values - values.mean(axis=0)) / spread / np.sqrt(values.shape[1]), np.float32)
