"""What each page shows, as plain frozen data, and the one place that decides the site's addresses.

    index.html                                    models
    models/<model>/index.html                     the network's graph, its layers
    models/<model>/<layer>/index.html             all channels of a layer
    models/<model>/<layer>/map.html, atlas.html   its channels by likeness; its activation space
    models/<model>/<layer>/best.webp              thumbnails of its most active channels
    models/<model>/<layer>/<channel>.html         one channel; photos.js knows what examples are of
    models/<model>/<layer>/<recipe>/<channel>.webp    its picture; -small its thumbnail; sheet-<n> many
    models/<model>/<layer>/<recipe>/<channel>-animation.webp    how it came about, or .gif
    models/<model>/<layer>/<recipe>/layer.webp    a picture of the layer as a whole
    families/<tag>.html                           channels with the same tag in notes.yaml
    photos/<key>.webp                             a photo of a data set, as a network sees it
    photos/<photo>/<model>.html                   a photo of the user's under the lens (photo_views.py)
    data/<model>/<layer>.json                     all that is known of a layer, for others to build on
    data/<model>.csv                              a model's channels as a table

Paths are relative to the site's root and need no escaping, in URLs as in file names.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from generator.config.recipes import Recipe
from generator.gallery.photo_views import PHOTOS, PhotoView
from generator.gallery.provenance import Digested
from generator.gallery.settings import Settings
from generator.gallery.shapes import shape_text
from generator.models.anatomy import Anatomy, Layer
from generator.targets import WHOLE

INDEX = "index.html"
ABOUT = "about.html"
COMPARE = "compare.html"
FAMILIES = "families/index.html"
NOT_FOUND = "404.html"
SITEMAP = "sitemap.xml"
SEARCH_DATA, RUN_DATA = "data/search.js", "data/run.js"
FAILURES = "data/failures.json"
SOCIAL = "social.jpg"

COLUMNS = 8
"""Thumbnails in a row of a contact sheet; a sheet has as many rows at most."""
PER_SHEET = COLUMNS * COLUMNS

_PARTS = ("picture", "examples", "trust", "circuits", "classes", "relatives", "photos", "making")
OWN_IDS = ("main", "film", "layer-data", "channel-data", "found", *_PARTS)
"""Places in a page that are ours: a recipe's name becomes one too, and must be another."""


@dataclass(frozen=True)
class Link:
    """Another page, by its name and its path."""

    name: str
    path: str


@dataclass(frozen=True)
class Note:
    """What the user wrote in notes.yaml on a model, a layer or a channel."""

    label: str = ""
    text: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class RecipeView(Digested):
    """A recipe as the site shows it: its name, its folder in a layer's folder, and its fields."""

    name: str
    slug: str
    recipe: Recipe
    settings: Settings

    @property
    def description(self) -> str:
        """One sentence; recipes of the user's may have none."""
        return self.recipe.description

    @property
    def whole(self) -> bool:
        """Whether its pictures are of whole layers."""
        return self.recipe.of_whole_layer

    @property
    def animation_kind(self) -> str:
        """What its animations are: `webp`, `gif`, or nothing when it makes none."""
        if not self.recipe.frames:
            return ""
        return "gif" if self.recipe.gif else "webp"


