"""Classes and recognition as tasks of the engines: what is stored, and what planted networks show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from generator.cache.entries import Cache
from generator.config.cookbook import BUILT_IN
from generator.config.schema import ModelConfig
from generator.datasets.sources import DataSet, read_dataset
from generator.engines.surveys import ClassTask, RecogniseTask
from generator.engines.tasks import Bench
from generator.engines.worker import work
from generator.evidence.effects import SAMPLE, Effects, classes_of, sample
from generator.evidence.recognition import judges, same_classes
from generator.inquiries.everything import inquiries_of
from generator.models.anatomy import Anatomy
from generator.models.zoo import open_model
from generator.pipeline import load_plan
from generator.selection import Shard
from tests import rendering

COLOURS = {"red": (230, 20, 20), "green": (20, 230, 20), "blue": (20, 20, 230)}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """Eight pictures of each colour, and a file that is none."""
    folder = tmp_path_factory.mktemp("colours")
    random = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        for number in range(8):
            noise = random.integers(-20, 21, (20, 16, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{name}{number}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG no picture")
    return read_dataset(folder)


def colour_network(
    path: Path, order: Sequence[int] = (0, 1, 2), end: str = "softmax", side: int = 16
) -> Path:
    """A network of three classes, red, green and blue, or in another order.

    `seen` has a channel a colour, and one for what is not blue; behind it is a product with itself. `end` may
    be the last layer's activation, or `apart`: a softmax of its own behind layer `scores`.
    """
    pixels = keras.Input((side, side, 3))
    seen = layers.Conv2D(4, 1, activation="relu", name="seen")
    x = seen(pixels)
    x = layers.Multiply(name="product")([x, x])
    pooled = layers.GlobalAveragePooling2D(name="pool")(x)
    apart = end == "apart"
    last = layers.Dense(3, activation="linear" if apart else end, name="scores" if apart else "end")
    ended = layers.Softmax(name="end")(last(pooled)) if apart else last(pooled)
    network = keras.Model(pixels, ended)
    seen.set_weights([np.array([[[[1, 0, 0, 0.5], [0, 1, 0, 0.5], [0, 0, 1, 0]]]], "float32"), np.zeros(4)])
    weights = np.zeros((4, 3), "float32")
    weights[[0, 1, 2], order] = 4
    weights[3, order[2]] = -3
    last.set_weights([weights, np.zeros(3)])
    network.save(path)
    return path


def configured(path: Path, **settings: object) -> ModelConfig:
    return ModelConfig.model_validate(
        {"source": str(path), "layers": "all", "preprocessing": "unit", **settings}
    )


def class_task(path: Path, photos: DataSet | None, *names: str) -> ClassTask:
    config = configured(path)
    anatomy = open_model("colours", config).anatomy
    given = {} if photos is None else {"dataset": photos.path, "items": sample(photos.items)}
    return ClassTask(
        model="colours",
        config=config,
        fingerprint=anatomy.fingerprint,
        scores=anatomy.scores[-1],
        layers=tuple((name, f"key of {name}") for name in names),
        **given,  # type: ignore[arg-type]
    )


def test_planted_classes_are_found_exactly_and_on_photos(photos: DataSet, tmp_path: Path) -> None:
    task = class_task(colour_network(tmp_path / "colours.keras"), photos, "seen", "pool")
    result = work(task, Bench())
    assert [output.error for output in result.outputs] == ["", ""]
    on_photos, exact = (Effects.from_bytes(output.files["npz"]) for output in result.outputs)
    records = [output.record for output in result.outputs]
    assert [record["exact"] for record in records] == [False, True]
    assert list(records[0]["skipped"]) == ["broken.png"] and "skipped" not in records[1]
    for found in (on_photos, exact):
        told = [classes_of(found, channel, ("red", "green", "blue")) for channel in range(4)]
        assert all(one is not None and one.exact == found.exact for one in told)
        assert [one.raised[0].name for one in told[:3] if one] == ["red", "green", "blue"]
        assert told[3] and told[3].lowered[0].name == "blue" and not told[3].raised
    red = classes_of(exact, 0, ())
    assert red and red.raised[0].effect == pytest.approx(4) and red.raised[0].name == "class 0"
    lowered = classes_of(on_photos, 3, ())
    assert lowered and lowered.lowered[0].photos == 24


def test_without_photos_only_what_is_exact_is_told(photos: DataSet, tmp_path: Path) -> None:
    task = class_task(colour_network(tmp_path / "colours.keras"), None, "seen", "pool")
    seen, pool = work(task, Bench()).outputs
    assert not seen.files and seen.record["exact"] is False and seen.error == ""
    assert Effects.from_bytes(pool.files["npz"]).exact


def test_a_class_task_that_is_stopped_gives_nothing(photos: DataSet, tmp_path: Path) -> None:
    task = class_task(colour_network(tmp_path / "colours.keras"), photos, "seen")
    assert work(task, Bench(stopping=lambda: True)).outputs == ()


def test_a_sample_is_nearly_the_same_of_a_larger_set(photos: DataSet) -> None:
    items = [replace(photos.items[0], digest=f"{number * 7919 % 1000:04}") for number in range(1000)]

    def drawn(count: int, times: int = 1) -> list[str]:
        return [item.digest for item in sample(items[:count][::-1] * times)]

    assert len(drawn(900)) == len(drawn(1000)) == SAMPLE
    assert len(set(drawn(900)) & set(drawn(1000))) > 0.8 * SAMPLE
    assert drawn(5, times=2) == sorted(item.digest for item in items[:5])


# -- recognition -----------------------------------------------------------------------------------


def recognise(path: Path, pictures: dict[str, tuple[Path, int]]) -> dict[str, list[float]]:
    config = configured(path)
    anatomy = open_model("judge", config).anatomy
    task = RecogniseTask("judge", config, anatomy.fingerprint, anatomy.scores[-1], pictures, "key")
    (output,) = work(task, Bench()).outputs
    assert output.error == "" and output.record["kind"] == "recognition"
    ranks: dict[str, list[float]] = output.record["ranks"]
    return ranks


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, int]]:
    """A picture of each class, by name, of another size than networks take."""
    folder = tmp_path_factory.mktemp("pictures")
    found = {}
    for number, (name, colour) in enumerate(COLOURS.items()):
        Image.new("RGB", (40, 30), colour).save(folder / f"{name}.png")
        found[name] = (folder / f"{name}.png", number)
    return found


def test_a_network_that_sees_what_is_meant_recognises_it(
    pictures: dict[str, tuple[Path, int]], tmp_path: Path
) -> None:
    found = recognise(colour_network(tmp_path / "right.keras"), pictures)
    assert {name: rank for name, (rank, _) in found.items()} == {"red": 1, "green": 1, "blue": 1}
    network = keras.saving.load_model(tmp_path / "right.keras")
    for name, (path, number) in pictures.items():
        shown = np.asarray(Image.open(path).resize((16, 16)), "float32")[None] / 255
        assert found[name][1] == pytest.approx(float(network(shown)[0, number]), rel=1e-4)


def test_a_network_that_sees_something_else_does_not(
    pictures: dict[str, tuple[Path, int]], tmp_path: Path
) -> None:
    found = recognise(colour_network(tmp_path / "wrong.keras", order=(1, 2, 0), side=24), pictures)
    assert all(rank > 1 and probability < 0.5 for rank, probability in found.values())
    ranks = [rank for rank, _ in found.values()]
    assert max(ranks) <= 3


@pytest.mark.parametrize(("end", "known"), [("sigmoid", True), ("linear", False)])
def test_a_probability_is_the_network_s_own_or_none(
    end: str, known: bool, pictures: dict[str, tuple[Path, int]], tmp_path: Path
) -> None:
    found = recognise(colour_network(tmp_path / "net.keras", end=end), pictures)
    assert [rank for rank, _ in found.values()] == [1, 1, 1]
    red = (230 / 255) ** 2 * 4  # less is told by the other channels only where a colour is pure
    expected = 1 / (1 + np.exp(-red))
    probability = found["red"][1]
    assert probability == pytest.approx(expected, rel=1e-3) if known else probability is None


def anatomy(
    classes: tuple[str, ...] = (), imagenet: bool = False, scores: tuple[str, ...] = ("end",)
) -> Anatomy:
    return Anatomy("n", "s", "w", "o", "f", (8, 8, 3), "p", 1, (), classes, imagenet=imagenet, scores=scores)


def test_only_networks_of_the_same_classes_are_judges() -> None:
    anatomies = {
        "one": anatomy(("ant", "bee")),
        "same": anatomy(("ant", "bee")),
        "turned": anatomy(("bee", "ant")),
        "headless": anatomy(("ant", "bee"), scores=()),
        "nameless": anatomy(),
        "nameless too": anatomy(),
        "imagenet": anatomy(("tench",), imagenet=True),
        "in german": anatomy(("Schleie",), imagenet=True),
    }
    assert judges("one", anatomies) == ("same",)
    assert judges("nameless", anatomies) == () and judges("headless", anatomies) == ()
    assert judges("imagenet", anatomies) == ("in german",)
    assert same_classes(anatomies["same"], anatomies["one"])


CONFIG = """
size: 24
steps: 1
datasets: {{colours: {{path: {photos}}}}}
models:
  one: {{source: one.keras, preprocessing: unit, classes: names.txt, layers: [pool, end], recipes: [logit]}}
  other:
    source: other.keras
    preprocessing: unit
    classes: names.txt
    layers: [seen, pool, scores, end]
