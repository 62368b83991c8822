"""Reading a cache: the finished pictures, their records and the facts in it. Nothing in it is changed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from generator.api.evidence import LayerEvidence, read_facts
from generator.api.pictures import Picture, picture_of
from generator.cache.contents import Snapshot
from generator.cache.entries import Cache
from generator.cache.records import Failure, Record
from generator.config.addresses import place_of, unusable_address
from generator.errors import UserError


class OpenCache:
    """What a cache holds that is finished, at the moment when it was opened."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._now: Snapshot = self._cache.snapshot()

    def __len__(self) -> int:
        return len(self._now.entries)

    def __repr__(self) -> str:
        return f"OpenCache({str(self._cache.place)!r}, {len(self)} entries)"

    def records(
        self, model: str | None = None, layer: str | None = None, recipe: str | None = None
    ) -> Iterator[Record]:
        """The records of pictures, of all or of those of a model, a layer, a recipe, in order."""
        wanted = {"model": model, "layer": layer, "recipe_name": recipe}
        for record in self._all:
            if all(value in (None, getattr(record, name)) for name, value in wanted.items()):
                yield record

    def pictures(
        self, model: str | None = None, layer: str | None = None, recipe: str | None = None
    ) -> Iterator[Picture]:
        """The same with the pictures themselves, each read when its turn comes."""
        for record in self.records(model, layer, recipe):
            if found := picture_of(record.key, self._cache):
                yield found

    def evidence(self, model: str | None = None, layer: str | None = None) -> Iterator[LayerEvidence]:
        """Of each layer what was found out about it last."""
        latest: dict[tuple[str, str], LayerEvidence] = {}
        written = sorted(self._now.entries.items(), key=lambda entry: entry[1].written)
        for key, stamp in written:
            if "facts" in stamp.kinds and (found := read_facts(key, self._cache)):
                latest[found.model, found.layer] = found
        for (its_model, its_layer), found in sorted(latest.items()):
            if model in (None, its_model) and layer in (None, its_layer):
                yield found

    def failures(self) -> Iterator[Failure]:
        """What could not be made, and why."""
        found = (self._cache.failure(key) for key in sorted(self._now.failures))
        yield from (one for one in found if one is not None)

    @cached_property
    def _all(self) -> tuple[Record, ...]:
        keys = (key for key, stamp in self._now.entries.items() if "png" in stamp.kinds)
        found = [record for key in keys if (record := self._cache.get(key))]
        return tuple(sorted(found, key=lambda one: (one.model, one.layer, one.recipe_name, one.channel)))


def open_cache(path: str | Path) -> OpenCache:
    """Open a cache for reading, a folder or an object store's address (`s3://bucket/prefix`); runs may go on
    writing into it. Raises UserError when there is none."""
    place = place_of(path)
    if isinstance(place, Path):
        return OpenCache(Cache(_there(place.expanduser()), read_only=True))
    if why := unusable_address(place):
        raise UserError(f"{place}: {why}")
    opened = OpenCache(Cache(place, read_only=True))
    if not len(opened):
        raise UserError(f"{place}: is no cache, or an empty one: there are no entries in it")
    return opened


def _there(folder: Path) -> Path:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; a cache is the folder that a config names as `cache`")
    if not (folder / "entries").is_dir():
        raise UserError(f"{folder}: is no cache, or an empty one: there is no folder `entries` in it")
    return folder
