"""Networks of users' own, whatever their layout and make: what is shown is what they compute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from generator.config.cookbook import BUILT_IN
from generator.config.schema import ModelConfig
from generator.errors import ModelError
from generator.models.surgery import cut
from generator.models.zoo import Model, open_model
from tests.networks import own
from tests.rendering import picture_task, work

FIRST = ["first", "first_of_any_size", "first_inside", "first_outside", "first_nested", "first_flat"]
LAST = ["more_than_its_graph", "grey", "many_colours", "whole_numbers", "two_outputs", "written"]


def configured(name: str) -> ModelConfig:
    return ModelConfig.model_validate({"source": f"tests.networks.own:{name}", "layers": "all"})


def opened(name: str) -> Model:
    return open_model(name, configured(name))


def picture(network: Any, side: int) -> Any:
    """A batch of two pictures, channels last, of the network's own size or else of `side`."""
    height, width, colours = network.inputs[0].shape[1:]
    return np.random.default_rng(0).random((2, height or side, width or side, colours), "float32")


def shown_last(output: Any) -> Any:
    return np.moveaxis(np.asarray(output), 1, -1) if np.ndim(output) == 4 else np.asarray(output)


# -- channels first --------------------------------------------------------------------------------

FIRST_LAYERS = ["conv", "norm", "relu", "squeeze", "gate", "gated", "column", "way", "moved"]
FIRST_LAYERS += ["depthwise", "pooled", "both", "mean", "classes"]


@pytest.mark.parametrize("layer", FIRST_LAYERS)
@pytest.mark.parametrize("relu", ["plain", "open"])
def test_a_channels_first_layer_is_shown_channels_last(layer: str, relu: str) -> None:
    whole, model = own.first(), opened("first")
    pixels = picture(model.network, 24)
    inner = keras.Model(whole.input, whole.get_layer(layer).output)
    expected = shown_last(inner(np.moveaxis(pixels, -1, 1), training=False))
    part = cut(model.network, layer, 24, relu)  # type: ignore[arg-type]
    np.testing.assert_allclose(part(pixels), expected, rtol=1e-4, atol=1e-5)
    assert model.anatomy.layer(layer).shape == expected.shape[1:]


def test_the_anatomy_of_a_channels_first_network_is_channels_last() -> None:
    anatomy = opened("first").anatomy
    assert anatomy.name == "first" and anatomy.input_shape == (24, 24, 3)
    assert [layer.name for layer in anatomy.layers][:4] == ["pixels", "conv", "norm", "relu"]
    assert anatomy.layer("conv").inputs == ("pixels",)
    found = {layer.name: (layer.receptive_field, layer.stride) for layer in anatomy.layers}
    assert (found["relu"], found["depthwise"], found["gated"]) == (
        ((3, 3), (1, 1)),
        (None, None),
        (None, None),
    )
    assert anatomy.preprocessing.startswith("black becomes 0, white 1: ")
    assert opened("first_of_any_size").anatomy.layer("pooled").shape == (None, None, 6)


def test_batch_norm_is_folded_channels_first_too() -> None:
    part = cut(opened("first").network, "relu", 24)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in part.layers)


@pytest.mark.parametrize("name", [*FIRST, *LAST])
def test_what_a_network_gives_is_what_its_last_layer_is_shown_to_give(name: str) -> None:
    whole, model = getattr(own, name)(), opened(name)
    pixels, turns = picture(model.network, 24), name in FIRST and name != "first_inside"
    given = np.moveaxis(pixels, -1, 1) if turns else pixels
    given = (255 * given).astype("uint8") if name == "whole_numbers" else given
    said = whole(given, training=False)
    layer = model.anatomy.layers[-1].name
    expected = np.asarray(said[layer] if isinstance(said, dict) else said)
    last = shown_last(expected) if name == "first_nested" else expected
    pixels = given if name == "whole_numbers" else pixels
    found = cut(model.network, layer, pixels.shape[1])(pixels.astype("float32"))
    np.testing.assert_allclose(found, last, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "layer", "shape"),
    [
        ("first_inside", "conv", (22, 22, 4)),
        ("first_inside", "last", (20, 20, 5)),
        ("first_outside", "last", (22, 22, 5)),
        ("first_nested", "part/conv", (20, 20, 5)),
        ("first_flat", "pixels", (28, 28, 1)),
        ("only_built", "conv", (None, None, 4)),
    ],
)
def test_shapes_where_layouts_change(name: str, layer: str, shape: tuple[int | None, ...]) -> None:
    assert opened(name).anatomy.layer(layer).shape == shape


# -- pictures --------------------------------------------------------------------------------------


