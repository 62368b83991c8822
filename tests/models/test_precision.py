"""A cut network gives what the network gives, in any precision, or it is not used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from generator.config.cookbook import BUILT_IN
from generator.config.schema import ModelConfig
from generator.errors import ModelError
from generator.models import folding, precision
from generator.models.probing import difference, evaluated, probe
from generator.models.surgery import TOLERANCES, cut
from tests.models.test_surgery import SHAPES, network, pixels
from tests.rendering import Picture, picture_task, work

SIDE = 12


def adapted() -> Any:
    """A Normalization that has seen data of mean 50 and deviation 4: what it learnt is no argument of it."""
    normalization = layers.Normalization(name="norm")
    normalization.adapt(np.random.default_rng(0).normal(50, 4, (64, SIDE, SIDE, 3)))
    return normalization


class Forgetful(layers.Layer):  # type: ignore[misc]
    """A layer with an attribute that its config does not hold."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.factor = 1.0

    def call(self, x: Any) -> Any:
        """Its input, so many times."""
        return x * self.factor


class Closed(Forgetful):
    """A layer that can't be made from a config at all."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor


class Keeper(layers.Layer):  # type: ignore[misc]
    """A layer with a layer inside that learnt more than weights."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.inner = layers.Normalization()

    def build(self, shape: Any) -> None:
        """The inner layer's weights."""
        self.inner.build(shape)

    def call(self, x: Any) -> Any:
        """What the inner layer makes of it."""
        return self.inner(x)


def forgetful() -> Any:
    layer = Forgetful()
    layer.factor = 1.1  # too little to be seen through bfloat16's rounding after a few layers
    return layer


def keeper() -> Any:
    layer = Keeper()
    layer.build((None, SIDE, SIDE, 3))
    layer.inner.adapt(np.random.default_rng(0).normal(50, 4, (64, SIDE, SIDE, 3)))
    return layer


def patched() -> Any:
    """A convolution whose kernel is another on each call, as weight normalisation does it by hand."""
    conv = layers.Conv2D(3, 3, padding="same")
    plain = conv.convolution_op
    conv.convolution_op = lambda inputs, kernel: plain(inputs, kernel * 2.0)
    return conv


STATEFUL: dict[str, Callable[[], Any]] = {
    "adapted": adapted,
    "forgetful": forgetful,
    "closed": lambda: Closed(3.0),
    "a layer inside": keeper,
    "patched": patched,
}


def with_first(make: Callable[[], Any]) -> Any:
    x = make()(source := pixels())
    x = layers.BatchNormalization()(layers.Conv2D(5, 3, name="conv")(x))
    whole = keras.Model(source, layers.ReLU(name="out")(x))
    whole.get_layer("conv").kernel.assign(np.random.default_rng(1).normal(0, 0.3, (3, 3, 3, 5)))
    return whole


def around_fifty(pixels: Any) -> Any:
    return pixels * 16 + 42


@pytest.mark.parametrize("precision_", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", STATEFUL)
def test_what_a_layer_knows_beside_its_weights_is_not_lost(name: str, precision_: str) -> None:
    whole, picture = with_first(STATEFUL[name]), around_fifty(probe((SIDE, SIDE, 3)))
    part = cut(whole, "out", SIDE, precision=precision_, preprocess=around_fifty)
    assert difference(part(picture), whole(picture)) < {"float32": 1e-5, "bfloat16": 0.03}[precision_]


def broken(make: Callable[..., Any]) -> Callable[..., Any]:
    """The same, but that weights come out wrong."""

    def wrong(*args: Any) -> Any:
        made = make(*args)
        for weight in getattr(made, "weights", ()):
            weight.assign(weight * 2 + 1)
        return made

    return wrong


@pytest.mark.parametrize("build", SHAPES, ids=lambda build: build.__name__)
@pytest.mark.parametrize("relu", ["plain", "open", "linear"])
def test_what_is_made_wrongly_is_not_used(
    build: Callable[[], Any], relu: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, picture = build(), probe((SIDE, SIDE, 3))
    right = cut(whole, "out", SIDE, relu)(picture)
    monkeypatch.setattr(folding, "_fold", broken(folding._fold))
    assert difference(cut(whole, "out", SIDE, relu)(picture), right) < 1e-4
    monkeypatch.setattr(precision, "in_precision", broken(precision.in_precision))
    with pytest.raises(ModelError, match=r"^out: computed in bfloat16 it differs from what"):
        cut(whole, "out", SIDE, relu, "bfloat16")


# -- networks that bfloat16 is too coarse for ------------------------------------------------------


def coarse() -> Any:
    """A network that adds a lot and takes it away again."""
    x = layers.Rescaling(1.0, -1e6)(layers.Rescaling(1.0, 1e6)(source := pixels()))
    return network(source, layers.Conv2D(4, 3, name="out")(x))


def rendered(precision: str, known: str | None) -> Picture:
    config = ModelConfig.model_validate({"source": f"{__name__}:coarse", "layers": "all"})
    recipe = BUILT_IN["channel"].model_copy(update={"size": 16, "steps": 2, "precision": precision})
    return work(picture_task("coarse", config, "out", recipe, [0], precision=known))[0]


def test_auto_takes_float32_where_bfloat16_is_too_coarse() -> None:
    picture = rendered("auto", known="bfloat16")
    assert picture.record.extra["precision"] == "float32" and picture.png


def test_who_asks_for_bfloat16_where_it_is_too_coarse_is_told() -> None:
    picture = rendered("bfloat16", known=None)
    assert picture.error.startswith("out: computed in bfloat16 it differs from what the network gives, by ")
    assert picture.error.endswith("; `precision: float32` is what it is made for")


# -- the probe and the evaluation ------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(64, 64, 3), (17, 40, 1), (8, 8, 7), (1, 1, 3), (None, None, 3)])
def test_the_probe_is_always_the_same_and_uses_the_whole_range(shape: Any) -> None:
    picture = probe(shape)
    np.testing.assert_array_equal(picture, probe(shape))
    assert picture.dtype == "float32" and picture.shape == (1, *(side or 64 for side in shape))
    assert (picture.min(), picture.max()) == (0, 1)


@pytest.mark.parametrize("build", SHAPES, ids=lambda build: build.__name__)
def test_operations_one_after_the_other_give_what_the_network_gives(build: Callable[[], Any]) -> None:
    whole, picture = build(), probe((SIDE, SIDE, 3))
    (found,) = evaluated(whole.inputs[0], whole.outputs, picture)
    np.testing.assert_allclose(found, whole(picture, training=False), rtol=1e-6, atol=1e-6)


def test_numbers_that_are_not_finite_are_no_difference_where_they_belong() -> None:
    good, bad = np.array([1.0, np.nan, 2.0]), np.array([1.0, 3.0, 2.0])
    assert difference(good, good) == 0 and difference(np.array([1.0, np.inf, 2.0]), good) == 0
    assert difference(good, bad) == difference(bad, good) == np.inf
    assert difference(np.zeros(3), np.zeros(3)) == 0 and difference(np.zeros(2), np.zeros(3)) == np.inf


def test_tolerances_are_for_every_precision_of_a_recipe() -> None:
    assert set(TOLERANCES) == {"float32", "bfloat16"}
