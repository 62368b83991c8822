"""Every kind of mistake in every place of a config, alone and in pairs: each is told, in plain words."""

from __future__ import annotations

import functools
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple, get_args, get_origin

import pytest
from PIL import Image
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from generator.config.mistakes import UNKNOWN
from generator.config.photos import PhotoConfig
from generator.config.problems import Location, field_name
from generator.config.reading import read_config
from generator.config.recipes import Recipe
from generator.config.schema import (
    Channels,
    Config,
    DatasetConfig,
    EvidenceConfig,
    LayerConfig,
    ModelConfig,
    PicturesConfig,
    Preprocessing,
    RecipeConfig,
)
from generator.errors import ConfigError
from generator.pipeline import load_plan
from tests.conftest import click_run

NOT_OURS = re.compile(
    rf"Input |a valid |validation|pydantic|\[type=|Value error|Field required|Extra inputs|{UNKNOWN}"
)
"""What pydantic would say, and users must never read."""

NET: Location = ("models", "net")
MINE: Location = ("recipes", "mine")
PHOTOS: Location = ("datasets", "photos")
CAT: Location = ("photos", "cat")


# -- a config in which every setting there is stands on a line of its own --------------------------


class Line(NamedTuple):
    """A line of the config: where in it, what stands before the key, and the value as YAML."""

    path: Location
    lead: str
    value: str
    field: FieldInfo | None = None

    @property
    def text(self) -> str:
        return f"{self.lead}{self.path[-1]}: {self.value}"


GIVEN: dict[Location, str] = {
    (*NET, "source"): "efficientnet-lite0",
    (*NET, "layers", 0, "name"): "all",
    (*NET, "preprocessing", "range"): "[0, 1]",
    (*MINE, "base"): "channel",
    (*MINE, "octaves"): "2",
    (*PHOTOS, "path"): "photos",
    (*CAT, "path"): "cat.png",
    ("evidence", "strongest"): "9",
    ("pictures", "quality"): "60",
}
"""What stands in every config, and with which value."""


def settings(part: type[BaseModel], at: Location, indent: int, but: tuple[str, ...] = ()) -> Iterator[Line]:
    """A line for every setting of a part, at its default."""
    for name, field in part.model_fields.items():
        if name not in but:
            default = "all" if isinstance(field.default, Channels) else json.dumps(field.default, default=str)
            yield Line((*at, name), " " * indent, GIVEN.get((*at, name), default), field)


def whole() -> Iterator[Line]:
    """A right config with every setting."""
    yield from settings(
        Config, (), 0, but=("models", "recipes", "datasets", "evidence", "pictures", "photos")
    )
    yield Line(("pictures",), "", "")
    yield from settings(PicturesConfig, ("pictures",), 2)
    yield Line(("evidence",), "", "")
    yield from settings(EvidenceConfig, ("evidence",), 2)
    yield from (Line(("datasets",), "", ""), Line(PHOTOS, "  ", ""))
    yield from settings(DatasetConfig, PHOTOS, 4)
    yield from (Line(("photos",), "", ""), Line(CAT, "  ", ""))
    yield from settings(PhotoConfig, CAT, 4)
    yield from (Line(("recipes",), "", ""), Line(MINE, "  ", ""))
    yield from settings(RecipeConfig, MINE, 4)
    yield from settings(Recipe, MINE, 4)
    yield from (Line(("models",), "", ""), Line(NET, "  ", ""))
    yield from settings(ModelConfig, NET, 4, but=("layers", "preprocessing"))
    yield Line((*NET, "preprocessing"), "    ", "")
    yield from settings(Preprocessing, (*NET, "preprocessing"), 6)
    yield Line((*NET, "layers"), "    ", "")
    name, *others = settings(LayerConfig, (*NET, "layers", 0), 8)
    yield from (name._replace(lead="      - "), *others)


WHOLE = {line.path: line for line in whole()}


# -- mistakes --------------------------------------------------------------------------------------

ANYWHERE = {
    "a mapping": "{x: {y: 1}}",
    "a list in a list": "[[[]]]",
    "bytes": "!!binary aGk=",
    "a character that is none": r'"a\0b"',
    "a huge number": "123456789012345678901234567890",
}
FOR_NUMBERS = {
    "not a number": ".nan",
    "infinite": "-.inf",
    "truth": "true",
    "a word": "nosuch",
    "a date": "2026-02-30",
}
FOR_WORDS = {"a word": "nosuch", "a number": "5"}
"""Values that are wrong for any setting, for numbers, and for settings of known words."""


class Plant(NamedTuple):
    """A mistake: in which place, and of what kind."""

    path: Location
    kind: str


