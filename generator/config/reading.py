"""config.yaml -> Config, or what is wrong in it.

Problems are gathered, never raised one by one, so that a user sees all of them in one run, each with its
file, line and field.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from generator.config.cookbook import BUILT_IN
from generator.config.problems import ConfigFile, Location, Problem
from generator.config.recipes import RECIPE_FILES, ConflictError, Recipe
from generator.config.schema import (
    Channels,
    Config,
    LayerConfig,
    ModelConfig,
    Preprocessing,
    RecipeConfig,
    is_file_name,
)
from generator.errors import UserError

# -- reading ---------------------------------------------------------------------------------------


def read_config(path: Path) -> ConfigFile:
    """Read and check a config file, gathering its problems instead of raising them.

    Raises UserError when the file can't be read or is no YAML mapping at all.
    """
    raw, node = _read_yaml(path)
    read = ConfigFile(path, lines=dict(_lines(node)), problems=list(_duplicates(node)))
    read.config = _validate(raw, read.problems)
    if read.config is None:
        return read
    read.problems += _recipe_problems(read.config)
    read.config = _absolute(read.config, path.resolve().parent)
    read.problems += _missing_files(read.config)
    return read


def _absolute(config: Config, folder: Path) -> Config:
    """The same settings with every path in them absolute; in the file they are relative to it."""
    names = ("cache", "output", "notes", "templates")
    given = {name: path for name in names if (path := getattr(config, name)) is not None}
    paths: dict[str, Any] = {name: _beside(folder, path) for name, path in given.items()}
    models = {name: _absolute_model(model, folder) for name, model in config.models.items()}
    recipes = {name: _absolute_recipe(recipe, folder) for name, recipe in config.recipes.items()}
    return config.model_copy(update={**paths, "models": models, "recipes": recipes})


def _beside(folder: Path, path: str | Path) -> Path:
    return Path(os.path.normpath(folder / Path(path).expanduser()))


def _absolute_recipe(recipe: RecipeConfig, folder: Path) -> RecipeConfig:
    fields = dict(recipe.model_extra or {})
    files = {name: str(_beside(folder, fields[name])) for name in RECIPE_FILES if fields.get(name)}
    return RecipeConfig.model_validate({"base": recipe.base, **fields, **files})


def _absolute_model(model: ModelConfig, folder: Path) -> ModelConfig:
    changes: dict[str, Any] = {}
    if is_file_name(model.source):
        changes["source"] = str(_beside(folder, model.source))
    if model.weights not in ("imagenet", "none"):
        changes["weights"] = str(_beside(folder, model.weights))
    if model.classes is not None:
        changes["classes"] = _beside(folder, model.classes)
    return model.model_copy(update=changes)


def _read_yaml(path: Path) -> tuple[dict[Any, Any], yaml.Node | None]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; `build-site init` writes one to start from") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: can't be read as text: {error}") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        raw = yaml.safe_load(text)
        list(_lines(node))  # a node that holds itself has no end
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{path}:{line}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not valid YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(raw, dict):
        raise UserError(f"{path}:1: should hold settings such as `models:`; see `build-site init`")
    return raw, node


def _lines(node: yaml.Node | None, location: Location = ()) -> Iterator[tuple[Location, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*location, key.value), key.start_mark.line + 1
            yield from _lines(value, (*location, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*location, index), value.start_mark.line + 1
            yield from _lines(value, (*location, index))


def _duplicates(node: yaml.Node | None, location: Location = ()) -> Iterator[Problem]:
    """Keys given twice in one mapping: YAML would silently take the last."""
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[Any] = set()
    for key, value in node.value:
        where = (*location, key.value)
        if key.value in seen:
            yield Problem(where, "is given twice")
        seen.add(key.value)
        yield from _duplicates(value, where)


# -- checking --------------------------------------------------------------------------------------


def _validate(raw: Any, problems: list[Problem]) -> Config | None:
    """The settings in `raw`; wrong fields become problems and are left out, as far as that goes."""
    while True:
        try:
            return Config.model_validate(raw)
        except ValidationError as error:
            details = error.errors()
        found = [Problem(_real_location(raw, e["loc"]), _message(e)) for e in details]
        # Alternatives of a union each complain about the same field: one line is enough.
        fresh = list({problem.location: problem for problem in reversed(found)}.values())
        for problem in sorted(fresh, key=lambda p: -len(p.location)):
            if not _follows(problem, problems):
                problems.append(problem)
        if not all(_leave_out(raw, problem.location) for problem in fresh):
            return None


def _follows(problem: Problem, earlier: Sequence[Problem]) -> bool:
    """Whether a problem is but the hole that an earlier one's wrong field left."""
    depth = len(problem.location)
    return any(e.location[:depth] == problem.location for e in earlier if e.message != "is given twice")


