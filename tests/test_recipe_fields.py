"""All combinations of a recipe's fields: they go together, or a line names the field to change."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from generator.config.conflicts import Conflict, ConflictError
from generator.config.cookbook import BUILT_IN
from generator.config.objectives import OBJECTIVES
from generator.config.problems import describe
from generator.config.reading import read_config
from generator.config.recipes import Recipe

OWN = {
    "position": (0.2, 0.8),
    "direction": ((0, 1.0),),
    "cossim": 1.0,
    "towards": 1,
    "pictures": 2,
    "diversity": 1.0,
    "image": Path("photo.png"),
}
"""A value for each field that is some objective's own."""

IDLE = {
    "decay": 2.0,
    "magnitude": Path("photos"),
    "start": 0.5,
    "octave_scale": 2.0,
    "octave_blur": 1.0,
    "equalize": 0.5,
    "momentum": 0.5,
    "weight_decay": 0.1,
    "gif": True,
    "seed": 3,
    "decorrelate": True,
}
"""A value for each field that does something beside some values of others only."""


def conflicts(fields: dict[str, Any], base: Recipe | None = None) -> tuple[Conflict, ...]:
    """What does not go together when a user gives these fields."""
    try:
        (base or Recipe()).changed(fields)
    except ValidationError as error:
        (detail,) = error.errors()
        cause = detail["ctx"]["error"]
        assert isinstance(cause, ConflictError)
        return cause.conflicts
    return ()


def combinations() -> Iterator[dict[str, Any]]:
    """Objectives, parameterizations, starts, ascents, octaves, tiles and frames, all with all."""
    for objective, kind, squash, start, ascent, octaves, tile, frames in itertools.product(
        OBJECTIVES,
        ("fourier", "pixels", "maco"),
        ("sigmoid", "clip"),
        ("noise", "grey", "black", "image"),
        ("normalized", "adam", "plain"),
        (1, 3),
        (0, 64),
        (0, 4),
    ):
        yield {
            "objective": objective,
            "parameterization": kind,
            "squash": squash,
            "start_from": start,
            "ascent": ascent,
            "octaves": octaves,
            "tile": tile,
            "frames": frames,
        }


def test_every_combination_is_fine_or_mended_by_what_its_lines_say() -> None:
    """Leave out what a line names, or give what it asks for, and in the end the recipe is one."""
    for number, main in enumerate(combinations()):
        others = {**OWN, **IDLE}
        fields = {**main, **{name: others[name] for name in list(others)[number % 3 :: 3]}}
        for _ in range(len(fields)):
            found = conflicts(fields)
            if not found:
                break
            for conflict in found:
                assert conflict.message and all(name in Recipe.model_fields for name in conflict.fields)
                assert any(f"`{name}" in conflict.message for name in (*conflict.fields, "objective"))
            for name in {conflict.fields[0] for conflict in found}:
                if fields.pop(name, None) is None:
                    fields[name] = OWN[name]
        assert not conflicts(fields), main


@pytest.mark.parametrize("name", OWN)
def test_an_objectives_own_fields_are_refused_beside_others(name: str) -> None:
    for objective, about in OBJECTIVES.items():
        given = {**{need: OWN[need] for need in about.needs}, name: OWN[name]}
        needed = {"pictures": 2} if about.of_several else {}
        found = conflicts({"objective": objective, **needed, **given})
        refused = [conflict.fields[0] for conflict in found]
        assert refused == ([] if name in about.fields else [name]), objective


@pytest.mark.parametrize("name", IDLE)
def test_a_field_that_can_do_nothing_is_refused_only_where_the_user_gave_it(name: str) -> None:
    still = {"jitter": 0, "rotate": 0.0, "scale": (1.0, 1.0), "start_from": "grey"}
    idle = {"parameterization": "pixels", "squash": "clip", "ascent": "plain", **still}
    if name == "magnitude":
        idle["magnitude"] = None
    assert not conflicts(idle)
    (conflict,) = conflicts({**idle, name: IDLE[name]})
    assert conflict.fields[0] == name and "does nothing here" in conflict.message
    base = Recipe().changed({name: IDLE[name], **({"frames": 1} if name == "gif" else {}), **_active(name)})
    off = {**idle, "frames": 0, "octaves": 1}
    assert not conflicts(off, base), "set by the recipe that it is based on"


def _active(name: str) -> dict[str, Any]:
    if name == "magnitude":
        return {"parameterization": "maco"}
    return {"octaves": 2} if name.startswith("octave") else {}


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_recipe_can_be_given_whatever_is_its_own(name: str) -> None:
    recipe = BUILT_IN[name]
    for field in recipe.model_fields_set - {"description"}:
        assert not conflicts({field: getattr(recipe, field)}, recipe), field


def test_the_line_names_file_field_and_fix(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "models: {VGG19: {layers: conv, recipes: mine}}\nrecipes:\n  mine:\n    cossim: 2\n    ascent: adam\n"
        "    equalize: 0.5\n"
    )
    read = read_config(path)
    lines = [describe(path, read.lines, problem).removeprefix(f"{path}:") for problem in read.problems]
    assert sorted(lines) == [
        "4: recipes.mine.cossim: does nothing here, as it needs `objective: direction or caricature`; "
        "leave it out, or set that",
        "6: recipes.mine.equalize: does nothing here, as it needs `ascent: normalized` and "
        "`parameterization: fourier`; leave it out, or set that",
    ]
