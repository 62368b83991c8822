"""Planted truth: a layer whose channels are known mixtures of known waves, and what is found behind it."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from generator.config.cookbook import BUILT_IN
from generator.config.schema import ModelConfig
from generator.errors import NotRenderable
from generator.evidence.concepts import concepts
from generator.evidence.reconstruction import reconstruction
from generator.evidence.summary import Merger
from generator.evidence.survey import Surveyor
from generator.models.dictionary import from_components
from generator.models.zoo import open_model
from tests.render.planted import SIZE, gabor, grey, strongest_wave, turn
from tests.rendering import picture_task, work

GABORS = [(0.0, 1 / 6), (45.0, 1 / 6), (90.0, 1 / 6), (135.0, 1 / 6)]
"""Waves so far apart that no filter answers to another's."""
WAVES = len(GABORS)
MIXTURES = np.random.default_rng(4).uniform(0, 1, (WAVES, 10)).astype("f4")
"""How much each channel of the layer `mixed` has of each wave."""


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Filters for known waves, and behind their ReLU a layer whose every channel mixes all of them."""
    source = keras.Input((SIZE, SIZE, 3), name="pixels")
    filters = layers.Conv2D(WAVES, 15, use_bias=False, name="gabors")
    mixing = layers.Conv2D(10, 1, use_bias=False, name="mixed")
    whole = keras.Model(source, mixing(layers.ReLU()(filters(source))))
    filters.kernel.assign(np.stack([gabor(*known) for known in GABORS], axis=3))
    mixing.kernel.assign(MIXTURES[None, None])
    path = tmp_path_factory.mktemp("mixed") / "mixed.keras"
    whole.save(path)
    return path


def waves(count: int) -> list[tuple[str, np.ndarray]]:
    """Pictures of two of the waves each, side by side, weak and strong."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:SIZE, :SIZE]
    found = []
    for number in range(count):
        halves = []
        for degrees, frequency in (GABORS[one] for one in random.permutation(WAVES)[:2]):
            angle, phase = np.deg2rad(degrees), random.uniform(0, 2 * np.pi)
            wave = np.cos(2 * np.pi * frequency * (x * np.cos(angle) + y * np.sin(angle)) + phase)
            halves.append(random.uniform(0.2, 1) * wave)
        plane = np.where(x < SIZE // 2, *halves)
        found.append((f"{number:064}", np.repeat((127 + 100 * plane)[..., None], 3, 2).astype("uint8")))
    return found


@pytest.fixture(scope="module")
def places(mixed: Path) -> np.ndarray:
    """What the layer is at sampled places of pictures of waves."""
    model = open_model("mixed", ModelConfig.model_validate({"source": str(mixed), "layers": "all"}))
    surveyor = Surveyor(model.network, model.preprocessing, ["mixed"])
    merger = Merger()
    merger.add(surveyor.survey(waves(96))["mixed"])
    return merger.summary().places


def likeness(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Cosines of the rows of two matrices."""
    one, other = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (one, other))
    table: np.ndarray = one @ other.T
    return table


def test_concepts_are_the_waves_that_the_channels_mix(places: np.ndarray) -> None:
    found = concepts(places, WAVES)
    table = likeness(found.dictionary.decoder, MIXTURES)
    assert sorted(table.argmax(axis=1)) == list(range(WAVES))
    assert table.max(axis=1).min() > 0.9
    # No two channels alone are as different: the mixtures are all alike.
    assert found.reconstruction.explained > 0.98
    assert found.reconstruction.shares.sum() == pytest.approx(found.reconstruction.explained, abs=0.02)
    assert list(found.reconstruction.shares) == sorted(found.reconstruction.shares, reverse=True)
    again = concepts(places, WAVES)
    assert again.dictionary.digest == found.dictionary.digest


def test_too_little_to_find_concepts_in_is_said(places: np.ndarray) -> None:
    with pytest.raises(NotRenderable, match="nowhere above zero"):
        concepts(-np.abs(places), 4)
    with pytest.raises(NotRenderable, match="40 concepts can't be found in 8 vectors"):
        concepts(places[:1], 40)


def test_a_dictionary_that_says_nothing_explains_nothing(places: np.ndarray) -> None:
    rows = places.reshape(-1, 10)
    perfect = from_components(np.eye(10))
    assert reconstruction(rows, rows, perfect).explained == pytest.approx(1)
    constant = np.broadcast_to(rows.mean(axis=0), rows.shape)
    assert reconstruction(rows, constant, perfect).explained == pytest.approx(0, abs=1e-4)
    assert reconstruction(rows, constant, perfect).shares == pytest.approx(0, abs=1e-4)


@pytest.fixture(scope="module")
def files(places: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A dictionary by hand, which undoes the mixture, and one of concepts in the waves' order."""
    folder = tmp_path_factory.mktemp("dictionaries")
    by_hand = {"encoder": np.linalg.pinv(MIXTURES), "decoder": MIXTURES}
    np.savez(folder / "hand.npz", **by_hand)
    found = concepts(places, WAVES).dictionary.decoder
    order = likeness(MIXTURES, found).argmax(axis=1)
    np.savez(folder / "concepts.npz", decoder=found[order], activation="nonnegative")
    return {path.stem: path for path in folder.iterdir()}


@pytest.mark.parametrize("kind", ["hand", "concepts"])
def test_pictures_show_the_waves_and_not_the_mixtures(mixed: Path, files: dict[str, Path], kind: str) -> None:
    entry = {"name": "mixed", "dictionary": str(files[kind])}
    config = ModelConfig.model_validate({"source": str(mixed), "layers": [entry]})
    recipe = BUILT_IN["channel"].changed({"size": SIZE, "steps": 96}, {})
    pictures = work(picture_task("mixed", config, f"mixed.{kind}", recipe, range(WAVES)))
    for picture, (degrees, frequency) in zip(pictures, GABORS, strict=True):
        assert picture.error == "" and not picture.dead
        direction, found = strongest_wave(grey(picture))
        assert turn(direction, degrees) < 15
        assert found == pytest.approx(frequency, rel=0.25)


def test_pictures_of_the_channels_do_not_show_single_waves(mixed: Path) -> None:
    config = ModelConfig.model_validate({"source": str(mixed), "layers": ["mixed"]})
    recipe = BUILT_IN["channel"].changed({"size": SIZE, "steps": 96}, {})
    pictures = work(picture_task("mixed", config, "mixed", recipe, range(WAVES)))
    right = 0
    for picture, (degrees, _) in zip(pictures, GABORS, strict=True):
        right += turn(strongest_wave(grey(picture))[0], degrees) < 15
    assert right < WAVES - 1
