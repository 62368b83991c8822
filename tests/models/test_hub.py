"""Presets of KerasHub: opened as KerasHub opens them, with the preprocessing that they bring."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from generator.config.schema import ModelConfig
from generator.engines.belongings import model_modules
from generator.errors import ModelError
from generator.models import hub, hub_folder
from generator.models.identity import spec_digest
from generator.models.zoo import Model, live_model, open_model

keras_hub = pytest.importorskip("keras_hub", exc_type=ImportError)

SCALE, OFFSET = [1 / 51, 1 / 76.5, 1 / 102], [-1.0, -0.5, 0.25]


def vit() -> Any:
    """A tiny image classifier that prepares each colour another way."""
    models = keras_hub.models
    keras.utils.set_random_seed(1)
    backbone = models.ViTBackbone(
        image_shape=(32, 32, 3), patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32
    )
    converter = models.ViTImageClassifierPreprocessor.image_converter_cls(
        image_size=(32, 32), scale=SCALE, offset=OFFSET
    )
    preprocessor = models.ViTImageClassifierPreprocessor(image_converter=converter)
    return models.ViTImageClassifier(backbone=backbone, num_classes=5, preprocessor=preprocessor)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A preset of `vit`."""
    folder = tmp_path_factory.mktemp("presets") / "small_vit"
    vit().save_to_preset(str(folder))
    return folder


@pytest.fixture(scope="module")
def model(sound: Path) -> Model:
    """It, opened."""
    return opened(sound)


@pytest.fixture
def preset(sound: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(sound, tmp_path / "small_vit"))


def opened(source: str | Path, **settings: Any) -> Model:
    config = ModelConfig.model_validate({"source": str(source), "layers": "all", **settings})
    return open_model("m", config)


def pictures(side: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, (2, side, side, 3)).astype("float32")


def test_a_classifier_gives_what_kerashub_gives_of_the_same_pictures(sound: Path, model: Model) -> None:
    theirs = keras_hub.models.ImageClassifier.from_preset(str(sound))
    shown = pictures(32)
    expected = theirs(theirs.preprocessor(shown), training=False)
    found = model.network(model.preprocessing(shown / 255), training=False)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert np.ptp(np.asarray(expected)) > 0.01
    assert model.anatomy.preprocessing == (
        "black becomes -1, -0.5, 0.25, white 4, 2.833, 2.75: as its preset prepares pictures for it"
    )
    assert not model.anatomy.preprocessing_guessed and model.anatomy.input_shape == (32, 32, 3)
    assert (model.anatomy.source, model.anatomy.weights) == ("small_vit", "its own weights")


def test_a_task_carries_its_preprocessing_wherever_it_comes_from(tmp_path: Path) -> None:
    network = vit()
    network.save(tmp_path / "vit.keras")
    said = opened(tmp_path / "vit.keras", imports=["keras_hub"]).anatomy.preprocessing
    assert said.startswith("black becomes -1, -0.5, 0.25, white 4, ") and "its own preprocessor" in said


def test_a_backbone_of_any_size_gets_pictures_of_its_presets_size(tmp_path: Path) -> None:
    backbone = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64],
        stackwise_num_blocks=[1],
        stackwise_num_strides=[1],
        block_type="basic_block",
        image_shape=(None, None, 3),
    )
    backbone.save_to_preset(str(tmp_path / "small"))
    guessed = opened(tmp_path / "small").anatomy
    assert guessed.input_shape == (None, None, 3) and guessed.preprocessing_guessed
    converters = keras_hub.layers.ImageConverter.__subclasses__()
    (own,) = [kind for kind in converters if kind.backbone_cls is type(backbone)]
    own(image_size=(48, 56), scale=1 / 127.5, offset=-1.0).save_to_preset(str(tmp_path / "small"))
    anatomy = opened(tmp_path / "small").anatomy
    assert anatomy.input_shape == (48, 56, 3) and len(anatomy.layers) > 10
    assert anatomy.preprocessing.startswith("black becomes -1, white 1: as its preset")


