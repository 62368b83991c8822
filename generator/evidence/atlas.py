"""A layer's activation space as an atlas: vectors of many pictures in a plane, averaged over a grid's cells.

Source: Carter et al. 2019, Activation Atlas, Distill; the placing is t-SNE, van der Maaten and Hinton 2008,
as scikit-learn has it. Beside UMAP, on the 6,408 vectors of `block5c_add` for 801 pictures, it is quicker and
keeps 38 % instead of 27 % of the 15 nearest neighbours (trustworthiness 0.95 instead of 0.90).
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.evidence.packed import arrays_of
from generator.evidence.placing import alone
from generator.evidence.summary import sampling_rank
from generator.evidence.tally import Tally, places_of

Array = NDArray[Any]

VERSION = 2
"""Raised whenever the same tallies and settings give another atlas."""
VECTORS = 8192
"""Vectors that are placed, at most; as many of each picture as there is room for."""
FEWEST = 24
"""Vectors below which there is nothing to place."""
PERPLEXITY = 30.0
STEPS = 500
"""Of t-SNE; 1,000, its usual number, take nearly twice as long and keep no more neighbours."""
DIMENSIONS = 50
"""Principal components of the vectors by which they are placed."""
SHRINKAGE = 0.1
"""Of the covariance towards a ball, before it is inverted: a few thousand vectors know little of the
directions in which they hardly differ, and pictures of those would be noise."""
NEAREST = 6
"""Vectors of a cell that are nearest to its mean, each of another picture."""


@dataclass(frozen=True)
class Vectors:
    """Activation vectors of a layer: `values` (n, channels) float32; of each the number of its picture in
    `pictures`, which are digests, as `owners` (n,), and the number of its place, see `places_of`, as `places`
    (n,)."""

    pictures: tuple[str, ...]
    owners: Array
    places: Array
    values: Array


def vectors(tallies: Iterable[Tally]) -> Vectors:
    """A sample of the vectors that tallies hold, the same in whatever order these come.

    As many of each picture as makes VECTORS; of more pictures than that some, one vector each. A position of
    a picture counts once. Vectors that are zero or no numbers are left out: they point nowhere.
    """
    rows: dict[str, tuple[Array, Array]] = {}
    for tally in tallies:
        for digest, values in zip(tally.pictures, tally.places, strict=True):
            apart = _apart(digest, tally.grid)
            rows[digest] = (apart, values[apart])  # a view would keep the whole block in memory
        if len(rows) > VECTORS:
            rows = {digest: rows[digest] for digest in sorted(rows, key=sampling_rank)[:VECTORS]}
    pictures = tuple(sorted(rows))
    if not pictures:
        return Vectors((), np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros((0, 0), np.float32))
    each = max(1, VECTORS // len(pictures))
    places = [rows[digest][0][:each] for digest in pictures]
    values = np.concatenate([rows[digest][1][:each] for digest in pictures])
    owners = np.repeat(np.arange(len(pictures), dtype=np.int32), [len(one) for one in places])
    kept = np.isfinite(values).all(axis=1) & values.any(axis=1)
    return Vectors(pictures, owners[kept], np.concatenate(places).astype(np.int32)[kept], values[kept])


def _apart(digest: str, grid: tuple[int, int]) -> Array:
    """The numbers of those `places_of` a picture that lie at different positions: of a layer that has but one
    position, one."""
    down, right = (places_of(digest) * grid).astype(np.int64).T
    _, first = np.unique(down * grid[1] + right, return_index=True)
    found: Array = np.sort(first)
    return found


# -- placing them ----------------------------------------------------------------------------------


def components(values: Array) -> Array | None:
    """What vectors (n, channels) are placed by, (n, up to DIMENSIONS) float32: principal components of their
    directions. None where there are too few that differ."""
    if len(values) < FEWEST:
        return None
    lengths = np.linalg.norm(values.astype(np.float64), axis=1, keepdims=True)
    ways = values / lengths
    ways -= ways.mean(axis=0)
    _, axes = np.linalg.eigh(ways.T @ ways)
    axes = axes[:, ::-1][:, :DIMENSIONS]
    # An axis may be found either way round.
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    found: Array = (ways @ axes).astype(np.float32)
    apart = np.unique(found.round(6), axis=0)
    return found if len(apart) >= FEWEST else None


def placed(points: Array) -> Array:
    """Where points (n, dimensions) stand in the plane, (n, 2) float32 from 0 to 1; seeded."""
    from sklearn.manifold import TSNE

    start = np.zeros((len(points), 2), np.float32)
    start[:, : min(2, points.shape[1])] = points[:, :2]
    start *= 1e-4 / max(float(start[:, 0].std()), 1e-12)
    perplexity = min(PERPLEXITY, (len(points) - 1) / 3)
    with alone():
        found = TSNE(
            perplexity=perplexity, init=start, max_iter=STEPS, random_state=0, n_jobs=1
        ).fit_transform(points)
    low, high = found.min(axis=0), found.max(axis=0)
    shares: Array = (found - low) / np.maximum(high - low, 1e-9)
    return shares.astype(np.float32)


# -- cells -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Grid:
    """The cells of a level that have enough vectors, row by row.

    `side` x `side` cells there are; of each shown one `cells` its number (row times side plus column),
    `counts` its vectors, `means` (cells, channels) their mean, `ways` the direction that its picture is of,
    and `nearest` (cells, NEAREST) the vectors next to the mean, -1 where there are no more.
    """

    side: int
    cells: Array
    counts: Array
    means: Array
    ways: Array
    nearest: Array


def sides(cells: int, levels: int) -> tuple[int, ...]:
    """Cells in a row of each level, the coarsest first: every level has half as many as the next."""
    return tuple(max(1, -(-cells // 2**up)) for up in reversed(range(levels)))


def cells_of(places: Array, side: int) -> Array:
    """The number of the cell in which each place (n, 2) from 0 to 1 lies."""
    columns, rows = np.minimum((np.asarray(places, np.float64) * side).astype(np.int64), side - 1).T
    numbers: Array = rows * side + columns
    return numbers


def grid(found: Vectors, places: Array, side: int, least: int, whitening: Array | None) -> Grid:
    """The cells of a level with at least so many vectors; `whitening` (channels, channels) is for `ways`."""
    numbers = cells_of(places, side)
    shown, counts = np.unique(numbers, return_counts=True)
    means = np.zeros((len(shown), found.values.shape[1]))
    nearest = np.full((len(shown), NEAREST), -1, np.int32)
    for row, number in enumerate(shown):
        members = np.flatnonzero(numbers == number)
        means[row] = found.values[members].mean(axis=0, dtype=np.float64)
        nearest[row] = _nearest(found, members, means[row])
    kept = (counts >= least) & (np.linalg.norm(means, axis=1) > 0)
    ways = _ways(means[kept], whitening)
    return Grid(
        side,
        shown[kept].astype(np.int32),
        counts[kept].astype(np.int32),
        means[kept].astype(np.float32),
        ways.astype(np.float32),
        nearest[kept],
    )


def _nearest(found: Vectors, members: Array, mean: Array) -> Array:
    """The members with the smallest angle to their mean, each of another picture."""
    values = found.values[members].astype(np.float64)
    cosines = values @ mean / np.linalg.norm(values, axis=1)
    ordered = members[np.lexsort((members, -cosines.round(9)))]
    _, first = np.unique(found.owners[ordered], return_index=True)
    chosen = ordered[np.sort(first)][:NEAREST]
    return np.pad(chosen, (0, NEAREST - len(chosen)), constant_values=-1)


def _ways(means: Array, whitening: Array | None) -> Array:
    """Means as directions of their own lengths, in whitened space if that is asked for."""
    if whitening is None or not len(means):
        return means
    turned = means @ whitening
    lengths = np.linalg.norm(turned, axis=1, keepdims=True)
    ways: Array = turned / np.maximum(lengths, 1e-30) * np.linalg.norm(means, axis=1, keepdims=True)
    return ways


def whitening(values: Array, shrinkage: float = SHRINKAGE) -> Array:
    """The inverse of the vectors' second moments (channels, channels), shrunk towards a ball: what a way
    is multiplied by, that it means the vectors that go there and not what all have in common."""
    exact = values.astype(np.float64)
    moments = exact.T @ exact / max(1, len(exact))
    ball = np.eye(len(moments)) * (np.trace(moments) / len(moments))
    inverse: Array = np.linalg.inv(moments + shrinkage * ball)
    return inverse


# -- as the cache keeps them -----------------------------------------------------------------------


@dataclass(frozen=True)
class Chart:
    """A layer's vectors, by number, with their places in the plane, (n, 2) from 0 to 1; none is empty."""

    pictures: tuple[str, ...]
    owners: Array
    places: Array
    plane: Array

    def to_bytes(self) -> bytes:
        """As an .npz file; `from_bytes` reads it back."""
        return _packed(
            pictures=np.array(self.pictures, "S64"),
            owners=self.owners,
            places=self.places,
            plane=self.plane,
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Chart:
        """A chart from what `to_bytes` gave; raises ValueError, KeyError or OSError for anything else."""
        arrays = arrays_of(data)
        pictures = tuple(name.decode() for name in arrays["pictures"].tolist())
        return cls(pictures, arrays["owners"], arrays["places"], arrays["plane"])


@dataclass(frozen=True)
class Cells:
    """The grids of an atlas, the coarsest first; the mean and the spread of each channel over its vectors;
    and the rows and columns of the layer's positions."""

    grids: tuple[Grid, ...]
    mean: Array
    spread: Array
    positions: tuple[int, int]

    def to_bytes(self) -> bytes:
        """As an .npz file; `from_bytes` reads it back."""
        arrays = {
            f"{name}_{level}": np.asarray(getattr(one, name))
            for level, one in enumerate(self.grids)
            for name in _OF_GRID
        }
        return _packed(mean=self.mean, spread=self.spread, positions=np.array(self.positions), **arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Cells:
        """Cells from what `to_bytes` gave; raises ValueError, KeyError or OSError for anything else."""
        arrays = arrays_of(data)
        levels = sum(name.startswith("side_") for name in arrays)
        grids = tuple(_grid_from(arrays, level) for level in range(levels))
        rows, columns = arrays["positions"].tolist()
        return cls(grids, arrays["mean"], arrays["spread"], (rows, columns))


_OF_GRID = ("side", "cells", "counts", "means", "ways", "nearest")


def _grid_from(arrays: dict[str, Array], level: int) -> Grid:
    side, *others = (arrays[f"{name}_{level}"] for name in _OF_GRID)
    return Grid(int(side), *others)


def _packed(**arrays: Array) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def cells(
    found: Vectors,
    plane: Array,
    levels: Sequence[int],
    least: int,
    positions: tuple[int, int],
    *,
    whiten: bool,
) -> Cells:
    """The cells of each level of an atlas, of vectors and where they stand."""
    turning = whitening(found.values) if whiten else None
    return Cells(
        tuple(grid(found, plane, side, least, turning) for side in levels),
        found.values.mean(axis=0, dtype=np.float64).astype(np.float32),
        found.values.std(axis=0, dtype=np.float64).astype(np.float32),
        positions,
    )
