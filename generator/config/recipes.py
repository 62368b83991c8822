"""Recipes: everything that determines a picture apart from the network and the channel.

A recipe is a frozen value. Its fields enter the key of every picture made with it, so a field is added
here only if it changes pictures; what only changes speed (batch size, threads) lives elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from generator.config import conflicts
from generator.config.base import Settings
from generator.config.content import content_digest
from generator.config.objectives import OBJECTIVES, Objective, ObjectiveName

Parameterization = Literal["fourier", "pixels", "maco"]
Squash = Literal["sigmoid", "clip"]
Start = Literal["noise", "grey", "black", "image"]
Precision = Literal["auto", "float32", "bfloat16"]
Ascent = Literal["normalized", "adam", "plain"]

SMALLEST = 16
"""Pixels that a picture, and what is shown of it at once, has along a side at least."""

RECIPE_FILES = ("image", "magnitude")
"""Fields that name files; in config.yaml relative to it."""

FITTED = ("size", "jitter", "pad")
"""Fields, in pixels, that are others on networks of small pictures; see `Recipe.fitted`."""


def _check_zoom(zoom: tuple[float, float]) -> tuple[float, float]:
    if not 0 < zoom[0] <= zoom[1] <= 10:
        raise ValueError(f"should be two zooms above 0 and up to 10, the smaller one first, not {list(zoom)}")
    return zoom


def _check_tile(tile: int) -> int:
    if 0 < tile < SMALLEST:
        raise ValueError(f"should be 0, which shows pictures whole, or {SMALLEST} or more, not {tile}")
    return tile


def _as_pairs(value: object) -> object:
    return tuple(value.items()) if isinstance(value, Mapping) else value


Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=1000)]


class Recipe(Settings):
    """How to make a picture. Field by field: what it is, its unit and its range."""

    description: Annotated[str, Field(exclude=True)] = ""
    """One sentence for the gallery; not part of the key."""

    objective: ObjectiveName = "channel"
    """What the picture maximises. Of a channel: its mean activation (`channel`), its negative, one unit
    (`neuron`), the class score before softmax or sigmoid (`logit`), a transformer's class token
    (`class-token`), several varied pictures (`diversity`), a series towards another channel
    (`interpolation`). Of a layer: the mean of its squares (`layer`, DeepDream), a `direction` in it, or what
    it sees in a photo (`caricature`)."""
    position: tuple[Share, Share] | None = None
    """For `neuron`: how far down and how far right the unit is, each from 0 to 1; default: the centre."""
    direction: Annotated[tuple[tuple[int, float], ...], BeforeValidator(_as_pairs)] = ()
    """For `direction`: the weight of each channel that takes part, as in `{3: 1.0, 17: -0.5}`."""
    cossim: Annotated[float, Field(ge=0, le=10)] = 0.0
    """For `direction` and `caricature`: power of the cosine similarity that the product is multiplied by;
    more gives up strength for purity (Lucid's cossim_pow)."""
    towards: Annotated[int | None, Field(ge=0)] = None
    """For `interpolation`: the channel at the far end of the series."""
    pictures: Annotated[int, Field(ge=1, le=16)] = 1
    """For `diversity` and `interpolation`: how many pictures are optimised and shown together."""
    diversity: Annotated[float, Field(ge=0, le=10)] = 0.0
    """For `diversity`: what likeness costs, as a share of the activation: the mean cosine similarity of the
    pictures' Gram matrices at the layer, times this; in layers without positions that of their outputs and
    of the pictures themselves."""

    parameterization: Parameterization = "fourier"
    """What is optimised: Fourier coefficients with 1/f scaling (Lucid's default), raw `pixels`, or only the
    Fourier phases at a fixed magnitude (`maco`)."""
    decorrelate: bool = True
    """Optimise in ImageNet's decorrelated colour space, so that colours come out natural."""
    decay: Annotated[float, Field(ge=0, le=3)] = 1.0
    """Power of the 1/f scaling of the Fourier coefficients, or of MACO's magnitude: larger is smoother."""
    magnitude: Path | None = None
    """For `maco`: a picture, or a folder of pictures, whose mean magnitude is taken instead of 1/f."""
    squash: Squash = "sigmoid"
    """How colours are kept in range: through a `sigmoid`, or by clipping after each step (`pixels` only)."""

    start_from: Start = "noise"
    """What the optimisation starts from: noise around grey, plain grey or black, or the `image`."""
    image: Path | None = None
    """The user's photo: what a `caricature` exaggerates, and where `start_from: image` starts. Pictures take
    its shape, their longer side being `size`."""
    start: Annotated[float, Field(ge=0, le=10)] = 0.01
    """Standard deviation of the starting noise, in the parameterization's own units."""

    size: Annotated[int, Field(ge=SMALLEST, le=2048)] = 160
    """Longer side of the picture, in pixels. A network with a fixed input of at most 96 pixels gets pictures
    of just that size, and pad and jitter in proportion."""
    octaves: Annotated[int, Field(ge=1, le=20)] = 1
    """Sizes that are worked through from small to `size`; the steps are shared out among them. Sizes below
    16 pixels are left out."""
    octave_scale: Annotated[float, Field(gt=1, le=4)] = 1.4
    """How many times larger each octave is than the one before."""
    octave_blur: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Blur of a picture when it is enlarged for the next octave: standard deviation in pixels."""
    tile: Annotated[int, Field(ge=0, le=2048), AfterValidator(_check_tile)] = 0
    """Larger pictures are seen tile by tile, each so many pixels wide (16 or more), shifted anew at each
    step; 0 shows them whole."""

    steps: Annotated[int, Field(ge=1, le=10_000)] = 70
    """Optimisation steps, all octaves together."""
    ascent: Ascent = "normalized"
    """How a gradient becomes a step: `normalized` divides a picture's gradient by its root mean square and
    adds momentum; `adam` also evens out the coefficients (Lucid's way; needs more steps); `plain` divides by
    the gradient's standard deviation and does nothing else."""
    equalize: Annotated[float, Field(ge=0, le=1)] = 0.7
    """How far a gradient's power is evened out over frequency bands before a `normalized` step."""
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 0.12
    """Step size, in the parameterization's own units."""
    cooldown: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the steps, at the end, over which the step size falls to a tenth, so that details settle."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of the last step that goes into the next (Adam's beta1)."""
    weight_decay: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """Share of its distance from grey that each step takes back (`normalized` only), so that contrast stays
    natural; in layers of a stride below 32 px, which live on contrast, less by its square."""

    l1: Weight = 0.0
    """Cost of the sum of distances from grey, pixels in [0, 1] (Lucid's example: 0.05)."""
    l2: Weight = 0.0
    """Cost of the root of the summed squared distances from grey."""
    total_variation: Weight = 0.0
    """Cost of the summed differences between neighbouring pixels (Lucid's example: 0.25)."""
    blur: Weight = 0.0
    """Cost of the squared difference from a blurred copy: each step blurs a little (Lucid's example: 1)."""

    pad: Annotated[int, Field(ge=0, le=256)] = 0
    """Grey pixels around the canvas before it is transformed, so that nothing hides at the border."""
    jitter: Annotated[int, Field(ge=0, le=256)] = 6
    """Largest shift per axis, in pixels, drawn anew for each picture and step."""
    scale: Annotated[tuple[float, float], AfterValidator(_check_zoom)] = (0.96, 1.04)
    """Smallest and largest zoom, drawn anew for each picture and step."""
    rotate: Annotated[float, Field(ge=0, le=180)] = 4.0
    """Largest rotation either way, in degrees, drawn anew for each picture and step."""
    noise: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Standard deviation of noise that is added to what the network sees, anew at each step."""

    frames: Annotated[int, Field(ge=0, le=120)] = 0
    """Frames of an animation of the optimisation, shown on the channel's page on demand; 0 for none."""
    gif: bool = False
    """Write the animation as GIF, for where WebP is not understood; it is several times larger."""
    precision: Precision = "auto"
    """Number format of the network: `float32`, `bfloat16`, or `auto`, which measures long layers and takes
    bfloat16 where it is clearly faster on this machine. Rounding differs: deep layers' pictures come out
    otherwise, as good."""
    open_relu: bool = True
    """Let gradient through a ReLU that is off everywhere, so that no channel stays dead because its
    start was (Lucid's redirected ReLU gradient)."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """Seed of the start and of the transforms; each channel draws its own stream from it."""

    @model_validator(mode="after")
    def _fields_fit(self, info: ValidationInfo) -> Recipe:
        conflicts.check(self, (info.context or {}).get("given", self.model_fields_set))
        return self

    def changed(self, changes: Mapping[str, Any], shared: Mapping[str, Any] = {}) -> Recipe:
        """This recipe with a user's changes, and settings that all recipes share.

        Raises ValidationError for fields that are wrong or do not go together. A field that does nothing
        is a mistake among the changes; this recipe's own and shared ones may do nothing.
        """
        fields = {**self.model_dump(), "description": self.description, **shared, **changes}
        return Recipe.model_validate(fields, context={"given": set(changes)})

    @property
    def aim(self) -> Objective:
        """The objective: its words, what it takes, and where it can be pursued."""
        return OBJECTIVES[self.objective]

    @property
    def goal(self) -> str:
        """What the recipe does, to complete a sentence that begins with "It"."""
        down, right = (f"{100 * share:g}" for share in self.position or (0, 0))
        return self.aim.goal.format(
            place=f"{down} % of the way down and {right} % across" if self.position else "at the centre",
            photo=self.image.name if self.image else "a photo",
            pictures=self.pictures,
            towards=self.towards,
            direction=", ".join(f"channel {c} with weight {_signed(w)}" for c, w in self.direction),
        )

    @property
    def missing(self) -> str:
        """The field that the user has yet to give before the recipe can be used; or nothing."""
        needed = [*self.aim.needs, *(["image"] if self.start_from == "image" else [])]
        return next((name for name in needed if getattr(self, name) in (None, ())), "")

    @property
    def of_whole_layer(self) -> bool:
        """Whether it makes one picture of a layer instead of one a channel."""
        return self.aim.of_layer

    def fitted(self, own_side: int | None) -> Recipe:
        """The recipe for a network whose input is fixed and small: its size, transforms in proportion.

        Pictures of another size would be shrunk before the network sees them, and what it sees is lost in
        that. `own_side` is None for other networks: the recipe stays as it is.
        """
        if own_side is None:
            return self
        share = own_side / self.size
        shrunk = {name: math.ceil(getattr(self, name) * share) for name in FITTED}
        return self.model_copy(update={**shrunk, "size": own_side})

    def identity(self) -> dict[str, Any]:
        """What enters a key: every field that changes the picture, as plain JSON values.

        Files enter by what is in them. Raises OSError for those that can't be read.
        """
        values = self.model_dump(mode="json")
        for name in RECIPE_FILES:
            path = getattr(self, name)
            values[name] = None if path is None else content_digest(path)
        return values


def _signed(weight: float) -> str:
    return f"{weight:.3g}".replace("-", "\u2212")
