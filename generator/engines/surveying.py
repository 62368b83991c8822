"""What is done of tasks of evidence where TensorFlow is."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.datasets import decoding
from generator.datasets.decoding import PictureError
from generator.datasets.sources import Item, Source, open_source
from generator.engines.atlases import RaiseTask
from generator.engines.opened import kept, network
from generator.engines.surveys import CircuitTask, ClassTask, LookTask, RecogniseTask, SurveyTask
from generator.engines.tasks import Bench, Output, Result
from generator.errors import UserError

Array = NDArray[Any]


def survey(task: SurveyTask, bench: Bench) -> Result:
    """The tallies of a block. Told to stop, it gives none."""
    started = time.perf_counter()
    surveyor = _surveyor(task, tuple(name for name, _ in task.layers))
    skipped: dict[str, str] = {}
    pictures = _pictures(task.items, _source(task.dataset), task, surveyor, skipped)
    tallies = surveyor.survey(pictures, bench.stopping)
    seconds = time.perf_counter() - started
    if bench.stopping() and not tallies:
        return Result(task, (), seconds)
    record = {"kind": "tally", "seen": len(task.items) - len(skipped), "skipped": skipped}
    outputs = []
    for name, key in task.layers:
        files = {"npz": tallies[name].to_bytes()} if name in tallies else {}
        outputs.append(Output(key, {**record, "layer": name}, files))
    return Result(task, tuple(outputs), seconds)


def _surveyor(task: Any, layers: tuple[str, ...]) -> Any:
    from generator.evidence.survey import Surveyor

    model = network(task.model, task.config, task.fingerprint)
    special = {name: model.anatomy.layer(name).special for name in layers}
    # The source may be any: it is the network and the layers that are compiled.
    return kept(
        ("surveyor", task.fingerprint, layers),
        lambda: Surveyor(model.network, model.preprocessing, layers, special),
    )


def _source(path: Path) -> Source:
    return kept(("source", path), lambda: open_source(path))


def _pictures(
    items: Sequence[Item], source: Source, task: Any, surveyor: Any, skipped: dict[str, str]
) -> Iterator[tuple[str, Array]]:
    """The pictures that can be read and are those of the plan; of the others, why, in `skipped`."""
    for item in items:
        try:
            yield item.digest, _pixels(item, source, task, surveyor)
        except PictureError as error:
            skipped[item.name] = error.message


def _pixels(item: Item, source: Source, task: Any, surveyor: Any) -> Array:
    """A picture as the network takes it.

    Raises PictureError when it can't be read as one, and UserError when it is not the one that was planned:
    what stands under a key is of just the pictures that the key names.
    """
    try:
        same = source.digest(item.name) == item.digest
        image = source.image(item.name) if same else None
    except (OSError, KeyError) as error:
        raise UserError(f"{item.name}: can't be read any more ({error}); run again") from None
    if image is None:
        raise UserError(f"{item.name}: changed since the run began; run again")
    return decoding.array(decoding.fitted(image, surveyor.canvas, task.fit), surveyor.colours)


# -- second looks ----------------------------------------------------------------------------------


def look(task: LookTask, bench: Bench) -> Result:
    """Heat maps of a layer's examples and the kinship of its optimised pictures."""
    from generator.evidence.looks import Example
    from generator.evidence.looks import look as look_again

    started = time.perf_counter()
    surveyor = _surveyor(task, task.way)
    source = _source(task.dataset)
    items = {place.item.digest: place.item for place in task.places}
    examples = [Example(place.channel, place.item.digest, place.box) for place in task.places]

    def load(digest: str) -> Array:
        return _pixels(items[digest], source, task, surveyor)

    def show(key: str) -> Array:
        path, _ = task.optimised[key]
        return _optimised(path, surveyor)

    channels = {key: channel for key, (_, channel) in task.optimised.items()}
    kin = [row for row, place in enumerate(task.places) if place.strong]
    found = look_again(surveyor, examples, load, channels, show, kin, bench.stopping)
    seconds = time.perf_counter() - started
    if found is None:
        return Result(task, (), seconds)
    stored = {f"heat_{row}": seen.heat for row, seen in enumerate(found.looks)}
    stored["channels"] = np.array([example.channel for example in examples], np.int32)
    stored["pictures"] = np.array([example.digest for example in examples], "S64")
    pictured = {key: asdict(seen) for key, seen in found.pictured.items()}
    record = {"kind": "look", "layer": task.way[-1], "pictured": pictured}
    return Result(task, (Output(task.key, record, {"npz": _npz(stored)}),), seconds)