def _real_location(raw: Any, location: Location) -> Location:
    """pydantic's location without the names of union members, which are in no file."""
    real: list[str | int] = []
    here = raw
    for position, part in enumerate(location):
        inside = _child(here, part)
        if inside is not _ABSENT:
            real.append(part)
            here = inside
        elif position == len(location) - 1 and isinstance(here, dict) and isinstance(part, str):
            return (*real, part) if part.isidentifier() else tuple(real)
    return tuple(real)


_ABSENT = object()


def _child(value: Any, part: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(part, _ABSENT)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return _ABSENT


def _leave_out(raw: Any, location: Location) -> bool:
    """Take a field out of `raw`; False if that can't mend anything (it isn't there, or is all there is)."""
    if not location:
        return False
    if len(location) >= 3 and location[0] == "models" and location[2] == "layers":
        return _leave_out_layer(raw["models"][location[1]], location)
    parent = raw
    for part in location[:-1]:
        parent = _child(parent, part)
    if isinstance(parent, dict) and location[-1] in parent:
        del parent[location[-1]]
        return True
    return isinstance(parent, list) and _leave_out(raw, location[:-1])


def _leave_out_layer(model: dict[str, Any], location: Location) -> bool:
    """Put a layer that asks for nothing in a wrong one's place: the others keep their numbers and lines."""
    nothing = {"name": "all", "channels": Channels(())}
    if len(location) == 3:
        model["layers"] = [nothing]
    else:
        model["layers"][location[3]] = nothing
    return True


# -- in words --------------------------------------------------------------------------------------

_WORDS = {
    "dict_type": "should be a mapping of settings",
    "model_type": "should be a mapping of settings",
    "list_type": "should be a list",
    "string_type": "should be text, in quotes if need be",
    "path_type": "should be a path",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
}


def _message(error: ErrorDetails) -> str:
    location, kind = error["loc"], error["type"]
    if kind == "extra_forbidden":
        return "unknown key" + _suggestion(str(location[-1]), _known_keys(location))
    if kind == "missing":
        return "is missing"
    if kind == "too_short":
        return "should not be empty"
    if kind == "value_error":
        return str(error["ctx"]["error"])
    message = _WORDS.get(kind, error["msg"].removeprefix("Input "))
    return f"{message[0].lower()}{message[1:]}, not {_shown(error['input'])}"


def _shown(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _known_keys(location: Location) -> list[str]:
    groups: dict[str, type[BaseModel]] = {"models": ModelConfig, "recipes": Recipe}
    if len(location) == 1:
        return list(Config.model_fields)
    if "layers" in location:
        return list(LayerConfig.model_fields)
    if "preprocessing" in location:
        return list(Preprocessing.model_fields)
    return list(groups[str(location[0])].model_fields) if location[0] in groups else []


def _suggestion(wrong: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else f"; known are {', '.join(known)}"


# -- recipes ---------------------------------------------------------------------------------------


def _recipe_problems(config: Config) -> Iterator[Problem]:
    for name, own in config.recipes.items():
        if own.base and own.base not in BUILT_IN:
            message = f"no built-in recipe {own.base!r}{_suggestion(own.base, list(BUILT_IN))}"
            yield Problem(("recipes", name, "base"), message)
            continue
        try:
            config.recipe(name)
        except ValidationError as error:
            for detail in error.errors():
                yield from _in_recipe(("recipes", name), detail)
    for model_name, model in config.models.items():
        place: Location = ("models", model_name)
        yield from _unusable_recipes((*place, "recipes"), model.recipes, config)
        for index, layer in enumerate(model.layers):
            yield from _unusable_recipes((*place, "layers", index, "recipes"), layer.recipes or [], config)


def _in_recipe(location: Location, detail: ErrorDetails) -> Iterator[Problem]:
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, ConflictError):
        yield from (Problem((*location, found.fields[0]), found.message) for found in cause.conflicts)
    else:
        place = (*location, *detail["loc"][:1])
        yield Problem(place, _message({**detail, "loc": place}))


def _unusable_recipes(location: Location, names: Sequence[str], config: Config) -> Iterator[Problem]:
    known = config.recipe_names()
    for index, name in enumerate(names):
        if name not in known:
            yield Problem((*location, index), f"no recipe {name!r}{_suggestion(name, known)}")
            continue
        try:
            lacks = config.recipe(name).lacks
        except (ValidationError, KeyError):
            continue  # reported where the recipe is described
        if lacks:
            message = f"recipe {name!r} needs `{lacks}:`; give it under `recipes: {name}:`"
            yield Problem((*location, index), message)


def _missing_files(config: Config) -> Iterator[Problem]:
    for name, recipe in config.recipes.items():
        for field in RECIPE_FILES:
            file = (recipe.model_extra or {}).get(field)
            if file and not Path(file).exists():
                yield Problem(("recipes", name, field), f"no such file: {file}")
