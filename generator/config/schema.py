"""The settings of config.yaml: what to render, from where, to where.

Each setting is documented once, under its field; docs/config.md is made from these words. Reading the
file, and saying what is wrong in it, is reading.py's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Discriminator, Field, PlainValidator, Tag

from generator.config.addresses import place_of
from generator.config.atlas import AtlasField
from generator.config.base import Fit as Fit
from generator.config.base import Settings
from generator.config.channels import Channels
from generator.config.cookbook import BUILT_IN
from generator.config.derived import ConceptsField, DictionaryField, channels_or_none
from generator.config.photos import Photos
from generator.config.recipes import Recipe

NO_EVIDENCE = "none"
"""What stands in a model's `evidence` for no data set."""


class Preprocessing(Settings):
    """How a model wants its input: pixels in [0, 1] are mapped to `range`, then (x - mean) / std."""

    range: tuple[float, float] = (0.0, 1.0)
    """What 0 (black) and 1 (white) become."""
    mean: float | list[float] = 0.0
    """Subtracted after scaling to the range; one number or one a colour."""
    std: float | list[float] = 1.0
    """Divided by, after that; one number or one a colour."""
    bgr: bool = False
    """Whether colours come in the order blue, green, red (before mean and std are applied)."""


PreprocessingName = Literal["auto", "unit", "raw", "tf", "caffe", "torch"]
# Told apart by their form, so that a mistake inside a mapping is reported as that, not as no known name.
PreprocessingField = Annotated[
    Annotated[PreprocessingName, Tag("name")] | Annotated[Preprocessing, Tag("mapping")],
    Discriminator(lambda value: "mapping" if isinstance(value, dict | Preprocessing) else "name"),
]


