"""Which fields of a recipe go together; one that can do nothing is refused where the user gave it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from generator.config.objectives import OBJECTIVES

if TYPE_CHECKING:
    from generator.config.recipes import Recipe


class Conflict(NamedTuple):
    """Fields of a recipe that do not go together, the one to change first, and why not."""

    fields: tuple[str, ...]
    message: str


class ConflictError(ValueError):
    """A recipe's fields do not go together: every conflict there is."""

    def __init__(self, conflicts: tuple[Conflict, ...]) -> None:
        super().__init__("; ".join(conflict.message for conflict in conflicts))
        self.conflicts = conflicts


def check(recipe: Recipe, given: Collection[str]) -> None:
    """Raise ConflictError with every conflict between a recipe's fields, of which the user `given` these."""
    if found := (*_contradictions(recipe), *_idle(recipe, given)):
        raise ConflictError(found)


# -- what can't be rendered ------------------------------------------------------------------------


def _contradictions(recipe: Recipe) -> Iterator[Conflict]:
    """Whoever set these fields, the user or the recipe that the user's is based on."""
    several = recipe.aim.of_several
    if recipe.squash == "clip" and recipe.parameterization != "pixels":
        yield Conflict(("squash", "parameterization"), "`squash: clip` is for `parameterization: pixels`")
    if recipe.parameterization == "maco" and recipe.start_from != "noise":
        message = "`parameterization: maco` starts from noise; it has no place for a picture"
        yield Conflict(("start_from", "parameterization"), message)
    if several and recipe.pictures < 2:
        message = f"`objective: {recipe.objective}` needs `pictures`, 2 or more"
        yield Conflict(("pictures", "objective"), message)
    if not several and recipe.pictures > 1:
        message = f"`pictures` is for {_objectives_with('pictures')}; elsewhere it is 1"
        yield Conflict(("pictures", "objective"), message)
    if several and not recipe.aim.alike and not _draws(recipe):
        message = "its pictures would all be the same; let them start from noise, or give `jitter`"
        yield Conflict(("objective", *_DRAWN), message)
    if recipe.objective == "neuron" and recipe.tile:
        message = "`objective: neuron` is of one place, and each tile has its own; set `tile: 0`"
        yield Conflict(("tile", "objective"), message)


_DRAWN = ("start_from", "start", "scale", "jitter", "rotate", "noise", "tile")


def _draws(recipe: Recipe) -> bool:
    """Whether anything about a picture is drawn at random."""
    start = recipe.start if recipe.start_from in ("noise", "image") else 0.0
    zooms = recipe.scale[1] - recipe.scale[0]
    return any((start, zooms, recipe.jitter, recipe.rotate, recipe.noise, recipe.tile))


def _objectives_with(field: str) -> str:
    """`objective: diversity or interpolation`, as far as they take a field."""
    names = [name for name, objective in OBJECTIVES.items() if field in objective.fields]
    return f"`objective: {' or '.join(names)}`"


# -- what does nothing -----------------------------------------------------------------------------

_NEVER = object()


class _Needs(NamedTuple):
    """What a field needs to do anything: whether a recipe has it, in words, and the fields that decide.

    `off` is the value by which a user says that it is to do nothing.
    """

    met: Callable[[Recipe], bool]
    words: str
    by: tuple[str, ...]
    off: object = _NEVER


def _objective_with(field: str, off: object) -> _Needs:
    return _Needs(lambda recipe: field in recipe.aim.fields, _objectives_with(field), ("objective",), off)


_NEEDS: Mapping[str, _Needs] = {
    "position": _objective_with("position", None),
    "direction": _objective_with("direction", ()),
    "cossim": _objective_with("cossim", 0),
    "towards": _objective_with("towards", None),
    "diversity": _objective_with("diversity", 0),
    "decorrelate": _Needs(lambda r: r.squash != "clip", "`squash: sigmoid`", ("squash",), False),
    "decay": _Needs(
        lambda r: r.parameterization == "fourier" or (r.parameterization == "maco" and r.magnitude is None),
        "`parameterization: fourier`, or `maco` without `magnitude`",
        ("parameterization", "magnitude"),
    ),
    "magnitude": _Needs(
        lambda r: r.parameterization == "maco", "`parameterization: maco`", ("parameterization",), None
    ),
    "image": _Needs(
        lambda r: r.aim.photo or r.start_from == "image",
        f"{_objectives_with('image')} or `start_from: image`",
        ("start_from", "objective"),
        None,
    ),
    "start": _Needs(
        lambda r: r.start_from in ("noise", "image"), "`start_from: noise` or `image`", ("start_from",), 0
    ),
    "octave_scale": _Needs(lambda r: r.octaves > 1, "`octaves`, 2 or more", ("octaves",)),
    "octave_blur": _Needs(lambda r: r.octaves > 1, "`octaves`, 2 or more", ("octaves",), 0),
    "equalize": _Needs(
        lambda r: r.ascent == "normalized" and r.parameterization == "fourier",
        "`ascent: normalized` and `parameterization: fourier`",
        ("ascent", "parameterization"),
        0,
    ),
    "momentum": _Needs(lambda r: r.ascent != "plain", "`ascent: normalized` or `adam`", ("ascent",), 0),
    "weight_decay": _Needs(lambda r: r.ascent == "normalized", "`ascent: normalized`", ("ascent",), 0),
    "gif": _Needs(lambda r: r.frames > 0, "`frames`, 1 or more", ("frames",), False),
    "seed": _Needs(_draws, "something drawn, as a start from noise or `jitter` is", _DRAWN),
}


def _idle(recipe: Recipe, given: Collection[str]) -> Iterator[Conflict]:
    """Fields that the user gave and that do nothing beside the others."""
    for name, needs in _NEEDS.items():
        if name in given and getattr(recipe, name) != needs.off and not needs.met(recipe):
            message = f"does nothing here, as it needs {needs.words}; leave it out, or set that"
            yield Conflict((name, *needs.by), message)
