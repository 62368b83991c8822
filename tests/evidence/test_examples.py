"""The examples that a page shows, checked against all activations."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from generator.evidence.examples import ORDINARY, QUANTILES, Chooser
from generator.evidence.summary import Merger
from generator.evidence.tally import Counter

Array = NDArray[Any]
GRID = (4, 5)


@pytest.fixture(scope="module")
def pictures() -> dict[str, Array]:
    """Channel 0 signed, 1 a ReLU's, 2 dead."""
    random = np.random.default_rng(0)
    found = {}
    for number in range(50):
        values = random.normal(size=(20, 3)).astype("float32")
        values[:, 1] = np.maximum(values[:, 1], 0)
        values[:, 2] = 0
        found[hashlib.sha256(str(number).encode()).hexdigest()] = values
    return found


@pytest.fixture(scope="module")
def chooser(pictures: dict[str, Array]) -> Chooser:
    counter = Counter(3, GRID)
    for digest, values in pictures.items():
        counter.add([digest], values[None])
    merger = Merger()
    merger.add(counter.tally())
    return Chooser(merger.summary())


def test_every_example_has_the_value_that_it_says(chooser: Chooser, pictures: dict[str, Array]) -> None:
    for channel in range(3):
        every = [
            *chooser.strongest(channel, 9),
            *chooser.lowest(channel, 6),
            *chooser.between(channel, 0.2, 0.9),
        ]
        every += [found for group in chooser.ordinary(channel).values() for found in group]
        for found in every:
            assert pictures[found.digest][found.position, channel] == np.float32(found.value)


def test_ordinary_examples_are_near_their_quantiles(chooser: Chooser, pictures: dict[str, Array]) -> None:
    whole = np.stack(list(pictures.values()))[..., 0].reshape(-1)
    for quantile, group in chooser.ordinary(0).items():
        assert len({found.digest for found in group}) == len(group) == ORDINARY
        shares = [(whole < found.value).mean() for found in group]
        assert quantile in QUANTILES and np.abs(np.array(shares) - quantile).max() < 0.06


def test_intervals_hold_what_lies_in_them(chooser: Chooser) -> None:
    for low, high in ((0.5, 1.0), (-2.0, -1.0)):
        group = chooser.between(0, low, high)
        assert len(group) == ORDINARY and all(low <= found.value < high for found in group)
    assert chooser.between(0, 50.0, 60.0) == []


def test_channels_that_are_never_on_have_no_examples(chooser: Chooser) -> None:
    assert chooser.strongest(2, 9) == [] and chooser.lowest(2, 6) == [] and chooser.lowest(1, 6) == []
    assert len(chooser.strongest(1, 9)) == 9 and len(chooser.lowest(0, 6)) == 6
