"""The Python door: what the documents say of it runs, and what it is lent stays as it was."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import generator
from generator import api
from generator.errors import UserError
from tests.conftest import ROOT, environment

QUICK: dict[str, Any] = {"size": 24, "steps": 3}


@pytest.fixture
def place(tmp_path: Path, tiny_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, the current one, with a network and photographs."""
    shutil.copy(tiny_file, tmp_path / "my-network.keras")
    (tmp_path / "photos").mkdir()
    random = np.random.default_rng(0)
    for number in range(6):
        pixels = random.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def model(place: Path) -> Any:
    return generator.open_model("my-network.keras", preprocessing="unit")


def test_the_document_s_examples_run_one_after_the_other(place: Path) -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 6
    namespace: dict[str, Any] = {}
    for block in blocks:
        exec(block, namespace)
    assert (place / "second.png").exists() and namespace["pictures"]


def test_the_document_has_every_name() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    assert all(f"`{name}`" in text for name in ("open_model", "render", "survey", "open_cache"))
    assert all(name in dir(generator) for name in api.__all__)


def test_the_notebook_runs() -> None:
    """In a process of its own, as Jupyter would run its cells, and without what Jupyter adds."""
    notebook = json.loads((ROOT / "docs" / "notebook.ipynb").read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] for cell in cells)
    script = "\n".join("".join(cell["source"]) for cell in cells)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT / "docs", env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "raises" in done.stdout


def test_render_stays_a_function_whatever_is_imported() -> None:
    from generator.render import RENDERER_VERSION

    assert RENDERER_VERSION and callable(generator.render)
    assert sys.modules["generator.render"].RENDERER_VERSION == RENDERER_VERSION


def test_pictures_come_in_the_order_asked_for_and_are_not_made_again(model: Any) -> None:
    told: list[tuple[int, int]] = []
    first = generator.render(model, "first", [3, 1], progress=lambda *at: told.append(at), **QUICK)
    assert [one.channel for one in first] == [3, 1] and told[-1] == (2, 2)
    told.clear()
    again = generator.render(model, "first", [1, 3], progress=lambda *at: told.append(at), **QUICK)
    assert not told and [one.record for one in again] == [first[1].record, first[0].record]
    assert first._repr_png_().startswith(b"\x89PNG") and first[0].image.size == (32, 32)


def test_a_live_model_is_read_as_its_file_is_and_stays_as_it_was(model: Any, place: Path) -> None:
    import keras

    network = keras.models.load_model("my-network.keras")
    network.get_layer("second").trainable = False
    keras.utils.set_random_seed(5)
    expected = np.random.rand()
    keras.utils.set_random_seed(5)
    before = [(layer.name, layer.trainable, len(layer._inbound_nodes)) for layer in network.layers]
    weights = [weight.copy() for weight in network.get_weights()]
    policy, floatx = keras.config.dtype_policy().name, keras.config.floatx()
    name = keras.layers.ReLU().name
    live = generator.open_model(network, preprocessing="unit")
    ours = generator.render(live, "second", [0, 1], **QUICK)
    theirs = generator.render(model, "second", [0, 1], **QUICK)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(ours, theirs, strict=True))
    assert [(layer.name, layer.trainable, len(layer._inbound_nodes)) for layer in network.layers] == before
    assert all(np.array_equal(a, b) for a, b in zip(weights, network.get_weights(), strict=True))
    assert (keras.config.dtype_policy().name, keras.config.floatx()) == (policy, floatx)
    assert np.random.rand() == expected
    number = int((re.findall(r"\d+$", name) or ["0"])[0])
    assert keras.layers.ReLU().name == f"re_lu_{number + 1}", "names go on where they were"
    network.compile(optimizer="sgd", loss="categorical_crossentropy")
    network.fit(np.zeros((2, 32, 32, 3)), np.eye(5)[:2], verbose=0)


def test_a_live_model_that_is_trained_on_is_seen_as_it_then_is(place: Path) -> None:
    import keras

    network = keras.models.load_model("my-network.keras")
    live = generator.open_model(network, preprocessing="unit")
    before = generator.render(live, "first", 0, **QUICK)[0]
    layer = network.get_layer("first")
    layer.set_weights([-weight for weight in layer.get_weights()])
    after = generator.render(live, "first", 0, **QUICK)[0]
    assert before.record.key != after.record.key and not np.array_equal(before.image, after.image)


def test_a_survey_of_images_finds_what_one_of_their_files_finds(model: Any, place: Path) -> None:
    files = generator.survey(model, "photos", "first", [0, 2])
    images = [Image.open(path) for path in sorted((place / "photos").iterdir())]
    lent = generator.survey(model, images, "first", [0, 2])
    arrays = generator.survey(model, [np.asarray(image) for image in images], "first", [0, 2])
    for channel in (0, 2):
        values = [
            [e.value for e in found["first"][channel].facts.strongest] for found in (files, lent, arrays)
        ]
        assert values[0] == values[1] == values[2] and values[0]
    crop = files["first"][0].examples[0]
    assert crop.image.width <= 160 and crop.value == files["first"][0].facts.strongest[0].value


