"""The bars of a channel's histogram."""

from __future__ import annotations

import numpy as np
import pytest

from generator.evidence.histogram import MOST_BARS, histogram
from generator.evidence.tally import BINS, bins_of


def counts_of(values: object) -> np.ndarray:
    return np.bincount(bins_of(np.float32(values)), minlength=BINS)


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).normal(size=500),
        np.maximum(0, np.random.default_rng(0).normal(size=500)),
        np.random.default_rng(0).normal(size=500) * 10.0 ** np.random.default_rng(1).integers(-9, 9, 500),
        np.full(10, 3.0),
        -np.abs(np.random.default_rng(0).normal(size=500)) - 0.1,
        np.zeros(4),
    ],
    ids=["signed", "relu", "wide", "constant", "negative", "dead"],
)
def test_every_position_is_in_one_bar_and_bars_touch(values: np.ndarray) -> None:
    found = histogram(counts_of(values), {"best": float(values.max())})
    assert found is not None and len(found.bars) <= MOST_BARS + 3
    assert sum(bar.count for bar in found.bars) == len(values)
    for before, after in zip(found.bars, found.bars[1:], strict=False):
        assert before.high == after.low
    assert 0 <= found.marks["best"] <= 1 and max(bar.height for bar in found.bars) == 1
    inside = [bar for bar in found.bars if bar.low <= values.max() <= bar.high]
    assert inside or abs(values).max() > 4000
    assert found.zeros == pytest.approx((abs(values) < 2**-12).mean())


def test_marks_stand_in_their_order_and_widen_the_axis() -> None:
    found = histogram(counts_of([0.1, 0.2, 0.5]), {"picture": 40.0, "example": 0.5, "broken": float("nan")})
    assert found is not None and found.marks["example"] < found.marks["picture"] <= 1
    assert "broken" not in found.marks and found.bars[-1].high >= 40
    assert found.bar_of(0.15) < found.bar_of(0.5) < found.bar_of(1e9) == len(found.bars) - 1


def test_nothing_counted_is_no_plot() -> None:
    assert histogram(np.zeros(BINS, int), {}) is None
