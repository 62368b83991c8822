"""Which layers give a network's classes, and what ImageNet's are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest
from keras import layers, ops

from generator.config.schema import ModelConfig
from generator.models import zoo
from generator.models.graph import flatten
from generator.models.imagenet import class_names
from generator.models.scores import score_layers, squash
from generator.models.zoo import open_model


def found(*tail: Any, names: int = 0) -> tuple[str, ...]:
    """The score layers of a network of a convolution of 5 channels, `seen`, and what is given."""
    pixels = keras.Input((8, 8, 3))
    x = layers.Conv2D(5, 3, name="seen")(pixels)
    for layer in tail:
        x = layer(x)
    return score_layers(flatten(keras.Model(pixels, x), (8, 8, 3)), names)


def pool() -> Any:
    return layers.GlobalAveragePooling2D(name="pool")


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        (lambda: [pool(), layers.Dense(4, "softmax", name="end")], ("end",)),
        (lambda: [pool(), layers.Dense(4, name="end")], ("end",)),
        (lambda: [pool(), layers.Dense(4, name="in"), layers.Softmax(name="end")], ("in", "end")),
        (
            lambda: [pool(), layers.Dense(4, name="in"), layers.Activation("sigmoid", name="end")],
            ("in", "end"),
        ),
        (
            lambda: [
                pool(),
                layers.Reshape((1, 1, 5), name="wide"),
                layers.Conv2D(4, 1, name="in"),
                layers.Flatten(name="flat"),
                layers.Softmax(name="end"),
            ],
            ("in", "flat", "end"),
        ),
        (lambda: [pool(), layers.Softmax(name="end")], ("pool", "end")),
        (lambda: [pool()], ()),
        (lambda: [pool(), layers.Dense(4, "relu")], ()),
        (lambda: [], ()),
        (lambda: [layers.Softmax()], ()),
    ],
)
def test_the_last_layer_is_of_classes_where_it_shows(tail: Any, expected: tuple[str, ...]) -> None:
    assert found(*tail()) == expected


def test_class_names_show_it_too() -> None:
    assert found(pool(), names=5) == ("pool",)
    assert found(pool(), names=4) == ()


def test_of_two_ends_that_of_classes_is_taken() -> None:
    pixels = keras.Input((8, 8, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(5, 3)(pixels))
    ends = [layers.Dense(4, "softmax", name="classes")(x), layers.Dense(2, "tanh", name="angles")(x)]
    for outputs in (ends, ends[::-1]):
        assert score_layers(flatten(keras.Model(pixels, outputs), (8, 8, 3))) == ("classes",)


def test_operations_are_seen_as_layers_are() -> None:
    pixels = keras.Input((8, 8, 3))
    scores = layers.Dense(4, name="scores")(layers.GlobalAveragePooling2D()(pixels))
    steps = flatten(keras.Model(pixels, ops.softmax(scores)), (8, 8, 3))
    assert score_layers(steps) == ("scores", steps[-1].name) and squash(steps[-1]) == "softmax"


# -- ImageNet's names ------------------------------------------------------------------------------


def configured(**settings: object) -> ModelConfig:
    return ModelConfig.model_validate({"layers": "all", **settings})


def test_imagenet_s_thousand_have_names_of_their_own() -> None:
    names = class_names()
    assert len(names) == len(set(names)) == 1000 and all(name.strip() == name != "" for name in names)
    # Where networks and other lists have them: Russakovsky et al. 2015.
    known = {0: "tench", 281: "tabby", 285: "Egyptian cat", 504: "coffee mug", 812: "space shuttle"}
    assert {number: names[number] for number in known} == known


def test_a_built_in_network_has_imagenet_s_names_with_its_own_weights_only(tmp_path: Path) -> None:
    anatomy = open_model("efficientnet-lite0", configured()).anatomy
    assert anatomy.classes == class_names() and anatomy.imagenet
    assert anatomy.scores == ("logits", "predictions")
    untrained = open_model("efficientnet-lite0", configured(weights="none")).anatomy
    assert untrained.classes == () and not untrained.imagenet
    (tmp_path / "names.txt").write_text("\n".join(f"name {n}" for n in range(1000)))
    renamed = open_model("efficientnet-lite0", configured(classes=tmp_path / "names.txt")).anatomy
    assert renamed.classes[3] == "name 3" and renamed.imagenet


@pytest.mark.parametrize(
    ("settings", "named"),
    [({}, True), ({"weights": "none"}, False), ({"input_size": 64}, False)],
)
def test_keras_applications_have_them_with_imagenet_s_weights_and_classes(
    settings: dict[str, object], named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def built(source: str, build: Any, options: dict[str, Any]) -> Any:
        return build(**{**options, "weights": None})  # they can't be fetched here

    monkeypatch.setattr(zoo, "_built", built)
    anatomy = open_model("MobileNet", configured(**settings)).anatomy
    assert anatomy.classes == (class_names() if named else ()) and anatomy.imagenet == named


def test_other_networks_of_a_thousand_outputs_have_none(tmp_path: Path) -> None:
    pixels = keras.Input((8, 8, 3))
    net = keras.Model(pixels, layers.Dense(1000, "softmax")(layers.GlobalAveragePooling2D()(pixels)))
    net.save(tmp_path / "imagenet.keras")
    anatomy = open_model("imagenet", configured(source=str(tmp_path / "imagenet.keras"))).anatomy
    assert anatomy.classes == () and not anatomy.imagenet and len(anatomy.scores) == 1
