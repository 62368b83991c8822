"""Evidence on photos of the user's -> the gallery's sections of them, and what other pages know of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from generator.evidence.facts import Evidence, PhotoRef
from generator.gallery.elsewhere import LayerCard
from generator.gallery.names import safe_names
from generator.gallery.pages import LayerView, ModelView, SiteView
from generator.gallery.photo_heat import OnPhoto
from generator.gallery.photo_views import PhotoView, photo
from generator.gallery.photos import PhotoSection, Sight
from generator.gallery.snapshot import CacheSnapshot
from generator.plan import Plan


@dataclass(frozen=True)
class OwnPhotos:
    """The user's photos as far as anything is known of them, in the order of the config: of each (photo,
    model) the view and where its evidence is."""

    found: Mapping[tuple[str, str], tuple[PhotoView, PhotoRef]]

    @property
    def shown(self) -> set[str]:
        """Keys of the photos themselves."""
        return {ref.shown for view, ref in self.found.values() if view.picture}

    def on(self, site: SiteView) -> SiteView:
        """The site with them."""
        views = tuple(view for view, _ in self.found.values())
        return replace(site, has_photos=bool(views), photos=views)

    def of_layer(self, layer: LayerView) -> tuple[OnPhoto, ...]:
        """What the pages of a layer's channels know of them."""
        return tuple(
            OnPhoto(view, one.key, layer.folder.rpartition("/")[2], bool(one.cells))
            for view, ref in self.found.values()
            if view.model == layer.model
            for one in ref.views
            if one.layer == layer.name
        )

    def sections(
        self, site: SiteView, templates: str, cards: Sequence[LayerCard], snapshot: CacheSnapshot
    ) -> Iterator[PhotoSection]:
        """A section for each photo and model."""
        models = {model.name: model for model in site.models}
        for view, ref in self.found.values():
            model = models[view.model]
            own = tuple(card for card in cards if card.model == model.name)
            sights = tuple(_sights(model, ref, snapshot))
            yield PhotoSection(templates, site.head, model.head, view, sights, own)


def own_photos(plan: Plan, evidence: Evidence, site: SiteView, snapshot: CacheSnapshot) -> OwnPhotos:
    """The photos of a plan that the evidence tells of."""
    slugs, models = safe_names(plan.config.photos), {model.name: model for model in site.models}
    found = {}
    for (name, model), ref in evidence.photos.items():
        if not any(snapshot.has_entry(one.key) for one in ref.views):
            continue
        settings = plan.config.photos[name]
        view = PhotoView(
            name=name,
            model=model,
            folder=f"photos/{slugs[name]}/{models[model].folder.removeprefix('models/')}",
            picture=photo(ref.shown) if snapshot.has_entry(ref.shown) else "",
            size=ref.size,
            caption=settings.caption,
            licence=settings.licence,
        )
        found[name, model] = (view, ref)
    return OwnPhotos(found)


def _sights(model: ModelView, ref: PhotoRef, snapshot: CacheSnapshot) -> Iterator[Sight]:
    layers = {layer.name: layer for layer in model.layers}
    for one in ref.views:
        if one.layer in layers and snapshot.has_entry(one.key):
            cells = tuple((cell, snapshot.stamp(cell) if cell else None) for cell in one.cells)
            channels = tuple(
                (channel, key, snapshot.stamp(key))
                for channel, key in one.channels
                if snapshot.has_entry(key)
            )
            yield Sight(layers[one.layer], one.key, cells, channels)
