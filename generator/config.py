"""config.yaml -> Config: what to render, from where, to where.

Each setting is documented once, under its field. Problems are gathered, never raised one by one, so that
a user sees all of them in one run, each with its file, line and field.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from generator.errors import ConfigError, UserError
from generator.recipes import BUILT_IN, Recipe

Location = tuple[str | int, ...]


# -- the settings ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Channels:
    """Which channels of a layer: all, or inclusive ranges in the order given."""

    ranges: tuple[tuple[int, int], ...] | None = None

    @classmethod
    def parse(cls, value: object) -> Channels:
        """From `all`, `7`, `0-15`, `"0-15, 40"` or a list of such; ValueError says what is wrong."""
        if isinstance(value, Channels):
            return value
        if value == "all":
            return cls()
        items = value if isinstance(value, list) else [value]
        parts = [part.strip() for item in items for part in _channel_text(item).split(",")]
        return cls(tuple(_parse_range(part) for part in parts))

    def select(self, count: int) -> list[int]:
        """The chosen channels of a layer that has `count`, without repeats, in the order given."""
        if self.ranges is None:
            return list(range(count))
        chosen = (c for first, last in self.ranges for c in range(first, min(last, count - 1) + 1))
        return list(dict.fromkeys(chosen))

    def beyond(self, count: int) -> list[str]:
        """The ranges, as text, that ask for channels a layer of `count` does not have."""
        return [_range_text(first, last) for first, last in self.ranges or () if last >= count]


def _channel_text(item: object) -> str:
    if isinstance(item, bool) or not isinstance(item, int | str):
        raise ValueError(f"should be `all`, a number, a range such as 0-15 or a list of these, not {item!r}")
    return str(item)


def _parse_range(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)(?:\s*-\s*(\d+))?", text)
    if not match:
        raise ValueError(f"{text!r} is no channel or range; write 7, 0-15 or all")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise ValueError(f"the range {text} ends before it starts")
    return first, last


def _range_text(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


class Settings(BaseModel):
    """What all parts of the config share: unknown keys are errors, values don't change."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Preprocessing(Settings):
    """How a model wants its input: pixels in [0, 1] are mapped to `range`, then (x - mean) / std."""

    range: tuple[float, float] = (0.0, 1.0)
    """What 0 (black) and 1 (white) become."""
    mean: list[float] | float = 0.0
    """Subtracted after scaling to the range; one number or one a colour."""
    std: list[float] | float = 1.0
    """Divided by, after that; one number or one a colour."""
    bgr: bool = False
    """Whether colours come in the order blue, green, red (before mean and std are applied)."""


PreprocessingName = Literal["auto", "unit", "raw", "tf", "caffe", "torch"]