def kinds(line: Line) -> dict[str, str]:
    """Values that are wrong in a place, by what is wrong with them."""
    parts = every_part(line.field.annotation) if line.field else set()
    return {
        **ANYWHERE,
        **(FOR_NUMBERS if parts & {int, float} else {}),
        **(FOR_WORDS if Literal in parts or parts == {bool} else {}),
    }


def every_part(annotation: object) -> set[object]:
    """The types that a setting's type is made of."""
    inner = {part for argument in get_args(annotation) for part in every_part(argument)}
    return (inner or {annotation}) | {get_origin(annotation)} - {None}


PLANTS = [
    Plant(line.path, kind)
    for line in WHOLE.values()
    for kind in [*kinds(line), *(["twice", "unknown beside it"] if line.value else [])]
]


def planted(*plants: Plant) -> tuple[str, dict[Plant, tuple[int, str]]]:
    """A config with mistakes, and the line (from 1) and field that each should be found by.

    It has all settings of the parts that the mistakes are in.
    """
    lines: list[str] = []
    found: dict[Plant, tuple[int, str]] = {}
    parts = {plant.path[:-1] for plant in plants}
    for line in WHOLE.values():
        if plants and line.value and line.path not in GIVEN and line.path[:-1] not in parts:
            continue
        if any(plant.path == line.path[: len(plant.path)] != line.path for plant in plants):
            continue  # what is around it is wrong
        here = [plant for plant in plants if plant.path == line.path]
        values = [kinds(line)[plant.kind] for plant in here if plant.kind in kinds(line)]
        lines.append(line._replace(value=values[0]).text if values else line.text)
        for plant in here:
            path = line.path
            if plant.kind in ("twice", "unknown beside it"):
                path = (*path[:-1], f"zzz_{path[-1]}") if plant.kind != "twice" else path
                lines.append(Line(path, " " * len(line.lead), line.value).text)
            found[plant] = (len(lines), field_name(path).removesuffix(": "))
    return "\n".join(lines) + "\n", found


@functools.cache
def told(folder: Path, text: str) -> list[str]:
    """What is wrong with a config, without the file's path; each in a line of its own, in our words."""
    path = folder / "config.yaml"
    path.write_text(text)
    try:
        read_config(path).check()
    except ConfigError as error:
        problems = list(error.problems)
    else:
        return []
    for line in problems:
        assert re.match(rf"{re.escape(str(path))}:\d+: \S", line) and line.isprintable(), line
        assert not NOT_OURS.search(line), line
    numbers = [int(line.removeprefix(f"{path}:").partition(":")[0]) for line in problems]
    assert numbers == sorted(numbers)
    return [line.removeprefix(f"{path}:") for line in problems]


# -- tests -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mistakes")
    (folder / "photos").mkdir()
    Image.new("L", (2, 2)).save(folder / "cat.png")
    return folder


def test_the_config_without_a_mistake_is_right(folder: Path) -> None:
    text, _ = planted()
    assert told(folder, text) == []


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: field_name(path).removesuffix(": "))
def test_each_kind_of_mistake_is_told_in_each_place(path: Location, folder: Path) -> None:
    for plant in PLANTS:
        if plant.path == path:
            text, found = planted(plant)
            ((number, field),) = found.values()
            lines = told(folder, text)
            assert lines, plant
            assert all(line.startswith(f"{number}: {field}") for line in lines), (plant, lines)
            # A mapping of something else may lack several things.
            anything = plant.kind == "a mapping" or WHOLE[path].value == ""
            assert len(lines) == 1 or anything, (plant, lines)


def pairs() -> Iterator[tuple[Plant, Plant]]:
    """Every place with a mistake of some kind, beside some other mistake."""
    chance = random.Random(0)
    for path in WHOLE:
        one = chance.choice([plant for plant in PLANTS if plant.path == path])
        apart = [p for p in PLANTS if p.path[: len(path)] != path and path[: len(p.path)] != p.path]
        yield from ((one, other) for other in chance.sample(apart, 3))


def test_no_mistake_hides_another(folder: Path) -> None:
    def messages(*plants: Plant) -> list[str]:
        return sorted(line.partition(": ")[2] for line in told(folder, planted(*plants)[0]))

    for one, other in pairs():
        assert messages(one, other) == sorted([*messages(one), *messages(other)]), (one, other)


