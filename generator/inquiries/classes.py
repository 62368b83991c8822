"""What is to be found out about a model's classes: what channels do to them, and whose pictures it knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from generator.cache.entries import Cache
from generator.engines.surveys import ClassTask, RecogniseTask
from generator.evidence import effects, recognition
from generator.inquiries.surveys import Survey, There, key_of
from generator.models.anatomy import Anatomy
from generator.models.ancestry import ancestors
from generator.plan import Plan


@dataclass(frozen=True)
class ClassInquiry:
    """The part of an inquiry that is about classes."""

    plan: Plan
    model: str
    survey: Survey

    @property
    def anatomy(self) -> Anatomy:
        """The model's."""
        return self.plan.models[self.model]

    @property
    def scores(self) -> str:
        """The network's last layer of classes; empty where it is not known to have any."""
        return self.anatomy.scores[-1] if self.anatomy.scores else ""

    @cached_property
    def effect_keys(self) -> Mapping[str, str]:
        """By layer that leads to the classes, and is not of them, the key of what its channels do to them."""
        leading = ancestors(self.anatomy, self.scores) if self.scores else set[str]()
        sample = [item.digest for item in effects.sample(self.survey.dataset.items)]
        return {
            layer: key_of(
                "classes",
                version=effects.VERSION,
                weights=self.survey.fingerprint,
                scores=self.scores,
                layer=self.survey.identity(layer),
                fit=self.survey.fit,
                sample=sample,
            )
            for layer in self.survey.layers
            if (own := self._channels_of(layer)) in leading and own not in self.anatomy.scores
        }

    def _channels_of(self, layer: str) -> str:
        """The network's own layer through whose channels a layer leads to the classes."""
        derived = self.anatomy.layer(layer).derived
        return derived.base if derived else layer

    @property
    def lot(self) -> str:
        """What a shard is chosen by for what channels do to classes: one pass tells of all layers."""
        return key_of("lot of classes", weights=self.survey.fingerprint, scores=self.scores)

    def effects(self, there: There) -> Iterator[ClassTask]:
        """What is due of what channels do to classes; in one task, for one pass tells of all layers."""
        due = tuple(
            (layer, key)
            for layer, key in self.effect_keys.items()
            if key not in there and self.survey.ready(layer, there)
        )
        if due:
            yield ClassTask(
                model=self.model,
                config=self.survey.config,
                fingerprint=self.survey.fingerprint,
                scores=self.scores,
                layers=due,
                dataset=self.survey.dataset.path,
                fit=self.survey.fit,
                items=effects.sample(self.survey.dataset.items),
            )

    def judged(self, there: There) -> dict[str, int]:
        """The finished ones of the pictures that it is to judge: their classes' numbers by key."""
        return {key: number for key, number in self._to_judge.items() if key in there}

    def may_judge(self, there: There) -> bool:
        """Whether there is anything to judge, and all of it is finished."""
        return bool(self._to_judge) and all(key in there for key in self._to_judge)

    @cached_property
    def _to_judge(self) -> Mapping[str, int]:
        """Pictures of classes, of other models with the same classes: their classes' numbers by key."""
        authors = {
            name for name in self.plan.models if self.model in recognition.judges(name, self.plan.models)
        }
        return {
            job.key: job.channel
            for job in self.plan.jobs
            if job.model in authors
            # Channels of other layers, which may be asked for a score too, are no classes.
            and job.layer in self.plan.models[job.model].scores
            and self.plan.recipes[job.recipe_name].objective == "logit"
        }

    def recognition_key(self, there: There) -> str:
        """The key of the model's judgement of those pictures; empty where there are none."""
        pictures = self.judged(there)
        parts = {"weights": self.survey.fingerprint, "scores": self.scores, "pictures": pictures}
        return key_of("recognition", version=recognition.VERSION, **parts) if pictures else ""

    def recognitions(self, there: There, cache: Cache, *, force: bool = False) -> Iterator[RecogniseTask]:
        """The judgement that is due, or any."""
        key = self.recognition_key(there)
        if key and (force or key not in there):
            judged = self.judged(there)
            files = cache.fetched(judged)
            yield RecogniseTask(
                model=self.model,
                config=self.survey.config,
                fingerprint=self.survey.fingerprint,
                scores=self.scores,
                pictures={name: (files[name], number) for name, number in judged.items()},
                key=key,
            )

    def kept(self, there: There) -> set[str]:
        """Keys of all its jobs, done or due."""
        return {*self.effect_keys.values(), self.recognition_key(there)} - {""}
