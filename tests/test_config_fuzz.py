"""Whatever stands in a config or in notes.yaml: it is read, or what is wrong is told, and no more happens."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.synthetic import branching, plan_of
from generator.config.mistakes import UNKNOWN
from generator.config.reading import read_config
from generator.config.recipes import Recipe
from generator.config.schema import Config, LayerConfig, ModelConfig, Preprocessing
from generator.errors import ConfigError, UserError
from generator.gallery.notes import read_notes
from generator.plan import Plan
from tests.test_config_mistakes import NOT_OURS

TIMES = int(os.environ.get("POCKET_FUZZ", "0"))
"""More than in `make test`, and others each time: what `make fuzz` asks for."""
LIMITED = settings(
    max_examples=TIMES or 150,
    deadline=None,
    derandomize=not TIMES,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=2**62),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=9),
    st.dates(),
    st.datetimes(timezones=st.sampled_from([None, datetime.UTC])),
    st.sets(st.integers(), max_size=3),
    st.sampled_from(
        ["all", "first 3", "0-7", "channel", "chanel", "~nosuch/x", "", ".", "/dev/null", "\ud800"]
    ),
)
KEYS = st.one_of(
    st.sampled_from([*Config.model_fields, *ModelConfig.model_fields, *Recipe.model_fields, "base"]),
    st.sampled_from([*LayerConfig.model_fields, *Preprocessing.model_fields, "net", "m", "<<", "channel"]),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.text(max_size=9),
    st.tuples(st.integers(), st.text(max_size=3)),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
LAYER = st.fixed_dictionaries({}, optional={name: ANYTHING for name in LayerConfig.model_fields})
MODEL = st.fixed_dictionaries(
    {"layers": st.lists(LAYER | ANYTHING, max_size=3) | ANYTHING},
    optional={name: ANYTHING for name in ModelConfig.model_fields if name != "layers"},
)
RECIPE = st.fixed_dictionaries({}, optional={name: ANYTHING for name in ["base", *Recipe.model_fields]})
NEARLY = st.fixed_dictionaries(
    {"models": st.dictionaries(st.sampled_from(["net", "m"]), MODEL | ANYTHING, min_size=1, max_size=2)},
    optional={
        "recipes": st.dictionaries(KEYS, RECIPE | ANYTHING, max_size=2),
        **{name: ANYTHING for name in Config.model_fields if name not in ("models", "recipes")},
    },
)
"""Values of any kind, and configs of the right outline with such values in them."""


class _Dumper(yaml.Dumper):
    """Writes any value, those of one object written twice as aliases."""


def dumped(value: Any) -> bytes:
    return yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False).encode(
        "utf-8", "surrogatepass"
    )


def read(path: Path, content: bytes) -> list[str]:
    """What is told of a config of that content."""
    path.write_bytes(content)
    try:
        read_config(path).check()
    except ConfigError as error:
        return list(error.problems)
    except UserError as error:
        return [error.message]
    return []


def is_told_well(line: str, path: Path) -> bool:
    return (
        line.startswith(f"{path}:") and "\n" not in line and not NOT_OURS.search(line) and UNKNOWN not in line
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "config.yaml"


@LIMITED
@given(value=NEARLY | ANYTHING)
def test_any_values_in_a_config_are_read_or_told(path: Path, value: Any) -> None:
    for line in read(path, dumped(value)):
        assert is_told_well(line, path), line


@LIMITED
@given(
    content=st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_any_bytes_in_a_config_are_read_or_told(path: Path, content: bytes) -> None:
    for line in read(path, content):
        assert is_told_well(line, path), line


PIECES = [
    "a: ",
    "&x ",
    "*x",
    "<<: ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "? ",
    ": ",
    "\n",
    "  ",
    "\t",
    "|\n",
    ">-\n",
    "'",
    '"',
]
PIECES += [
    "!!set ",
    "!!binary ",
    "!x ",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "#",
    "models",
    "\\0",
    "\ufeff",
    "~",
    ",",
    "1_0",
]


@LIMITED
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=25))
def test_any_yaml_in_a_config_is_read_or_told(path: Path, pieces: list[str]) -> None:
    for line in read(path, "".join(pieces).encode()):
        assert is_told_well(line, path), line


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder = tmp_path_factory.mktemp("notes")
    return plan_of(folder, {"net": branching()}, {"net": {"layers": ["stem"]}})


@LIMITED
@given(value=st.dictionaries(st.sampled_from(["net", "net/stem", "net/stem/3"]) | KEYS, ANYTHING) | ANYTHING)
def test_any_values_in_notes_are_read_or_told(path: Path, plan: Plan, value: Any) -> None:
    notes = path.with_name("notes.yaml")
    notes.write_bytes(dumped(value))
    try:
        found, warnings = read_notes(notes, plan)
    except UserError as error:
        warnings = [error.message]
    else:
        assert all(
            isinstance(text, str) for note in found.values() for text in (note.label, note.text, *note.tags)
        )
    for line in warnings:
        assert is_told_well(line, notes), line