def strongest(model: Any, photos: Any) -> list[float]:
    return [e.value for e in generator.survey(model, photos, "first", 0)["first"][0].facts.strongest]


def test_arrays_mean_the_same_in_bytes_whole_numbers_and_floats(model: Any) -> None:
    """Numbers up to 255 were once cut off at 1: white pictures, and evidence of these."""
    pixels = [np.random.default_rng(n).integers(0, 256, (40, 40, 3), dtype=np.uint8) for n in range(4)]
    expected = strongest(model, pixels)
    assert expected
    for same in (
        [one.astype("int64") for one in pixels],
        [one.astype("float32") for one in pixels],
        [one / 255 for one in pixels],
        np.stack(pixels),
    ):
        assert strongest(model, same) == expected


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "I;16", "F"])
def test_images_of_any_mode_are_shown(model: Any, place: Path, mode: str) -> None:
    with Image.open(place / "photos" / "0.png") as image:
        shown = image.convert("L") if mode in ("I;16", "F") else image
        assert strongest(model, [shown.convert(mode)])


def test_a_data_set_may_be_the_current_folder_or_have_any_name(
    model: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree("photos", "none")
    expected = strongest(model, "none")
    monkeypatch.chdir("photos")
    assert strongest(model, ".") == expected


@pytest.mark.parametrize("count", [1, 3])
def test_channels_that_all_do_the_same_have_no_places_on_a_map(model: Any, place: Path, count: int) -> None:
    """Blank pictures: t-SNE once ended the process."""
    blank = [Image.new("RGB", (40, 40), (n, n, n)) for n in range(count)]
    for layer in ("first", "classes"):
        found = generator.survey(model, blank, layer)[layer]
        assert found.facts.seen == count and len(found.facts.places) in (0, len(found))


def test_the_current_folder_may_change_between_calls(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    keras.models.load_model("my-network.keras").save_weights("own.weights.h5")
    Path("names.txt").write_text("a\nb\nc\nd\ne\n")
    given = {"weights": "own.weights.h5", "classes": "names.txt", "preprocessing": "unit"}
    model = generator.open_model("my-network.keras", **given)
    monkeypatch.chdir("photos")
    assert len(generator.render(model, "first", [0], **QUICK)) == 1


def test_a_cache_is_read_and_never_changed(model: Any, place: Path) -> None:
    generator.render(model, "first", "all", cache="kept", **QUICK)
    generator.survey(model, "photos", "first", "all", cache="kept")
    before = {path: path.stat().st_mtime_ns for path in (place / "kept").rglob("*")}
    cache = generator.open_cache("kept")
    assert [one.channel for one in cache.records(layer="first")] == list(range(6))
    assert len(list(cache.pictures())) == 6
    (found,) = cache.evidence()
    assert found.layer == "first" and list(found) == list(range(6))
    assert {path: path.stat().st_mtime_ns for path in (place / "kept").rglob("*")} == before


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda model: generator.render(model, "frist"), "no layer 'frist' in my-network; the nearest are"),
        (lambda model: generator.render(model, "first", 99), "channels 99: layer 'first' has 6, 0 to 5"),
        (lambda model: generator.render(model, "first", "x"), "channels: 'x' is no channel or range"),
        (lambda model: generator.render(model, "first", 0, "chanel"), "did you mean `channel`?"),
        (
            lambda model: generator.render(model, "first", 0, setps=3),
            "setps: unknown key; did you mean `steps`?",
        ),
        (lambda model: generator.survey(model, "nowhere", "first"), "no such folder or file"),
        (lambda model: generator.survey(model, [None], "first"), "photos[0]: NoneType is no image"),
        (
            lambda model: generator.survey(model, [np.full((4, 4), np.nan)], "first"),
            "photos[0]: holds values",
        ),
        (lambda model: generator.survey(model, [], "first"), "photos: an empty sequence"),
        (lambda model: generator.render("my-network", "first"), "'my-network' is no opened network"),
        (
            lambda model: generator.survey("my-network", "photos", "first"),
            "'my-network' is no opened network",
        ),
        (lambda model: generator.open_model("nosuchnet"), "no network 'nosuchnet'"),
        (lambda model: generator.open_model(5), "5 is no network"),
        (lambda model: generator.open_cache("photos"), "is no cache"),
    ],
)
def test_mistakes_are_told_in_a_line(model: Any, call: Any, said: str) -> None:
    with pytest.raises(UserError) as caught:
        call(model)
    assert said in str(caught.value) and "\n" not in str(caught.value)
