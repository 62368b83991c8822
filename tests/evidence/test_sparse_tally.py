"""The tally of what is mostly zero is the one that all values give."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.evidence.packed import packed_sparse, unpacked_sparse
from generator.evidence.sparse_tally import SparseCounter
from generator.evidence.tally import Counter, Peaks, Tally


def both(batches: list[np.ndarray], grid: tuple[int, int]) -> tuple[Tally, Tally]:
    found = []
    for kind in (SparseCounter, Counter):
        counter = kind(batches[0].shape[-1], grid)
        for number, batch in enumerate(batches):
            digests = [f"{number:032}{place:032}" for place in range(len(batch))]
            counter.add(digests, batch.astype("float32"))
        found.append(counter.tally())
    return found[0], found[1]


def assert_same(one: Tally, other: Tally) -> None:
    for field in fields(Tally):
        ours, theirs = getattr(one, field.name), getattr(other, field.name)
        if isinstance(ours, Peaks):
            for name in ("values", "pictures", "positions"):
                np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), name)
        elif field.name == "means":
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-9)
        else:
            np.testing.assert_array_equal(ours, theirs, field.name)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 5),
    columns=st.integers(1, 4),
    channels=st.integers(1, 40),
    share=st.sampled_from([0.0, 0.01, 0.08, 0.5]),
    kinds=st.integers(1, 3),
)
def test_it_is_the_tally_that_all_values_give(
    seed: int, rows: int, columns: int, channels: int, share: float, kinds: int
) -> None:
    random = np.random.default_rng(seed)
    batches = []
    for count in (3, 1):
        # Few kinds of values, so that many are equal.
        values = random.integers(1, kinds + 1, (count, rows * columns, channels)) / 7
        batches.append(values * (random.random(values.shape) < share))
    assert_same(*both(batches, (rows, columns)))


def test_values_below_zero_and_such_as_are_no_numbers_are_not_lost() -> None:
    values = np.zeros((4, 6, 50))
    values[1, 2, 3], values[2, 4, 5], values[3, 1, 7] = -2.0, np.nan, np.inf
    below = np.where(values == np.inf, 0, np.nan_to_num(values))
    ours, theirs = both([np.abs(below), below, values], (2, 3))
    assert ours.lowest.values[3, 0] == -2 and ours.broken[5] == 1
    assert_same(ours, theirs)


@pytest.mark.parametrize("channels", [70_000, 300])
def test_layers_too_large_for_one_number_are_counted_too(channels: int) -> None:
    values = np.zeros((2, 9, channels))
    values[0, 3, -1], values[1, 8, 2] = 1.5, 2.5
    assert_same(*both([values], (3, 3)))


def test_large_tallies_are_kept_by_what_is_not_zero() -> None:
    values = np.zeros((8, 9, 6000), "f4")
    values[3, 4, ::50] = np.arange(120) + 1.0
    counter = SparseCounter(6000, (3, 3))
    counter.add([f"{number:064}" for number in range(8)], values)
    tally = counter.tally()
    assert_same(Tally.from_bytes(tally.to_bytes()), tally)
    data = tally.to_bytes()
    assert len(data) < 60_000
    wrong = packed_sparse({"places": np.eye(1100, dtype="f4")})
    with pytest.raises(ValueError, match="not as large"):
        unpacked_sparse({**wrong, "places__shape": np.array([2, 2])})
    with pytest.raises(ValueError, match="not as large"):
        unpacked_sparse({**wrong, "places__shape": np.array([2**20, 2**20])})
