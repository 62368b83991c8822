"""Opening networks: by any name that a config takes, or those that live in this process already."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from generator.api.work import Settings, checked, own_folder
from generator.config.schema import Config, is_hub, is_place
from generator.console.wording import guess_warning
from generator.engines import opened
from generator.errors import ModelError
from generator.layers import layer_problems
from generator.models import zoo
from generator.models.anatomy import Anatomy, Layer
from generator.models.undisturbed import undisturbed

KEYWORDS = ("imagenet", "none")
"""Weights that are no file."""


class Model:
    """An opened network. `network` is the Keras model, `anatomy` all that is known of it."""

    def __init__(self, name: str, settings: Settings, live: Any = None) -> None:
        self.name = name
        self.settings = settings
        self._live = live
        self._opened: zoo.Model | None = None
        with self.at_hand():
            pass

    @property
    def network(self) -> Any:
        """The Keras model: the one that was handed over, or the one that was opened."""
        return self._live if self._live is not None else self._known.network

    @property
    def anatomy(self) -> Anatomy:
        """Its layers, its input, its classes and where it comes from."""
        return self._known.anatomy

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Its layers from input to output; those that are `renderable` have channels to be pictured."""
        return self.anatomy.layers

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of its classes, or nothing."""
        return self.anatomy.classes

    def __repr__(self) -> str:
        return f"Model({self.name!r}, {len(self.layers)} layers, {self.anatomy.parameters:,} parameters)"

    @property
    def _known(self) -> zoo.Model:
        assert self._opened is not None
        return self._opened

    @contextmanager
    def at_hand(self) -> Iterator[Model]:
        """Have the network read as it is now; at the end it, and the process's state, are as they were."""
        with undisturbed(self._live):
            if self._live is not None:
                self._take(zoo.live_model(self._live, self.name, self._config().models[self.name]))
            elif self._opened is None:
                self._take(zoo.open_model(self.name, self._config().models[self.name]))
            yield self

    def _take(self, found: zoo.Model) -> None:
        # What was compiled of a live network holds as long as it is what it was.
        if self._opened is None or self._opened.anatomy != found.anatomy:
            self._opened = found

    def _config(self) -> Config:
        return checked({"models": {self.name: {**self.settings, "layers": "all"}}})

    def offered(self, config: Config) -> None:
        """Let this process's tasks find the network under its name in a config."""
        opened.put(self.name, config.models[self.name], self._known)


def open_model(
    network: Any,
    *,
    name: str | None = None,
    weights: str | Path = "imagenet",
    imports: Sequence[str] = (),
    input_size: int | None = None,
    preprocessing: str | Mapping[str, Any] = "auto",
    classes: str | Path | Sequence[str] | None = None,
) -> Model:
    """Open a network: a name or path as a config's `source` takes it, or a Keras model that is open already.

    `name` is what records call it; `classes` are names, or a text file of them. The other settings are those
    of the config. A live model stays as it is: its weights are shared, and it may be trained further; each
    call sees it as it then is. Raises UserError, in one line with the fix, when it can't be shown; warns when
    the range of its input is a guess.
    """
    file = str(weights) if weights in KEYWORDS else _path(weights)
    given: Settings = {"weights": file, "preprocessing": preprocessing, "classes": _classes(classes)}
    if isinstance(network, str | Path):
        source = os.fspath(network)
        source = _path(source) if is_place(source) else source
        given |= {"source": source, "imports": list(imports), "input_size": input_size}
        model = Model(name or _name_of(source), given)
    else:
        if not hasattr(network, "_flatten_layers"):
            raise ModelError(f"{network!r:.60} is no network; give a name, a path or a Keras model")
        if weights != "imagenet" or imports or input_size is not None:
            raise ModelError("a live model has weights, code and a size: no weights, imports or input_size")
        model = Model(name or str(network.name), {**given, "source": "live"}, network)
    config = model._config()
    for problem in layer_problems(config, {model.name: model.anatomy}):
        if problem.location[2:] == ("classes",):
            raise ModelError(f"classes: {problem.message}")
    if words := guess_warning(model.name, model.anatomy):
        warnings.warn(words.removeprefix("Warning: "), stacklevel=2)
    return model


def given_model(model: object) -> None:
    """Raises ModelError for what is no opened network, such as a name or a Keras model."""
    if not isinstance(model, Model):
        raise ModelError(
            f"{model!r:.60} is no opened network; `open_model` makes one of a name or a Keras model"
        )


def _path(path: str | Path) -> str:
    """Absolute, unless it is so from the home folder: a notebook may change its folder between calls."""
    return os.fspath(path) if os.fspath(path).startswith("~") else str(Path(path).absolute())


def _name_of(source: str) -> str:
    if is_hub(source):
        return source.removeprefix("kerashub:").rstrip("/").rpartition("/")[2]
    return Path(source).stem if is_place(source) else source


def _classes(classes: str | Path | Sequence[str] | None) -> str | None:
    """The path of a file of class names, as the config wants it."""
    if classes is None or isinstance(classes, str | Path):
        return None if classes is None else _path(classes)
    lines = [" ".join(str(one).split()) for one in classes]
    text = "\n".join(lines) + "\n"
    path = own_folder() / f"classes-{hashlib.sha256(text.encode()).hexdigest()[:16]}.txt"
    path.write_text(text, encoding="utf-8")
    return str(path)
