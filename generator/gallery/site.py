"""The one writer: gathers what the gallery shows, as sections, and has each of them written.

A file is made again only if what it is made from has changed, and written only if it then differs.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from generator.cache.entries import Cache
from generator.errors import CacheError
from generator.evidence.facts import Evidence, FactsRef
from generator.gallery import pages_host
from generator.gallery.atlas import atlas_sections
from generator.gallery.derived import base_of, behind
from generator.gallery.disk import LOCK, check_writable
from generator.gallery.elsewhere import card_of
from generator.gallery.gather import Gathered, gather
from generator.gallery.layers import LayerSection
from generator.gallery.notes import read_notes
from generator.gallery.output import Output
from generator.gallery.overview import Overview
from generator.gallery.pages import LayerView, Link
from generator.gallery.photo_sections import OwnPhotos, own_photos
from generator.gallery.pictures import QUALITY, Encoded, Encoding, Finish, encode_all
from generator.gallery.running import Running
from generator.gallery.sections import Build, Files, Photos, Section
from generator.gallery.sheets import Entry
from generator.gallery.snapshot import CacheSnapshot
from generator.gallery.table import Tables
from generator.gallery.templating import Templates
from generator.plan import Plan

PATIENCE = 300
"""Seconds to wait for another build of the same gallery; one of 20,000 channels takes 45."""

FETCHED = 32
"""Contact sheets whose pictures are fetched together, some 200 MB of them."""


@dataclass(frozen=True)
class SiteReport:
    """What a build of the gallery did, what the gallery holds, and keys of entries that came out broken."""

    output: Path
    index: Path
    written: int
    unchanged: int
    removed: int
    bytes: int
    shown: int
    failed: int
    missing: int
    warnings: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


def check_gallery(plan: Plan) -> None:
    """Find out before anything is rendered whether the gallery of a plan could be written; changes nothing.

    Raises UserError when notes or templates are broken, when a file that is not ours is in the way, or when
    the config's output can't be written.
    """
    cache = Cache(plan.config.cache)
    notes, _ = read_notes(plan.config.notes, plan)
    templates, output = _templates(plan), _output(plan, cache)
    snapshot = CacheSnapshot.filled(cache, plan.keys)
    nothing = (Evidence(), OwnPhotos({}))
    sections = _sections(gather(plan, notes), *nothing, snapshot, templates, output, _finish(plan))
    output.check(_addresses(sections))


def build_site(
    plan: Plan, cache: Cache, evidence: Evidence | None = None, running: Running | None = None
) -> SiteReport:
    """Write the gallery of a plan, as far as the cache holds its pictures, into the config's output, with the
    `evidence` that there is; `running` is the run that goes on meanwhile, if one does.

    Raises UserError as `check_gallery` does, and CacheError when a file can't be written or somebody else
    writes the gallery for long.
    """
    with only_writer(plan.config.output):
        return _build_site(plan, cache, evidence or Evidence(), running)


def planned_pages(plan: Plan) -> set[str]:
    """The pages that the gallery of a plan has in any case, whatever the cache holds. Raises UserError when
    the notes are broken."""
    notes, _ = read_notes(plan.config.notes, plan)
    return set(gather(plan, notes).site.pages())


@contextmanager
def only_writer(output: Path) -> Iterator[None]:
    """Wait until nobody else writes the gallery: of two at once, each would remove what the other wrote."""
    check_writable(output)
    path = output / LOCK
    lock = FileLock(path, timeout=PATIENCE)
    try:
        output.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise CacheError(f"{output}: another build-site writes this gallery") from None
    except OSError as error:
        raise CacheError(f"{path}: can't write: {error.strerror or error}") from error
    try:
        yield
    finally:
        with suppress(OSError):  # who waits for a lock that is gone makes a new one
            path.unlink()
        lock.release()
        with suppress(OSError):  # nothing was written, or there is something in it
            output.rmdir()


def _build_site(plan: Plan, cache: Cache, evidence: Evidence, running: Running | None) -> SiteReport:
    notes, warnings = read_notes(plan.config.notes, plan)
    templates, snapshot = _templates(plan), CacheSnapshot.of(cache, _keys(plan, evidence))
    gathered = gather(plan, notes)
    own = own_photos(plan, evidence, gathered.site, snapshot)
    gathered = replace(gathered, site=own.on(gathered.site))
    with closing(_output(plan, cache)) as output:
        sections = _sections(gathered, evidence, own, snapshot, templates, output, _finish(plan), running)
        output.begin(_addresses(sections))
        encodings = [encoding for section in sections for encoding in section.encodings(snapshot, output)]
        with closing(_encoded(encodings, snapshot)) as encoded:
            build = Build(snapshot, output, templates, encoded)
            # Pictures of the sections to come are encoded while a section's pages are written.
            for section in sections:
                section.write(build)
        return _report(build, gathered, warnings)


def _keys(plan: Plan, evidence: Evidence) -> set[str]:
    """Keys of all that pages may be made of."""
    refs = [*evidence.layers.values(), *evidence.atlases.values()]
    own = {key for ref in evidence.photos.values() for key in ref.keys}
    own |= {key for ref in evidence.atlases.values() for key in ref.pictures}
    return {*plan.keys, *(ref.key for ref in refs), *(photo for ref in refs for photo in ref.photos), *own}


def _encoded(encodings: Sequence[Encoding], snapshot: CacheSnapshot) -> Generator[Encoded]:
    """What comes of encodings, in order; from a cache that is far away pictures are fetched by and by."""
    some = len(encodings) if snapshot.is_near else FETCHED
    for at in range(0, len(encodings), max(some, 1)):
        now = encodings[at : at + some]
        with snapshot.fetched([file for encoding in now for file in encoding.files]):
            yield from encode_all(now)


def _output(plan: Plan, cache: Cache) -> Output:
    config = plan.config
    return Output(config.output, cache.gallery_path(config.output), config.pictures_folder)


def _finish(plan: Plan) -> Finish:
    return Finish(plan.config.pictures.quality or QUALITY, plan.config.pictures.size)


def _templates(plan: Plan) -> Templates:
    return Templates(plan.config.templates, plan.config.pictures_base)


def _addresses(sections: Iterable[Section]) -> set[str]:
    return {path for section in sections for path in section.addresses()}


def _report(build: Build, gathered: Gathered, warnings: Sequence[str]) -> SiteReport:
    tally = build.output.finish()
    summaries = build.summaries.values()
    return SiteReport(
        output=build.output.folder,
        index=build.output.folder / "index.html",
        written=tally.written,
        unchanged=tally.unchanged,
        removed=tally.removed,
        bytes=tally.bytes,
        shown=sum(summary.shown for summary in summaries),
        failed=sum(summary.failed for summary in summaries),
        missing=sum(summary.missing for summary in summaries),
        broken=tuple(build.broken),
        warnings=(
            *warnings,
            *build.warnings(),
            *pages_host.size_warnings(tally.bytes, tally.largest, gathered.site),
        ),
    )


# -- which sections there are ----------------------------------------------------------------------


def _sections(
    gathered: Gathered,
    evidence: Evidence,
    own: OwnPhotos,
    snapshot: CacheSnapshot,
    templates: Templates,
    output: Output,
    finish: Finish,
    running: Running | None = None,
) -> list[Section]:
    """All of them, in the order in which they are written."""
    known = {place: ref for place, ref in evidence.layers.items() if snapshot.has_entry(ref.key)}
    there = {place: _there(ref, snapshot) for place, ref in known.items()}
    entries = {layer.folder: _entries(layer, gathered, snapshot) for layer in gathered.site.layers}
    atlases = atlas_sections(gathered.site, evidence, snapshot, templates.digest, entries, finish)
    shown = {key for ref in (*there.values(), *(one.ref for one in atlases)) for key in ref.photos}
    photos = Photos(tuple(sorted(shown | own.shown)))
    pictured = {one.layer.folder: one.overview for one in atlases}
    # Only evidence leads from layer to layer.
    linked = bool(there or own.found)
    cards = tuple(card_of(layer, entries[layer.folder]) for layer in gathered.site.layers if linked)
    layers = [
        LayerSection(
            templates=templates.digest,
            site=gathered.site.head,
            model=model.head,
            layer=layer,
            before=_link(model.layers[:place][-1:]),
            after=_link(model.layers[place + 1 :][:1]),
            entries=entries[layer.folder],
            evidence=there.get((model.name, layer.name)),
            cards=cards if (model.name, layer.name) in there else (),
            base=base_of(layer, model.layers),
            derived=behind(layer, model.layers),
            linked=linked,
            finish=finish,
            photos=own.of_layer(layer),
            atlas=pictured.get(layer.folder, ""),
        )
        for model in gathered.site.models
        for place, layer in enumerate(model.layers)
    ]
    overview = Overview(gathered.site, {section.layer.folder: section for section in layers}, running)
    # What the user has put there for the host already is left alone.
    needed = {path: data for path, data in pages_host.needed_files().items() if not output.is_foreign(path)}
    tables = Tables(gathered.site.models)
    lenses = own.sections(gathered.site, templates.digest, cards, snapshot)
    pages: list[Section] = [*layers, *lenses, *atlases, tables, overview]
    return [photos, *pages, Files(dict(templates.static()) | needed)]


def _there(ref: FactsRef, snapshot: CacheSnapshot) -> FactsRef:
    """The same facts, with those photos that the cache has."""
    return FactsRef(ref.key, tuple(key for key in ref.photos if snapshot.has_entry(key)))


def _link(neighbour: Sequence[LayerView]) -> Link | None:
    return Link(neighbour[0].name, neighbour[0].path) if neighbour else None


def _entries(layer: LayerView, gathered: Gathered, snapshot: CacheSnapshot) -> tuple[Entry, ...]:
    keys = gathered.keys[layer.folder]
    return tuple(
        Entry(recipe.name, channel, key, snapshot.stamp(key), snapshot.is_moving(key, recipe.animation_kind))
        for recipe in (*layer.recipes, *layer.wholes)
        for channel in layer.channels_of(recipe)
        if (key := keys.get((recipe.name, channel)))
    )
