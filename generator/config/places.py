"""The files and folders that a config names: where they are, and whether they can serve as such."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from generator.config.addresses import unusable_address
from generator.config.content import read_class_names
from generator.config.photos import PhotoConfig
from generator.config.problems import Location, Problem
from generator.config.recipes import RECIPE_FILES
from generator.config.schema import Config, DatasetConfig, LayerConfig, ModelConfig, RecipeConfig, is_place
from generator.errors import ModelError
from generator.images import opened

# -- absolute --------------------------------------------------------------------------------------


def absolute(config: Config, folder: Path, problems: list[Problem]) -> Config:
    """The same settings with every path in them absolute; in the file they are relative to `folder`.

    What can't be is a problem.
    """
    where = _Where(folder, problems)
    names = ("cache", "output", "notes", "templates", "scheduler_file")
    given = {name: path for name in names if isinstance(path := getattr(config, name), Path)}
    paths: dict[str, Any] = {name: where.of(path, (name,)) or folder / path for name, path in given.items()}
    if isinstance(config.cache, str) and (why := unusable_address(config.cache)):
        problems.append(Problem(("cache",), why))
        paths["cache"] = folder / "cache"  # so that the other problems are found too
    models = {name: _model(model, ("models", name), where) for name, model in config.models.items()}
    recipes = {name: _recipe(recipe, ("recipes", name), where) for name, recipe in config.recipes.items()}
    datasets = {name: _dataset(one, ("datasets", name), where) for name, one in config.datasets.items()}
    photos = {name: _photo(one, ("photos", name), where) for name, one in config.photos.items()}
    parts = {"models": models, "recipes": recipes, "datasets": datasets, "photos": photos}
    return config.model_copy(update={**paths, **parts})


class _Where:
    def __init__(self, folder: Path, problems: list[Problem]) -> None:
        self._folder, self._problems = folder, problems

    def of(self, path: str | Path, location: Location) -> Path | None:
        """The absolute path of one that stands at a location; None, and a problem, if there can't be one."""
        given = Path(path)
        try:
            found = Path(os.path.normpath(self._folder / given.expanduser()))
            found.exists()
        except RuntimeError:
            self._problems.append(Problem(location, f"{given.parts[0]}: there is no such home folder"))
        except OSError as error:
            self._problems.append(Problem(location, f"can't be used as a path: {error.strerror}"))
        else:
            return found
        return None

    def of_class_names(self, path: Path, location: Location) -> Path | None:
        """The same of a file of class names; also None, and a problem, if it can't be read as such."""
        found = self.of(path, location)
        try:
            if found is not None:
                read_class_names(found)
        except ModelError as error:
            self._problems.append(Problem(location, error.message))
            return None
        return found


def _model(model: ModelConfig, place: Location, where: _Where) -> ModelConfig:
    changes: dict[str, Any] = {}
    if is_place(model.source):
        changes["source"] = str(where.of(model.source, (*place, "source")) or "")
    if model.weights not in ("imagenet", "none"):
        changes["weights"] = str(where.of(model.weights, (*place, "weights")) or "none")
    if model.classes is not None:
        changes["classes"] = where.of_class_names(model.classes, (*place, "classes"))
    layers = [_layer(layer, (*place, "layers", index), where) for index, layer in enumerate(model.layers)]
    return model.model_copy(update={**changes, "layers": layers})


def _layer(layer: LayerConfig, place: Location, where: _Where) -> LayerConfig:
    if layer.dictionary is None:
        return layer
    file = where.of(layer.dictionary.file, (*place, "dictionary"))
    found = file and layer.dictionary.model_copy(update={"file": file})
    return layer.model_copy(update={"dictionary": found})


def _dataset(dataset: DatasetConfig, place: Location, where: _Where) -> DatasetConfig:
    path = where.of(dataset.path, (*place, "path"))
    return dataset.model_copy(update={"path": path or dataset.path})


def _photo(photo: PhotoConfig, place: Location, where: _Where) -> PhotoConfig:
    return photo.model_copy(update={"path": where.of(photo.path, place) or photo.path})


def _recipe(recipe: RecipeConfig, place: Location, where: _Where) -> RecipeConfig:
    fields = recipe.changes
    for name in RECIPE_FILES:
        if fields.get(name) is not None:
            path = where.of(fields[name], (*place, name))
            fields[name] = None if path is None else str(path)
    return RecipeConfig.model_validate({"base": recipe.base, **fields})


