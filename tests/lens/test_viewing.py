"""What layers see in a photo, and what channels add to scores: planted, and by brute force."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from generator.evidence import lens
from generator.evidence.lens import Seen, arguments, averaged, directions, grid_of, strengths
from generator.evidence.viewing import Viewer
from generator.models.anatomy import Layer
from generator.models.derived import attach
from generator.models.dictionary import Dictionary

Array = NDArray[Any]


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Layers draw their weights' seeds when they are made."""
    keras.utils.set_random_seed(0)


def photo(height: int = 20, width: int = 20) -> Array:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def network(*head: Any, bias: bool = False, size: tuple[int, int] = (20, 20)) -> Any:
    """`first` and `second`, convolutions with a ReLU, pooling and `head`."""
    pixels = keras.Input((*size, 3))
    x = layers.Conv2D(5, 3, activation="relu", padding="same", use_bias=bias, name="first")(pixels)
    x = layers.Conv2D(6, 3, activation="relu", padding="same", use_bias=bias, name="second")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    for layer in head:
        x = layer(x)
    return keras.Model(pixels, x)


def view(model: Any, names: list[str], scores: str = "", pixels: Array | None = None) -> dict[str, Seen]:
    return Viewer(model, lambda x: x, names, scores).view(photo() if pixels is None else pixels)


