"""Relatives, labels and trust on planted answers, and against libraries' own figures."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from generator.evidence import placing
from generator.evidence.labels import preferences
from generator.evidence.relatives import correlations, nearest, redundant
from generator.evidence.summary import Merger, Summary
from generator.evidence.tally import Counter, places_of
from generator.evidence.trust import kinship, strength

Array = NDArray[Any]
GRID = (6, 6)


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def summary_of(pictures: list[Array]) -> Summary:
    counter = Counter(pictures[0].shape[1], GRID)
    for number, values in enumerate(pictures):
        counter.add([digest(number)], values[None].astype("float32"))
    merger = Merger()
    merger.add(counter.tally())
    return merger.summary()


@pytest.fixture(scope="module")
def planted() -> list[Array]:
    """60 pictures of 5 channels: 1 doubles 0, 2 opposes it, 3 is apart, 4 never changes."""
    random = np.random.default_rng(1)
    found = []
    for _ in range(60):
        one, apart = random.normal(size=(2, 36))
        found.append(np.stack([one, 2 * one + 1, -one, apart, np.full(36, 0.3)], axis=1))
    return found


def test_correlations_are_those_of_numpy_at_the_same_places(planted: list[Array]) -> None:
    table = correlations(summary_of(planted), summary_of(planted))
    rows = []
    for number, values in enumerate(planted):
        down, right = (places_of(digest(number)) * GRID).astype(int).T
        rows.append(values[down * GRID[1] + right])
    # NumPy finds rounding in the constant channel; `test_duplicates` says what is to become of that.
    expected = np.corrcoef(np.concatenate(rows)[:, :4].T)
    assert table is not None and np.abs(table[:4, :4] - expected).max() < 1e-4
    some = correlations(summary_of(planted), summary_of(planted), of=[1], among=[0, 3])
    assert some is not None and some.shape == table.shape and np.count_nonzero(some) == 2
    np.testing.assert_allclose(some[1, [0, 3]], table[1, [0, 3]], atol=1e-6)


def test_duplicates_are_found_and_constants_are_nobodys_kin(planted: list[Array]) -> None:
    table = correlations(summary_of(planted), summary_of(planted))
    assert table is not None
    assert [pair[:2] for pair in redundant(table)] == [(0, 1)]
    assert not table[4].any() and not table[:, 4].any()
    assert [column for column, _ in nearest(table, 0, [1, 2, 3, 4], 3)][:1] == [1]
    assert all(column != 1 for column, _ in nearest(table, 0, [2, 3, 4], 3))


def test_too_few_places_give_no_correlation(planted: list[Array]) -> None:
    few = summary_of(planted[:3])
    assert correlations(few, few) is None


def test_a_label_that_is_preferred_is_found_with_the_auc_of_counting_pairs() -> None:
    random = np.random.default_rng(0)
    labels = [("animals/birds", "animals/cats", "tools")[number % 3] for number in range(45)]
    pictures = [np.abs(random.normal(size=(36, 3))) for _ in labels]
    for values, label in zip(pictures, labels, strict=True):
        values[:, 0] += 2.0 * (label == "tools")
    summary = summary_of(pictures)
    found = preferences(summary, {digest(number): label for number, label in enumerate(labels)}, 3)
    best = found[0][0]
    assert (best.label, best.count) == ("tools", 15) and best.auc == 1.0
    means = {d: row for d, row in zip(summary.sample, summary.means, strict=True)}
    for channel in range(3):
        for preference in found[channel]:
            inside = [
                means[digest(n)][channel]
                for n, label in enumerate(labels)
                if label.startswith(preference.label)
            ]
            outside = [
                means[digest(n)][channel]
                for n, label in enumerate(labels)
                if not label.startswith(preference.label)
            ]
            ahead = np.mean([(a > b) + 0.5 * (a == b) for a in inside for b in outside])
            assert preference.auc == pytest.approx(ahead)
            assert preference.mean == pytest.approx(np.mean(inside), rel=1e-5)


def test_strength_is_a_share_of_the_data_set() -> None:
    found = np.arange(10.0)
    assert strength(100, found) == 1.0 and strength(-1, found) == 0.0 and strength(4.5, found) == 0.5
    assert strength(0, np.zeros(10)) == 0.5, "as strong as everything else is no strength"


def ways(kind: int, count: int, random: np.random.Generator) -> list[Array]:
    """What two layers do on pictures of a kind."""
    patterns = np.random.default_rng(kind).normal(size=(2, 40))
    return [pattern + 0.5 * random.normal(size=(count, 40)) for pattern in patterns]


def test_examples_are_kin_and_pictures_that_take_another_way_are_not() -> None:
    random = np.random.default_rng(5)
    examples = ways(1, 9, random)
    kinds = [ways(kind, 3, random) for kind in range(2, 14)]
    others = [np.concatenate([kind[layer] for kind in kinds]) for layer in (0, 1)]
    for index in range(9):
        own = [layer[index] for layer in examples]
        rest = [np.delete(layer, index, axis=0) for layer in examples]
        found = kinship(own, rest, others)
        assert found is not None and 0.7 < found < 1.3
    stranger = kinship([layer[0] for layer in ways(2, 1, random)], examples, others)
    adversary = kinship([layer[0] for layer in ways(99, 1, random)], examples, others)
    assert stranger is not None and abs(stranger) < 0.3
    assert adversary is not None and adversary < 0.3


def test_without_a_scale_there_is_no_kinship() -> None:
    random = np.random.default_rng(5)
    same = ways(1, 9, random)
    assert kinship([layer[0] for layer in same], same, ways(1, 30, random)) is None


@pytest.mark.parametrize("value", [0.0, 2.5])
@pytest.mark.parametrize("channels", [5, 40])
def test_channels_that_never_vary_are_not_placed(value: float, channels: int) -> None:
    """As in a dead layer: t-SNE ends the process over points that are all one."""
    summary = SimpleNamespace(places=np.full((6, 4, channels), value, np.float32))
    assert placing.places(summary, range(channels)) == {}


def test_one_sampled_position_places_nothing() -> None:
    summary = SimpleNamespace(places=np.arange(8, dtype=np.float32).reshape(1, 1, 8))
    assert placing.places(summary, range(8)) == {}
