"""What a picture may maximise: all of an objective that needs no TensorFlow; render/ has its score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Shape = tuple[int | None, ...]
"""Of a layer's output, without the batch axis and channels last; None where the network does not fix it."""

ObjectiveName = Literal[
    "channel",
    "negative",
    "neuron",
    "direction",
    "logit",
    "class-token",
    "diversity",
    "interpolation",
    "layer",
    "caricature",
]


def _anywhere(shape: Shape, last: bool, special: int) -> str:
    return ""


@dataclass(frozen=True)
class Objective:
    """An objective's words, what it takes and where it can be pursued.

    `goal` completes the sentence "This recipe ..."; {place}, {photo}, {pictures}, {towards} and {direction}
    in it are filled in from the recipe. `measure` names what its activation measures. `fields` are the
    recipe's fields that mean something to it alone, `needs` those among them that the user must give.
    `of_layer` says that there is one picture of a layer instead of one a channel, `of_several` that a job
    has several pictures, `alike` that these start and are seen alike, so that places correspond.
    `sign` is -1 where the activation is to fall. `unbounded` says that ReLUs before the layer are left out,
    `logits` that its softmax or sigmoid is, `photo` that the score compares with the recipe's photo.
    `unfit` says what keeps it from a layer of a shape, the last of its network or not, with so many tokens in
    front that are no patches; or nothing.
    """

    goal: str
    measure: str = "Mean activation"
    fields: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    of_layer: bool = False
    of_several: bool = False
    alike: bool = False
    sign: float = 1.0
    unbounded: bool = False
    logits: bool = False
    photo: bool = False
    unfit: Callable[[Shape, bool, int], str] = _anywhere


def _without_token(shape: Shape, last: bool, special: int) -> str:
    if len(shape) == 2 and special:
        return ""
    return "has no class token; those are in layers of transformers, which are of tokens"


def _without_classes(shape: Shape, last: bool, special: int) -> str:
    if len(shape) == 1 or last:
        return ""
    return "has no scores of classes; those are in the last layers of a network"


OBJECTIVES: Mapping[ObjectiveName, Objective] = {
    "channel": Objective("raises the mean activation of a channel over all positions"),
    "negative": Objective(
        "lowers the mean activation of a channel over all positions", sign=-1.0, unbounded=True
    ),
    "neuron": Objective(
        "raises the activation of one unit of a channel, {place}", measure="Activation", fields=("position",)
    ),
    "logit": Objective(
        "raises the score of a class, before it becomes a probability",
        measure="Class score",
        logits=True,
        unfit=_without_classes,
    ),
    "class-token": Objective(
        "raises a channel of a transformer’s class token",
        measure="Activation of the class token",
        unfit=_without_token,
    ),
    "diversity": Objective(
        "raises the mean activation of a channel in {pictures} pictures at once, which pay for being alike",
        fields=("pictures", "diversity"),
        of_several=True,
    ),
    "interpolation": Objective(
        "goes from a channel to channel {towards} in {pictures} pictures, each of which raises a mixture of "
        "the two",
        fields=("pictures", "towards"),
        needs=("towards",),
        of_several=True,
        alike=True,
    ),
    "direction": Objective(
        "raises several channels together ({direction})",
        measure="Agreement with the direction",
        fields=("direction", "cossim"),
        needs=("direction",),
        of_layer=True,
    ),
    "layer": Objective(
        "raises the mean of a whole layer’s squares, so that whatever it sees grows",
        measure="Mean square of the layer",
        of_layer=True,
    ),
    "caricature": Objective(
        "raises what the layer sees in {photo}, and paints it anew",
        measure="Agreement with the photo",
        fields=("image", "cossim"),
        needs=("image",),
        of_layer=True,
        photo=True,
    ),
}