# -- grids -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(20, 20), (14, 31), (9, 56), (1, 1)])
def test_cells_are_the_means_of_their_positions(size: tuple[int, int]) -> None:
    plane = np.random.default_rng(1).normal(size=(*size, 3)).astype("float32")
    found = averaged(plane)
    rows, columns = (min(14, side) for side in size)
    assert found.shape == (rows, columns, 3)
    for row in range(rows):
        for column in range(columns):
            down = slice(row * size[0] // rows, (row + 1) * size[0] // rows)
            right = slice(column * size[1] // columns, (column + 1) * size[1] // columns)
            np.testing.assert_allclose(
                found[row, column], plane[down, right].mean((0, 1)), rtol=1e-4, atol=1e-6
            )


@pytest.mark.parametrize(
    ("shape", "special", "grid"),
    [
        ((56, 20, 3), 0, (14, 14)),
        ((7, 9, 3), 0, (7, 9)),
        ((197, 8), 1, (14, 14)),
        ((51, 8), 2, (7, 7)),
        *(((shape), 0, None) for shape in ((8,), (1, 1, 8), (None, None, 8), (None, 8), (23, 8))),
    ],
)
def test_a_grid_is_known_by_the_layers_shape(
    shape: tuple[int | None, ...], special: int, grid: tuple[int, int] | None
) -> None:
    one = Layer("one", "Conv2D", shape, 8, ("input",), 0, None, None, None, renderable=True, special=special)
    assert grid_of(one) == grid


def test_cells_hold_what_the_network_itself_gives() -> None:
    model = network(layers.Dense(4, name="classes"))
    seen = view(model, ["second"], "classes")["second"]
    inner = keras.Model(model.input, model.get_layer("second").output)
    plane = np.asarray(inner(photo()[None].astype("float32") / 255))[0]
    np.testing.assert_allclose(seen.cells, averaged(plane), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(seen.means, plane.mean((0, 1)), rtol=1e-5)
    assert seen.grid == (14, 14)


def test_a_direction_points_where_the_cell_does_and_silence_has_none() -> None:
    cells = np.zeros((1, 3, 4), np.float32)
    cells[0, 0], cells[0, 2] = [3, 0, 0, 4], [0, np.nan, 0, 1]
    seen = Seen(cells, cells.mean((0, 1)))
    one, none, broken = directions(seen)
    assert one is not None and one.weights == pytest.approx((0.6, 0, 0, 0.8))
    assert none is None and broken is None
    assert strengths(seen)[0].tolist() == [1, 0, 0.2]
    assert lens.strongest(seen)[0] == lens.Valued(3, 4.0)


def test_positions_of_tokens_make_a_plane_without_the_special_ones() -> None:
    pixels = keras.Input((20, 20, 3))
    x = layers.Reshape((25, -1))(pixels)
    x = layers.Dense(6, name="tokens")(layers.ZeroPadding1D((1, 0))(x))
    x = layers.Dense(3, name="classes")(layers.Flatten()(x))
    model = keras.Model(pixels, x)
    seen = Viewer(model, lambda x: x, ["tokens"], "classes", {"tokens": 1}).view(photo())["tokens"]
    assert seen.grid == (5, 5)
    # The class token, which is no place, leads to the classes all the same.
    whole = seen.attributions.sum(axis=1) + model.get_layer("classes").bias.numpy()[seen.verdict.numbers]
    np.testing.assert_allclose(whole, seen.verdict.scores, rtol=1e-4)


# -- what it says ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("activation", "classes"), [("softmax", 9), ("sigmoid", 9), (None, 9), ("softmax", 2)]
)
def test_the_verdict_is_the_networks(activation: str | None, classes: int) -> None:
    model = network(layers.Dense(classes, activation=activation, name="classes"))
    said = view(model, ["first"], "classes")["first"].verdict
    outputs = np.asarray(model(photo()[None].astype("float32") / 255))[0]
    order = np.argsort(-outputs)[: lens.CLASSES]
    assert said.numbers.tolist() == order.tolist()
    told = said.probabilities if activation else said.scores
    np.testing.assert_allclose(told, outputs[order], rtol=1e-4)
    assert len(said.probabilities) == (len(order) if activation else 0)


def test_a_network_without_classes_says_nothing_and_sees_all_the_same() -> None:
    seen = view(network(), ["first", "pool"])
    assert seen["first"].grid == (14, 14) and seen["pool"].grid == (1, 1)
    assert len(seen["first"].verdict.numbers) == 0 and arguments(seen["first"]) == ()


# -- why -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [False, True])
def test_what_channels_add_sums_to_the_score_behind_a_linear_head(bias: bool) -> None:
    head = layers.Dense(7, activation="softmax", use_bias=bias, bias_initializer="normal", name="classes")
    model = network(head)
    for name, seen in view(model, ["second", "pool"], "classes").items():
        assert seen.exact, name
        weights = head.kernel.numpy()
        for place, why in enumerate(arguments(seen, 5)):
            planted = weights[:, why.number] * seen.means
            np.testing.assert_allclose(seen.attributions[place], planted, rtol=1e-4, atol=1e-7)
            rest = float(head.bias.numpy()[why.number]) if bias else 0.0
            assert why.sum + why.rest == pytest.approx(why.score, rel=1e-4)
            assert why.rest == pytest.approx(rest, abs=1e-4) and why.channels == 6
            told = [one.value for one in why.supporting]
            assert told == pytest.approx(sorted(planted[planted > 0], reverse=True)[:4], rel=1e-3)


def test_before_it_a_straight_line_tells_all_where_there_are_no_biases() -> None:
    """Of a network of ReLUs without biases gradient times activation leaves no rest, at any layer."""
    head = layers.Dense(4, use_bias=False, name="classes")
    model = network(layers.Dense(8, activation="relu", use_bias=False), head)
    seen = view(model, ["first", "second", "pool"], "classes")
    assert not any(one.exact for one in seen.values())
    for one in seen.values():
        np.testing.assert_allclose(one.attributions.sum(axis=1), one.verdict.scores, rtol=1e-3, atol=1e-5)
    model = network(layers.Dense(8, activation="relu", bias_initializer="ones"), head, bias=True)
    told = arguments(view(model, ["first"], "classes")["first"])
    assert all(one.sum + one.rest == pytest.approx(one.score, rel=1e-3, abs=1e-4) for one in told)


def test_a_layer_that_leads_nowhere_argues_for_nothing() -> None:
    pixels = keras.Input((20, 20, 3))
    layers.Conv2D(2, 3, name="astray")(pixels)
    x = layers.Conv2D(3, 3, name="seen")(pixels)
    side = layers.Conv2D(2, 3, name="aside")(x)
    out = layers.Dense(3, activation="softmax", name="classes")(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(pixels, [out, side])
    seen = view(model, ["seen", "aside"], "classes")
    assert len(seen["seen"].attributions) == 3 and len(seen["aside"].attributions) == 0


def test_features_add_what_their_directions_do() -> None:
    """A dictionary that only mixes a layer's channels, and can undo that, leaves out nothing."""
    model = network(layers.Dense(4, use_bias=False, name="classes"))
    turned = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0].astype("float32")
    both = np.concatenate([turned, -turned])
    attach(model, [("second.sae", "second", Dictionary(both.T, np.zeros(12, "f4"), both, np.zeros(6, "f4")))])
    seen = view(model, ["second", "second.sae"], "classes")
    features = seen["second.sae"]
    assert features.cells.shape == (14, 14, 12) and features.exact
    np.testing.assert_allclose(features.attributions.sum(1), seen["second"].attributions.sum(1), rtol=1e-3)


def test_what_is_stored_reads_back_and_nothing_else_does() -> None:
    seen = view(network(layers.Dense(4, name="classes")), ["second"], "classes")["second"]
    again = Seen.from_bytes(seen.to_bytes())
    assert again.exact == seen.exact
    np.testing.assert_array_equal(again.cells, seen.cells)
    np.testing.assert_array_equal(again.attributions, seen.attributions)
    np.testing.assert_array_equal(again.verdict.scores, seen.verdict.scores)
    with pytest.raises(ValueError):
        Seen.from_bytes(b"no arrays")
