"""Recipes: everything that determines a picture apart from the network and the channel.

A recipe is a frozen value. Its fields enter the key of every picture made with it, so a field is added
here only if it changes pictures; what only changes speed (batch size, threads) lives elsewhere.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Objective = Literal["channel", "negative", "neuron"]
Parameterization = Literal["fourier", "pixels"]
Precision = Literal["auto", "float32", "bfloat16"]
Ascent = Literal["normalized", "adam"]


def _check_zoom(zoom: tuple[float, float]) -> tuple[float, float]:
    if not 0 < zoom[0] <= zoom[1] <= 10:
        raise ValueError(f"should be two zooms above 0 and up to 10, the smaller one first, not {list(zoom)}")
    return zoom


class Recipe(BaseModel):
    """How to make a picture. Field by field: what it is, its unit and its range."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: Annotated[str, Field(exclude=True)] = ""
    """One sentence for the gallery; not part of the key."""
    objective: Objective = "channel"
    """What the picture maximises: a channel's mean activation, its negative, or its central unit."""
    parameterization: Parameterization = "fourier"
    """What is optimised: Fourier coefficients with 1/f scaling (Lucid's default), or raw pixels."""
    decorrelate: bool = True
    """Optimise in ImageNet's decorrelated colour space, so that colours come out natural."""
    decay: Annotated[float, Field(ge=0, le=3)] = 1.0
    """Power of the 1/f scaling of the Fourier coefficients: larger is smoother."""
    start: Annotated[float, Field(gt=0, le=1)] = 0.01
    """Standard deviation of the starting noise, in the parameterization's own units."""
    size: Annotated[int, Field(ge=16, le=2048)] = 160
    """Width and height of the picture, in pixels."""
    steps: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Optimisation steps."""
    ascent: Ascent = "normalized"
    """How a gradient becomes a step: `normalized` divides a picture's gradient by its root mean square and
    adds momentum; `adam` also evens out the coefficients (Lucid's way; needs more steps)."""
    equalize: Annotated[float, Field(ge=0, le=1)] = 0.65
    """How far a gradient's power is evened out over frequency bands before a `normalized` step."""
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 0.08
    """Step size, in the parameterization's own units."""
    cooldown: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Share of the steps, at the end, over which the step size falls to a tenth, so that details settle."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.4
    """Share of the last step that goes into the next (Adam's beta1)."""
    weight_decay: Annotated[float, Field(ge=0, lt=1)] = 0.006
    """Share of its distance from grey that each step takes back (`normalized` only): keeps contrast natural
    at the same activation."""
    pad: Annotated[int, Field(ge=0, le=256)] = 0
    """Grey pixels around the canvas before it is transformed, so that nothing hides at the border."""
    jitter: Annotated[int, Field(ge=0, le=256)] = 6
    """Largest shift per axis, in pixels, drawn anew for each picture and step."""
    scale: Annotated[tuple[float, float], AfterValidator(_check_zoom)] = (0.95, 1.05)
    """Smallest and largest zoom, drawn anew for each picture and step."""
    rotate: Annotated[float, Field(ge=0, le=180)] = 5.0
    """Largest rotation either way, in degrees, drawn anew for each picture and step."""
    precision: Precision = "auto"
    """Number format of the network: `float32`, `bfloat16`, or `auto`, which measures long layers and takes
    the faster on this machine. Rounding differs: deep layers' pictures come out otherwise, as good."""
    open_relu: bool = True
    """Let gradient through a ReLU that is off everywhere, so that no channel stays dead because its
    start was (Lucid's redirected ReLU gradient)."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """Seed of the start and of the transforms; each channel draws its own stream from it."""

    def identity(self) -> dict[str, Any]:
        """What enters a key: every field that changes the picture, as plain JSON values."""
        return self.model_dump(mode="json")


BUILT_IN: dict[str, Recipe] = {
    "channel": Recipe(
        description="The picture that excites the channel most, averaged over all positions.",
    ),
    "negative": Recipe(
        objective="negative",
        description="The picture that drives the channel's activation as low as it goes.",
    ),
    "neuron": Recipe(
        objective="neuron",
        jitter=1,
        description="The picture that excites the single unit at the centre of the channel.",
    ),
    "lucid": Recipe(
        ascent="adam",
        steps=512,
        learning_rate=0.05,
        cooldown=0.0,
        momentum=0.9,
        decay=1.0,
        pad=12,
        jitter=8,
        scale=(0.9, 1.1),
        rotate=10.0,
        description="The channel's favourite by the settings of Lucid: slower, softer contrast.",
    ),
}
