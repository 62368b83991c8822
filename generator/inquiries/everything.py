"""All that is to be found out about the models of a plan, and all that was found."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from generator.cache.entries import Cache
from generator.datasets.sources import DataSet
from generator.evidence.facts import Evidence
from generator.evidence.summary import sampling_rank
from generator.inquiries import settling
from generator.inquiries.inquiry import Inquiry
from generator.inquiries.pursuit import Pursuit
from generator.inquiries.surveys import Survey
from generator.plan import Plan
from generator.selection import Shard


def pursuits_of(
    plan: Plan, only: Collection[tuple[str, str]] | None = None, shard: Shard | None = None
) -> tuple[Pursuit, ...]:
    """Every pursuit of a plan; of the layers in `only`, (model, layer), and as far as it is the shard's."""
    return inquiries_of(plan, only, shard)


def settled(plan: Plan, cache: Cache) -> Evidence:
    """What pages tell beside the planned pictures; facts that are not there yet are made."""
    return Evidence(layers=settling.settle(inquiries_of(plan), cache))


def kept(plan: Plan, cache: Cache) -> set[str]:
    """Keys of all that is needed of what the cache holds, the planned pictures apart."""
    return settling.kept(inquiries_of(plan), cache)


def inquiries_of(
    plan: Plan, only: Collection[tuple[str, str]] | None = None, shard: Shard | None = None
) -> tuple[Inquiry, ...]:
    """What is to be found out about the models of a plan; of the layers in `only`, (model, layer), and as far
    as it is the shard's."""
    found = []
    for model, anatomy in plan.models.items():
        source = plan.config.dataset_of(model)
        layers = dict.fromkeys(job.layer for job in plan.jobs if job.model == model)
        chosen = tuple(layer for layer in layers if only is None or (model, layer) in only)
        if source is None or source not in plan.datasets or not chosen:
            continue
        survey = Survey(
            model=model,
            config=plan.config.models[model],
            fingerprint=anatomy.fingerprint,
            dataset=limited(plan.datasets[source], plan.config.evidence.budget),
            fit=plan.config.datasets[source].fit,
            layers=chosen,
            identities={layer.name: layer.identity for layer in anatomy.layers if layer.derived},
        )
        found.append(Inquiry(plan, model, source, survey, shard))
    return tuple(found)


def limited(dataset: DataSet, budget: int | None) -> DataSet:
    """A data set of at most `budget` pictures; of a larger one a sample, always the same."""
    if budget is None or len(dataset.items) <= budget:
        return dataset
    chosen = sorted(dataset.items, key=lambda item: sampling_rank(item.digest))[:budget]
    return replace(dataset, items=tuple(sorted(chosen)))
