"""What the cache holds of inquiries -> the facts of each layer, which pages are made of, as entries too.

Facts are made again whenever anything that they tell has changed, and only then: their key names all of it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache as remembered
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.album import Album
from generator.cache.entries import Cache
from generator.evidence import gathering, placing, relatives
from generator.evidence.facts import FactsRef, LayerFacts, Neighbour
from generator.evidence.summary import Summary
from generator.inquiries import Inquiry, There, key_of
from generator.wirings import Wirings

Array = NDArray[Any]
Layer = tuple[str, str]
"""A model's and a layer's name."""

NAMED = 5
"""Pictures that can't be read and are named with the reason."""
RELATIVES, ELSEWHERE = 6, 4
"""Nearest channels that are named: of the same layer; of other layers, and of other models."""


@remembered
def code_digest() -> str:
    """Changes when the code that makes facts does."""
    package = Path(__file__).resolve().parent
    files = [*(package / "evidence").glob("*.py"), *package.glob("*.py")]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def settle(inquiries: Sequence[Inquiry], cache: Cache) -> dict[Layer, FactsRef]:
    """Make the facts that are not there yet; where those of each layer are that anything is known of."""
    there = cache.snapshot().entries
    whole = _Whole(inquiries, cache, there)
    found = {}
    for inquiry in inquiries:
        for layer in inquiry.layers:
            if ref := whole.facts(inquiry, layer):
                found[inquiry.model, layer] = ref
    return found


def kept(inquiries: Sequence[Inquiry], cache: Cache) -> set[str]:
    """Keys of all that is needed of what the cache holds: pieces of evidence, facts, and their photos."""
    there = cache.snapshot().entries
    whole = _Whole(inquiries, cache, there)
    pieces = {key for inquiry in inquiries for key in inquiry.kept(there)}
    facts = {whole.key(inquiry, layer) for inquiry in inquiries for layer in inquiry.layers} & there.keys()
    return pieces | facts | {photo for key in facts for photo in _photos_of(key, cache)}


def _photos_of(key: str, cache: Cache) -> Iterator[str]:
    entry = cache.entry(key)
    yield from (entry.record.get("photos", ()) if entry else ())


def skipped(inquiries: Sequence[Inquiry], cache: Cache) -> Iterator[str]:
    """A line for each data set with pictures that could not be read."""
    found: dict[str, dict[str, str]] = {}
    for inquiry in inquiries:
        said = found.setdefault(inquiry.source, dict(inquiry.survey.dataset.skipped))
        for key in inquiry.survey.keys(inquiry.layers[0]):
            entry = cache.entry(key)
            said |= entry.record.get("skipped", {}) if entry else {}
    for source, reasons in found.items():
        if reasons:
            named = "; ".join(f"{name}: {why}" for name, why in sorted(reasons.items())[:NAMED])
            more = f"; and {len(reasons) - NAMED:,} more" if len(reasons) > NAMED else ""
            yield f"data set {source}: {len(reasons):,} skipped: {named}{more}"


