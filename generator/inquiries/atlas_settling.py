"""What the cache holds of an atlas -> the facts of its cells, which its page is made of, as an entry too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from generator.cache.entries import Cache
from generator.evidence import raising
from generator.evidence.atlas import Cells, Chart
from generator.evidence.atlas_facts import AtlasFacts, Known
from generator.evidence.facts import AtlasRef
from generator.inquiries.album import Album
from generator.inquiries.atlases import AtlasInquiry, direction
from generator.inquiries.settling import code_digest
from generator.inquiries.surveys import There, key_of


def settle(atlases: Iterable[AtlasInquiry], cache: Cache) -> dict[tuple[str, str], AtlasRef]:
    """Make the facts that are not there yet; where those of each atlas are whose vectors are placed."""
    found = {}
    there = cache.snapshot().entries if (chosen := tuple(atlases)) else {}
    for one in chosen:
        if ref := _settled(one, there, cache):
            found[one.model, one.layer] = ref
    return found


def kept(atlases: Iterable[AtlasInquiry], cache: Cache) -> set[str]:
    """Keys of all that is needed of what the cache holds: charts, pictures, facts, and their photos."""
    there = cache.snapshot().entries if (chosen := tuple(atlases)) else {}
    keys: set[str] = set()
    for one in chosen:
        facts = _key(one, there)
        keys |= {facts, *_named(facts, "photos", cache), *one.kept(there, cache)}
    return keys


def _settled(one: AtlasInquiry, there: There, cache: Cache) -> AtlasRef | None:
    key = _key(one, there)
    if key not in there and not _make(one, key, there, cache):
        return None
    photos, pictures = (tuple(_named(key, what, cache)) for what in ("photos", "pictures"))
    return AtlasRef(key, photos, pictures, one.sides)


def _named(key: str, what: str, cache: Cache) -> Iterator[str]:
    entry = cache.entry(key)
    yield from (entry.record.get(what, ()) if entry else ())


def _key(one: AtlasInquiry, there: There) -> str:
    inquiry = one.inquiry
    config, dataset = inquiry.plan.config, inquiry.survey.dataset
    return key_of(
        "atlas",
        code=code_digest(),
        cells=one.cells_key(there),
        raised=[key for key in one.raise_keys if key in there],
        recipe=one.directions.recipe.identity(),
        source=inquiry.source,
        licence=config.datasets[inquiry.source].licence,
        names=[(item.name, item.label, item.digest) for item in dataset.items],
        classes=inquiry.anatomy.classes,
        shown=[config.evidence.crop, config.evidence.photo_size],
    )


def _make(one: AtlasInquiry, key: str, there: There, cache: Cache) -> bool:
    """Make an atlas's facts, if its vectors are placed."""
    chart, cells = one.chart(there, cache), one.cells(there, cache, keep=True)
    if chart is None or cells is None:
        return False
    album = Album(one.inquiry, cache)
    facts = _facts(one, chart, cells, album, there, cache)
    pictures = [cell.key for level in facts.levels for cell in level.cells]
    record = {
        "kind": "atlas",
        "model": one.model,
        "layer": one.layer,
        "photos": album.develop(),
        "pictures": list(dict.fromkeys(pictures)),
    }
    cache.put_entry(key, record, {"facts": facts.to_json()})
    return True


def _facts(
    one: AtlasInquiry, chart: Chart, cells: Cells, album: Album, there: There, cache: Cache
) -> AtlasFacts:
    inquiry, of = one.inquiry, one.directions
    known = Known(
        chart=chart,
        cells=cells,
        keys=lambda way: of.key(direction(way)),
        example=lambda digest, place: one.example(digest, place, album.number(digest), cells.positions),
        label_of={item.digest: item.label for item in inquiry.survey.dataset.items},
        raised=raising.classes_of(one.raised(there, cache)),
        classes=inquiry.anatomy.classes,
    )
    levels = known.levels()
    return AtlasFacts(
        dataset=inquiry.source,
        licence=inquiry.plan.config.datasets[inquiry.source].licence,
        pictures=len(set(chart.owners.tolist())),
        vectors=len(chart.plane),
        least=one.settings.least,
        whitened=one.settings.whiten,
        labels=known.labels,
        photos=album.photos,
        photo_size=album.size,
        levels=levels,
    )
