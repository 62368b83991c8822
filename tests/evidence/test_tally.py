"""Tallies against brute force: whatever the blocks and their order, the sum is that of all activations."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from generator.evidence import summary as summaries
from generator.evidence.summary import Merger, Summary
from generator.evidence.tally import BINS, KEPT, ON, Counter, Tally, bins_of, edges, places_of

Array = NDArray[Any]
CHANNELS, GRID, PICTURES = 7, (5, 6), 90


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


@pytest.fixture(scope="module")
def activations() -> dict[str, Array]:
    """(positions, channels) of each picture: ReLU-like, signed, tiny, huge, constant and dead channels."""
    random = np.random.default_rng(3)
    found = {}
    for number in range(PICTURES):
        values = random.normal(size=(GRID[0] * GRID[1], CHANNELS)).astype("float32")
        values[:, 0] = np.maximum(values[:, 0], 0)
        values[:, 2] *= 1e-6
        values[:, 3] *= 1e6
        values[:, 4] = 2.0
        values[:, 5] = 0.0
        values[:, 6] = np.round(values[:, 6])  # many ties
        found[digest(number)] = values
    return found


def tally(of: dict[str, Array]) -> Tally:
    counter = Counter(CHANNELS, GRID)
    for name, values in of.items():
        counter.add([name], values[None])
    return counter.tally()


def summary_of(activations: dict[str, Array], sizes: Sequence[int], seed: int) -> Summary:
    names = list(activations)
    blocks, start = [], 0
    for size in sizes:
        blocks.append({name: activations[name] for name in names[start : start + size]})
        start += size
    assert start == len(names)
    merger = Merger()
    for index in np.random.default_rng(seed).permutation(len(blocks)):
        merger.add(Tally.from_bytes(tally(blocks[index]).to_bytes()))
    return merger.summary()


def test_bins_hold_what_their_edges_say() -> None:
    values = np.random.default_rng(0).normal(size=4000).astype("float32") * np.float32(10) ** np.repeat(
        np.arange(-6, 4), 400
    ).astype("float32")
    bounds = edges()
    assert len(bounds) == BINS + 1
    at = bins_of(values)
    middle = (at > 0) & (at < BINS - 1)
    assert (bounds[at][middle] <= values[middle]).all() and (values[middle] <= bounds[at + 1][middle]).all()
    assert (np.diff(at[np.argsort(values)]) >= 0).all()
    assert bins_of(np.float32([0, ON / 2, -ON / 2])).tolist() == [BINS // 2] * 3


@pytest.mark.parametrize("sizes", [[90], [1, 89], [30, 30, 30], [7] * 12 + [6]])
def test_the_summary_is_that_of_all_activations(activations: dict[str, Array], sizes: list[int]) -> None:
    found = summary_of(activations, sizes, seed=len(sizes))
    whole = np.stack(list(activations.values()))  # (pictures, positions, channels)
    assert found.seen == PICTURES
    for channel in range(CHANNELS):
        counted = np.bincount(bins_of(whole[..., channel].reshape(-1)), minlength=BINS)
        assert (found.counts[channel] == counted).all()
    assert np.allclose(found.mean, whole.mean(axis=(0, 1), dtype="float64"), rtol=1e-5, atol=1e-9)
    assert (found.most == whole.max(axis=(0, 1))).all()
    assert (found.on == (whole.max(axis=1) > ON).sum(axis=0)).all()
    assert np.allclose(found.density, (whole > ON).mean(axis=(0, 1)), atol=1e-3)


def strongest(activations: dict[str, Array], channel: int) -> list[tuple[str, int, float]]:
    """By brute force: all positions by value, equal ones by digest and position, two of a picture at most."""
    every = [
        (-float(value), name, position)
        for name, values in activations.items()
        for position, value in enumerate(values[:, channel])
        if value != 0
    ]
    found: list[tuple[str, int, float]] = []
    for value, name, position in sorted(every):
        if sum(other == name for other, _, _ in found) < 2:
            found.append((name, position, -value))
    return found[:KEPT]


@pytest.mark.parametrize("sizes", [[90], [45, 45], [13] * 6 + [12]])
def test_the_strongest_positions_are_those_of_a_full_sort(
    activations: dict[str, Array], sizes: list[int]
) -> None:
    found = summary_of(activations, sizes, seed=1)
    for channel in range(CHANNELS):
        assert found.highest.of(channel) == strongest(activations, channel)
    assert not found.highest.of(5), "a dead channel has no example"
    assert not found.lowest.of(0), "a ReLU has no lowest position"
    lowest = [value for _, _, value in found.lowest.of(1)]
    every = np.sort(np.stack([values[:, 1].min() for values in activations.values()]))
    assert np.allclose(lowest, every[: len(lowest)])


def test_no_order_and_no_blocks_change_anything(activations: dict[str, Array]) -> None:
    one, other = summary_of(activations, [90], 0), summary_of(activations, [11] * 8 + [2], 5)
    for channel in range(CHANNELS):
        assert one.highest.of(channel) == other.highest.of(channel)
    assert one.sample == other.sample
    for name in ("counts", "on", "most", "means", "places"):
        assert (getattr(one, name) == getattr(other, name)).all(), name
    assert np.allclose(one.total, other.total, rtol=1e-12)


def test_larger_sets_keep_the_same_sample_in_any_order(
    activations: dict[str, Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summaries, "SAMPLE", 20)
    one, other = summary_of(activations, [90], 0), summary_of(activations, [10] * 9, 7)
    assert one.sample == other.sample and len(one.sample) == 20
    assert (one.places == other.places).all()


def test_values_that_are_no_numbers_are_counted_and_left_out() -> None:
    values = np.ones((30, CHANNELS), "float32")
    values[3, 1] = np.nan
    found = tally({digest(0): values})
    assert found.broken.tolist() == [0, 1, 0, 0, 0, 0, 0]
    assert np.isfinite(found.means).all() and (found.counts.sum(axis=1) == 30).all()


def test_places_are_the_same_for_every_layer() -> None:
    values = np.arange(30, dtype="float32")[:, None].repeat(CHANNELS, axis=1) + 1
    found = tally({digest(4): values})
    rows, columns = (places_of(digest(4)) * GRID).astype(int).T
    assert (found.places[0, :, 0] == rows * GRID[1] + columns + 1).all()


@pytest.mark.parametrize("least", [-9.0, 1.5], ids=["no zeros", "mostly zeros"])
def test_every_value_is_counted_once_however_many_are_zero(least: float) -> None:
    values = np.random.default_rng(4).normal(size=(5, 12, 3)).astype("float32")
    values = np.where(values < least, 0, values).astype("float32")
    counter = Counter(3, (3, 4))
    counter.add([hashlib.sha256(bytes([number])).hexdigest() for number in range(5)], values)
    for channel in range(3):
        bins = bins_of(values[..., channel].ravel())
        assert (counter.tally().counts[channel] == np.bincount(bins, minlength=BINS)).all()


def test_what_is_kept_of_blocks_does_not_hold_their_arrays(activations: dict[str, Array]) -> None:
    """Else memory grows with the data set: a few rows of each block kept all of it."""
    merger = Merger()
    merger.add(tally(activations))
    kept = [row for rows in merger._rows.values() for row in rows]
    assert kept and all(row.base is None for row in kept)