def _as_layer(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _as_module(name: str) -> str:
    """The name of a module; ValueError, with the name it may have, for what can only be a file."""
    if name.endswith(".py") or "/" in name:
        module = (
            ".".join(part for part in Path(name.removesuffix(".py")).parts if part.isidentifier())
            or "my_module"
        )
        raise ValueError(f"{name}: a module is named as Python imports it, `{module}`, not by its file")
    return name


ChannelsField = Annotated[Channels, BeforeValidator(Channels.parse)]
Names = Annotated[list[str], BeforeValidator(_as_list)]
ModuleName = Annotated[str, AfterValidator(_as_module)]


class LayerConfig(Settings):
    """Layers to render: a name, a glob, `conv` (all convolutions) or `all`."""

    name: str
    """Layer name, glob (`block5*_add`), `conv` or `all`."""
    channels: Annotated[Channels, BeforeValidator(channels_or_none)] | None = None
    """Which channels; default: the model's `channels`. `none` where only concepts or a dictionary are
    wanted."""
    recipes: Names | None = None
    """Names of recipes; default: the model's `recipes`."""
    concepts: ConceptsField | None = None
    """So many concepts of the layer, found in the data set, as a layer of their own; or a mapping."""
    dictionary: DictionaryField | None = None
    """A file with a dictionary of your own, whose features become a layer of their own; or a mapping."""
    atlas: AtlasField = None
    """Whether to make an atlas of them: `true`, or a mapping of cells, levels, least and whiten. It needs a
    data set."""


LayerField = Annotated[LayerConfig, BeforeValidator(_as_layer)]


class ModelConfig(Settings):
    """One network: where it comes from and what to render of it."""

    source: str = ""
    """A built-in (`efficientnet-lite0`), a keras.applications name (`VGG19`), a saved `.keras` or `.h5`
    file, a preset of KerasHub (a folder such as `./my-preset`, `kerashub:NAME`, `hf://OWNER/MODEL`), or a
    factory `package.module:function`. Default: the model's own name in this file."""
    weights: str = "imagenet"
    """`imagenet`, `none` (random, seeded) or a weights file. Saved models and factories keep the weights
    that they have unless a file is named."""
    imports: Annotated[list[ModuleName], BeforeValidator(_as_list)] = Field(default=[])
    """Modules to import before a saved model is opened: those that define its layers and functions of your
    own, found beside this file or installed. Their code is run; name only what you trust."""
    input_size: Annotated[int | None, Field(ge=16, le=2048)] = None
    """Side of the square input, for built-in networks and those of keras.applications; default: their own."""
    preprocessing: PreprocessingField = "auto"
    """How the network wants its input: `auto`, `unit` [0, 1], `raw` [0, 255], `tf` [-1, 1], `caffe`,
    `torch`, or a mapping of range, mean, std and bgr."""
    classes: Path | None = None
    """Text file with one class name a line, for the pages."""
    layers: Annotated[list[LayerField], Field(min_length=1), BeforeValidator(_as_list)]
    """What to render: names, globs, `conv` or `all`, each perhaps with channels and recipes of its own."""
    channels: ChannelsField = Channels()
    """Which channels of each layer, unless the layer says otherwise: `all`, `7`, `0-15`, `[0-15, 40]`, or
    `first 32`, as many as there are."""
    recipes: Names = Field(default=["channel"])
    """Which recipes, unless the layer says otherwise."""
    evidence: str | None = None
    """The data set that it is shown for evidence, or `none`; default: the only one there is."""


class DatasetConfig(Settings):
    """Pictures to show to networks, for evidence beside the optimised ones."""

    path: Path
    """A folder, read with its sub-folders, whose names are labels; a .zip or .tar of such a folder; or an
    .npz with `images` (n, height, width, colours) and, if there are, `labels` (n)."""
    licence: str = ""
    """Shown where its pictures are shown."""
    fit: Fit = "crop"
    """How a picture is brought to a network's input: its centre (`crop`), distorted (`squash`), or whole, on
    grey (`pad`)."""


class EvidenceConfig(Settings):
    """How much of the evidence is shown."""

    strongest: Annotated[int, Field(ge=1, le=12)] = 9
    """Strongest examples of a channel, at most two of one picture."""
    ordinary: Annotated[int, Field(ge=0, le=6)] = 3
    """Examples at the 99th, 90th and 50th percentile each, and of each bar of the histogram."""
    lowest: Annotated[int, Field(ge=0, le=6)] = 3
    """Lowest examples of a channel that goes below zero."""
    crop: bool = True
    """Whether an example is cut to what the unit sees; else the whole picture is shown."""
    photo_size: Annotated[int, Field(ge=64, le=512)] = 160
    """Longer side of a data set's pictures on the pages, in pixels."""
    budget: Annotated[int | None, Field(ge=16)] = None
    """Pictures of a data set that are shown to networks at most; of a larger one a sample, always the same.
    Default: all."""


class PicturesConfig(Settings):
    """The files of the gallery's pictures. The cache keeps all of them lossless and in full size."""

    quality: Annotated[int | None, Field(ge=1, le=100)] = None
    """Quality of their WebP files; default: 82. Lower is smaller; small pictures are lossless in any case."""
    size: Annotated[int | None, Field(ge=96, le=2048)] = None
    """Longer side of a picture at most, in pixels; default: as rendered."""


class RecipeConfig(Settings):
    """A recipe of the user's: a base and the fields it changes."""

    model_config = ConfigDict(extra="allow")

    base: str = ""
    """The built-in recipe it starts from; default: the built-in of the same name, else `channel`."""

    @property
    def changes(self) -> dict[str, Any]:
        """The fields that differ from the base, as they stand in the file."""
        return dict(self.model_extra or {})


class Config(Settings):
    """All of config.yaml. Paths are absolute after loading; in the file they are relative to it."""

    title: str = "Pocket Microscope"
    """The site's title."""
    description: str = "What the channels of a vision network look for."
    """One sentence under the title."""
    cache: Annotated[Path | str, PlainValidator(place_of)] = Path("cache")
    """Where finished pictures are kept: a folder, or an object store, `s3://bucket/prefix`; safe to delete,
    costly to refill."""
    output: Path = Path("site")
    """Where the gallery is written; foreign files in it are left alone."""
    notes: Path = Path("notes.yaml")
    """Your labels and notes on channels, for the gallery; it need not exist."""
    templates: Path | None = None
    """A folder whose templates and static files replace the gallery's own of the same names."""
    url: Annotated[str | None, Field(pattern=r"^https?://\S+$")] = None
    """Where the site will be hosted, for its sitemap and canonical links; not needed otherwise."""
    pictures: PicturesConfig = PicturesConfig()
    """The files of the gallery's pictures."""
    pictures_url: Annotated[str | None, Field(pattern=r"^https?://[^\s\"'<>?#\\]+$")] = None
    """Where its pictures will be hosted, if not beside the pages. They are then written to a folder of their
    own, named like `output` with `-pictures` added."""
    size: Annotated[int | None, Field(ge=16, le=2048)] = None
    """Side of the pictures in pixels, for every recipe that doesn't set its own."""
    steps: Annotated[int | None, Field(ge=1, le=10_000)] = None
    """Optimisation steps, for every recipe that doesn't set its own."""
    seed: Annotated[int | None, Field(ge=0, le=2**31 - 1)] = None
    """Seed, for every recipe that doesn't set its own."""
    batch: Annotated[int | None, Field(ge=1, le=4096)] = None
    """Pictures handed to a worker together; default: what suits their size. Never changes them."""
    engine: Literal["local", "dask"] = "local"
    """Where pictures are rendered: in worker processes of this machine (`local`), or on a Dask cluster
    (`dask`), for which `pip install 'pocket-microscope[cluster]'`."""
    scheduler: Annotated[str | None, Field(pattern=r"^\w+://\S+$")] = None
    """For `engine: dask`, the address of a Dask scheduler, `tcp://host:8786` or `tls://host:8786`; default:
    one of this machine's own, with its worker processes."""
    scheduler_file: Path | None = None
    """For `engine: dask`, instead of its address: the file in which a scheduler left it
    (`dask scheduler --scheduler-file`)."""
    memory: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the free memory that pictures under way may take; batches are cut down to it."""
    recipes: dict[str, RecipeConfig] = Field(default={})
    """Recipes of your own, or changes to the built-in ones."""
    datasets: dict[str, DatasetConfig] = Field(default={})
    """Data sets for evidence, by the name that the site gives them."""
    evidence: EvidenceConfig = EvidenceConfig()
    """How much of the evidence is shown."""
    photos: Photos = Field(default={})
    """Pictures of your own, each shown to every network: what it says, sees, and where. A list of files, or a
    mapping of names to files."""
    models: dict[str, ModelConfig]
    """The networks, by the name that the site gives them."""

    @property
    def pictures_base(self) -> str:
        """What stands before the path of a picture that is hosted elsewhere; else nothing."""
        return f"{self.pictures_url.rstrip('/')}/" if self.pictures_url else ""

    @property
    def pictures_folder(self) -> Path | None:
        """The folder of pictures that are hosted elsewhere."""
        return self.output.with_name(f"{self.output.name}-pictures") if self.pictures_url else None

    def dataset_of(self, model: str) -> str | None:
        """The name of the data set that a model is shown, if there is any."""
        own = self.models[model].evidence
        if own is not None:
            return None if own == NO_EVIDENCE else own
        return next(iter(self.datasets)) if len(self.datasets) == 1 else None

    def recipe(self, name: str) -> Recipe:
        """The recipe of that name with every default filled in; KeyError if there is none."""
        own = self.recipes.get(name)
        if own is None and name not in BUILT_IN:
            raise KeyError(name)
        base = BUILT_IN[(own.base if own else "") or (name if name in BUILT_IN else "channel")]
        shared = {f: getattr(self, f) for f in ("size", "steps", "seed") if f not in base.model_fields_set}
        shared = {f: v for f, v in shared.items() if v is not None}
        return base.changed(own.changes if own else {}, shared)

    def recipe_names(self) -> list[str]:
        """Names that models and layers may use."""
        return list(dict.fromkeys([*BUILT_IN, *self.recipes]))


HUB = ("kerashub:", "hf://", "kaggle://")
"""How the sources begin that are presets of KerasHub to be fetched."""


def is_hub(source: str) -> bool:
    """Whether a model's source names a preset of KerasHub that is fetched."""
    return source.startswith(HUB)


def is_place(source: str) -> bool:
    """Whether a model's source names something on disk, be it a saved model or not."""
    return (
        not is_hub(source)
        and "://" not in source
        and (is_file_name(source) or "/" in source or "\\" in source)
    )


def is_file_name(source: str) -> bool:
    """Whether a model's source names a saved model rather than a known network or a factory."""
    return source.endswith((".keras", ".h5", ".hdf5"))
