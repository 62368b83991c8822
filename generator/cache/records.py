"""What the cache keeps of a picture and of a failure, as typed values; on the disk they are plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Record:
    """What is known of one finished picture.

    `activation` is the objective's value on the final, untransformed picture in the layer's own units
    (mean over positions; for `negative` the mean activation itself, so lower is better); `trajectory`
    the objective at evenly spaced steps of the optimisation; `dead` says that the channel never became
    active, so the picture shows nothing. `picture_sha256` is known once it is stored.
    """

    key: str
    model: str
    layer: str
    channel: int
    recipe_name: str
    recipe: dict[str, Any]
    fingerprint: str
    activation: float
    trajectory: tuple[float, ...]
    dead: bool
    width: int
    height: int
    seconds: float
    rendered_at: str
    versions: dict[str, str]
    extra: dict[str, Any] = field(default_factory=dict)
    picture_sha256: str = ""

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Record:
        """From what `to_json` gave, and more that is left out; ValueError when something is missing."""
        known = {name: values[name] for name in _RECORD if name in values}
        try:
            if wrong := [name for name, kind in _KINDS.items() if not isinstance(known[name], kind)]:
                raise TypeError(f"{', '.join(wrong)} of another kind")
            if not all(isinstance(value, int | float) for value in known["trajectory"]):
                raise TypeError("trajectory of other things than numbers")
            return cls(**{**known, "trajectory": tuple(known["trajectory"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"no record of a picture: {error}") from error

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values, without what the cache says of its files."""
        values = asdict(self)
        del values["picture_sha256"]
        return values


_RECORD = tuple(one.name for one in fields(Record))
_KINDS: dict[str, Any] = {
    **dict.fromkeys(("key", "model", "layer", "recipe_name", "fingerprint", "rendered_at"), str),
    **dict.fromkeys(("channel", "width", "height"), int),
    **dict.fromkeys(("activation", "seconds"), int | float),
    **dict.fromkeys(("recipe", "versions"), dict),
    "dead": bool,
    "trajectory": list | tuple,
}
"""What JSON has to hold for a record; it may come with a stranger's cache."""


@dataclass(frozen=True)
class Failure:
    """Why something could not be made: its key, how messages name it, and one line of reason.

    `lasting` says that it would be so however often it is tried.
    """

    key: str
    title: str
    reason: str
    failed_at: str
    lasting: bool = False

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Failure:
        """From what was kept of it, by earlier versions too; ValueError when something is missing."""
        try:
            title = values["title"] if "title" in values else _earlier_title(values)
            lasting = values.get("lasting") is True
            texts = values["key"], title, values["reason"], values["failed_at"]
            if not all(isinstance(text, str) for text in texts):
                raise TypeError("its texts are none")
            return cls(*texts, lasting)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no failure: {error}") from error


def _earlier_title(values: Mapping[str, Any]) -> str:
    return f"{values['model']}/{values['layer']}/{values['channel']} ({values['recipe_name']})"
