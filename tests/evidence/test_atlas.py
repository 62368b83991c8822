"""An atlas's vectors, where they stand, and its cells: against planted clusters and brute force."""

from __future__ import annotations

import numpy as np
import pytest

from generator.evidence import atlas
from generator.evidence.atlas import Cells, Chart, Vectors
from generator.evidence.raising import Raised, classes_of
from generator.evidence.tally import PLACES, Counter, Tally

GROUPS, CHANNELS = 5, 12


def tallies(blocks: int = 3, pictures: int = 10, channels: int = CHANNELS) -> list[Tally]:
    """Pictures each of one group: positions near that group's direction, of any length."""
    random = np.random.default_rng(1)
    ways = np.linalg.qr(random.normal(size=(channels, channels)))[0][:GROUPS]
    made = []
    for block in range(blocks):
        counter = Counter(channels, (16, 16))
        for number in range(pictures):
            group = (block * pictures + number) % GROUPS
            lengths = random.uniform(1, 5, (256, 1))
            values = lengths * (ways[group] + random.normal(0, 0.05, (256, channels)))
            counter.add([f"{group}{block:02}{number:061}"], values[None].astype(np.float32))
        made.append(counter.tally())
    return made


@pytest.fixture(scope="module")
def charted() -> tuple[Vectors, np.ndarray]:
    found = atlas.vectors(tallies())
    points = atlas.components(found.values)
    assert points is not None
    return found, atlas.placed(points)


def groups(found: Vectors) -> np.ndarray:
    return np.array([int(found.pictures[owner][0]) for owner in found.owners])


def test_planted_clusters_land_in_regions_of_their_own(charted: tuple[Vectors, np.ndarray]) -> None:
    found, plane = charted
    assert 200 < len(found.values) <= 30 * PLACES
    assert found.values.shape == (len(plane), CHANNELS) and plane.shape[1] == 2
    assert plane.min() == 0 and plane.max() == 1
    own = groups(found)
    apart = np.linalg.norm(plane[:, None] - plane, axis=2)
    np.fill_diagonal(apart, np.inf)
    nearest = own[apart.argsort(axis=1)[:, :10]]
    assert (nearest == own[:, None]).mean() > 0.99


def test_cells_are_the_means_of_the_vectors_in_them(charted: tuple[Vectors, np.ndarray]) -> None:
    found, plane = charted
    least = 4
    made = atlas.cells(found, plane, atlas.sides(12, 3), least, (4, 4), whiten=False)
    assert [grid.side for grid in made.grids] == [3, 6, 12]
    for grid in made.grids:
        shown = dict(zip(grid.cells.tolist(), range(len(grid.cells)), strict=True))
        for row in range(grid.side):
            for column in range(grid.side):
                low, high = (np.array([column, row]) + step for step in (0, 1))
                inside = (
                    (plane * grid.side >= low) & ((plane * grid.side < high) | (high == grid.side))
                ).all(1)
                at = shown.get(row * grid.side + column)
                # A cell with too few vectors stays empty.
                assert (at is not None) == (inside.sum() >= least)
                if at is None:
                    continue
                mean = found.values[inside].mean(axis=0)
                np.testing.assert_allclose(grid.means[at], mean, rtol=1e-4, atol=1e-5)
                assert grid.counts[at] == inside.sum()
                chosen = grid.nearest[at][grid.nearest[at] >= 0]
                assert inside[chosen].all() and len(set(found.owners[chosen].tolist())) == len(chosen)
                cosines = found.values @ mean / np.linalg.norm(found.values, axis=1)
                assert cosines[chosen[0]] == pytest.approx(cosines[inside].max(), rel=1e-5)


def test_the_same_vectors_stand_in_the_same_places_in_whatever_order_blocks_come(
    charted: tuple[Vectors, np.ndarray],
) -> None:
    again = atlas.vectors(reversed(tallies()))
    points = atlas.components(again.values)
    assert points is not None
    np.testing.assert_array_equal(again.values, charted[0].values)
    np.testing.assert_array_equal(atlas.placed(points), charted[1])


def test_of_many_pictures_each_gives_fewer_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atlas, "VECTORS", 130)
    found = atlas.vectors(tallies())
    assert len(found.pictures) == 30 and np.bincount(found.owners).tolist() == [4] * 30
    monkeypatch.setattr(atlas, "VECTORS", 20)
    some = atlas.vectors(tallies())
    assert len(some.pictures) == 20 and len(some.values) == 20
    assert some.pictures == atlas.vectors(reversed(tallies())).pictures


def test_vectors_that_point_nowhere_are_left_out_and_too_few_are_not_placed() -> None:
    counter = Counter(3, (2, 2))
    values = np.zeros((30, 4, 3), np.float32)
    values[0] = 1.0
    counter.add([f"{number:064}" for number in range(30)], values)
    found = atlas.vectors([counter.tally()])
    assert set(found.owners.tolist()) == {0}
    assert atlas.components(found.values) is None
    assert atlas.components(np.ones((500, 3), np.float32)) is None


def test_a_position_counts_once() -> None:
    """Where a layer has but one position all places of a picture are the same vector."""
    counter = Counter(3, (1, 1))
    values = np.random.default_rng(0).normal(size=(30, 1, 3)).astype(np.float32)
    counter.add([f"{number:064}" for number in range(30)], values)
    found = atlas.vectors([counter.tally()])
    np.testing.assert_array_equal(found.values, values[:, 0])
    assert found.owners.tolist() == list(range(30))


def test_whitening_turns_a_mean_away_from_what_all_vectors_share() -> None:
    random = np.random.default_rng(2)
    shared = np.full(6, 3.0)
    values = shared + random.normal(0, 1, (3000, 6))
    mean = shared + np.eye(6)[2]
    grid = Vectors(("a",), np.zeros(8, np.int32), np.arange(8), np.tile(mean, (8, 1)).astype(np.float32))
    plain, turned = (
        atlas.grid(grid, np.full((8, 2), 0.5), 1, 1, matrix).ways[0]
        for matrix in (None, atlas.whitening(values, 1e-6))
    )
    cosine = [abs(way @ shared) / np.linalg.norm(way) / np.linalg.norm(shared) for way in (plain, turned)]
    assert cosine[0] > 0.9 and cosine[1] < 0.6 and turned.argmax() == 2
    assert np.linalg.norm(turned) == pytest.approx(np.linalg.norm(plain), rel=1e-5)


def test_what_is_stored_comes_back(charted: tuple[Vectors, np.ndarray]) -> None:
    found, plane = charted
    chart = Chart(found.pictures, found.owners, found.places, plane)
    back = Chart.from_bytes(chart.to_bytes())
    assert back.pictures == chart.pictures
    np.testing.assert_array_equal(back.plane, plane)
    made = atlas.cells(found, plane, (2, 4), 4, (3, 5), whiten=True)
    same = Cells.from_bytes(made.to_bytes())
    assert same.positions == (3, 5) and [one.side for one in same.grids] == [2, 4]
    np.testing.assert_array_equal(same.grids[1].ways, made.grids[1].ways)
    raised = Raised(("a" * 64,), np.array([[4, 2]], np.int32), np.ones((1, PLACES, 2), np.float32))
    known = classes_of([Raised.from_bytes(raised.to_bytes())])
    assert known["a" * 64][0].tolist() == [4, 2]
    for kind in (Chart, Cells, Raised):
        with pytest.raises((ValueError, KeyError, OSError)):
            kind.from_bytes(b"nothing")
