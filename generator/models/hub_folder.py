"""A preset of KerasHub as files: fetched into a folder, and looked at before KerasHub opens it.

A preset is a folder: `config.json` says what the network is, as KerasHub, Hugging Face's transformers or timm
write it, and the weights lie beside it. Whatever it holds may come from a stranger.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from generator.errors import ModelError, cause
from generator.models import files, untrusted
from generator.models.untrusted import LONGEST_CONFIG

CONFIG, TASK, CONVERTER = "config.json", "task.json", "image_converter.json"
_KERAS = ("task.json", "preprocessor.json", CONVERTER, "task.weights.h5", "model.weights.h5")
_OTHERS = ("preprocessor_config.json", "model.safetensors")
_IN_PARTS = {"model.weights.h5": "model.weights.json", "model.safetensors": "model.safetensors.index.json"}
"""Weights, and what lists their parts where they are too large for one file."""


def read_json(folder: Path, name: str) -> dict[str, Any] | None:
    """What a preset's .json file holds; None if there is no such file.

    Raises ModelError for one that is too long, can't be read or holds something else than a mapping.
    """
    path = folder / name
    try:
        if not path.is_file():
            return None
        if path.stat().st_size > LONGEST_CONFIG:
            raise ModelError(f"{path}: is {path.stat().st_size / 2**20:,.0f} MB long, no preset's settings")
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not the settings of a preset: {cause(error)}") from error
    if not isinstance(values, dict):
        raise ModelError(f"{path}: not the settings of a preset: no mapping")
    return values


# -- fetching --------------------------------------------------------------------------------------


def preset_of(source: str) -> str:
    """What KerasHub calls the preset that a config's source names."""
    return source.removeprefix("kerashub:")


def fetched(source: str, get_file: Callable[[str, str], str]) -> Path:
    """The folder with a preset's files, each fetched by KerasHub's `get_file` unless it was before.

    Raises ModelError, which names the files and what to do with them, when they can't be.
    """
    preset = preset_of(source)
    with _told_by_hand(source):
        folder = Path(get_file(preset, CONFIG)).parent
    keras_own = "registered_name" in (read_json(folder, CONFIG) or {})
    with _told_by_hand(source):
        for name in _KERAS if keras_own else _OTHERS:
            if not _got(get_file, preset, name) and name in _IN_PARTS:
                get_file(preset, _IN_PARTS[name])
                for part in part_names(folder, _IN_PARTS[name]):
                    get_file(preset, part)
    return folder


def _got(get_file: Callable[[str, str], str], preset: str, name: str) -> bool:
    try:
        get_file(preset, name)
    except FileNotFoundError:
        return False
    return True


@contextmanager
def _told_by_hand(source: str) -> Iterator[None]:
    """Raises ModelError for whatever stands in the way of fetching: how to do it by hand."""
    loggers = [logging.getLogger(name) for name in ("huggingface_hub", "kagglehub")]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)  # a line for each of five tries
        yield
    except ModelError:
        raise
    except Exception as error:  # of whichever library talks to the host
        if "Unknown preset identifier" in str(error):
            raise ModelError(_unknown(source)) from error
        if "Unexpected " in str(error):
            raise ModelError(f"{source}: {cause(error).partition(' Received')[0]}") from error
        raise ModelError(_by_hand(source)) from error
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _unknown(source: str) -> str:
    import difflib

    from keras_hub.src.utils.preset_utils import BUILTIN_PRESETS

    near = difflib.get_close_matches(preset_of(source), BUILTIN_PRESETS, n=3, cutoff=0)
    return f"{source}: KerasHub has no such preset; the nearest are {', '.join(near)}"