def test_of_pictures_and_words_the_pictures_part_is_shown() -> None:
    image, words = keras.Input((8, 8, 3), name="images"), keras.Input((4,), name="words")
    seen = keras.layers.Conv2D(4, 3, name="conv")(image)
    mean = keras.layers.GlobalAveragePooling2D(name="mean")(seen)
    read = keras.layers.Dense(4, name="read")(words)
    network = keras.Model([image, words], keras.layers.Dot(1, name="alike")([mean, read]))
    part = hub.pictures_part(network)
    assert [layer.name for layer in part.layers] == ["images", "conv", "mean"]
    with pytest.raises(ModelError, match=r"takes words, more; only what takes one picture can be shown"):
        hub.pictures_part(keras.Model([words, keras.Input((3,), name="more")], read))


def test_a_transformers_blocks_are_listed_inside(model: Model) -> None:
    layers = {layer.name: layer for layer in model.anatomy.layers}
    block = "vi_t_backbone/vit_encoder/transformer_block_1"
    parts = {
        "mha": "MultiHeadAttention",  # the attention's output
        "add": "Add",  # the stream after it
        "mlp/dense_1/linear": "Dense",  # neurons before their activation
        "mlp/dense_1": "Dense",  # and after it
        "mlp": "MLP",
    }
    assert {name: layers[f"{block}/{name}"].kind for name in parts} == parts
    assert layers[block].kind == "ViTEncoderBlock" and layers[f"{block}/mlp/dense_1"].shape == (17, 32)
    assert {layer.special for layer in layers.values() if len(layer.shape) == 2} == {1}


@pytest.mark.parametrize("registers", [0, 4])
def test_registers_are_no_patches(registers: int) -> None:
    backbone = keras_hub.models.DINOV2Backbone(
        patch_size=8,
        num_layers=1,
        hidden_dim=16,
        num_heads=2,
        intermediate_dim=32,
        num_register_tokens=registers,
        image_shape=(32, 32, 3),
        position_embedding_shape=(32, 32),
    )
    anatomy = live_model(backbone, "dino", ModelConfig.model_validate({"layers": "all"})).anatomy
    tokens = [layer for layer in anatomy.layers if len(layer.shape) == 2]
    assert len(tokens) > 10 and {layer.special for layer in tokens} == {1 + registers}


def test_what_was_learnt_of_a_preset_is_kept_until_its_files_change(preset: Path) -> None:
    def digest(source: str) -> str | None:
        return spec_digest("m", ModelConfig.model_validate({"source": source, "layers": "all"}))

    before = digest(str(preset))
    assert before == digest(str(preset)) != digest("kerashub:vit_base_patch16_224_imagenet")
    (preset / "image_converter.json").write_text("{}")
    assert digest(str(preset)) not in (None, before)
    assert digest("hf://timm/resnet18.a1_in1k") is None
    named = ModelConfig.model_validate({"source": "kerashub:vit", "layers": "all"})
    assert model_modules("m", named) == ["keras_hub"]


# -- fetching --------------------------------------------------------------------------------------


