"""What is known of a channel beside its pictures, as frozen values: what pages and exports are made from.

Anything that was not found out is None or empty: a page leaves such a section out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from generator.evidence.fields import WHOLE, Box
from generator.evidence.histogram import Histogram
from generator.evidence.labels import Preference


@dataclass(frozen=True)
class Photo:
    """A picture of the data set as pages show it: its digest, its name in the data set, and its label.

    `key` is the cache's entry that holds it as the network saw it, small, as WebP; empty where there is none.
    """

    digest: str
    name: str
    label: str = ""
    key: str = ""


@dataclass(frozen=True)
class Example:
    """A position of a photo: the value there, the part of the photo that the unit sees, and the channel over
    the whole photo, or nothing.

    `photo` is the photo's place in the layer's `photos`. `heat` are rows of digits, `0` to `9` and `a` to `z`
    for 0 to 35, the channel's largest value in the data set being 35.
    """

    photo: int
    value: float
    box: Box = WHOLE
    heat: tuple[str, ...] = ()


@dataclass(frozen=True)
class Neighbour:
    """A channel elsewhere in the gallery: its model, layer and number, and the correlation, -1 to 1."""

    model: str
    layer: str
    channel: int
    value: float


@dataclass(frozen=True)
class Connection:
    """A channel that excites (`strength` above 0) or inhibits another, and the kernel between them, rows of
    numbers from -1 to 1, of the largest weight in size.

    `strength` is the share, -1 to 1, of all that the earlier layer's channels usually bring to the later
    channel; or a correlation, where the circuit names an obstacle.
    """

    layer: str
    channel: int
    strength: float
    kernel: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Circuit:
    """The channels of one layer that a channel is built from, or that it feeds.

    `obstacle` names what stands in the way of reading weights; the connections are then correlations and
    have no kernels. `opened` says that activations lie between, which weights alone don't tell of.
    """

    layer: str
    exciting: tuple[Connection, ...]
    inhibiting: tuple[Connection, ...]
    obstacle: str = ""
    opened: bool = False


@dataclass(frozen=True)
class ClassEffect:
    """A class that a channel raises (above 0) or lowers, by its name, or `class 7` where it has none.

    `effect` is in units of the score before a softmax or sigmoid; of one unit of the channel at all positions
    where it is exact, else what the channel adds on the `photos` that the network might take for this class.
    """

    number: int
    name: str
    effect: float
    photos: int = 0


@dataclass(frozen=True)
class Classes:
    """The outputs that a channel raises and lowers most; `exact` for a linear head, else from photos."""

    raised: tuple[ClassEffect, ...]
    lowered: tuple[ClassEffect, ...]
    exact: bool


@dataclass(frozen=True)
class Recognition:
    """What another network makes of the picture of a class: `rank` 1 where it takes it for that class.

    `probability` is that network's, None where it gives scores only.
    """

    model: str
    rank: int
    probability: float | None


@dataclass(frozen=True)
class Trust:
    """How far to trust a picture.

    `strength` is the share of the data set's photos, 0 to 1, whose activation the picture exceeds, and
    `times` its activation over the strongest photo's; `kinship` 0 to 1 and beyond, see `trust.kinship`.
    """

    strength: float
    times: float | None
    kinship: float | None


@dataclass(frozen=True)
class DensityBar:
    """How many features are on at a share of positions from `low` to below `high`."""

    low: float
    high: float
    count: int


@dataclass(frozen=True)
class DictionaryFacts:
    """What a derived layer's dictionary is like, over all its features.

    It stands behind the layer `base`. Of its `features` so many are `dead`, never on in the data set; at a
    position `active` are on in the mean; `densities` are of those that are on at all. `explained` is the
    share of the layer's variance, 1 for all of it, that is explained at the `vectors` that were sampled, or
    None.
    """

    base: str
    activation: str
    features: int
    dead: int
    active: float
    densities: tuple[DensityBar, ...]
    explained: float | None
    vectors: int


@dataclass(frozen=True)
class ChannelFacts:
    """All evidence on one channel.

    `strongest` come first; `ordinary` are by quantile, 0 to 1; `intervals` by the number of the histogram's
    bar. `density` is the share of positions where it is on, `pictures_on` that of photos. `trust` is by
    recipe's name, and so is `recognised`, what other networks make of the picture of a class. `share` is a
    derived feature's part in the variance of its layer, 1 for all of it.
    """

    strongest: tuple[Example, ...] = ()
    ordinary: Mapping[float, tuple[Example, ...]] = field(default_factory=dict)
    lowest: tuple[Example, ...] = ()
    intervals: Mapping[int, tuple[Example, ...]] = field(default_factory=dict)
    histogram: Histogram | None = None
    density: float = 0.0
    pictures_on: float = 0.0
    mean: float = 0.0
    maximum: float = 0.0
    flags: tuple[str, ...] = ()
    trust: Mapping[str, Trust] = field(default_factory=dict)
    recognised: Mapping[str, tuple[Recognition, ...]] = field(default_factory=dict)
    labels: tuple[Preference, ...] = ()
    classes: Classes | None = None
    built_from: tuple[Circuit, ...] = ()
    feeds: tuple[Circuit, ...] = ()
    relatives: tuple[Neighbour, ...] = ()
    twins: tuple[int, ...] = ()
    share: float | None = None


@dataclass(frozen=True)
class LayerFacts:
    """The evidence on a layer: its channels' facts by number, and the data set that they come from.

    `seen` is how many photos were shown, `skipped` how many could not be; `photos` those that examples name,
    each `photo_size` (width, height) as pages show it. `places` are (x, y), 0 to 1, where each channel stands
    on the map of the layer. `dictionary` is there for derived layers.
    """

    # A channel may be no number on some photo; as `null` that could not be read back.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(ser_json_inf_nan="constants")

    dataset: str = ""
    licence: str = ""
    seen: int = 0
    skipped: int = 0
    photos: tuple[Photo, ...] = ()
    photo_size: tuple[int, int] = (0, 0)
    channels: Mapping[int, ChannelFacts] = field(default_factory=dict)
    places: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    dictionary: DictionaryFacts | None = None

    def to_json(self) -> bytes:
        """As JSON; `from_json` reads it back."""
        return _adapter().dump_json(self)

    @classmethod
    def from_json(cls, data: bytes) -> LayerFacts:
        """Facts from what `to_json` gave; raises ValueError for anything else."""
        try:
            return _adapter().validate_json(data)
        except ValidationError as error:
            raise ValueError(str(error)) from None


@cache
def _adapter() -> TypeAdapter[LayerFacts]:
    return TypeAdapter(LayerFacts)


@dataclass(frozen=True)
class FactsRef:
    """Where a layer's facts are: the key of the cache's entry, and the keys of the photos that they show.

    Equal keys, equal facts.
    """

    key: str
    photos: tuple[str, ...] = ()


@dataclass(frozen=True)
class PhotoLayer:
    """What a layer sees in a photo, as keys of the cache: of what it sees, of the pictures of its grid's
    cells, row after row, empty where nothing is on, none where it has no grid; and of (channel, picture) for
    channels that are named and have no picture in the plan."""

    layer: str
    key: str
    cells: tuple[str, ...]
    channels: tuple[tuple[int, str], ...] = ()

    @property
    def keys(self) -> set[str]:
        """All keys."""
        return {self.key, *self.cells, *(key for _, key in self.channels)} - {""}


@dataclass(frozen=True)
class PhotoRef:
    """Where all is that pages tell of a photo of the user's as one model sees it: `shown` is the key of the
    photo itself as WebP, of that `size` (width, height)."""

    shown: str
    size: tuple[int, int]
    views: tuple[PhotoLayer, ...]

    @property
    def keys(self) -> set[str]:
        """All keys."""
        return {self.shown, *(key for view in self.views for key in view.keys)}


@dataclass(frozen=True)
class AtlasRef(FactsRef):
    """The same for an atlas; `pictures` are the keys of its cells' pictures, `sides` the cells in a row of
    each level, the coarsest first."""

    pictures: tuple[str, ...] = ()
    sides: tuple[int, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """All that pages tell beside the planned pictures: `layers` says where the facts of each (model, layer)
    are, `atlases` the same for layers that have an atlas, `photos` where all is of each (photo of the user's,
    model)."""

    layers: Mapping[tuple[str, str], FactsRef] = field(default_factory=dict)
    photos: Mapping[tuple[str, str], PhotoRef] = field(default_factory=dict)
    atlases: Mapping[tuple[str, str], AtlasRef] = field(default_factory=dict)
