"""Every objective, parameterization, start and ascent, against networks whose filters are known."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from generator.targets import WHOLE
from tests.render.planted import GABORS, SIZE, STILL, grey, rendered, strongest_wave, turn
from tests.rendering import Picture


def pixels(picture: Picture) -> np.ndarray[Any, Any]:
    """(height, width, 3) in [0, 1]."""
    return np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB"), "float64") / 255


def tiles(picture: Picture) -> list[np.ndarray[Any, Any]]:
    """The pictures of a job that has several, row after row."""
    board = pixels(picture)
    rows, columns = board.shape[0] // SIZE, board.shape[1] // SIZE
    return [
        board[y * SIZE : (y + 1) * SIZE, x * SIZE : (x + 1) * SIZE]
        for y in range(rows)
        for x in range(columns)
    ]


def one(path: Path, layer: str, recipe: str, channel: int = 0, **changes: object) -> Picture:
    (picture,) = rendered(path, layer, recipe, [channel], **changes)
    return picture


# -- parameterizations -----------------------------------------------------------------------------


# MACO must keep its 1/f magnitudes, and they pull the mean frequency down.
@pytest.mark.parametrize(("recipe", "tolerance"), [("pixels", 0.25), ("maco", 0.5)])
def test_every_parameterization_finds_every_wave(planted: Path, recipe: str, tolerance: float) -> None:
    channels = range(len(GABORS))
    pictures = rendered(planted, "rectified", recipe, channels, steps=96, jitter=2, scale=(1.0, 1.0))
    for picture, (degrees, cycles) in zip(pictures, GABORS, strict=True):
        direction, frequency = strongest_wave(grey(picture))
        assert turn(direction, degrees) < 15
        assert frequency == pytest.approx(cycles, rel=tolerance)


OPPONENTS = [(1.0, -1.0, 0.0), (0.5, 0.5, -1.0), (0.0, -1.0, 1.0)]
"""Colour axes in red, green and blue."""


@pytest.fixture(scope="session")
def opponents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A layer whose channels compare colours and don't care for shapes."""
    source = keras.Input((SIZE, SIZE, 3), name="pixels")
    axes = layers.Conv2D(len(OPPONENTS), 5, name="axes", use_bias=False)
    network = keras.Model(source, axes(source))
    axes.kernel.assign(np.tile(np.array(OPPONENTS).T / 25, (5, 5, 1, 1)))
    path = tmp_path_factory.mktemp("opponents") / "opponents.keras"
    network.save(path)
    return path


@pytest.mark.parametrize("recipe", ["channel", "pixels", "maco", "seed-2021"])
def test_colour_opponents_get_their_colours(opponents: Path, recipe: str) -> None:
    for picture, axis in zip(rendered(opponents, "axes", recipe, range(3)), OPPONENTS, strict=True):
        # MACO keeps the mean at grey: its colours are where it lets them show.
        shown = pixels(picture).reshape(-1, 3) - 0.5
        strength = shown @ np.array(axis)
        colour = shown[strength >= np.quantile(strength, 0.7)].mean(axis=0)
        colour -= colour.mean()
        wanted = np.array(axis) - np.mean(axis)
        assert colour @ wanted / np.linalg.norm(colour) / np.linalg.norm(wanted) > 0.8


def test_maco_keeps_the_magnitudes_it_was_given(planted: Path, tmp_path: Path) -> None:
    # A model picture of vertical stripes only: what MACO makes of it has no other waves.
    stripes = (np.sin(np.arange(SIZE) * 2 * np.pi / 8)[None, :, None] * 100 + 128).astype("uint8")
    Image.fromarray(np.repeat(np.repeat(stripes, SIZE, 0), 3, 2)).save(tmp_path / "stripes.png")
    picture = one(planted, "rectified", "maco", 3, magnitude=tmp_path / "stripes.png", steps=16)
    direction, frequency = strongest_wave(grey(picture))
    assert turn(direction, 0) < 5 and frequency == pytest.approx(1 / 8, rel=0.1)


