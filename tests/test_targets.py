"""What a picture is of: identities that keys are made of, names, random streams."""

from __future__ import annotations

import pytest

import generator.plan
from generator.config.cookbook import BUILT_IN
from generator.plan import job_key
from generator.targets import Channel, Direction, Place, Target, Unit, Whole

KEYS: list[tuple[str, Unit, str]] = [
    ("channel", Channel(0), "2d831e2ee57a56af5bd0ba7d795f3c5234003e47412766489cb54529e19061a0"),
    ("channel", Channel(3), "15ec9d90c39c3bfa9911a28069219fc0b99234eaf09dacbabd412b330a2fedbc"),
    ("neuron", Channel(3), "d1ebdeb10f5335e9f2751347ea8fd07a7fcc82b2aff1fb489facc4e2a9ca0e05"),
    ("diversity", Channel(15), "56a1904186befedd8d7bdba82441fa8581b135d829e3327122017c77a54dea5d"),
    ("deepdream", Whole(), "ba1a4ab24bebc02030e3f895029f11c5e0764397074c66e75ecc5f7f7f8d88a9"),
]


@pytest.mark.parametrize(("recipe", "unit", "key"), KEYS)
def test_keys_are_those_of_before_there_were_targets(
    monkeypatch: pytest.MonkeyPatch, recipe: str, unit: Unit, key: str
) -> None:
    """Made by the code of renderer version 1, where a job had but a channel's number."""
    monkeypatch.setattr(generator.plan, "RENDERER_VERSION", 1)
    assert job_key("f" * 64, Target("block5c_add", unit), BUILT_IN[recipe].identity()) == key


UNITS: list[tuple[Unit, str]] = [
    (Channel(3), "layer/3"),
    (Whole(), "layer"),
    (Place(3, 0.5, 0.25), "layer/3 at 50 %, 25 %"),
    (Direction((1.0, -0.5)), "layer/direction e5e0ce39"),
    (Direction((1.0, 2.0), feature=("ab" * 32, 7)), "layer/feature 7"),
]


def test_units_have_names_and_identities_of_their_own() -> None:
    targets = [Target("layer", unit) for unit, _ in UNITS]
    assert [target.name for target in targets] == [name for _, name in UNITS]
    assert len({str(target.identity) for target in targets}) == len(targets)
    assert all(0 <= target.unit.stream < 2**32 for target in targets)


def test_a_direction_is_what_it_points_at_whatever_it_is_called() -> None:
    known = Direction((0.25, -0.0, 3.0))
    assert known.identity == Direction((0.25, 0.0, 3.0), feature=("ab" * 32, 7)).identity
    assert known.identity == Direction((0.25, 0.0, 3.0 + 1e-9)).identity, "as float32 they are one"
    assert known.identity != Direction((0.25, 3.0, 0.0)).identity


@pytest.mark.parametrize(
    "weights", [(), (0.0, -0.0), (1.0, float("nan")), (float("inf"), 1.0), (1e-60,), (1e60,)]
)
def test_what_points_nowhere_is_no_direction(weights: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="a direction needs"):
        Direction(weights)