def _as_layer(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


ChannelsField = Annotated[Channels, BeforeValidator(Channels.parse)]
RecipeNames = Annotated[list[str], BeforeValidator(_as_list)]


class LayerConfig(Settings):
    """Layers to render: a name, a glob, `conv` (all convolutions) or `all`."""

    name: str
    """Layer name, glob (`block5*_add`), `conv` or `all`."""
    channels: ChannelsField | None = None
    """Which channels; default: the model's `channels`."""
    recipes: RecipeNames | None = None
    """Names of recipes; default: the model's `recipes`."""


LayerField = Annotated[LayerConfig, BeforeValidator(_as_layer)]


class ModelConfig(Settings):
    """One network: where it comes from and what to render of it."""

    source: str = ""
    """A built-in (`efficientnet-lite0`), a keras.applications name (`VGG19`), a saved `.keras` or `.h5`
    file, or a factory `package.module:function`. Default: the model's own name in this file."""
    weights: str = "imagenet"
    """`imagenet`, `none` (random, seeded) or a weights file. Saved models carry their own."""
    input_size: Annotated[int | None, Field(ge=16, le=2048)] = None
    """Side of the square input for networks that want it fixed; default: the network's own."""
    preprocessing: PreprocessingName | Preprocessing = "auto"
    """How the network wants its input: `auto`, `unit` [0, 1], `raw` [0, 255], `tf` [-1, 1], `caffe`,
    `torch`, or a mapping of range, mean, std and bgr."""
    classes: Path | None = None
    """Text file with one class name a line, for the pages."""
    layers: Annotated[list[LayerField], Field(min_length=1)]
    """What to render; see LayerConfig."""
    channels: ChannelsField = Channels()
    """Which channels of each layer, unless the layer says otherwise: `all`, `0-15`, `[0-15, 40]`."""
    recipes: RecipeNames = ["channel"]
    """Which recipes, unless the layer says otherwise."""


class RecipeConfig(Settings):
    """A recipe of the user's: a base and the fields it changes."""

    model_config = ConfigDict(frozen=True, extra="allow")

    base: str = ""
    """The built-in recipe it starts from; default: the built-in of the same name, else `channel`."""


def _config_path(value: object) -> object:
    return value if value is None else Path(str(value))


class Config(Settings):
    """All of config.yaml. Paths are absolute after loading; in the file they are relative to it."""

    title: str = "Pocket Microscope"
    """The site's title."""
    description: str = "What the channels of a vision network look for."
    """One sentence under the title."""
    cache: Path = Path("cache")
    """Where finished pictures are kept; safe to delete, costly to refill."""
    output: Path = Path("site")
    """Where the gallery is written; foreign files in it are left alone."""
    notes: Path = Path("notes.yaml")
    """Your labels and notes on channels, for the gallery; it need not exist."""
    templates: Path | None = None
    """A folder whose templates and static files replace the gallery's own of the same names."""
    url: Annotated[str | None, Field(pattern=r"^https?://\S+$")] = None
    """Where the site will be hosted, for its sitemap and canonical links; not needed otherwise."""
    size: Annotated[int | None, Field(ge=16, le=2048)] = None
    """Side of the pictures in pixels, for every recipe that doesn't set its own."""
    steps: Annotated[int | None, Field(ge=1, le=10_000)] = None
    """Optimisation steps, for every recipe that doesn't set its own."""
    seed: Annotated[int | None, Field(ge=0, le=2**31 - 1)] = None
    """Seed, for every recipe that doesn't set its own."""
    batch: Annotated[int | None, Field(ge=1, le=4096)] = None
    """Pictures optimised together, for speed only; default: what suits their size. Never changes them."""
    recipes: dict[str, RecipeConfig] = {}
    """Recipes of your own, or changes to the built-in ones."""
    models: Annotated[dict[str, ModelConfig], Field(min_length=1)]
    """The networks, by the name that the site gives them."""

    def recipe(self, name: str) -> Recipe:
        """The recipe of that name with every default filled in; KeyError if there is none."""
        own = self.recipes.get(name)
        if own is None and name not in BUILT_IN:
            raise KeyError(name)
        base = BUILT_IN[(own.base if own else "") or (name if name in BUILT_IN else "channel")]
        shared = {f: v for f in ("size", "steps", "seed") if (v := getattr(self, f)) is not None}
        changes = dict(own.model_extra or {}) if own else {}
        fields = {**base.model_dump(), "description": base.description}
        return Recipe.model_validate({**fields, **shared, **changes})

    def recipe_names(self) -> list[str]:
        """Names that models and layers may use."""
        return list(dict.fromkeys([*BUILT_IN, *self.recipes]))


# -- problems --------------------------------------------------------------------------------------


@dataclass(frozen=True, order=True)
class Problem:
    """Something wrong in the config: where (a location such as ("models", "vgg", "layers", 2)) and what."""

    location: Location
    message: str


@dataclass
class ConfigFile:
    """A config file as read: its settings, the line of each field, and the problems found so far.

    `config` is None when too little of the file could be understood. When there are problems, it holds
    what is left without the wrong fields, so that later checks can find the other problems too.
    """

    path: Path
    config: Config | None = None
    lines: dict[Location, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, location: Location) -> int:
        """The line (from 1) of a field, or of the nearest field around it."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)

    def describe(self, problem: Problem) -> str:
        """`config.yaml:12: models.vgg19.layers[2]: message`."""
        where = f"{self.path}:{self.line(problem.location)}"
        return f"{where}: {field_name(problem.location)}{problem.message}"

    def check(self, further: Sequence[Problem] = ()) -> Config:
        """The settings; raises ConfigError with all problems, in the file's order, if there are any."""
        problems = sorted({*self.problems, *further}, key=lambda p: (self.line(p.location), p.message))
        if problems or self.config is None:
            raise ConfigError([self.describe(problem) for problem in problems])
        return self.config


def field_name(location: Location) -> str:
    """`models.vgg19.layers[2].channels: `, or nothing for the file as a whole."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location]
    return "".join(parts).lstrip(".") + ": " if parts else ""


# -- reading ---------------------------------------------------------------------------------------


def read_config(path: Path) -> ConfigFile:
    """Read and check a config file, gathering its problems instead of raising them.

    Raises UserError when the file can't be read or is no YAML mapping at all.
    """
    raw, lines = _read_yaml(path)
    read = ConfigFile(path, lines=lines)
    read.config = _validate(raw, read.problems)
    if read.config is None:
        return read
    read.problems += _recipe_problems(read.config)
    folder = path.resolve().parent
    models = {name: _absolute_model(model, folder) for name, model in read.config.models.items()}
    paths = {name: folder / path for name, path in _paths(read.config).items()}
    read.config = read.config.model_copy(update={**paths, "models": models})
    return read


def _paths(config: Config) -> dict[str, Path]:
    paths = {"cache": config.cache, "output": config.output, "notes": config.notes}
    return paths if config.templates is None else {**paths, "templates": config.templates}


def _absolute_model(model: ModelConfig, folder: Path) -> ModelConfig:
    changes: dict[str, Any] = {}
    if is_file_name(model.source):
        changes["source"] = str(folder / model.source)
    if model.weights not in ("imagenet", "none"):
        changes["weights"] = str(folder / model.weights)
    if model.classes is not None:
        changes["classes"] = folder / model.classes
    return model.model_copy(update=changes)


def is_file_name(source: str) -> bool:
    """Whether a model's source names a saved model rather than a known network or a factory."""
    return source.endswith((".keras", ".h5", ".hdf5"))


def _read_yaml(path: Path) -> tuple[Any, dict[Location, int]]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; `build-site init` writes one to start from") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: can't be read as text: {error}") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        raw = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{path}:{line}: not valid YAML: {error.problem}") from None
    if not isinstance(raw, dict):
        raise UserError(f"{path}:1: should hold settings such as `models:`; see `build-site init`")
    duplicates = [f"{path}:{line}: {field_name(where)}is given twice" for where, line in _duplicates(node)]
    if duplicates:
        raise ConfigError(duplicates)
    return raw, dict(_lines(node))