def test_maco_shows_what_mattered_and_leaves_the_rest_transparent(planted: Path) -> None:
    picture = one(planted, "gabors", "maco", objective="neuron", **STILL)
    alpha = np.asarray(Image.open(io.BytesIO(picture.png)))[..., 3]
    middle = alpha[SIZE // 2 - 4 : SIZE // 2 + 4, SIZE // 2 - 4 : SIZE // 2 + 4]
    assert middle.mean() > 200 and alpha[:6].mean() < 20


# -- objectives ------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [(0.5, 0.5), (0.1, 0.8)])
def test_a_unit_touches_nothing_outside_its_receptive_field(
    planted: Path, place: tuple[float, float]
) -> None:
    fields: dict[str, Any] = {"parameterization": "pixels", "start_from": "grey", "position": place, **STILL}
    picture = pixels(one(planted, "gabors", "neuron", **fields))
    down, right = (int(share * (SIZE - 14)) for share in place)
    inside = np.zeros((SIZE, SIZE), bool)
    inside[down : down + 15, right : right + 15] = True
    assert np.abs(picture[~inside] - 0.5).max() < 2 / 255
    assert np.abs(picture[inside] - 0.5).max() > 0.1


def test_a_direction_is_between_its_channels(planted: Path) -> None:
    one_, other = 0, 3
    mixed = one(planted, "rectified", "direction", WHOLE, direction={one_: 1.0, other: 1.0})
    away = one(planted, "rectified", "direction", WHOLE, direction={one_: 1.0, other: -1.0})
    network = _layer(planted, "rectified")
    toward, against = (
        network(pixels(p)[None].astype("float32")).numpy().mean((0, 1, 2)) for p in (mixed, away)
    )
    assert mixed.activation == pytest.approx(toward[one_] + toward[other], rel=1e-3, abs=1e-4)
    assert away.activation > away.trajectory[0]
    assert against[one_] - against[other] == pytest.approx(away.activation, rel=1e-3, abs=1e-4)


def _layer(path: Path, name: str) -> Any:
    network = keras.saving.load_model(path)
    return keras.Model(network.input, network.get_layer(name).output)


def test_the_pictures_of_a_diversity_excite_alike_and_look_unlike(planted: Path) -> None:
    # A unit that either of two waves excites has two facets.
    alone = one(planted, "either", "diversity", pictures=2, diversity=0.0, seed=3)
    apart = one(planted, "either", "diversity", pictures=2, diversity=2.0, seed=3)
    assert _likeness(planted, apart) < 0.8 * _likeness(planted, alone)
    assert apart.activation > 0.4 * alone.activation
    assert apart.width == 2 * SIZE and apart.height == SIZE


def _likeness(path: Path, picture: Picture) -> float:
    outputs = _layer(path, "either")(np.stack(tiles(picture)).astype("float32")).numpy()
    flat = outputs.reshape(len(outputs), -1, outputs.shape[-1])
    first, second = (each.T @ each for each in flat)
    return float((first * second).sum() / np.linalg.norm(first) / np.linalg.norm(second))


@pytest.fixture(scope="session")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Layers without positions, hidden (8 channels) and one (1), and a map of a single channel."""
    keras.utils.set_random_seed(5)
    source = keras.Input((24, 24, 3))
    hidden = layers.Dense(8, activation="relu", name="hidden")(layers.Flatten()(source))
    single = layers.Conv2D(1, 5, name="map")(source)
    network = keras.Model(source, [layers.Dense(1, name="one")(hidden), single])
    path = tmp_path_factory.mktemp("dense") / "dense.keras"
    network.save(path)
    return path


@pytest.mark.parametrize("layer", ["hidden", "one", "map"])
def test_varied_pictures_of_a_layer_without_positions_are_no_copies(dense: Path, layer: str) -> None:
    fields = {"pictures": 3, "jitter": 0, "rotate": 0.0, "scale": (1.0, 1.0)}
    alone, apart = (one(dense, layer, "diversity", diversity=d, **fields) for d in (0.0, 1.0))
    assert _spread(apart) > 3 * _spread(alone)
    assert apart.activation > 0.4 * alone.activation


def _spread(picture: Picture) -> float:
    """Root mean square distance between the pictures of a job."""
    side = picture.height // 2
    board = pixels(picture)
    parts = [board[:side, :side], board[:side, side:], board[side:, :side]]
    pairs = [(a - b) ** 2 for a, b in itertools.combinations(parts, 2)]
    return float(np.sqrt(np.mean(pairs)))


def test_an_interpolation_goes_from_one_channel_to_the_other(planted: Path) -> None:
    picture = one(planted, "rectified", "interpolation", 0, towards=3, pictures=4)
    outputs = _layer(planted, "rectified")(np.stack(tiles(picture)).astype("float32")).numpy().mean((1, 2))
    here, there = outputs[:, 0], outputs[:, 3]
    assert here[0] == here.max() and there[-1] == there.max()
    assert (np.diff(here) < 1e-4).all() and (np.diff(there) > -1e-4).all()


def test_a_picture_that_few_channels_answer_to_is_sparse(planted: Path) -> None:
    # Waves 0 and 3 stand at right angles: what one of them excites leaves all others cold.
    alone = one(planted, "rectified", "channel", 3)
    everything = one(planted, "rectified", "deepdream", WHOLE)
    outputs = [
        _layer(planted, "rectified")(pixels(p)[None].astype("float32")).numpy() for p in (alone, everything)
    ]
    for picture, output in zip((alone, everything), outputs, strict=True):
        means = output.mean(axis=(0, 1, 2))
        share = means.mean() ** 2 / (means**2).mean()
        assert picture.sparsity == pytest.approx((1 - share) / (1 - 1 / len(means)), rel=1e-2)
    assert 0 <= everything.sparsity < alone.sparsity <= 1


def test_a_logit_is_pursued_where_the_softmax_is_flat(tmp_path: Path) -> None:
    source = keras.Input((SIZE, SIZE, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 15, name="waves", use_bias=False)(source))
    dense = layers.Dense(4, activation="softmax", name="classes")
    network = keras.Model(source, dense(layers.Rescaling(2000.0)(x)))
    dense.kernel.assign(np.eye(4))
    # The other classes lead by so much that the softmax has no gradient left in float32.
    dense.bias.assign([-2000.0, 0.0, 0.0, 0.0])
    network.save(tmp_path / "flat.keras")
    stuck = one(tmp_path / "flat.keras", "classes", "channel")
    logit = one(tmp_path / "flat.keras", "classes", "logit")
    assert stuck.activation == 0
    assert logit.activation > logit.trajectory[0] + 10


def test_a_dream_excites_the_whole_layer(planted: Path) -> None:
    dream = one(planted, "gabors", "deepdream", WHOLE)
    output = _layer(planted, "gabors")(pixels(dream)[None].astype("float32")).numpy()
    assert dream.activation == pytest.approx((output**2).mean(), rel=1e-3)
    assert dream.activation > 10 * dream.trajectory[0]


@pytest.fixture(scope="session")
def half_wave(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo of SIZE: channel 0's wave, on the left only."""
    _, x = np.mgrid[:SIZE, :SIZE]
    left = np.cos(2 * np.pi * x / 6) * (x < SIZE // 2)
    path = tmp_path_factory.mktemp("photos") / "wave.png"
    Image.fromarray(np.repeat((left * 90 + 128).astype("uint8")[..., None], 3, axis=2)).save(path)
    return path


def test_a_caricature_repeats_the_photo_in_the_layers_terms(planted: Path, half_wave: Path) -> None:
    picture = one(planted, "rectified", "caricature", WHOLE, image=half_wave)
    made, wanted = _responses(planted, picture, half_wave)
    assert np.corrcoef(made.ravel(), wanted.ravel())[0, 1] > 0.6
    assert np.linalg.norm(made) > 1.2 * np.linalg.norm(wanted)


def _responses(path: Path, picture: Picture, photo: Path) -> np.ndarray[Any, Any]:
    """What the rectified waves answer to a picture and to a photo."""
    wanted = np.asarray(Image.open(photo), "float64") / 255
    answers: np.ndarray[Any, Any] = _layer(path, "rectified")(
        np.stack([pixels(picture), wanted]).astype("float32")
    ).numpy()
    return answers


# -- starts, sizes and ascents ---------------------------------------------------------------------


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A smooth photo, 60 x 40 (width x height), red to the left and blue to the right."""
    ramp = np.linspace(0, 1, 60)[None, :, None] * np.ones((40, 1, 1))
    values = np.concatenate([1 - ramp, ramp * 0 + 0.5, ramp], axis=2)
    path = tmp_path / "photo.png"
    Image.fromarray((values * 255).round().astype("uint8")).save(path)
    return path


@pytest.fixture(scope="session")
def open_net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted waves in a network that takes pictures of any size."""
    from tests.render.planted import gabor

    source = keras.Input((None, None, 3))
    filters = layers.Conv2D(len(GABORS), 15, name="gabors", use_bias=False)
    either = layers.Conv2D(2, 1, use_bias=False, name="either")
    network = keras.Model(source, either(layers.ReLU(name="rectified")(filters(source))))
    filters.kernel.assign(np.stack([gabor(*known) for known in GABORS], axis=3))
    either.kernel.assign(np.array([[1, 0, 0, 1, 0, 0], [1, 0, 0, -1, 0, 0]]).T[None, None])
    path = tmp_path_factory.mktemp("open") / "open.keras"
    network.save(path)
    return path


@pytest.mark.parametrize("recipe", ["dream-photo", "deepdream"])
def test_a_dream_on_a_photo_keeps_the_photo_and_its_shape(open_net: Path, photo: Path, recipe: str) -> None:
    gentle = {
        "size": 90,
        "steps": 8,
        "learning_rate": 0.005,
        "image": photo,
        "start_from": "image",
        "start": 0,
    }
    picture = one(open_net, "gabors", recipe, WHOLE, **gentle)
    assert (picture.width, picture.height) == (90, 60)
    shown, wanted = pixels(picture), np.asarray(Image.open(photo).resize((90, 60)), "float64") / 255
    assert np.abs(shown - wanted).mean() < 0.08
    before, after = (
        (_layer(open_net, "gabors")(x[None].astype("float32")).numpy() ** 2).mean() for x in (wanted, shown)
    )
    assert after > 1.5 * before


def test_tiles_see_as_the_whole_does(open_net: Path, photo: Path) -> None:
    fields = {"size": 120, "steps": 6, "image": photo, "octaves": 1, "learning_rate": 0.02}
    whole = one(open_net, "gabors", "dream-photo", WHOLE, **fields, tile=0)
    tiled = one(open_net, "gabors", "dream-photo", WHOLE, **fields, tile=64)
    assert tiled.activation > 0.6 * whole.activation > 3 * whole.trajectory[0]
    # No seams where tiles would meet without their shifts.
    sharpest = [np.abs(np.diff(grey(each), axis=1)).mean(axis=0).max() for each in (whole, tiled)]
    assert sharpest[1] < 1.5 * sharpest[0]


def test_a_caricature_seen_in_tiles_is_one_too(open_net: Path, half_wave: Path) -> None:
    picture = one(open_net, "rectified", "caricature", WHOLE, image=half_wave, tile=32, steps=48)
    made, wanted = _responses(open_net, picture, half_wave)
    assert np.corrcoef(made.ravel(), wanted.ravel())[0, 1] > 0.6


def test_varied_pictures_seen_in_tiles_are_varied_too(open_net: Path) -> None:
    fields = {"pictures": 2, "tile": 32, "seed": 3}
    alone, apart = (one(open_net, "either", "diversity", diversity=d, **fields) for d in (0.0, 2.0))
    waves = [[_response(open_net, tile) for tile in tiles(picture)] for picture in (alone, apart)]
    likeness = [float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for a, b in waves]
    assert likeness[1] < 0.8 * likeness[0]


def _response(path: Path, picture: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The picture's mean answers to the two waves that `either` likes."""
    answers = _layer(path, "rectified")(picture[None].astype("float32")).numpy().mean((0, 1, 2))
    return answers[[0, 3]]


@pytest.mark.parametrize(("start", "level"), [("grey", 0.5), ("black", 0.0)])
def test_plain_starts_are_plain(opponents: Path, start: str, level: float) -> None:
    fields = {"start_from": start, "steps": 1, "learning_rate": 1e-6, "weight_decay": 0.0}
    for recipe in ("channel", "pixels", "seed-2021"):
        shown = pixels(one(opponents, "axes", recipe, **fields))
        assert np.abs(shown - level).max() < 0.02


def test_small_octaves_lay_out_what_large_ones_fill(open_net: Path) -> None:
    fields = {"size": 96, "steps": 24, "octaves": 4, "octave_scale": 1.3, "octave_blur": 1.0}
    picture = one(open_net, "rectified", "multi-scale", 1, **fields)
    assert (picture.width, picture.height) == (96, 96)
    assert turn(strongest_wave(grey(picture))[0], GABORS[1][0]) < 15


def test_the_classic_recipe_is_the_tutorials_arithmetic(planted: Path) -> None:
    """`seed-2021` against the same in NumPy: x += 0.1 * g / std(g), clipped."""
    picture = one(planted, "gabors", "seed-2021", 2, start_from="grey", steps=3, decorrelate=False)
    network = keras.saving.load_model(planted)
    kernel = network.get_layer("gabors").get_weights()[0][..., 2]
    gradient = np.zeros((SIZE, SIZE, 3))
    for y in range(SIZE - 14):
        for x in range(SIZE - 14):
            gradient[y : y + 15, x : x + 15] += kernel
    expected = np.full((SIZE, SIZE, 3), 0.5)
    for _ in range(3):
        expected = np.clip(expected + 0.1 * gradient / gradient.std(), 0, 1)
    assert np.abs(pixels(picture) - expected).max() <= 1.01 / 255


@pytest.mark.parametrize(
    ("field", "weight"), [("l1", 0.01), ("l2", 0.5), ("total_variation", 0.01), ("blur", 0.05)]
)
def test_regularisers_take_away_what_they_cost(planted: Path, field: str, weight: float) -> None:
    base = {"parameterization": "pixels", "equalize": 0.0, "weight_decay": 0.0, "start": 0.2}
    free, paying = (one(planted, "rectified", "channel", **base, **more) for more in ({}, {field: weight}))
    cost = {
        "l1": lambda x: np.abs(x - 0.5).sum(),
        "l2": lambda x: np.sqrt(((x - 0.5) ** 2).sum()),
        "total_variation": lambda x: np.abs(np.diff(x, axis=0)).sum() + np.abs(np.diff(x, axis=1)).sum(),
        "blur": lambda x: ((x[1:-1, 1:-1] - (x[:-2, 1:-1] + x[2:, 1:-1]) / 2) ** 2).sum(),
    }[field]
    assert cost(pixels(paying)) < 0.8 * cost(pixels(free))
    assert paying.activation > paying.trajectory[0]


# -- small inputs, odd colours, animations ---------------------------------------------------------


def test_a_network_of_small_pictures_gets_pictures_of_its_own_size(tmp_path: Path) -> None:
    source = keras.Input((28, 28, 1))
    x = layers.Conv2D(4, 5, activation="relu", name="strokes")(source)
    keras.Model(source, layers.Dense(10)(layers.Flatten()(x))).save(tmp_path / "digits.keras")
    picture = one(tmp_path / "digits.keras", "strokes", "channel", size=160)
    assert (picture.width, picture.height) == (28, 28)
    assert Image.open(io.BytesIO(picture.png)).mode == "L"


@pytest.mark.parametrize("colours", [2, 5])
def test_other_colours_are_shown_as_false_ones(tmp_path: Path, colours: int) -> None:
    source = keras.Input((SIZE, SIZE, colours))
    bands = layers.Conv2D(3, 5, activation="relu", name="bands")
    network = keras.Model(source, bands(source))
    kernel = np.random.default_rng(0).normal(size=(5, 5, colours, 3))
    bands.kernel.assign(kernel - kernel.mean(axis=(0, 1)))
    network.save(tmp_path / "bands.keras")
    picture = one(tmp_path / "bands.keras", "bands", "channel")
    assert picture.false_colour and pixels(picture).std() > 0.05


@pytest.mark.parametrize(("gif", "kind"), [(False, "webp"), (True, "gif")])
def test_an_animation_shows_the_making(planted: Path, gif: bool, kind: str) -> None:
    picture = one(planted, "rectified", "channel", frames=6, gif=gif)
    assert picture.animation_kind == kind
    with Image.open(io.BytesIO(picture.animation)) as film:
        assert film.n_frames == 6 and film.size == (SIZE, SIZE)
        film.seek(5)
        last = np.asarray(film.convert("RGB"), "float64") / 255
        film.seek(0)
        first = np.asarray(film.convert("RGB"), "float64") / 255
    assert np.abs(last - pixels(picture)).mean() < 0.06
    assert np.abs(first - pixels(picture)).mean() > 0.1
    plain = one(planted, "rectified", "channel")
    assert plain.animation == b"" and plain.png == picture.png


def test_noise_and_varied_pictures_do_not_depend_on_company(planted: Path) -> None:
    for recipe in ("maco", "diversity"):
        alone = one(planted, "gabors", recipe, 2, steps=12)
        together = rendered(planted, "gabors", recipe, [4, 2, 1], steps=12)[1]
        assert np.abs(pixels(alone) - pixels(together)).mean() < 2 / 255


# -- transformers ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patches of 8 px looking for waves, behind a class token that comes to compare red and green."""
    source = keras.Input((SIZE, SIZE, 3))
    patches = layers.Conv2D(4, 8, strides=8, use_bias=False, name="patches")
    grid = layers.Reshape((36, 4), name="grid")(patches(source))
    red = layers.Dense(4, use_bias=False, name="red")
    colour = layers.Reshape((1, 4))(red(layers.GlobalAveragePooling2D()(source)))
    # A class token begins as the same for all pictures; what it is of them comes later.
    apart = layers.Concatenate(axis=1, name="apart")([layers.Rescaling(0.0)(colour), grid])
    told = layers.ZeroPadding1D((0, 36), name="told")(colour)
    network = keras.Model(source, layers.Add(name="tokens")([apart, told]))
    x = np.arange(8)
    waves = [
        np.cos(np.pi / 2 * x)[None, :] * np.ones((8, 1)),
        np.cos(np.pi / 2 * x)[:, None] * np.ones((1, 8)),
    ]
    kernel = np.stack([*waves, waves[0], waves[1]], axis=2)
    patches.kernel.assign(np.repeat(kernel[:, :, None], 3, axis=2))
    red.kernel.assign(np.tile([[50.0], [-50.0], [0.0]], (1, 4)))
    path = tmp_path_factory.mktemp("tokens") / "tokens.keras"
    network.save(path)
    return path


def test_a_channel_of_tokens_is_its_patches_and_the_class_token_is_apart(tokens: Path) -> None:
    patch, token = one(tokens, "tokens", "channel", **STILL), one(tokens, "tokens", "class-token", **STILL)
    assert turn(strongest_wave(grey(patch))[0], 0) < 10
    mean = pixels(token).mean(axis=(0, 1))
    assert mean[0] > mean[1] + 0.2
    assert np.abs(np.diff(pixels(patch).mean(axis=(0, 1))))[0] < 0.05


def test_the_unit_of_a_token_layer_is_a_patch(tokens: Path) -> None:
    fields = {"parameterization": "pixels", "start_from": "grey", "position": (0.9, 0.1), **STILL}
    picture = np.abs(pixels(one(tokens, "tokens", "neuron", **fields)) - 0.5).max(axis=2)
    assert picture[40:, :8].max() > 0.1
    picture[40:, :8] = 0
    assert picture.max() < 2 / 255
