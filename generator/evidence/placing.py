"""Where a layer's channels stand on its map: those that are on together stand together.

Source: van der Maaten and Hinton 2008, Visualizing Data using t-SNE; the implementation is scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from generator.evidence.relatives import standardised
from generator.evidence.summary import Summary

FEWEST = 5
"""Channels below which there is nothing to place."""


def places(summary: Summary, channels: Sequence[int]) -> dict[int, tuple[float, float]]:
    """(x, y) of each channel, 0 to 1, by what they do at the places that were sampled; seeded.

    None where all do the same: where each is dead, or the pictures are blank.
    """
    if len(channels) < FEWEST:
        return {}
    from sklearn.manifold import TSNE

    rows = summary.places[..., list(channels)].reshape(-1, len(channels))
    found = standardised(rows).T.astype(np.float32)
    if (found == found[0]).all():
        return {}  # t-SNE divides by how far they are apart; what it then makes of them ends the process
    perplexity = min(30.0, (len(channels) - 1) / 3)
    with alone():
        placed = TSNE(perplexity=perplexity, init="pca", random_state=0, n_jobs=1).fit_transform(found)
    low, high = placed.min(axis=0), placed.max(axis=0)
    shares = ((placed - low) / np.maximum(high - low, 1e-9)).astype(float).round(3)
    return {channel: (float(x), float(y)) for channel, (x, y) in zip(channels, shares, strict=True)}


@contextmanager
def alone() -> Iterator[None]:
    """Have the libraries of sums use one thread meanwhile.

    How sums are cut depends on it, and with that where things come to stand; and threads that wait for each
    other at each of t-SNE's thousand steps cost twenty times what they bring where other work is done.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield
