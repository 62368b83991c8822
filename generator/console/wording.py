"""How durations, sizes, paths and recipes read, in messages and in options."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from generator.config.addresses import Place
from generator.errors import UserError

WIDTH = 79


def many(count: int, what: str) -> str:
    """`1 picture`, `1,280 pictures`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def of_shard(shard: object | None) -> str:
    """` of shard 3/16`, or nothing where there is none."""
    return "" if shard is None else f" of shard {shard}"


def duration(seconds: float) -> str:
    """`8.1 s`, `12 min 5 s` or `2 h 3 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


def short(place: Place) -> str:
    """A path relative to the current folder, if it is inside; an address as it is."""
    try:
        return str(Path(place).relative_to(Path.cwd()))
    except ValueError:
        return str(place)


def size(count: float) -> str:
    """Bytes as `310 kB`, `8 MB` or `1.2 GB`."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def seconds(text: str) -> float:
    """The seconds in `90`, `90s`, `30m` or `2h`; ValueError says what is wrong."""
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        value = float(number) * units[unit]
    except ValueError:
        raise ValueError(f"{text!r} is no duration; write 90s, 30m or 2h") from None
    if not 0 < value < float("inf"):
        raise ValueError("should be more than nothing")
    return value


def words(part: type[BaseModel]) -> dict[str, str]:
    """The docstring under each field of a part of the config, by the field's name."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(part))).body
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for statement, after in zip(tree.body, tree.body[1:], strict=False):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        if not statement.target.id.startswith("_"):
            assert isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant), statement.target.id
            found[statement.target.id] = " ".join(str(after.value.value).split())
    return found


def overview(recipes: Mapping[str, Any]) -> Iterator[str]:
    """Lines: every recipe with its sentence, those of channels before those of whole layers."""
    for title, whole in (("Of a channel:", False), ("Of a whole layer:", True)):
        yield title
        for name, recipe in recipes.items():
            if recipe.of_whole_layer == whole:
                # A name of the user's may be longer than its column; its sentence then starts after it.
                yield from _filled(f"  {name:<14} ", recipe.description, 17)
    yield "`build-site recipes NAME` shows one in full."


def in_full(name: str, recipes: Mapping[str, Any]) -> Iterator[str]:
    """Lines: a recipe's sentence, what is missing and its settings; UserError if there is none."""
    if name not in recipes:
        near = get_close_matches(name, recipes, n=3, cutoff=0.4) or list(recipes)
        raise UserError(f"no recipe {name!r}; the nearest are {', '.join(near)}")
    recipe = recipes[name]
    usual, meanings = type(recipe)(), words(type(recipe))
    yield from _filled(f"{name}: ", recipe.description, 2)
    if recipe.missing:
        yield from _filled(f"You must give `{recipe.missing}`: ", meanings[recipe.missing], 2)
    own = [f for f in meanings if f != "description" and getattr(recipe, f) != getattr(usual, f)]
    rest = [f for f in meanings if f != "description" and f not in own]
    if own:
        yield "\nWhat it sets otherwise than the default recipe:"
    for field in own:
        yield from _filled("", f"{field}: {_shown(getattr(recipe, field))}", 6, first="  ")
        yield from _filled("      ", meanings[field], 6)
    yield "\nThe rest:"
    for field in rest:
        yield f"  {field}: {_shown(getattr(recipe, field))}"


def _filled(start: str, text: str, indent: int, first: str = "") -> list[str]:
    """Text in lines of at most WIDTH, the first after `start`."""
    return textwrap.wrap(start + text, WIDTH, initial_indent=first, subsequent_indent=" " * indent) or [start]


def _shown(value: object) -> str:
    """A value as it would stand in a config file, more or less."""
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)


def input_words(anatomy: Any) -> str:
    """What an anatomy's network takes: `Input 224 x 224 x 3; black becomes 0, white 255: ...`."""
    return f"Input {_shape(anatomy.input_shape)}; {anatomy.preprocessing}."


def guess_warning(name: str, anatomy: Any) -> str | None:
    """What to say of a network whose input range is a guess, else None."""
    if not anatomy.preprocessing_guessed:
        return None
    black_white = anatomy.preprocessing.partition(":")[0]
    return (
        f"Warning: {name}: the range of its input is a guess ({black_white}); say it with `preprocessing:`, "
        "for if it is another, the pictures are wrong"
    )


def _shape(shape: Iterable[int | None]) -> str:
    return " x ".join("?" if side is None else str(side) for side in shape)


def layer_table(layers: Iterable[Any]) -> Iterator[str]:
    """Lines: the layers of an anatomy that can be rendered, under a heading."""
    yield f"{'layer':<44} {'kind':<24} {'shape':<18} {'channels':>8} {'sees':>11}"
    for layer in layers:
        if layer.renderable:
            shape = _shape(layer.shape)
            sees = _sees(layer.receptive_field)
            yield f"{layer.name:<44} {layer.kind:<24} {shape:<18} {layer.channels:>8} {sees:>11}"


def _sees(field: tuple[int, int] | None) -> str:
    """`35 px`, or height and width where they differ: `1 x 7 px`."""
    if field is None:
        return "all"
    return f"{' x '.join(map(str, dict.fromkeys(field)))} px"
