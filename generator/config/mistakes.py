"""Raw values -> settings, and what is wrong with them in a user's words, never in pydantic's.

A wrong field is left out and the rest is read again, so that one mistake hides no other.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from generator.config.channels import Channels
from generator.config.conflicts import Conflict, ConflictError
from generator.config.derived import ConceptsConfig, DictionaryConfig
from generator.config.photos import PhotoConfig
from generator.config.problems import Location, Problem
from generator.config.recipes import Recipe
from generator.config.schema import (
    Config,
    DatasetConfig,
    EvidenceConfig,
    LayerConfig,
    ModelConfig,
    PicturesConfig,
    Preprocessing,
    RecipeConfig,
)


def read_settings(raw: dict[str, Any], unusable: Iterable[Location]) -> tuple[Config, list[Problem]]:
    """The settings in `raw` without its wrong fields, and the problems. Changes `raw`.

    `unusable` are locations that are known to be wrong already.
    """
    wrong = list(unusable)
    for location in wrong:
        _leave_out(raw, location)
    problems: list[Problem] = []
    while True:
        try:
            return Config.model_validate(raw), problems
        except ValidationError as error:
            found = _problems(raw, error.errors())
        for problem in found:
            place = problem.location
            if not any(other[: len(place)] == place for other in wrong):
                problems.append(problem)
            wrong.append(place)
        before = repr(raw)
        for problem in found:
            _leave_out(raw, problem.location)
        if repr(raw) == before:
            raw.clear()  # whatever pydantic means, it is told; nothing else can be found
            raw["models"] = {}


def read_recipe(
    read: Callable[[dict[str, Any]], object], own: dict[str, Any], wrong: Iterable[str]
) -> tuple[dict[str, Any], list[Problem]]:
    """The fields of a recipe of the user's that `read` can make a recipe of, and the problems in the rest.

    `wrong` are fields that are known to be wrong already. Locations are those in the recipe.
    """
    kept = dict(own)
    problems: list[Problem] = []
    wrong = set(wrong)
    while True:
        try:
            read(kept)
            return kept, problems
        except ValidationError as error:
            details = error.errors()
        found = _problems(own, [detail for detail in details if not _conflicts(detail)], ("recipes", ""))
        drop = {str(problem.location[0]) for problem in found}
        problems += found
        for conflict in (conflict for detail in details for conflict in _conflicts(detail)):
            drop |= set(conflict.fields)
            # With another base, or with another value in a wrong field's place, they may go together.
            if not wrong & {"base", *conflict.fields}:
                problems.append(Problem(conflict.fields[:1], conflict.message))
        if not drop & set(kept):
            return {}, problems  # it is not one of the recipe's own fields that is wrong
        wrong |= drop
        kept = {name: value for name, value in kept.items() if name not in drop}


def _conflicts(detail: ErrorDetails) -> tuple[Conflict, ...]:
    cause = detail.get("ctx", {}).get("error")
    return cause.conflicts if isinstance(cause, ConflictError) else ()


def _problems(raw: Any, details: Sequence[ErrorDetails], around: Location = ()) -> list[Problem]:
    """A problem for each wrong field: of several at one field, in and around it, one is enough.

    Locations are those in `raw`, which stands at `around` in the file.
    """
    found: dict[Location, Problem] = {}
    for detail in details:
        location = _real_location(raw, detail["loc"], detail["type"])
        message = _message({**detail, "loc": (*around, *detail["loc"])})
        found.setdefault(location, Problem(location, message))
    return [
        problem
        for location, problem in found.items()
        if not any(other != location and other[: len(location)] == location for other in found)
    ]


# -- leaving out -----------------------------------------------------------------------------------

_NO_CHANNELS = Channels(())


def _leave_out(raw: dict[str, Any], location: Location) -> None:
    """Take a wrong field out of `raw`; one that is gone already is left. Items of lists keep their places."""
    match location:
        case ("models",):
            raw["models"] = {}
        case ("datasets", _, "path"):
            _put(raw, location, ".")
        case ("photos", str(name), "path") if isinstance(raw["photos"], dict):
            raw["photos"].pop(name, None)
        case ("models", _, "layers"):
            _put(raw, location, [_no_layer(None)])
        case ("models", _, "layers", int(_), *inside) if inside in ([], ["name"]):
            layer = location[:4]
            _put(raw, layer, _no_layer(_inside(raw, layer)))
        case ("models", _, "layers", int(_), "channels", *_):
            _put(raw, location[:5], _NO_CHANNELS)
        case ("models", _, "layers", int(_), "concepts" | "dictionary" as derived, *_):
            _inside(raw, location[:4]).pop(derived, None)
        case (*_, "recipes", int(_)):
            _put(raw, location, "channel")
        case (*around, last):
            parent = _inside(raw, around)
            if isinstance(parent, list):
                _leave_out(raw, tuple(around))
            elif isinstance(parent, dict):
                parent.pop(last, None)


def _put(raw: dict[str, Any], location: Location, value: object) -> None:
    """Put a value in a field's place, if there is a place for it."""
    *around, last = location
    if _child(parent := _inside(raw, around), last) is not _ABSENT or isinstance(parent, dict):
        parent[last] = value