def _lines(node: yaml.Node | None, location: Location = ()) -> Iterator[tuple[Location, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*location, key.value), key.start_mark.line + 1
            yield from _lines(value, (*location, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*location, index), value.start_mark.line + 1
            yield from _lines(value, (*location, index))


def _duplicates(node: yaml.Node | None) -> list[tuple[Location, int]]:
    seen: set[Location] = set()
    return [(where, line) for where, line in _lines(node) if where in seen or seen.add(where)]  # type: ignore[func-returns-value]


# -- checking --------------------------------------------------------------------------------------


def _validate(raw: Any, problems: list[Problem]) -> Config | None:
    """The settings in `raw`; wrong fields become problems and are left out, as far as that goes."""
    while True:
        try:
            return Config.model_validate(raw)
        except ValidationError as error:
            details = error.errors()
        found = [Problem(_real_location(raw, e["loc"]), _message(raw, e)) for e in details]
        # Alternatives of a union each complain about the same field: one line is enough.
        fresh = {problem.location: problem for problem in reversed(found)}.values()
        problems += fresh
        if not all(_drop(raw, problem.location) for problem in fresh):
            return None


def _real_location(raw: Any, location: Location) -> Location:
    """pydantic's location without the names of union members, which are in no file."""
    real: list[str | int] = []
    here = raw
    for position, part in enumerate(location):
        here = _child(here, part)
        if here is _ABSENT:
            missing_field = position == len(location) - 1 and isinstance(part, str) and part.isidentifier()
            return (*real, part) if missing_field and _could_hold(raw, real) else tuple(real)
        real.append(part)
    return tuple(real)


_ABSENT = object()


def _child(value: Any, part: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(part, _ABSENT)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return _ABSENT


def _could_hold(raw: Any, location: Sequence[str | int]) -> bool:
    here = raw
    for part in location:
        here = _child(here, part)
    return isinstance(here, dict)


def _drop(raw: Any, location: Location) -> bool:
    """Take a field out of `raw`; False if that can't mend anything (it isn't there, or is all there is)."""
    if not location:
        return False
    parent = raw
    for part in location[:-1]:
        parent = _child(parent, part)
    if isinstance(parent, dict) and location[-1] in parent:
        del parent[location[-1]]
        return True
    if not isinstance(parent, list):
        return False
    if "layers" not in location[:-1]:
        return _drop(raw, location[:-1])
    # Other layers keep their numbers, so that their problems still point at their lines.
    parent[int(location[-1])] = {"name": "all", "channels": []}
    return True


def _message(raw: Any, error: ErrorDetails) -> str:
    location = error["loc"]
    if error["type"] == "extra_forbidden":
        return "unknown key" + _suggestion(str(location[-1]), _known_keys(location))
    if error["type"] == "missing":
        return "is missing"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    return f"{error['msg'][0].lower()}{error['msg'][1:]}, not {_shown(error['input'])}"


def _shown(value: object) -> str:
    text = repr(value)
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


def _recipe_problems(config: Config) -> Iterator[Problem]:
    for name, own in config.recipes.items():
        if own.base and own.base not in BUILT_IN:
            yield Problem(
                ("recipes", name, "base"),
                f"no built-in recipe {own.base!r}{_suggestion(own.base, list(BUILT_IN))}",
            )
            continue
        try:
            config.recipe(name)
        except ValidationError as error:
            for detail in error.errors():
                location = ("recipes", name, *detail["loc"][:1])
                message = _message(None, {**detail, "loc": location})
                yield Problem(location, message)
    known = config.recipe_names()
    for model_name, model in config.models.items():
        place: Location = ("models", model_name)
        yield from _unknown_recipes((*place, "recipes"), model.recipes, known)
        for index, layer in enumerate(model.layers):
            yield from _unknown_recipes((*place, "layers", index, "recipes"), layer.recipes or [], known)


def _unknown_recipes(location: Location, names: Sequence[str], known: Sequence[str]) -> Iterator[Problem]:
    for index, name in enumerate(names):
        if name not in known:
            yield Problem((*location, index), f"no recipe {name!r}{_suggestion(name, known)}")