@dataclass(frozen=True)
class LayerView:
    """A layer of a model with pictures in the plan. `folder` is its address without `index.html`.

    `recipes` are those of its channels, `wholes` those of the layer as a whole; there may be only one kind.
    `families` are those that any of its channels is in.
    """

    model: str
    name: str
    folder: str
    layer: Layer
    channels: tuple[int, ...]
    recipes: tuple[RecipeView, ...]
    wholes: tuple[RecipeView, ...] = ()
    note: Note = Note()
    notes: tuple[tuple[int, Note], ...] = ()
    classes: tuple[str, ...] = ()
    families: tuple[Link, ...] = ()

    @property
    def path(self) -> str:
        """Its page."""
        return f"{self.folder}/index.html"

    @property
    def shape(self) -> str:
        """Its output's shape in words: `14 × 14 × 112`."""
        return shape_text(self.layer.shape)

    @property
    def main_recipe(self) -> RecipeView:
        """The recipe whose pictures stand for the layer on other pages."""
        return (*self.recipes, *self.wholes)[0]

    @property
    def map(self) -> str:
        """Its channels placed by likeness."""
        return f"{self.folder}/map.html"

    @property
    def data(self) -> str:
        """All that is known of it, for others to build on."""
        return f"data/{self.folder.removeprefix('models/')}.json"

    def channels_of(self, recipe: RecipeView) -> tuple[int, ...]:
        """The channels that a recipe may have pictures of; WHOLE stands for all together."""
        return (WHOLE,) if recipe.whole else self.channels

    @property
    def best(self) -> str:
        """The thumbnails that stand for it on its model's page."""
        return f"{self.folder}/best.webp"

    @property
    def photos(self) -> str:
        """What the script knows of the photos that its channels' examples are of."""
        return f"{self.folder}/photos.js"

    def sheet_count(self, recipe: RecipeView) -> int:
        """How many contact sheets a recipe has."""
        return -(-len(self.channels_of(recipe)) // PER_SHEET)

    @cached_property
    def note_of(self) -> dict[int, Note]:
        """Notes by channel."""
        return dict(self.notes)

    def pages(self) -> list[str]:
        """Its page and its channels'."""
        return [self.path, *map(self.page, self.channels)]

    def page(self, channel: int) -> str:
        """The page of a channel, or of the layer."""
        return self.path if channel == WHOLE else f"{self.folder}/{channel}.html"

    def picture(self, recipe: RecipeView, channel: int, *, small: bool = False) -> str:
        """The large picture of a channel, or of the layer; or its thumbnail, for other layers' pages."""
        return f"{self.folder}/{recipe.slug}/{_picture_name(channel)}{'-small' if small else ''}.webp"

    def animation(self, recipe: RecipeView, channel: int) -> str:
        """How that picture came about, where the recipe asks for an animation."""
        return f"{self.folder}/{recipe.slug}/{_picture_name(channel)}-animation.{recipe.animation_kind}"

    def sheet(self, recipe: RecipeView, number: int) -> str:
        """A contact sheet: the thumbnails of up to PER_SHEET channels."""
        return f"{self.folder}/{recipe.slug}/sheet-{number}.webp"

    def sheet_rows(self, recipe: RecipeView, number: int) -> int:
        """Rows of thumbnails on a sheet."""
        return -(-min(PER_SHEET, len(self.channels_of(recipe)) - number * PER_SHEET) // COLUMNS)

    def label(self, channel: int) -> str:
        """What the user or the network calls a channel, or nothing."""
        own = self.note_of[channel].label if channel in self.note_of else ""
        return own or (self.classes[channel] if 0 <= channel < len(self.classes) else "")


def _picture_name(channel: int) -> str:
    return "layer" if channel == WHOLE else str(channel)


@dataclass(frozen=True)
class ModelHead(Digested):
    """A network of the config, as its layers' pages know it. `folder` is its address without `index.html`."""

    name: str
    folder: str
    anatomy: Anatomy

    @property
    def path(self) -> str:
        """Its page."""
        return f"{self.folder}/index.html"


@dataclass(frozen=True)
class ModelView(ModelHead):
    """A network with its layers."""

    layers: tuple[LayerView, ...]
    note: Note = Note()

    @cached_property
    def head(self) -> ModelHead:
        """What its layers' pages know of it."""
        return ModelHead(self.name, self.folder, self.anatomy)

    @property
    def table(self) -> str:
        """Its channels as a table, for others to build on."""
        return f"data/{self.folder.removeprefix('models/')}.csv"

    @property
    def collage(self) -> str:
        """A picture of its best channels."""
        return f"{self.folder}/collage.webp"

    @property
    def channel_count(self) -> int:
        """How many channels have pages."""
        return sum(len(layer.channels) for layer in self.layers)


@dataclass(frozen=True)
class Member:
    """A channel in a family."""

    layer: LayerView
    channel: int
    note: Note

    @property
    def place(self) -> int:
        """Its place in its layer and on the layer's sheets."""
        return self.layer.channels.index(self.channel)


@dataclass(frozen=True)
class Family:
    """Channels that share a tag in notes.yaml."""

    tag: str
    path: str
    members: tuple[Member, ...]


@dataclass(frozen=True)
class SiteHead:
    """What the frame of every page tells of the gallery."""

    title: str
    description: str
    url: str
    has_families: bool
    has_photos: bool


@dataclass(frozen=True)
class SiteView(SiteHead):
    """The whole gallery."""

    models: tuple[ModelView, ...]
    recipes: tuple[RecipeView, ...]
    families: tuple[Family, ...]
    photos: tuple[PhotoView, ...] = ()

    @cached_property
    def head(self) -> SiteHead:
        """What its layers' pages know of it."""
        return SiteHead(self.title, self.description, self.url, self.has_families, self.has_photos)

    @cached_property
    def layers(self) -> tuple[LayerView, ...]:
        """All layers of all models."""
        return tuple(layer for model in self.models for layer in model.layers)

    def pages(self) -> list[str]:
        """All pages a reader may want to find, without those that are only tools."""
        own = [INDEX, ABOUT, *([FAMILIES] if self.families else []), *(f.path for f in self.families)]
        for model in self.models:
            own += [model.path, *(path for layer in model.layers for path in layer.pages())]
        return own + ([PHOTOS, *(photo.path for photo in self.photos)] if self.photos else [])
