"""config.yaml -> Config, or what is wrong in it.

Problems are gathered, never raised one by one, so that a user sees all of them in one run, each with its
file, line and field.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from generator.config import places
from generator.config.channels import Channels
from generator.config.cookbook import BUILT_IN, CELL
from generator.config.mistakes import read_recipe, read_settings, suggestion
from generator.config.problems import Location, Problem, describe, in_order
from generator.config.recipes import Recipe
from generator.config.schema import NO_EVIDENCE, Config, ModelConfig, RecipeConfig
from generator.config.yaml_file import Yaml, read_yaml
from generator.errors import ConfigError, UserError

DERIVED = ("concepts", "dictionary")
"""The settings of a layer that make a layer of their own."""


@dataclass
class ConfigFile:
    """A config file as read: its settings, the line of each field, and the problems found so far.

    When there are problems, `config` holds what is left without the wrong fields, so that later checks can
    find the other problems too.
    """

    path: Path
    config: Config
    lines: Mapping[Location, int]
    problems: list[Problem] = field(default_factory=list)

    def is_wrong(self, *location: str | int) -> bool:
        """Whether there is a problem at a field, in it or around it."""
        places = [problem.location for problem in self.problems]
        return any(place[: len(location)] == location[: len(place)] for place in places)

    def check(self, further: Sequence[Problem] = ()) -> Config:
        """The settings; raises ConfigError with all problems, in the file's order, if there are any."""
        problems = in_order([*self.problems, *further], self.lines)
        if problems:
            raise ConfigError([describe(self.path, self.lines, problem) for problem in problems])
        return self.config


def read_config(path: Path) -> ConfigFile:
    """Read and check a config file, gathering its problems instead of raising them.

    Raises UserError when the file can't be read or is no YAML mapping at all.
    """
    _expect_file(path)
    read = read_yaml(path)
    if not isinstance(read.value, dict):
        raise UserError(f"{path}:1: should hold settings such as `models:`; see `build-site init`")
    return _gathered(read, path)


def config_of(values: dict[str, Any], folder: Path) -> ConfigFile:
    """Check settings that no file holds, as if they stood in one in `folder`. Changes `values`."""
    return _gathered(Yaml(values), folder / "config.yaml")


def _gathered(read: Yaml, path: Path) -> ConfigFile:
    config, problems = read_settings(read.value, read.unusable)
    file = ConfigFile(path, config, read.lines, [*read.problems, *problems])
    file.problems += _nameless(file)
    file.problems += _evidence(file)
    file.problems += _layers(file)
    file.config = _usable_recipes(file)
    file.problems += _cell(file)
    file.config = places.absolute(file.config, path.resolve().parent, file.problems)
    file.problems += places.problems(file.config, path.resolve().parent, file.is_wrong)
    return file


def _expect_file(path: Path) -> None:
    try:
        there, is_folder = path.exists(), path.is_dir()
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror}") from None
    if not there:
        raise UserError(f"{path}: no such file; `build-site init` writes one to start from")
    if is_folder:
        raise UserError(f"{path}: is a folder; name the config in it, e.g. {path / 'config.yaml'}")


def _nameless(file: ConfigFile) -> Iterator[Problem]:
    """Models that are missing, and names that are empty."""
    if not file.config.models and not file.is_wrong("models"):
        yield Problem(("models",), "should not be empty")
    config = file.config
    parts: dict[str, Iterable[str]] = {"models": config.models, "recipes": config.recipes}
    parts |= {"datasets": config.datasets, "photos": config.photos}
    for part, names in parts.items():
        if any(not name.strip() for name in names):
            yield Problem((part,), "holds an empty name")


def _evidence(file: ConfigFile) -> Iterator[Problem]:
    """Data sets that models ask for and that there are not, or where it is not said which."""
    known = list(file.config.datasets)
    if NO_EVIDENCE in known:
        yield Problem(("datasets", NO_EVIDENCE), f"`{NO_EVIDENCE}` stands for no data set; name it otherwise")
    for name, model in file.config.models.items():
        place: Location = ("models", name, "evidence")
        if file.is_wrong(*place) or file.is_wrong("datasets"):
            continue
        if model.evidence is None and len(known) > 1:
            yield Problem(
                place, f"should name one of the data sets, {', '.join(known)}, or be `{NO_EVIDENCE}`"
            )
        elif model.evidence not in (None, NO_EVIDENCE, *known):
            hint = suggestion(str(model.evidence), [*known, NO_EVIDENCE])
            yield Problem(place, f"no data set {model.evidence!r}{hint}")


