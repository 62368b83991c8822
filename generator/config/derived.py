"""The settings of derived layers: features of a layer instead of its channels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr

from generator.config.base import Settings
from generator.config.channels import Channels

MOST_CONCEPTS = 512


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _as_count(value: object) -> object:
    return {"count": value} if isinstance(value, int | float | str) else value


def _as_file(value: object) -> object:
    return {"file": value} if isinstance(value, str | Path) else value


def _as_name(name: str) -> str:
    """ValueError for a name that no layer can have."""
    if not name.strip() or "/" in name:
        raise ValueError("should be a name without slashes, `sae` for instance")
    return name


_Channels = Annotated[Channels, BeforeValidator(Channels.parse)]
_Names = Annotated[list[str], BeforeValidator(_as_list)]


class ConceptsConfig(Settings):
    """Concepts of a layer, found in the data set: directions of which its activations are sums."""

    count: Annotated[int, Field(ge=2, le=MOST_CONCEPTS)]
    """How many."""
    channels: _Channels | None = None
    """Which of them get pictures; default: all."""
    recipes: _Names | None = None
    """Names of recipes; default: the layer's."""

    _found: Mapping[str, Path] = PrivateAttr(default_factory=dict)

    @property
    def found(self) -> Mapping[str, Path]:
        """By layer the file with its concepts, as far as they are found."""
        return self._found

    def known(self, found: Mapping[str, Path]) -> ConceptsConfig:
        """The same with files that hold what was found."""
        settings = self.model_copy()
        settings._found = found
        return settings


class DictionaryConfig(Settings):
    """A dictionary of your own, such as a sparse autoencoder trained on the layer; see docs/concepts.md."""

    file: Path
    """An .npz or .safetensors file with its encoder and decoder."""
    name: Annotated[str, AfterValidator(_as_name)] | None = None
    """What it is called, after the layer's name and a dot; default: the file's name without its ending."""
    channels: _Channels | None = None
    """Which features get pictures; default: the model's `channels`."""
    recipes: _Names | None = None
    """Names of recipes; default: the layer's."""

    _digest: str = PrivateAttr(default="")

    @property
    def called(self) -> str:
        """Its name."""
        return self.name or self.file.stem

    @property
    def digest(self) -> str:
        """The SHA-256 (hex) of the dictionary when the plan was made, which a worker checks; or nothing."""
        return self._digest

    def known(self, digest: str) -> DictionaryConfig:
        """The same with the digest of what is in the file."""
        settings = self.model_copy()
        settings._digest = digest
        return settings


ConceptsField = Annotated[ConceptsConfig, BeforeValidator(_as_count)]
DictionaryField = Annotated[DictionaryConfig, BeforeValidator(_as_file)]


def channels_or_none(value: Any) -> Channels:
    """As `Channels.parse`; `none` chooses none."""
    return Channels(()) if value == "none" else Channels.parse(value)
