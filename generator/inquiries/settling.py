"""What the cache holds of inquiries -> the facts of each layer, which pages are made of, as entries too.

Facts are made again whenever anything that they tell has changed, and only then: their key names all of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache as remembered
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from generator.cache.entries import Cache
from generator.evidence import gathering, placing
from generator.evidence.dictionaries import Judged
from generator.evidence.effects import Effects, classes_of
from generator.evidence.facts import FactsRef, LayerFacts, Recognition
from generator.evidence.summary import Summary
from generator.inquiries.album import Album
from generator.inquiries.dictionaries import dictionary_judged
from generator.inquiries.inquiry import Inquiry
from generator.inquiries.relations import Relations
from generator.inquiries.second_looks import read_look
from generator.inquiries.surveys import There, key_of
from generator.inquiries.wirings import Wirings

Array = NDArray[Any]
Layer = tuple[str, str]
"""A model's and a layer's name."""

NAMED = 5
"""Pictures that can't be read and are named with the reason."""


@remembered
def code_digest() -> str:
    """Changes when the code that makes facts does."""
    here = Path(__file__).resolve().parent
    files = [*(here.parent / "evidence").glob("*.py"), *here.glob("*.py")]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def settle(inquiries: Sequence[Inquiry], cache: Cache) -> dict[Layer, FactsRef]:
    """Make the facts that are not there yet; where those of each layer are that anything is known of."""
    if not inquiries:
        return {}
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
    if not inquiries:
        return set()
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
        self._relations = Relations(inquiries, self._summary)

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
            classes=[self._made(inquiry.classes.effect_keys.get(layer, "")), inquiry.anatomy.classes],
            judgements=list(self._judgements()),
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
        neighbours = self._relations.neighbours(inquiry, layer)
        twins = self._relations.twins(inquiry, layer)
        effects = self._effects(inquiry, layer)
        recognised = self._recognised(inquiry, layer)
        judged = self._judged(inquiry, layer, summary)
        shares = judged.shares if judged else None
        facts = {
            channel: replace(
                one,
                built_from=built_from.get(channel, ()),
                feeds=feeds.get(channel, ()),
                classes=classes_of(effects, channel, inquiry.anatomy.classes) if effects else None,
                recognised=recognised.get(channel, {}),
                relatives=neighbours[channel],
                twins=twins.get(channel, ()),
                share=None if shares is None else float(f"{shares[channel]:.4g}"),
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
            dictionary=judged.facts if judged else None,
        )

    def _judged(self, inquiry: Inquiry, layer: str, summary: Summary) -> Judged | None:
        derived = inquiry.anatomy.layer(layer).derived
        if derived is None:
            return None
        return dictionary_judged(inquiry, layer, self._cache, summary, self._summary(inquiry, derived.base))

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

    # -- classes -----------------------------------------------------------------------------------

    def _effects(self, inquiry: Inquiry, layer: str) -> Effects | None:
        data = self._cache.read(inquiry.classes.effect_keys.get(layer, ""), "npz")
        return None if data is None else Effects.from_bytes(data)

    def _judgements(self) -> Iterator[tuple[str, str]]:
        """(model, key) of each judgement of pictures of classes that there is."""
        for judge in self._inquiries:
            if (key := judge.classes.recognition_key(self._there)) in self._there:
                yield judge.model, key

    def _recognised(self, inquiry: Inquiry, layer: str) -> dict[int, dict[str, tuple[Recognition, ...]]]:
        """By channel and recipe what other networks make of the picture."""
        found: dict[int, dict[str, tuple[Recognition, ...]]] = {}
        for model, key in self._judgements():
            entry = self._cache.entry(key)
            ranks = entry.record["ranks"] if entry else {}
            for job in inquiry.jobs[layer]:
                if job.key in ranks:
                    rank, probability = ranks[job.key]
                    own = found.setdefault(job.channel, {})
                    before = own.get(job.recipe_name, ())
                    own[job.recipe_name] = (*before, Recognition(model, rank, probability))
        return found
