"""A small network of every vision family in KerasHub, random weights: saved as a preset, opened, rendered.

`python -m docs.generate.hub_networks [NAME ...]` writes the second part of docs/networks.md; each network has
a process of its own.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from docs.generate.hub_families import FAMILIES, classifier_on
from docs.generate.networks import PAGE, SECOND, SIZE, STEPS, apart, middle, render
from generator.config.schema import ModelConfig
from generator.errors import ModelError, cause
from generator.models.anatomy import Anatomy
from generator.models.graph import flatten
from generator.models.zoo import Model, open_model

CLASSIFIER = ", classifier"
SCALE, OFFSET = 1 / 127.5, -1.0

INTRODUCTION = f"""{SECOND}

A small network of every vision family in KerasHub, with random weights, and an image classifier where
KerasHub has one for it: saved with `save_to_preset` and an ImageConverter where there is one, opened as a
folder, its layers listed, and channel 0 of its middle renderable layer rendered through the worker, {STEPS}
steps at {SIZE} px. Made by `make networks`; nothing in the table is written by hand.

*Composites* is how many composite layers it has (those inside others not counted), *shut* how many of these
can't be looked into and are one layer each, *inside* how many layers are parts of the others. *Special* is
how many tokens in front are none of the picture, in its last layer of tokens. *Off* is how far what it gives
is from what KerasHub's own network gives of the same pictures, as a share of the largest value. Of networks
that take words too the part that depends on the pictures alone is shown; seconds are of a busy machine.

"""


@dataclass(frozen=True)
class Trial:
    """What came of a network; `why` is empty when its channel was rendered."""

    name: str
    kind: str = ""
    parameters: int = 0
    layers: int = 0
    inside: int = 0
    composites: int = 0
    shut: int = 0
    special: int = 0
    off: float | None = None
    layer: str = ""
    seconds: float = 0.0
    why: str = ""


def made(name: str) -> Any:
    """The network of that name; None for a classifier that KerasHub does not have."""
    import keras
    import keras_hub

    keras.utils.set_random_seed(1)
    family = name.removesuffix(CLASSIFIER)
    backbone = FAMILIES[family](keras_hub.models)
    return backbone if family == name else classifier_on(keras_hub.models, backbone)


def save(network: Any, folder: Path) -> None:
    """Write a network as a preset, with an ImageConverter if its family has one."""
    import keras_hub

    backbone = getattr(network, "backbone", None) or network
    kinds = keras_hub.layers.ImageConverter.__subclasses__()
    size = tuple(backbone.inputs[0].shape[1:3])
    for kind in [kind for kind in kinds if kind.backbone_cls is type(backbone)][:1]:
        kind(image_size=size, scale=SCALE, offset=OFFSET).save_to_preset(str(folder))
    network.save_to_preset(str(folder))


def tried(name: str) -> Trial:
    """Make a network in this process, save, open and render it."""
    from generator.models.catching import is_composite

    network = made(name)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "preset"
        save(network, folder)
        config = ModelConfig.model_validate({"source": str(folder), "weights": "none", "layers": "all"})
        try:
            model = open_model(name, config)
        except ModelError as error:
            return Trial(name, type(network).__name__, why=_told(folder, error))
        anatomy = model.anatomy
        layer = middle(anatomy).name
        why = render(name, config, anatomy, layer)
    plain = flatten(model.network, anatomy.input_shape, look_inside=False)
    names = {step.name for step in plain}
    # Of an operation of several outputs the first has its name.
    firsts = {id(step.operation): step for step in reversed(plain)}.values()
    composites = [step.name for step in firsts if is_composite(step.operation)]
    inside = [one.name for one in anatomy.layers if one.name not in names]
    shut = [one for one in composites if not any(name.startswith(f"{one}/") for name in inside)]
    return Trial(
        name,
        type(network).__name__,
        anatomy.parameters,
        len(anatomy.layers),
        len(inside),
        len(composites),
        len(shut),
        _special(anatomy),
        _off(network, model),
        layer,
        why=why,
    )


def _told(folder: Path, error: ModelError) -> str:
    """Why a preset is not opened; where KerasHub does not open it either, that."""
    import keras_hub

    models = keras_hub.models
    kind = models.ImageClassifier if (folder / "task.json").is_file() else models.Backbone
    try:
        kind.from_preset(str(folder))
    except Exception as theirs:
        return f"KerasHub itself does not read back what it saved: {cause(theirs)}"
    return error.message


def _special(anatomy: Anatomy) -> int:
    tokens = [layer.special for layer in anatomy.layers if len(layer.shape) == 2 and layer.renderable]
    return tokens[-1] if tokens else 0


def _off(network: Any, model: Model) -> float | None:
    """How far two networks' outputs for the same pictures are apart; None for one of words too."""
    from keras import tree

    if len(network.inputs) > 1:
        return None
    shape = tuple(network.inputs[0].shape[1:])
    shown = np.random.default_rng(0).random((2, *shape), "float32")
    given = shown * 255 * SCALE + OFFSET if "its preset" in model.anatomy.preprocessing else None
    if given is None:
        given = model.preprocessing(shown)
    theirs = tree.flatten(network(given, training=False))
    ours = tree.flatten(model.network(model.preprocessing(shown), training=False))
    pairs = [(np.asarray(a), np.asarray(b)) for a, b in zip(theirs, ours, strict=True)]
    return max(float(np.abs(a - b).max() / (np.abs(a).max() or 1)) for a, b in pairs)


def names() -> list[str]:
    """Every family's backbone, and its classifier if it has one."""
    import keras_hub

    known = {kind.backbone_cls for kind in keras_hub.models.ImageClassifier.__subclasses__()}
    found = []
    for name, make in FAMILIES.items():
        found.append(name)
        if type(make(keras_hub.models)) in known:
            found.append(f"{name}{CLASSIFIER}")
    return found


def table(trials: list[Trial]) -> str:
    """The second part of the page."""
    well = sum(not trial.why for trial in trials)
    rows = [
        f"| {t.name} | `{t.kind}` | {t.parameters:,} | {t.layers} | {t.inside} | {t.composites} | {t.shut} "
        f"| {t.special} | {'' if t.off is None else f'{t.off:.0e}' if t.off else '0'} | `{t.layer}` "
        f"| {t.seconds:.0f} | {t.why or 'ok'} |"
        for t in trials
    ]
    head = ["network", "class", "parameters", "layers", "inside", "composites", "shut", "special", "off"]
    head += ["layer rendered", "seconds", "result"]
    ruler = "|---|---|---:|---:|---:|---:|---:|---:|---:|---|---:|---|"
    lines = [f"{well} of {len(trials)} went well.", "", f"| {' | '.join(head)} |", ruler, *rows, ""]
    return INTRODUCTION + "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Try the networks named, or all; how many did not go well."""
    if arguments[:1] == ["--one"]:
        print(json.dumps(asdict(tried(arguments[1]))))
        return 0
    trials = []
    for name in arguments or names():
        found = apart("docs.generate.hub_networks", name)
        trials.append(Trial(**{"name": name, **found}))
        print(trials[-1], flush=True)
        if not arguments:
            first = PAGE.read_text(encoding="utf-8").partition(SECOND)[0]
            PAGE.write_text(first.rstrip() + "\n\n" + table(trials), encoding="utf-8")
    return sum(bool(trial.why) for trial in trials)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
