"""A worker's work on one task: pictures that don't depend on their company, and failures said per picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator.config.cookbook import BUILT_IN
from generator.config.schema import ModelConfig
from generator.engines import rendering
from generator.engines.pictures import PictureTask
from generator.engines.tasks import Bench, Result
from generator.schedule import batch_size
from generator.targets import WHOLE, Direction, Unit
from tests.rendering import Picture, picture_task, work


def task(
    tiny: Path, channels: Sequence[int | Unit], batch: int, layer: str = "second", **changes: object
) -> PictureTask:
    config = ModelConfig.model_validate({"source": str(tiny), "layers": "all"})
    base = BUILT_IN[str(changes.pop("recipe", "channel"))]
    recipe = base.model_copy(update={"size": 24, "steps": 8, **changes})
    return picture_task("tiny", config, layer, recipe, channels, batch=batch)


def pixels(picture: Picture) -> np.ndarray:
    assert picture.error == ""
    return np.asarray(Image.open(io.BytesIO(picture.png)), "float64")


def test_a_picture_does_not_depend_on_its_batch_or_order(tiny_file: Path) -> None:
    """In a shallow network, where rounding that differs is not magnified; see the next test."""
    alone = work(task(tiny_file, (0, 1, 2, 3, 4), batch=1))
    for channels, batch in [((4, 1, 0, 3, 2), 5), ((3, 4, 2, 0, 1), 2)]:
        together = work(task(tiny_file, channels, batch))
        assert tuple(picture.channel for picture in together) == channels
        for picture in together:
            distance = np.abs(pixels(picture) - pixels(alone[picture.channel])).mean()
            assert distance < 2, f"channel {picture.channel}, batch {batch}"
            assert picture.activation == pytest.approx(alone[picture.channel].activation, rel=0.02, abs=1e-3)


def test_a_deep_picture_of_a_real_network_does_not_depend_on_its_company() -> None:
    """Bit for bit, at one batch size: deep layers magnify any rounding that differed."""
    config = ModelConfig.model_validate({"source": "efficientnet-lite0", "layers": "all"})
    recipe = BUILT_IN["channel"].model_copy(update={"size": 48, "steps": 24, "precision": "float32"})
    first = work(picture_task("lite", config, "head", recipe, (0, 1, 2)))
    other = work(picture_task("lite", config, "head", recipe, (2, 900, 0)))
    assert (first[0].png, first[2].png) == (other[2].png, other[0].png)
    assert first[0].png != first[1].png


def test_a_picture_does_not_depend_on_its_place_in_the_batch_that_suits_its_size() -> None:
    """Of a batch of eleven, once the choice for 96 pixels, the last three were rounded otherwise."""
    config = ModelConfig.model_validate({"source": "efficientnet-lite0", "layers": "all"})
    recipe = BUILT_IN["channel"].model_copy(update={"size": 96, "steps": 12, "precision": "float32"})
    batch = batch_size(recipe)
    channels = tuple(range(batch))
    first = work(picture_task("lite", config, "block3b_add", recipe, channels, batch=batch))
    other = work(picture_task("lite", config, "block3b_add", recipe, channels[::-1], batch=batch))
    assert [one.png for one in first] == [one.png for one in reversed(other)]


@pytest.mark.parametrize("size", [16, 48, 96, 112, 128, 160, 200, 299, 512])
def test_batches_are_powers_of_two_whatever_the_size(size: int) -> None:
    batch = batch_size(BUILT_IN["channel"].model_copy(update={"size": size}))
    assert batch & (batch - 1) == 0 and 1 <= batch <= 16
    assert batch == 1 or batch * size**2 <= 4 * 160**2


def test_channels_give_different_pictures(tiny_file: Path) -> None:
    first, second = work(task(tiny_file, (0, 1), batch=2))
    assert np.abs(pixels(first) - pixels(second)).mean() > 2


# -- memory ----------------------------------------------------------------------------------------


def test_memory_that_runs_out_is_met_with_smaller_batches(
    tiny_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever batch the memory allows, each channel gets its picture; the result names the task given."""
    real, tried = rendering._render, []

    def render(smaller: PictureTask, bench: Bench) -> Result:
        tried.append(smaller.batch)
        if smaller.batch > 1:
            raise MemoryError
        return real(smaller, bench)

    monkeypatch.setattr(rendering, "_render", render)
    given = task(tiny_file, (0, 1, 2), batch=4)
    result = given.work(Bench())
    assert tried == [4, 2, 1] and result.task == given
    assert [output.error for output in result.outputs] == ["", "", ""]