def _optimised(path: Path, surveyor: Any) -> Array:
    """One of our own pictures as the network would be shown it; UserError when it can't be read any more."""
    try:
        image = decoding.decoded(path.read_bytes())
    except (OSError, PictureError) as error:
        raise UserError(f"{path}: can't be read any more ({error}); run again") from None
    return decoding.array(decoding.fitted(image, surveyor.canvas, "squash"), surveyor.colours)


# -- circuits --------------------------------------------------------------------------------------


def circuit(task: CircuitTask, bench: Bench) -> Result:
    """The weights between two layers, or what stands in the way of reading them."""
    from generator.evidence.circuits import kernels
    from generator.models.taps import way

    started = time.perf_counter()
    model = network(task.model, task.config, task.fingerprint)
    found = way(model.network, task.earlier, task.later)
    record = {
        "kind": "circuit",
        "earlier": task.earlier,
        "later": task.later,
        "obstacle": found.obstacle,
        "opened": found.opened,
    }
    files = {}
    if found.model is not None:
        weights = kernels(found, task.channels, bench.stopping)
        if weights is None:
            return Result(task, (), time.perf_counter() - started)
        files["npz"] = _npz({"weights": weights.astype(np.float32), "channels": np.array(task.channels)})
    return Result(task, (Output(task.key, record, files),), time.perf_counter() - started)


# -- classes ---------------------------------------------------------------------------------------


def classes(task: ClassTask, bench: Bench) -> Result:
    """What layers do to the class scores. Told to stop, it gives nothing."""
    from generator.evidence.classes import Scorer

    started = time.perf_counter()
    model = network(task.model, task.config, task.fingerprint)
    names = [name for name, _ in task.layers]
    scorer = Scorer(model.network, model.preprocessing, names, task.scores)
    skipped: dict[str, str] = {}
    pictures: Iterator[tuple[str, Array]] = iter(())
    if scorer.layers and task.dataset is not None:
        pictures = _pictures(task.items, _source(task.dataset), task, scorer, skipped)
    found = scorer.read(pictures, bench.stopping)
    if found is None:
        return Result(task, (), time.perf_counter() - started)
    outputs = []
    for name, key in task.layers:
        record = {"kind": "classes", "layer": name, "scores": task.scores, "exact": name in scorer.exact}
        record |= {} if name in scorer.exact else {"skipped": skipped}
        files = {"npz": found[name].to_bytes()} if name in found else {}
        outputs.append(Output(key, record, files))
    return Result(task, tuple(outputs), time.perf_counter() - started)


def raising(task: RaiseTask, bench: Bench) -> Result:
    """What vectors of a layer add to the class scores. Told to stop, it gives nothing."""
    from generator.evidence.raising import Raiser

    started = time.perf_counter()
    model = network(task.model, task.config, task.fingerprint)
    raiser = kept(
        ("raiser", task.fingerprint, task.layer),
        lambda: Raiser(
            model.network,
            model.preprocessing,
            task.layer,
            task.scores,
            model.anatomy.layer(task.layer).special,
        ),
    )
    skipped: dict[str, str] = {}
    pictures = _pictures(task.items, _source(task.dataset), task, raiser, skipped)
    found = raiser.read(pictures, bench.stopping)
    seconds = time.perf_counter() - started
    if found is None and bench.stopping():
        return Result(task, (), seconds)
    record = {"kind": "raising", "layer": task.layer, "scores": task.scores, "skipped": skipped}
    files = {"npz": found.to_bytes()} if found else {}
    return Result(task, (Output(task.key, record, files),), seconds)


def recognise(task: RecogniseTask, bench: Bench) -> Result:
    """What a network makes of pictures of classes. Told to stop, it gives nothing."""
    from generator.evidence.recognition import Judge

    started = time.perf_counter()
    model = network(task.model, task.config, task.fingerprint)
    judge = Judge(model.network, model.preprocessing, task.scores)
    ranks = {}
    for key, (path, number) in task.pictures.items():
        if bench.stopping():
            return Result(task, (), time.perf_counter() - started)
        ranks[key] = judge.rank(_optimised(path, judge), number)
    record = {"kind": "recognition", "ranks": {key: rank for key, rank in ranks.items() if rank}}
    return Result(task, (Output(task.key, record),), time.perf_counter() - started)


def _npz(arrays: dict[str, Array]) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()
