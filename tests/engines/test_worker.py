"""A worker's work on one task: pictures that don't depend on their company, and failures said per picture."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator.config.cookbook import BUILT_IN
from generator.config.schema import ModelConfig
from generator.engines import worker
from generator.engines.tasks import Picture, Task
from generator.models.zoo import open_model


def task(tiny: Path, channels: tuple[int, ...], batch: int, layer: str = "second") -> Task:
    config = ModelConfig.model_validate({"source": str(tiny), "layers": "all"})
    fingerprint = open_model("tiny", config).anatomy.fingerprint
    recipe = BUILT_IN["channel"].model_copy(update={"size": 24, "steps": 8})
    return Task("tiny", config, fingerprint, layer, recipe, channels, batch)


def pixels(picture: Picture) -> np.ndarray:
    assert picture.error == ""
    return np.asarray(Image.open(io.BytesIO(picture.png)), "float64")


def test_a_picture_does_not_depend_on_its_batch_or_order(tiny_file: Path) -> None:
    """In a shallow network, where rounding that differs is not magnified; see the next test."""
    alone = worker.work(task(tiny_file, (0, 1, 2, 3, 4), batch=1)).pictures
    for channels, batch in [((4, 1, 0, 3, 2), 5), ((3, 4, 2, 0, 1), 2)]:
        together = worker.work(task(tiny_file, channels, batch)).pictures
        assert [picture.channel for picture in together] == list(channels)
        for picture in together:
            distance = np.abs(pixels(picture) - pixels(alone[picture.channel])).mean()
            assert distance < 2, f"channel {picture.channel}, batch {batch}"
            assert picture.activation == pytest.approx(alone[picture.channel].activation, rel=0.02, abs=1e-3)


def test_a_deep_picture_of_a_real_network_does_not_depend_on_its_company() -> None:
    """Bit for bit, at one batch size: deep layers magnify any rounding that differed."""
    config = ModelConfig.model_validate({"source": "efficientnet-lite0", "layers": "all"})
    fingerprint = open_model("lite", config).anatomy.fingerprint
    recipe = BUILT_IN["channel"].model_copy(update={"size": 48, "steps": 24, "precision": "float32"})
    whole = Task("lite", config, fingerprint, "head", recipe, (0, 1, 2), 3)
    first = worker.work(whole).pictures
    other = worker.work(replace(whole, channels=(2, 900, 0))).pictures
    assert (first[0].png, first[2].png) == (other[2].png, other[0].png)
    assert first[0].png != first[1].png


def test_channels_give_different_pictures(tiny_file: Path) -> None:
    first, second = worker.work(task(tiny_file, (0, 1), batch=2)).pictures
    assert np.abs(pixels(first) - pixels(second)).mean() > 2


def test_memory_that_runs_out_is_met_with_smaller_batches(
    tiny_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever batch the memory allows, each channel gets its picture; the result names the task given."""
    real, tried = worker._render, []

    def render(smaller: Task) -> object:
        tried.append(smaller.batch)
        if smaller.batch > 1:
            raise MemoryError
        return real(smaller)

    monkeypatch.setattr(worker, "_render", render)
    given = task(tiny_file, (0, 1, 2), batch=4)
    result = worker.work(given)
    assert tried == [4, 2, 1] and result.task == given
    assert [picture.error for picture in result.pictures] == ["", "", ""]


def test_no_memory_at_all_is_said_of_each_picture(tiny_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def render(_: Task) -> object:
        raise MemoryError("Unable to allocate 9 GiB")

    monkeypatch.setattr(worker, "_render", render)
    result = worker.work(task(tiny_file, (5, 6), batch=2))
    assert [(p.channel, p.error) for p in result.pictures] == [
        (5, "MemoryError: Unable to allocate 9 GiB"),
        (6, "MemoryError: Unable to allocate 9 GiB"),
    ]


def test_dense_layers_and_grey_networks_are_rendered_too(tiny_file: Path, tmp_path: Path) -> None:
    import keras

    (dense,) = worker.work(task(tiny_file, (2,), batch=1, layer="classes")).pictures
    # Small inputs that are fixed get pictures of their own size.
    assert pixels(dense).shape == (32, 32, 3)
    source = keras.Input((20, 20, 1))
    grey = keras.Model(source, keras.layers.Conv2D(2, 3, name="conv")(source))
    grey.save(tmp_path / "grey.keras")
    (picture,) = worker.work(task(tmp_path / "grey.keras", (1,), batch=1, layer="conv")).pictures
    assert pixels(picture).shape == (20, 20)