class _Whole:
    """All that is known at one moment: what one layer's facts tell depends on others, its relatives."""

    def __init__(self, inquiries: Sequence[Inquiry], cache: Cache, there: There) -> None:
        self._inquiries, self._cache, self._there = inquiries, cache, there
        self._summaries: dict[Layer, Summary | None] = {}

    # -- what a layer's facts are made from --------------------------------------------------------

    def key(self, inquiry: Inquiry, layer: str) -> str:
        """The key of a layer's facts."""
        config = inquiry.plan.config
        return key_of(
            "facts",
            code=code_digest(),
            everything=self._everything,
            model=inquiry.model,
            layer=layer,
            source=inquiry.source,
            licence=config.datasets[inquiry.source].licence,
            fit=inquiry.survey.fit,
            settings=config.evidence.model_dump(),
            channels=inquiry.channels(layer),
            look=self._made(inquiry.look_key(layer, self._there)),
            pictures=[[job.recipe_name, job.key] for job in inquiry.trusted(layer, self._there)],
            circuits=[
                [pair, [self._made(key) for key in inquiry.circuit_keys(*pair)]]
                for pair in inquiry.wirings
                if layer in pair
            ],
        )

    def _made(self, key: str) -> str:
        return key if key in self._there else ""

    @cached_property
    def _everything(self) -> str:
        """All tallies of all layers, which relatives are found by, and the names and labels of pictures."""
        parts = [
            (inquiry.model, layer, inquiry.channels(layer), inquiry.tallies(layer, self._there))
            for inquiry in self._inquiries
            for layer in inquiry.layers
        ]
        sets = {inquiry.source: inquiry.survey.dataset for inquiry in self._inquiries}
        names = {
            source: [(item.name, item.label, item.digest) for item in dataset.items]
            for source, dataset in sets.items()
        }
        return key_of("everything", parts=parts, names=names)

    # -- making them -------------------------------------------------------------------------------

    def facts(self, inquiry: Inquiry, layer: str) -> FactsRef | None:
        """Where a layer's facts are; None when nothing is known yet."""
        key = self.key(inquiry, layer)
        if key in self._there:
            return FactsRef(key, tuple(_photos_of(key, self._cache)))
        summary = self._summary(inquiry, layer)
        album = Album(inquiry, self._cache)
        made = self._layer_facts(inquiry, layer, summary, album)
        if made is None:
            return None
        photos = album.develop()
        record = {"kind": "facts", "model": inquiry.model, "layer": layer, "photos": photos}
        self._cache.put_entry(key, record, {"facts": made.to_json()})
        return FactsRef(key, tuple(photos))

    def _summary(self, inquiry: Inquiry, layer: str) -> Summary | None:
        name = (inquiry.model, layer)
        if name not in self._summaries:
            self._summaries[name] = inquiry.survey.summary(layer, self._cache)
        return self._summaries[name]

    def _layer_facts(
        self, inquiry: Inquiry, layer: str, summary: Summary | None, album: Album
    ) -> LayerFacts | None:
        channels = inquiry.channels(layer)
        if summary is None or not channels:
            return None
        known = gathering.channel_facts(self._gathered(inquiry, layer, summary, album), channels)
        wirings = Wirings(inquiry, self._cache, lambda name: self._summary(inquiry, name))
        built_from, feeds = wirings.built_from(layer), wirings.feeds(layer)
        neighbours = self._neighbours(inquiry, layer)
        twins = self._twins(inquiry, layer)
        facts = {
            channel: replace(
                one,
                built_from=built_from.get(channel, ()),
                feeds=feeds.get(channel, ()),
                relatives=neighbours[channel],
                twins=twins.get(channel, ()),
            )
            for channel, one in known.items()
        }
        dataset = inquiry.survey.dataset
        return LayerFacts(
            dataset=inquiry.source,
            licence=inquiry.plan.config.datasets[inquiry.source].licence,
            seen=summary.seen,
            skipped=len(dataset.skipped) + len(dataset.items) - summary.seen,
            photos=album.photos,
            photo_size=album.size,
            channels=facts,
            places=placing.places(summary, channels),
        )

    def _gathered(self, inquiry: Inquiry, layer: str, summary: Summary, album: Album) -> gathering.Layer:
        settings = inquiry.plan.config.evidence
        look = read_look(inquiry.look_key(layer, self._there), self._cache)
        pictured: dict[int, list[gathering.Pictured]] = {}
        for job in inquiry.trusted(layer, self._there):
            if seen := look.pictured.get(job.key):
                mean = inquiry.plan.recipes[job.recipe_name].objective != "neuron"
                one = gathering.Pictured(
                    job.recipe_name, seen["mean" if mean else "unit"], mean, seen["kinship"]
                )
                pictured.setdefault(job.channel, []).append(one)
        return gathering.Layer(
            summary=summary,
            labels={item.digest: item.label for item in inquiry.survey.dataset.items},
            place=album.number,
            box=lambda found: inquiry.box(layer, summary.grid, found),
            strongest=settings.strongest,
            ordinary=settings.ordinary,
            lowest=settings.lowest,
            heats=look.heats,
            pictured=pictured,
        )

    # -- relatives ---------------------------------------------------------------------------------

    def _table(self, one: tuple[Inquiry, str], other: tuple[Inquiry, str]) -> Array | None:
        summaries = self._summary(*one), self._summary(*other)
        if summaries[0] is None or summaries[1] is None:
            return None
        return relatives.correlations(summaries[0], summaries[1])

    def _twins(self, inquiry: Inquiry, layer: str) -> dict[int, tuple[int, ...]]:
        table = self._table((inquiry, layer), (inquiry, layer))
        shown = set(inquiry.channels(layer))
        twins: dict[int, tuple[int, ...]] = {}
        for one, other, _ in relatives.redundant(table) if table is not None else ():
            for channel, twin in ((one, other), (other, one)):
                if shown >= {channel, twin}:
                    twins[channel] = (*twins.get(channel, ()), twin)
        return twins

    def _neighbours(self, inquiry: Inquiry, layer: str) -> dict[int, tuple[Neighbour, ...]]:
        """By channel the nearest of the same layer, of the model's other layers, and of other models."""
        own: dict[int, list[tuple[int, Neighbour]]] = {channel: [] for channel in inquiry.channels(layer)}
        for other in self._inquiries:
            for name in other.layers:
                table = self._table((inquiry, layer), (other, name))
                if table is None:
                    continue
                here = (other.model, name) == (inquiry.model, layer)
                rank = 0 if here else 1 if other.model == inquiry.model else 2
                among = other.channels(name)
                for channel, found in own.items():
                    others = [one for one in among if one != channel] if here else among
                    for column, value in relatives.nearest(table, channel, others, RELATIVES):
                        found.append((rank, Neighbour(other.model, name, column, value)))
        return {channel: _closest(found) for channel, found in own.items()}


def _closest(found: Sequence[tuple[int, Neighbour]]) -> tuple[Neighbour, ...]:
    """Of each rank the nearest, as many as are named."""
    ordered = sorted(
        found, key=lambda one: (one[0], -one[1].value, one[1].model, one[1].layer, one[1].channel)
    )
    named: list[Neighbour] = []
    for rank, count in enumerate((RELATIVES, ELSEWHERE, ELSEWHERE)):
        named += [neighbour for own, neighbour in ordered if own == rank][:count]
    return tuple(named)


@dataclass(frozen=True)
class Look:
    """A second look as the cache has it: heat maps by (channel, digest), and of each optimised picture, by
    key, its `mean`, its `unit` and its `kinship`."""

    heats: Mapping[tuple[int, str], Array] = field(default_factory=dict)
    pictured: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_look(key: str, cache: Cache) -> Look:
    """The second look of that key; an empty one where there is none."""
    entry, data = cache.entry(key), cache.read(key, "npz")
    if entry is None or data is None:
        return Look()
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        names = zip(arrays["channels"].tolist(), arrays["pictures"].tolist(), strict=True)
        heats = {
            (int(channel), digest.decode()): arrays[f"heat_{row}"]
            for row, (channel, digest) in enumerate(names)
        }
    return Look(heats, dict(entry.record["pictured"]))
