"""All that is to be found out about the models of a plan, and all that was found."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from generator.cache.entries import Cache
from generator.evidence.facts import Evidence
from generator.inquiries import atlas_settling, settling
from generator.inquiries.atlases import AtlasInquiry
from generator.inquiries.concepts import ConceptsPursuit
from generator.inquiries.inquiry import Inquiry
from generator.inquiries.photos import photos_of
from generator.inquiries.pursuit import Pursuit
from generator.inquiries.surveys import survey_of
from generator.models.anatomy import Anatomy, Derived
from generator.models.deriving import matching_layers
from generator.plan import Plan
from generator.selection import Shard


def pursuits_of(
    plan: Plan, only: Collection[tuple[str, str]] | None = None, shard: Shard | None = None
) -> tuple[Pursuit, ...]:
    """Every pursuit of a plan; of the layers in `only`, (model, layer), and as far as it is the shard's."""
    found = inquiries_of(plan, only, shard)
    return (*_concepts(found), *found, *_atlases(found), *photos_of(plan, only, shard))


def _concepts(inquiries: Iterable[Inquiry]) -> Iterator[ConceptsPursuit]:
    """What concepts among the layers of inquiries rest on. Each shard finds them: they are quickly found, and
    all pictures of them rest on all of the survey."""
    for inquiry in inquiries:
        one = ConceptsPursuit(inquiry.plan, inquiry.model, inquiry.survey, frozenset(inquiry.layers))
        if one.wanted:
            yield one


def settled(plan: Plan, cache: Cache) -> Evidence:
    """What pages tell beside the planned pictures; facts that are not there yet are made."""
    photos = photos_of(plan)
    there = cache.snapshot().entries if photos else {}
    seen = {(one.name, one.model): one.settled(there, cache) for one in photos}
    found = inquiries_of(plan)
    return Evidence(
        layers=settling.settle(found, cache),
        photos={place: ref for place, ref in seen.items() if ref is not None},
        atlases=atlas_settling.settle(_atlases(found), cache),
    )


def kept(plan: Plan, cache: Cache) -> set[str]:
    """Keys of all that is needed of what the cache holds, the planned pictures apart."""
    found = inquiries_of(plan)
    photos = {key for one in photos_of(plan) for key in one.kept(cache)}
    concepts = {key for one in _concepts(found) for key in one.kept()}
    atlases = atlas_settling.kept(_atlases(found), cache)
    return settling.kept(found, cache) | concepts | atlases | photos


def inquiries_of(
    plan: Plan, only: Collection[tuple[str, str]] | None = None, shard: Shard | None = None
) -> tuple[Inquiry, ...]:
    """What is to be found out about the models of a plan; of the layers in `only`, (model, layer), and as far
    as it is the shard's."""
    found = []
    for model, anatomy in plan.models.items():
        source = plan.config.dataset_of(model)
        layers = plan.layers(model)
        chosen = [layer for layer in layers if only is None or (model, layer) in only]
        if source is None or source not in plan.datasets or not chosen:
            continue
        survey = survey_of(plan.config, model, anatomy, plan.datasets[source], with_bases(chosen, anatomy))
        found.append(Inquiry(plan, model, source, survey, shard))
    return tuple(found)


def with_bases(layers: Iterable[str], anatomy: Anatomy) -> tuple[str, ...]:
    """These layers, and those that derived ones of them stand behind, which must be known to judge them."""
    bases = ((anatomy.layer(name).derived, name) for name in layers)
    return tuple(dict.fromkeys(one for derived, name in bases for one in _base(derived, name)))


def _base(derived: Derived | None, name: str) -> tuple[str, ...]:
    return (derived.base, name) if derived else (name,)


def atlases_of(plan: Plan, shard: Shard | None = None) -> tuple[AtlasInquiry, ...]:
    """The atlases that a plan asks for, as far as they are the shard's."""
    return _atlases(inquiries_of(plan, shard=shard))


def _atlases(inquiries: Iterable[Inquiry]) -> tuple[AtlasInquiry, ...]:
    """Those of layers of inquiries; of a layer that is asked for twice as it is last."""
    found: dict[tuple[str, str], AtlasInquiry] = {}
    for inquiry in inquiries:
        for entry in inquiry.plan.config.models[inquiry.model].layers:
            if entry.atlas is None:
                continue
            for layer in matching_layers(entry.name, inquiry.anatomy):
                if layer.name in inquiry.layers:
                    found[inquiry.model, layer.name] = AtlasInquiry(inquiry, layer.name, entry.atlas)
    return tuple(found.values())
