"""A survey of a real network against all of its activations, kept in memory."""

from __future__ import annotations

import hashlib
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from generator.config.schema import ModelConfig
from generator.evidence.summary import Merger, Summary
from generator.evidence.survey import BATCH, Surveyor
from generator.evidence.tally import BINS, bins_of
from generator.models.zoo import open_model
from tests.networks.vit import Places

Array = NDArray[Any]
LAYERS = ["block2b_add", "block5c_add", "head", "avg_pool"]


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


@pytest.fixture(scope="module")
def lite0() -> Any:
    return open_model("efficientnet-lite0", ModelConfig.model_validate({"layers": ["all"]}))


@pytest.fixture(scope="module")
def pictures() -> list[tuple[str, Array]]:
    """41 smooth coloured pictures."""
    random = np.random.default_rng(0)
    small = random.integers(0, 256, (41, 7, 7, 3), dtype=np.uint8)
    return [(digest(n), np.kron(values, np.ones((32, 32, 1), np.uint8))) for n, values in enumerate(small)]


def summary_of(tallies: list[Any]) -> Summary:
    merger = Merger()
    for tally in tallies:
        merger.add(tally)
    return merger.summary()


def test_the_survey_is_that_of_all_activations(lite0: Any, pictures: list[tuple[str, Array]]) -> None:
    surveyor = Surveyor(lite0.network, lite0.preprocessing, LAYERS)
    found = surveyor.survey(pictures)
    network = keras.Model(lite0.network.inputs[0], [lite0.network.get_layer(name).output for name in LAYERS])
    padded = np.zeros((-(-len(pictures) // BATCH) * BATCH, 224, 224, 3), "float32")
    padded[: len(pictures)] = [pixels for _, pixels in pictures]
    whole = [
        np.concatenate(
            [
                np.asarray(network(lite0.preprocessing(padded[at : at + BATCH] / 255))[index])
                for at in range(0, len(padded), BATCH)
            ]
        )[: len(pictures)]
        for index in range(len(LAYERS))
    ]
    for name, values in zip(LAYERS, whole, strict=True):
        tally, channels = found[name], values.shape[-1]
        flat = values.reshape(len(pictures), -1, channels)
        assert np.allclose(tally.means, flat.mean(axis=1), rtol=1e-4, atol=1e-4)
        for channel in range(0, channels, 17):
            counted = np.bincount(bins_of(flat[..., channel].reshape(-1)), minlength=BINS)
            assert np.abs(counted - tally.counts[channel]).sum() <= 2 * flat[..., channel].size * 1e-3
            best = np.argmax(flat[..., channel].max(axis=1))
            if flat[..., channel].max() > 0:
                (picture, *_), *_ = summary_of([tally]).highest.of(channel)
                assert picture == pictures[best][0]


def test_blocks_and_company_change_no_bit(lite0: Any, pictures: list[tuple[str, Array]]) -> None:
    surveyor = Surveyor(lite0.network, lite0.preprocessing, LAYERS)
    whole = summary_of([surveyor.survey(pictures)["head"]])
    cut = summary_of(
        [surveyor.survey(block)["head"] for block in (pictures[30:], pictures[:7], pictures[7:30])]
    )
    assert (whole.counts == cut.counts).all() and (whole.places == cut.places).all()
    assert all(whole.highest.of(channel) == cut.highest.of(channel) for channel in range(1280))


def test_dense_layers_and_tokens_have_positions_of_their_own() -> None:
    keras.utils.set_random_seed(0)
    pixels = keras.Input((16, 16, 1))
    tokens = Places(name="tokens")(layers.Reshape((16, 16))(pixels))
    net = keras.Model(pixels, layers.Dense(5, name="last")(layers.Flatten()(tokens)))
    surveyor = Surveyor(net, lambda x: x, ["tokens", "last"], {"tokens": 1})
    # Of 17 tokens one stands apart from the 4 x 4 patches.
    assert surveyor.grids() == {"tokens": (4, 4), "last": (1, 1)}
    random = np.random.default_rng(0)
    found = surveyor.survey([(digest(n), random.integers(0, 256, (16, 16, 1), np.uint8)) for n in range(3)])
    assert found["tokens"].counts.sum() == 3 * 16 * 16 and found["last"].counts.sum() == 3 * 5


def test_a_survey_that_is_stopped_gives_nothing(lite0: Any, pictures: list[tuple[str, Array]]) -> None:
    surveyor = Surveyor(lite0.network, lite0.preprocessing, ["block2b_add"])
    assert surveyor.survey(pictures, stopping=lambda: True) == {} and surveyor.survey([]) == {}