def _no_layer(wrong: Any) -> dict[str, Any]:
    """A layer that asks for nothing, with the recipes of the wrong one."""
    recipes = wrong.get("recipes") if isinstance(wrong, dict) else None
    return {"name": "all", "channels": _NO_CHANNELS, "recipes": recipes}


def _inside(raw: Any, location: Iterable[str | int]) -> Any:
    for part in location:
        raw = _child(raw, part)
    return raw


_ABSENT = object()


def _child(value: Any, part: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(part, _ABSENT)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return _ABSENT


def _real_location(raw: Any, location: Location, kind: str) -> Location:
    """pydantic's location as it is in the file: no names of union members, keys instead of numbers."""
    real: list[str | int] = []
    here = raw
    for part in location:
        if isinstance(here, dict) and isinstance(part, int) and real == ["direction"]:
            part = list(here)[part]  # a mapping that is read as pairs
        inside = _child(here, part)
        if inside is not _ABSENT:
            real.append(part)
            here = inside
    missing = kind == "missing" and isinstance(location[-1], str)
    return (*real, location[-1]) if missing else tuple(real)


# -- in words --------------------------------------------------------------------------------------

_PAIR = "should be two numbers, such as [0.9, 1.1]"
_NUMBER = "should be a number"
_WHOLE_NUMBER = "should be a whole number"
_MAPPING = "should be a mapping of settings"
_TEXT = "should be text, in quotes if need be"

_WORDS = {
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "list_type": "should be a list",
    "tuple_type": _PAIR,
    "too_long": _PAIR,
    "string_type": _TEXT,
    "path_type": "should be a path, in quotes if need be",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "int_type": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_parsing_size": _WHOLE_NUMBER,
    "int_from_float": _WHOLE_NUMBER,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "should be a finite number",
    "greater_than": "should be more than {gt:g}",
    "greater_than_equal": "should be at least {ge:g}",
    "less_than": "should be less than {lt:g}",
    "less_than_equal": "should be at most {le:g}",
    "literal_error": "should be {expected}",
}
UNKNOWN = "should be something else"


def _message(error: ErrorDetails) -> str:
    location, kind = error["loc"], error["type"]
    if kind == "extra_forbidden":
        return "unknown key" + suggestion(str(location[-1]), _known_keys(location))
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == "missing":
        return "is missing" if isinstance(location[-1], str) else _PAIR
    if kind == "too_short":
        return "should not be empty"
    text = _words_of_field(location, kind) or _WORDS.get(kind, UNKNOWN).format(**error.get("ctx", {}))
    return f"{text}, not {shown(error['input'])}"


def _words_of_field(location: Location, kind: str) -> str:
    """What a field of several forms should be; or nothing."""
    match location, kind:
        case ("scheduler",), _:
            return "should be a scheduler's address such as tcp://host:8786"
        case ("url" | "pictures_url",), _:
            return "should be an address such as https://me.github.io/microscope"
        case ("photos",), _:
            return "should be a list of pictures, or a mapping of names to pictures"
        case ("photos", _), "model_type":
            return "should be a picture's path or a mapping of settings"
        case ("recipes", _, "direction", *_), "tuple_type":
            return "should say the weight of each channel, as in {3: 1.0, 17: -0.5}"
        case ("models", _, "layers", int(_)), "model_type":
            return "should be a layer's name or a mapping of settings"
        case ("models", _, "layers", int(_), "concepts"), "model_type":
            return "should be how many concepts, or a mapping of settings"
        case ("models", _, "layers", int(_), "dictionary"), "model_type":
            return "should be a file's path, or a mapping of settings"
        case ("models", _, "preprocessing", *_), "literal_error":
            return "should be auto, unit, raw, tf, caffe, torch or a mapping of settings"
    return ""


def shown(value: object) -> str:
    """A value as messages name it."""
    if isinstance(value, bool):
        return str(value).lower()
    kinds = {type(None): "nothing", dict: "a mapping", list: "a list"}
    text = kinds.get(type(value)) or repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _known_keys(location: Location) -> list[str]:
    if len(location) == 1:
        return list(Config.model_fields)
    if location[0] == "datasets":
        return list(DatasetConfig.model_fields)
    if location[0] == "photos":
        return list(PhotoConfig.model_fields)
    if location[0] == "evidence":
        return list(EvidenceConfig.model_fields)
    if location[0] == "pictures":
        return list(PicturesConfig.model_fields)
    if location[0] == "recipes":
        return [*RecipeConfig.model_fields, *Recipe.model_fields]
    parts: dict[str | int, type[BaseModel]] = {
        "concepts": ConceptsConfig,
        "dictionary": DictionaryConfig,
        "layers": LayerConfig,
        "preprocessing": Preprocessing,
    }
    part = next((parts[name] for name in parts if name in location[2:-1]), ModelConfig)
    return list(part.model_fields)


def suggestion(wrong: str, known: Sequence[str]) -> str:
    """`; did you mean ...?` with the nearest known word, or all of them."""
    close = difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else f"; known are {', '.join(known)}"