def _layers(file: ConfigFile) -> Iterator[Problem]:
    """Layers of which nothing is asked for."""
    for name, model in file.config.models.items():
        for index, layer in enumerate(model.layers):
            place: Location = ("models", name, "layers", index)
            derived = layer.concepts or layer.dictionary
            if layer.channels == Channels(()) and not derived and not file.is_wrong(*place):
                message = "is `none`, and there are no `concepts` and no `dictionary`"
                yield Problem((*place, "channels"), message)


# -- recipes ---------------------------------------------------------------------------------------


def _usable_recipes(file: ConfigFile) -> Config:
    """The config with only what can be used of its recipes, and with only usable ones asked for."""
    recipes = {name: _usable_recipe(name, own, file) for name, own in file.config.recipes.items()}
    config = file.config.model_copy(update={"recipes": recipes})
    models = {
        name: _with_usable(model, ("models", name), config, file) for name, model in config.models.items()
    }
    return config.model_copy(update={"models": models})


def _cell(file: ConfigFile) -> Iterator[Problem]:
    """A recipe of grids and atlases that makes no pictures of directions."""
    place: Location = ("recipes", CELL)
    own = CELL in file.config.recipes and not file.is_wrong(*place)
    if own and file.config.recipe(CELL).objective != "direction":
        message = "grids and atlases are made by it: it needs `objective: direction`, or another name"
        yield Problem(place, message)


def _usable_recipe(name: str, own: RecipeConfig, file: ConfigFile) -> RecipeConfig:
    place: Location = ("recipes", name)
    base = own.base
    if base and base not in BUILT_IN:
        message = f"no built-in recipe {base!r}{suggestion(base, list(BUILT_IN))}"
        file.problems.append(Problem((*place, "base"), message))
        base = ""

    def recipe(changes: dict[str, Any]) -> Recipe:
        own = RecipeConfig.model_validate({"base": base, **changes})
        return file.config.model_copy(update={"recipes": {name: own}}).recipe(name)

    wrong = {str(p.location[2]) for p in file.problems if p.location[:2] == place and len(p.location) > 2}
    fields, problems = read_recipe(recipe, own.changes, wrong)
    file.problems += [Problem((*place, *problem.location), problem.message) for problem in problems]
    return RecipeConfig.model_validate({"base": base, **fields})


def _with_usable(model: ModelConfig, place: Location, config: Config, file: ConfigFile) -> ModelConfig:
    """A model that asks only for recipes that can be used; the others become problems."""
    layers = []
    for index, layer in enumerate(model.layers):
        at = (*place, "layers", index)
        recipes = None if layer.recipes is None else _known(layer.recipes, (*at, "recipes"), config, file)
        # Of a layer without a name nothing can be said, but its recipes' names can be wrong.
        asked = [] if file.is_wrong(*at, "name") else recipes
        derived = {part: _derived(getattr(layer, part), (*at, part), config, file) for part in DERIVED}
        layers.append(layer.model_copy(update={"recipes": asked, **derived}))
    recipes = _known(model.recipes, (*place, "recipes"), config, file)
    return model.model_copy(update={"layers": layers, "recipes": recipes})


def _derived(part: Any, place: Location, config: Config, file: ConfigFile) -> Any:
    """The same of the recipes of a layer's concepts or dictionary."""
    if part is None or part.recipes is None:
        return part
    return part.model_copy(update={"recipes": _known(part.recipes, (*place, "recipes"), config, file)})


def _known(names: Sequence[str], place: Location, config: Config, file: ConfigFile) -> list[str]:
    if not names:
        file.problems.append(Problem(place, "should not be empty"))
    found = {index: _why_unusable(name, config, file) for index, name in enumerate(names)}
    file.problems += [Problem((*place, index), why) for index, why in found.items() if why]
    return [name for index, name in enumerate(names) if not found[index]]


def _why_unusable(name: str, config: Config, file: ConfigFile) -> str:
    """What keeps a recipe from being used, in words, or nothing."""
    known = config.recipe_names()
    if name not in known:
        return f"no recipe {name!r}{suggestion(name, known)}"
    missing = config.recipe(name).missing
    place: Location = ("recipes", name)
    if not missing or any(
        file.is_wrong(*place, part) for part in (missing, "base", "objective", "start_from")
    ):
        return ""
    return f"recipe {name!r} needs `{missing}:`; give it under `recipes: {name}:`"