def rendered(name: str, layer: str, precision: str = "float32") -> Any:
    anatomy = opened(name).anatomy
    fields = {"size": 40, "steps": 3, "precision": precision}
    recipe = BUILT_IN["channel"].model_copy(update=fields)
    task = picture_task(name, configured(name), layer, recipe, [1], fingerprint=anatomy.fingerprint)
    return work(task)[0]


@pytest.mark.parametrize(
    ("name", "layer", "side"),
    [
        ("first", "depthwise", 24),
        ("first_of_any_size", "norm", 40),
        ("first_inside", "conv", 24),
        ("first_nested", "part/conv", 24),
        ("first_flat", "dense", 28),
        ("grey", "dense", 28),
        ("many_colours", "last", 32),
        ("whole_numbers", "conv", 64),
        ("two_outputs", "kind", 32),
        ("two_outputs", "conv:2", 32),
        ("written", "block", 32),
        ("only_built", "conv", 40),
        ("unsure", "drop", 32),
        ("noisy", "norm", 32),
        ("noisy", "last", 32),
    ],
)
def test_a_channel_renders(name: str, layer: str, side: int) -> None:
    picture = rendered(name, layer)
    assert picture.error == "" and picture.png
    assert (picture.record.width, picture.record.height) == (side, side)
    assert picture.false_colour == (name == "many_colours")


def test_a_record_says_the_size_that_was_used() -> None:
    recipe = rendered("grey", "dense").record.recipe
    assert (recipe["size"], recipe["jitter"], recipe["pad"]) == (28, 5, 0)
    assert rendered("only_built", "conv").record.recipe["size"] == 40


def test_channels_first_in_half_precision() -> None:
    assert rendered("first", "depthwise", "bfloat16").error == ""


# -- subclassed ------------------------------------------------------------------------------------


def test_a_subclassed_model_is_read_by_tracing_it() -> None:
    anatomy = opened("written").anatomy
    inside = ["block/conv2d", "block/add", "block"]
    names = ["pixels", "conv", *inside, "part/conv", "add", "drop"]
    assert [layer.name for layer in anatomy.layers] == names
    assert anatomy.layer("part/conv").inputs == ("block",) and anatomy.input_shape == (32, 32, 3)
    assert anatomy.parameters == own.written().count_params()


def test_a_subclassed_models_own_variable_is_part_of_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    before, make = opened("written").anatomy.fingerprint, own.written

    def shifted() -> Any:
        network = make()
        network.shift.assign(network.shift + 1)
        return network

    assert opened("written").anatomy.fingerprint == before
    monkeypatch.setattr(own, "written", shifted)
    assert opened("written").anatomy.fingerprint != before


def test_a_subclassed_model_can_come_from_a_file_and_take_weights(tmp_path: Path) -> None:
    network = own.written()
    file, weights = tmp_path / "written.keras", tmp_path / "its.weights.h5"
    network.save(file)
    pixels = np.random.default_rng(0).random((2, 32, 32, 3), "float32")

    def same(config: ModelConfig) -> None:
        model = open_model("w", config)
        np.testing.assert_allclose(
            model.network(pixels), network(pixels, training=False), rtol=1e-4, atol=1e-4
        )

    same(ModelConfig.model_validate({"source": str(file), "layers": "all"}))
    network.set_weights([weight / 2 for weight in network.get_weights()])
    network.save_weights(weights)
    same(ModelConfig.model_validate({"source": str(file), "weights": str(weights), "layers": "all"}))
    same(configured("written").model_copy(update={"weights": str(weights)}))


def test_heads_and_shared_layers_each_have_a_name() -> None:
    anatomy = opened("two_outputs").anatomy
    names = [layer.name for layer in anatomy.layers]
    assert names[:4] == ["pixels", "conv", "conv:2", "mean"] and set(names[4:]) == {"kind", "place"}
    assert anatomy.layer("kind").inputs == anatomy.layer("place").inputs == ("mean",)


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("untraceable", "Untraceable can't be traced ("),
        ("subclassed_pair", "has 2 inputs; only networks with one can be shown"),
        ("pair", "has 2 inputs (left, right); only networks with one can be shown"),
        ("two_faced", "TwoFaced gives something else when its call is traced than when it is called"),
        ("never_called", "call `build((None, height, width, colours))` on it before"),
        ("unknown_colours", "how many colours must be known"),
    ],
)
def test_what_can_not_be_shown_is_refused_in_one_line(name: str, words: str) -> None:
    with pytest.raises(ModelError) as caught:
        opened(name)
    assert words in caught.value.message and "\n" not in caught.value.message