def test_a_preset_is_fetched_file_by_file_and_opened_like_a_folder(
    sound: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_file(name: str, path: str) -> str:
        assert name == "small_vit_imagenet"
        if not (sound / path).is_file():
            raise FileNotFoundError(path)
        return str(shutil.copy(sound / path, tmp_path))

    monkeypatch.setattr(hub, "_get_file", lambda: get_file)
    anatomy = opened("kerashub:small_vit_imagenet").anatomy
    assert anatomy.origin == "KerasHub's preset small_vit_imagenet"
    assert anatomy.fingerprint == model.anatomy.fingerprint


@pytest.mark.parametrize(
    ("source", "place", "folder"),
    [
        ("kerashub:vit_base_patch16_224_imagenet", "www.kaggle.com/models/keras/vit/keras/", "vit_base_"),
        ("kaggle://keras/vit/keras/my_vit/2", "www.kaggle.com/models/keras/vit/keras/my_vit/2", "2"),
        ("hf://timm/resnet18.a1_in1k", "huggingface.co/timm/resnet18.a1_in1k/tree/main", "resnet18.a1_in1k"),
    ],
)
def test_without_a_network_the_files_and_their_place_are_named(source: str, place: str, folder: str) -> None:
    def get_file(name: str, path: str) -> str:
        raise ConnectionError("Name or service not known")

    with pytest.raises(ModelError) as caught:
        hub_folder.fetched(source, get_file)
    said = caught.value.message
    assert f"could not be fetched from https://{place}" in said and f"`source: ./{folder}" in said
    assert ("model.safetensors" in said) == source.startswith("hf://") and "model.weights.h5" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "kerashub:vit_base_patch16_224_imagnet",
            "has no such preset; the nearest are vit_base_patch16_224_i",
        ),
        ("kaggle://a/b", "Model handles|model handles should have"),
        ("hf://a/b/../c", "Unexpected Hugging Face preset"),
    ],
)
def test_a_preset_that_can_not_be_is_told(source: str, words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        opened(source)
    assert "\n" not in caught.value.message


def test_without_kerashub_the_extra_is_named(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(ModelError, match=r"needs KerasHub: pip install 'pocket-microscope\[hub\]'"):
        opened(sound)


# -- from a stranger -------------------------------------------------------------------------------


def edited(name: str, change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """A change of one of a preset's .json files."""

    def edit(folder: Path) -> None:
        values = json.loads((folder / name).read_text())
        change(values)
        (folder / name).write_text(json.dumps(values))

    return edit


def class_of(module: str, kind: str, registered: str | None = None, **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": kind, "config": config, "registered_name": registered}


def as_backbone(value: dict[str, Any]) -> Callable[[Path], None]:
    return edited("task.json", lambda values: values["config"].update(backbone=value))


def linked(folder: Path) -> None:
    with h5py.File(folder / "model.weights.h5", "a") as file:
        file["more"] = h5py.ExternalLink("/etc/passwd", "/x")


def in_parts(folder: Path) -> None:
    (folder / "model.weights.h5").unlink()
    listed = {"weight_map": {"/layers/vars": ["../../secret.weights.h5"]}}
    (folder / "model.weights.json").write_text(json.dumps(listed))


CODE = {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}
TOKENS = class_of(
    "keras_hub.src.models.gpt2.gpt2_tokenizer",
    "GPT2Tokenizer",
    "keras_hub>GPT2Tokenizer",
    vocabulary="/etc/passwd",
)
PAYLOADS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a part of Python": ("names os.system, a part of Python", as_backbone(class_of("os", "system"))),
    "a class of its own": ("needs code of your own: Evil", as_backbone(class_of("evil_module", "Evil"))),
    "a Lambda": ("is a Lambda", as_backbone(class_of("keras.layers", "Lambda", name="l", function=CODE))),
    "another graph": ("is a TFSMLayer", as_backbone(class_of("keras.layers", "TFSMLayer", filepath="/tmp"))),
    "a tokenizer, which reads files": ("GPT2Tokenizer of KerasHub, which is no part", as_backbone(TOKENS)),
    "a class of KerasHub's by its place": (
        "names ViTEncoder of KerasHub, which is no part",
        as_backbone(class_of("keras_hub.src.models.vit.vit_layers", "ViTEncoder")),
    ),
    "an alias": (
        "names system of KerasHub, which is no part",
        as_backbone(class_of("os", "system", "keras_hub>ViTBackbone")),
    ),
    "far more weights than the file": (
        "asks for more than",
        edited("task.json", lambda values: values["config"]["backbone"]["config"].update(mlp_dim=10**9)),
    ),
    "a link in the weights": ("is a link to '/etc/passwd'", linked),
    "parts elsewhere": ("would lie outside of it, '../../secret.weights.h5'", in_parts),
    "no weights": ("a preset without weights", lambda folder: (folder / "model.weights.h5").unlink()),
    "no JSON": (
        "not the settings of a preset",
        lambda folder: (folder / "config.json").write_text("{") and None,
    ),
    "a list": ("no mapping", lambda folder: (folder / "task.json").write_text("[]") and None),
    "brackets without end": (
        "not the settings of a preset|nested too deeply",
        lambda folder: (
            (folder / "config.json").write_text('{"a":' + "[" * 99_999 + "]" * 99_999 + "}") and None
        ),
    ),
    "settings of gigabytes": ("no preset's settings", lambda folder: _long(folder / "config.json")),
    "a converter that is no map of colours": (
        "its ViTImageConverter can't be asked: Cast string to float",
        edited("image_converter.json", lambda values: values["config"].update(scale="x" * 9)),
    ),
}


def _long(path: Path) -> None:
    with path.open("ab") as stream:
        stream.truncate(1 << 30)  # a hole: it takes no place on the disk


@pytest.mark.parametrize("name", PAYLOADS)
def test_what_no_preset_needs_is_refused_in_one_line(preset: Path, name: str) -> None:
    words, change = PAYLOADS[name]
    change(preset)
    with pytest.raises(ModelError, match=words) as caught:
        opened(preset)
    assert str(preset) in caught.value.message and "\n" not in caught.value.message