"""


def test_classes_themselves_have_no_effects_and_only_their_pictures_are_judged(
    photos: DataSet, tmp_path: Path
) -> None:
    colour_network(tmp_path / "one.keras")
    colour_network(tmp_path / "other.keras", end="apart")
    (tmp_path / "names.txt").write_text("red\ngreen\nblue\n")
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.format(photos=photos.path))
    plan = load_plan(path)
    one, other = (inquiry.classes for inquiry in inquiries_of(plan))
    assert set(one.effect_keys) == {"pool"} and set(other.effect_keys) == {"seen", "pool"}
    made = {job.key for job in plan.jobs}
    ends = {job.key: job.channel for job in plan.jobs if (job.model, job.layer) == ("one", "end")}
    assert other.judged(made) == ends and sorted(ends.values()) == [0, 1, 2]
    assert one.judged(made) == {} and one.recognition_key(made) == ""
    # Of shards, one judges them, once all are there.
    due = {}
    for there in (made, made - {min(ends)}):
        parts = [inquiries_of(plan, shard=Shard(number, 3)) for number in (1, 2, 3)]
        seconds = [part.second(there, Cache(plan.config.cache)) for shard in parts for part in shard]
        due[len(there)] = [key for tasks in seconds for task in tasks for key in task.keys]
    assert due == {len(made): [other.recognition_key(made)], len(made) - 1: []}


def test_a_trained_network_s_picture_of_a_class_is_recognised_by_another(tmp_path: Path) -> None:
    config = ModelConfig.model_validate({"layers": "all"})
    recipe = BUILT_IN["logit"].changed({"size": 112, "steps": 16}, {})
    hummingbird = 94
    (picture,) = rendering.work(
        rendering.picture_task("efficientnet-lite0", config, "logits", recipe, [hummingbird])
    )
    (tmp_path / "94.png").write_bytes(picture.png)
    judge = open_model("efficientnet-lite1", config).anatomy
    pictures = {"94": (tmp_path / "94.png", hummingbird)}
    task = RecogniseTask("efficientnet-lite1", config, judge.fingerprint, judge.scores[-1], pictures, "key")
    (output,) = work(task, Bench()).outputs
    rank, probability = output.record["ranks"]["94"]
    assert rank <= 50 and 0.001 < probability < 1