def _by_hand(source: str) -> str:
    name = preset_of(source).rstrip("/").rpartition("/")[2]
    keras_own = f"{CONFIG}, {', '.join(_KERAS)}"
    wanted = f"{CONFIG}, {', '.join(_OTHERS)} (or {keras_own})" if source.startswith("hf:") else keras_own
    return (
        f"{source}: could not be fetched from {_address(source)}; with a browser, put those of its files "
        f"that there are ({wanted}) into a folder and name that, e.g. `source: ./{name}`"
    )


def _address(source: str) -> str:
    """The page from which a preset's files are fetched by hand."""
    if source.startswith("hf://"):
        return f"https://huggingface.co/{source.removeprefix('hf://')}/tree/main"
    preset = preset_of(source)
    if not preset.startswith("kaggle://"):
        from keras_hub.src.utils.preset_utils import BUILTIN_PRESETS

        preset = BUILTIN_PRESETS[preset]["kaggle_handle"]
    owner, model, *variation = preset.removeprefix("kaggle://").split("/")
    return f"https://www.kaggle.com/models/{owner}/{model}/{'/'.join(variation)}"


# -- looking ---------------------------------------------------------------------------------------


def is_preset(folder: Path) -> bool:
    """Whether a folder looks like a preset."""
    return (folder / CONFIG).is_file()


def part_names(folder: Path, index: str) -> list[str]:
    """The files that weights in parts lie in; ModelError if one would lie elsewhere."""
    listed = (read_json(folder, index) or {}).get("weight_map")
    values = listed.values() if isinstance(listed, dict) else ()
    names = sorted({str(one) for value in values for one in (value if isinstance(value, list) else [value])})
    for name in names:
        if name != Path(name).name or name.startswith(".") or "\\" in name or ":" in name:
            raise ModelError(f"{folder / index}: names a file that would lie outside of it, {name!r}")
    return names


def check_weights(folder: Path) -> int:
    """Look at a preset's weights; how many bytes they take in memory.

    Raises ModelError for what no weights need, such as links to other files, and when there are none.
    """
    held = 0
    for whole, index in _IN_PARTS.items():
        names = [whole] if (folder / whole).is_file() else part_names(folder, index)
        held += sum(_held(folder / name) for name in names)
    if not held:
        raise ModelError(
            f"{folder}: a preset without weights; put {' or '.join(_IN_PARTS)} beside its {CONFIG}"
        )
    task = folder / "task.weights.h5"
    return held + (_held(task) if task.is_file() else 0)


def _held(path: Path) -> int:
    if not path.is_file():
        raise ModelError(f"{path}: no such file, and it should hold weights")
    what = "not weights of a preset"
    return untrusted.check_file(path, what) if path.suffix == ".h5" else path.stat().st_size


def check_settings(path: Path, settings: dict[str, Any], allowed: Sequence[type]) -> list[files.OwnCode]:
    """Look at everything that a preset's settings name by its class; those classes that are not known.

    Raises ModelError for code, for layers that read other files, and for what is no part of a network.
    """
    try:
        parts = list(files.parts_of(settings))
        foreign = files.own_code(parts)
    except RecursionError:
        raise ModelError(f"{path}: its layers are nested too deeply to be read") from None
    untrusted.check_layers(path, parts)
    if layers := files.lambdas(parts):
        raise ModelError(
            f"{path}: its layer {layers[0]} is a Lambda, whose Python code is not run from a file"
        )
    for code in foreign:
        if _is_hubs(code) and not _is_one_of(code, allowed):
            raise ModelError(
                f"{path}: names {code.name} of KerasHub, which is no part of a network of pictures"
            )
    return [code for code in foreign if not _is_hubs(code)]


def _is_hubs(code: files.OwnCode) -> bool:
    return code.module.partition(".")[0] == "keras_hub" or code.registered.startswith("keras_hub>")


def _is_one_of(code: files.OwnCode, allowed: Sequence[type]) -> bool:
    import keras

    found = keras.saving.get_registered_object(code.registered)
    return isinstance(found, type) and issubclass(found, tuple(allowed)) and found.__name__ == code.name
