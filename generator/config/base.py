"""What all parts of the config share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

Fit = Literal["crop", "squash", "pad"]
"""How a picture is brought to a network's input: its centre, distorted, or whole on grey."""


class Settings(BaseModel):
    """Unknown keys are errors, values don't change, numbers are finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _nothing_odd(cls, value: Any, info: ValidationInfo) -> Any:
        """Neither `true` for a number nor nothing for a path, which Python takes for 1 and `.`."""
        kind = cls.model_fields[str(info.field_name)].annotation
        if _is_number(kind) and (found := _truth_value(value)) is not None:
            raise ValueError(f"should be a number, not {str(found).lower()}")
        if value == "" and Path in (kind, *get_args(kind)):
            raise ValueError("should not be empty")
        return value


def _is_number(annotation: Any) -> bool:
    return annotation in (int, float) or any(_is_number(part) for part in get_args(annotation))


def _truth_value(value: Any) -> bool | None:
    """The first `true` or `false` in a value, or None."""
    if isinstance(value, Mapping):
        value = list(value.values())
    parts = value if isinstance(value, list | tuple) else [value]
    return next((part for part in parts if isinstance(part, bool)), None)