# -- there, and of the right kind ------------------------------------------------------------------


def problems(config: Config, folder: Path, is_wrong: Callable[..., bool]) -> Iterator[Problem]:
    """Files that are not there or no pictures, and folders that can't be used as what they should be.

    `config` has absolute paths; fields that `is_wrong` says something of already are passed over.
    """
    for name in ("cache", "output"):
        place = getattr(config, name)
        if isinstance(place, Path) and not is_wrong(name) and (why := _unusable_folder(place)):
            yield Problem((name,), why)
    if config.templates is not None and not is_wrong("templates") and not config.templates.is_dir():
        yield Problem(("templates",), f"no such folder: {config.templates}")
    for name, dataset in config.datasets.items():
        if not is_wrong("datasets", name, "path") and not dataset.path.exists():
            yield Problem(("datasets", name, "path"), f"no such folder or file: {dataset.path}")
    yield from _in_each_others_way(config, folder, is_wrong)
    for name, model in config.models.items():
        field: Location = ("models", name, "weights")
        file = Path(model.weights)
        if model.weights not in ("imagenet", "none") and not is_wrong(*field) and not file.is_file():
            yield Problem(field, f"no such weights file: {file}")
        for index, layer in enumerate(model.layers):
            field = ("models", name, "layers", index, "dictionary")
            if layer.dictionary and not is_wrong(*field) and not layer.dictionary.file.is_file():
                yield Problem(field, f"no such file: {layer.dictionary.file}")
    yield from _missing_pictures(config, is_wrong)


def _missing_pictures(config: Config, is_wrong: Callable[..., bool]) -> Iterator[Problem]:
    """Photos, and pictures and folders of pictures that recipes name, that can't be read as such."""
    for name, photo in config.photos.items():
        if not is_wrong("photos", name) and (why := _no_picture(photo.path, folder_too=False)):
            yield Problem(("photos", name), why)
    for name, recipe in config.recipes.items():
        for file in RECIPE_FILES:
            place: Location = ("recipes", name, file)
            if (path := recipe.changes.get(file)) and not is_wrong(*place):
                why = _no_picture(Path(path), folder_too=file == "magnitude")
                if why:
                    yield Problem(place, why)


def _unusable_folder(path: Path) -> str:
    """Why files can't be written into a folder that may not be there yet; or nothing."""
    there = next(part for part in (path, *path.parents) if part.exists())
    if not there.is_dir():
        return f"{there} is a file, not a folder"
    return "" if os.access(there, os.W_OK | os.X_OK) else f"nothing can be written into {there}"


def _in_each_others_way(config: Config, folder: Path, is_wrong: Callable[..., bool]) -> Iterator[Problem]:
    """The output must not hold, or lie in, what is not the gallery's."""
    if is_wrong("output"):
        return
    output = os.path.realpath(config.output)
    if _holds(output, os.path.realpath(folder)):
        yield Problem(("output",), f"{config.output} holds this config; name a folder of its own, e.g. site")
        return
    for name in ("cache", "templates"):
        other = getattr(config, name)
        if not isinstance(other, Path) or is_wrong(name):
            continue
        path = os.path.realpath(other)
        if _holds(output, path) or _holds(path, output):
            how = "is" if path == output else "lies in" if _holds(path, output) else "holds"
            yield Problem(("output",), f"{config.output} {how} the folder of `{name}`; give each its own")


def _holds(folder: str, path: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _no_picture(path: Path, *, folder_too: bool) -> str:
    """Why there is no picture, or no folder of pictures, at a path; or nothing."""
    if not path.exists():
        return f"no such file: {path}"
    if not path.is_dir():
        return _unreadable(path, whole=True)
    if not folder_too:
        return f"{path} is a folder, not a picture"
    files = [file for file in sorted(path.iterdir()) if file.is_file()]
    return (
        next(filter(None, (_unreadable(file, whole=False) for file in files)), "")
        if files
        else (f"{path} holds no pictures")
    )


def _unreadable(path: Path, *, whole: bool) -> str:
    """Why a file is no picture; its pixels are looked at if `whole`, else only its beginning."""
    try:
        with opened(path) as picture:
            if whole:
                picture.load()
    except Exception as error:  # decoders raise whatever a broken file makes them
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        known = "cannot identify" not in reason
        return f"{path} is no picture that can be read{f': {reason}' if known and reason else ''}"
    return ""