@pytest.mark.parametrize("kind", [*ANYWHERE, "twice", "unknown beside it"])
def test_mistakes_everywhere_at_once_are_all_told(folder: Path, kind: str) -> None:
    plants = [Plant(line.path, kind) for line in WHOLE.values() if line.value]
    text, found = planted(*plants)
    lines = told(folder, text)
    for number, field in found.values():
        assert any(line.startswith(f"{number}: {field}") for line in lines), field
    # Concepts and a dictionary that are a mapping of something else lack what they need, too.
    assert len(lines) == len(plants) + (2 if kind == "a mapping" else 0)


EVERYWHERE = """\
titel: x
output: .
recipes:
  interpolation: {towards: 99, sizes: 3}
  mine: {base: caricature, image: 5}
models:
  tiny:
    source: SOURCE
    input_sise: 3
    classes: names.txt
    channels: [0, 7-99]
    recipes: [chanel, class-token]
    layers:
      - {name: frist, chanels: 3}
      - {name: second, channels: 4-98, recipes: [interpolation, mine, neurone, direction]}
      - {name: first, channels: 3-x}
      - 5
      - pool
  other:
    source: no.keras
    layers: [{name: a, recipes: []}]
"""


def test_what_the_file_and_what_only_the_network_shows_are_told_together(
    tmp_path: Path, tiny_file: Path
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(EVERYWHERE.replace("SOURCE", str(tiny_file)))
    (tmp_path / "names.txt").write_text("a\nb\n")
    with pytest.raises(ConfigError) as caught:
        load_plan(path)
    told = [line.removeprefix(f"{path}:").partition("; those are")[0] for line in caught.value.problems]
    assert told == [
        "1: titel: unknown key; did you mean `title`?",
        f"2: output: {tmp_path} holds this config; name a folder of its own, e.g. site",
        "4: recipes.interpolation.towards: channels 99: layer 'second' has 8, 0 to 7",
        "4: recipes.interpolation.sizes: unknown key; did you mean `size`?",
        "5: recipes.mine.image: should be a path, in quotes if need be, not 5",
        "9: models.tiny.input_sise: unknown key; did you mean `input_size`?",
        "10: models.tiny.classes: names 2 classes, but layer 'classes' has 5",
        "11: models.tiny.channels: channels 7-99: layer 'pool' has 8, 0 to 7",
        "12: models.tiny.recipes: recipe 'class-token' is not for layer 'first', which has no class token",
        "12: models.tiny.recipes: recipe 'class-token' is not for layer 'pool', which has no class token",
        "12: models.tiny.recipes[0]: no recipe 'chanel'; did you mean `channel`?",
        "14: models.tiny.layers[0]: no layer 'frist' in tiny; the nearest are first, first_bn, first_relu",
        "14: models.tiny.layers[0].chanels: unknown key; did you mean `channels`?",
        "15: models.tiny.layers[1].channels: channels 4-98: layer 'second' has 8, 0 to 7",
        "15: models.tiny.layers[1].recipes[2]: no recipe 'neurone'; did you mean `neuron`?",
        "15: models.tiny.layers[1].recipes[3]: recipe 'direction' needs `direction:`; "
        "give it under `recipes: direction:`",
        "16: models.tiny.layers[2].channels: '3-x' is no channel or range; write all, 7, 0-15, first 32",
        "17: models.tiny.layers[3]: should be a layer's name or a mapping of settings, not 5",
        f"19: models.other: {tmp_path}/no.keras: no such file",
        "21: models.other.layers[0].recipes: should not be empty",
    ]


SEVERAL = """\
titel: x
recipes:
  mine: {setps: 3, sqash: clip}
models:
  tiny:
    source: SOURCE
    recipes: [chanel]
    layers: [{name: first, channels: 3-1}]
"""


@pytest.mark.parametrize(
    "words",
    [
        *("", "build", "render", "html", "plan", "verify", "verify --fix", "prune", "serve"),
        *("layers tiny --config", "layers VGG19 --config", "recipes --config", "recipes channel --config"),
    ],
)
def test_every_command_that_reads_the_config_tells_all_and_ends_with_2(
    tmp_path: Path, tiny_file: Path, words: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(SEVERAL.replace("SOURCE", str(tiny_file)))
    result = click_run(*words.split(), path)
    assert result.exit_code == 2
    assert [line for line in result.output.splitlines() if not line.startswith("Opening")] == [
        f"Error: {path}:1: titel: unknown key; did you mean `title`?",
        f"Error: {path}:3: recipes.mine.setps: unknown key; did you mean `steps`?",
        f"Error: {path}:3: recipes.mine.sqash: unknown key; did you mean `squash`?",
        f"Error: {path}:7: models.tiny.recipes[0]: no recipe 'chanel'; did you mean `channel`?",
        f"Error: {path}:8: models.tiny.layers[0].channels: the range 3-1 ends before it starts",
        "5 problems; nothing was done.",
    ]
