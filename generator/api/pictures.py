"""Rendering: channels of a network as pictures with their records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from generator.api.models import Model, given_model
from generator.api.rows import Row, png
from generator.api.work import Channels, Progress, asked, cache_of, checked, recipes_of, refuse, worked_off
from generator.cache.entries import Cache
from generator.cache.records import Record
from generator.errors import SomeFailed
from generator.images import opened
from generator.layers import layer_problems
from generator.plan import Job, Plan, make_plan
from generator.targets import WHOLE


@dataclass(frozen=True)
class Picture:
    """A finished picture and its record: what it is of, how it was made, and what it reached."""

    image: Image.Image
    record: Record

    @property
    def layer(self) -> str:
        """The layer's name."""
        return self.record.layer

    @property
    def channel(self) -> int:
        """The channel's number; -1 for a picture of a whole layer."""
        return self.record.channel

    @property
    def caption(self) -> str:
        """`block5c_add 3: 5.53`, the last its activation."""
        unit = "" if self.channel == WHOLE else f" {self.channel}"
        return f"{self.layer}{unit}: {self.record.activation:.3g}"

    def __repr__(self) -> str:
        return f"Picture({self.record.model} {self.caption}, {self.record.recipe_name})"

    def _repr_png_(self) -> bytes:
        return png(self.image)


def render(
    model: Model,
    layer: str,
    channels: Channels = "all",
    recipe: str = "channel",
    *,
    cache: str | Path | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Row[Picture]:
    """Pictures of a layer's channels, in the order asked for; what the cache holds is not made again.

    `layer` is a name, or a glob, `conv` or `all` for several; `recipe` any built-in one, and `settings` what
    is changed of it (`size`, `steps`, `seed`, `image` ...). Without `cache`, pictures are kept as long as
    this process runs. Raises UserError for what does not exist, and SomeFailed when no picture can be made;
    warns of single ones that can't.
    """
    kept = cache_of(cache)
    chosen = asked(channels)
    given_model(model)
    with model.at_hand():
        plan = planned(model, [layer], chosen, recipe, settings, kept)
        due, _ = plan.outlook(kept, retry=True)
        if due:
            model.offered(plan.config)
            outcome = worked_off(plan, due, (), kept, progress)
            if outcome.failures and not outcome.done and len(due) == len(plan.jobs):
                raise SomeFailed(f"{outcome.failures[0].title}: {outcome.failures[0].reason}")
    return Row([found for job in _in_order(plan, chosen) if (found := picture_of(job.key, kept))])


def planned(
    model: Model,
    layers: list[str],
    channels: list[int | str] | str,
    recipe: str,
    settings: dict[str, Any],
    cache: Cache,
    **more: Any,
) -> Plan:
    """The plan of some channels of a model's layers by one recipe; `more` are further parts of a config.

    Raises UserError for the first thing that is wrong.
    """
    chosen = [{"name": layer, "channels": channels} for layer in layers]
    own = {**model.settings, "layers": chosen, "recipes": [recipe]}
    values = {"cache": str(cache.place), "models": {model.name: own}, **more}
    config = checked({**values, "recipes": recipes_of(recipe, settings)})
    anatomies = {model.name: model.anatomy}
    refuse(layer_problems(config, anatomies))
    return make_plan(config, anatomies)


def _in_order(plan: Plan, channels: list[int | str] | str) -> list[Job]:
    """A plan's jobs, layer by layer, the channels of each as they were asked for."""
    places = {name: place for place, name in enumerate(dict.fromkeys(job.layer for job in plan.jobs))}
    numbers = [one for one in channels if isinstance(one, int)] if isinstance(channels, list) else []
    order = {channel: place for place, channel in reversed(list(enumerate(numbers)))}
    return sorted(plan.jobs, key=lambda job: (places[job.layer], order.get(job.channel, len(order))))


def picture_of(key: str, cache: Cache) -> Picture | None:
    """A picture from a cache; None when there is none that is whole."""
    record, data = cache.get(key), cache.read(key, "png")
    if record is None or data is None:
        return None
    with opened(data) as image:
        image.load()
        return Picture(image, record)