def test_no_memory_at_all_is_said_of_each_picture(tiny_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def render(_: PictureTask, __: Bench) -> Result:
        raise MemoryError("Unable to allocate 9 GiB")

    monkeypatch.setattr(rendering, "_render", render)
    given = task(tiny_file, (5, 6), batch=2)
    assert [(picture.output.key, picture.error) for picture in work(given)] == [
        ("5", "MemoryError: Unable to allocate 9 GiB"),
        ("6", "MemoryError: Unable to allocate 9 GiB"),
    ]


# -- a stop ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("steps_allowed", "finished"), [(0, 0), (7, 0), (8, 1), (12, 1), (16, 2), (99, 3)])
def test_a_stop_ends_within_a_step_and_keeps_the_rounds_before(
    tiny_file: Path, steps_allowed: int, finished: int
) -> None:
    """Three rounds of 8 steps; the stop comes after so many of them."""
    given = task(tiny_file, (0, 1, 2), batch=1)
    asked = iter(range(1000))
    result = given.work(Bench(stopping=lambda: next(asked) >= steps_allowed))
    assert [output.key for output in result.outputs] == list(given.keys[:finished])
    assert next(asked) <= steps_allowed + 2, "it went on after the stop"


# -- files -----------------------------------------------------------------------------------------


def photo(path: Path, level: int) -> Path:
    Image.new("RGB", (24, 24), (level, 40, 200)).save(path)
    return path


def refused(given: PictureTask) -> str:
    """The one reason why none of a task's pictures could be made."""
    pictures = work(given)
    assert len(pictures) == len(given.wanted)
    (reason,) = {picture.error for picture in pictures}
    return reason


def test_a_photo_that_changed_since_the_plan_is_refused(tiny_file: Path, tmp_path: Path) -> None:
    path = photo(tmp_path / "photo.png", 10)
    given = task(tiny_file, (WHOLE,), 1, recipe="caricature", image=path)
    photo(path, 20)
    assert refused(given) == f"{path}: changed since the plan was made; run again"
    path.unlink()
    assert refused(given) == f"{path}: can't be read: No such file or directory"
    photo(path, 10)
    assert refused(given) == ""


def test_a_folder_of_magnitudes_that_changed_is_refused(tiny_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    photo(folder / "a.png", 10)
    given = task(tiny_file, (0, 1), 2, recipe="maco", magnitude=folder)
    photo(folder / "b.png", 20)
    assert refused(given) == f"{folder}: changed since the plan was made; run again"
    (folder / "b.png").unlink()
    assert refused(given) == ""


def test_what_is_used_is_what_the_key_promises_even_if_it_was_used_before(
    tiny_file: Path, tmp_path: Path
) -> None:
    """A worker keeps what it has read by content, so that another photo at the same place is another."""
    path = photo(tmp_path / "photo.png", 10)
    before = work(task(tiny_file, (WHOLE,), 1, recipe="caricature", image=path))[0]
    photo(path, 250)
    after = work(task(tiny_file, (WHOLE,), 1, recipe="caricature", image=path))[0]
    assert before.record.recipe["image"] != after.record.recipe["image"]
    assert np.abs(pixels(before) - pixels(after)).mean() > 1


def test_a_network_that_changed_since_the_plan_is_refused(tiny_file: Path) -> None:
    given = replace(task(tiny_file, (0,), 1), fingerprint="of another")
    assert refused(given) == "tiny: the network changed since the plan was made; run again"


# -- kinds of networks -----------------------------------------------------------------------------


def test_dense_layers_and_grey_networks_are_rendered_too(tiny_file: Path, tmp_path: Path) -> None:
    import keras

    (dense,) = work(task(tiny_file, (2,), batch=1, layer="classes"))
    # Small inputs that are fixed get pictures of their own size.
    assert pixels(dense).shape == (32, 32, 3)
    source = keras.Input((20, 20, 1))
    grey = keras.Model(source, keras.layers.Conv2D(2, 3, name="conv")(source))
    grey.save(tmp_path / "grey.keras")
    (picture,) = work(task(tmp_path / "grey.keras", (1,), batch=1, layer="conv"))
    assert pixels(picture).shape == (20, 20)


def test_directions_are_rendered_as_channels_are_and_recorded_by_digest(tiny_file: Path) -> None:
    one_hot = Direction(tuple(float(number == 3) for number in range(8)))
    mixture = Direction((1.0, -1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0))
    along, other = work(task(tiny_file, (one_hot, mixture), batch=2))
    assert along.record.extra["direction"] == one_hot.digest != other.record.extra["direction"]
    assert along.channel == other.channel == WHOLE
    (channel,) = work(task(tiny_file, (3,), batch=2))
    # The same aim from another start: as far, by another way.
    assert along.activation == pytest.approx(channel.activation, rel=0.5)
    assert other.trajectory[-1] > other.trajectory[0]
