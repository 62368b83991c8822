"""Evidence as a user gets it: configured, planned, collected, told on pages, kept and pruned."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator.cache.entries import Cache
from generator.cache.local import LocalStore
from generator.cache.store import State
from generator.evidence.facts import LayerFacts
from generator.inquiries.everything import inquiries_of
from generator.inquiries.inquiry import Inquiry
from generator.inquiries.settling import settle
from generator.pipeline import load_plan
from tests.conftest import Ran, click_run, command, environment, process_run

LAYERS = "[first, second, classes]"
SETS = "datasets:\n  shapes: {path: shapes, licence: CC0 <b>}\n"


def draw(folder: Path, count: int = 24) -> None:
    """Noise of two colours in two folders, and a file that is no picture."""
    random = np.random.default_rng(3)
    for number in range(count):
        label = folder / ("red" if number % 2 else "blue")
        label.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 90, (36, 40, 3), dtype=np.uint8)
        pixels[..., 0 if number % 2 else 2] += 150
        Image.fromarray(pixels).save(label / f"{number:02}.png")
    (folder / "red" / "broken.png").write_bytes(b"\x89PNG nothing")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory, configure: Callable[..., Path]) -> tuple[Path, Ran]:
    """A folder in which `build-site` has run once with a data set, and what it said."""
    folder = tmp_path_factory.mktemp("collected")
    draw(folder / "shapes")
    config = configure(folder, LAYERS)
    config.write_text(SETS + config.read_text())
    return config, process_run(config, cwd=folder)


def inquiry(config: Path) -> tuple[Inquiry, Cache]:
    plan = load_plan(config)
    (found,) = inquiries_of(plan)
    return found, Cache(plan.config.cache)


def facts(config: Path) -> dict[str, LayerFacts]:
    one, cache = inquiry(config)
    told = {}
    for (_, layer), ref in settle([one], cache).items():
        data = cache.read(ref.key, "facts")
        assert data is not None
        told[layer] = LayerFacts.from_json(data)
        assert all(key in cache for key in ref.photos)
    return told


def test_a_run_renders_then_collects_and_says_what_it_skipped(collected: tuple[Path, Ran]) -> None:
    config, ran = collected
    assert ran.code == 0, ran.err
    assert "Rendering 19 of 19 pictures, then collecting evidence from `shapes`" in ran.out
    assert "Rendered 19 pictures and collected" in ran.out
    (warning,) = [line for line in ran.complaints if "skipped" in line]
    assert "data set shapes: 1 skipped: red/broken.png: " in warning
    again = click_run(config)
    assert again.exit_code == 0 and "none missing" in again.output


def test_every_layer_and_channel_has_its_facts(collected: tuple[Path, Ran]) -> None:
    config, _ = collected
    told = facts(config)
    assert list(told) == ["first", "second", "classes"]
    for layer, known in told.items():
        assert (known.dataset, known.licence, known.seen, known.skipped) == ("shapes", "CC0 <b>", 24, 1)
        one, _ = inquiry(config)
        assert tuple(known.channels) == one.channels(layer)
        for channel in known.channels.values():
            assert channel.histogram and channel.trust.keys() == {"channel"}
            values = [example.value for example in channel.strongest]
            assert values == sorted(values, reverse=True)
            assert all(known.photos[e.photo].label in ("red", "blue") for e in channel.strongest)
            # A channel that is never above zero has no heat to show.
            assert all(bool(e.heat) == (channel.maximum > 0) for e in channel.strongest)
    assert told["second"].channels[0].built_from[0].layer == "first"
    assert told["first"].channels[0].feeds[0].layer == "second"
    assert any(channel.relatives for channel in told["second"].channels.values())


def test_an_example_is_the_photo_cut_to_what_the_unit_sees(collected: tuple[Path, Ran]) -> None:
    """By brute force: the crop is where, in the network's own activations, the channel is strongest."""
    import keras

    config, _ = collected
    one, _ = inquiry(config)
    known = facts(config)["first"]
    network = keras.models.load_model(one.plan.config.models["tiny"].source)
    first = keras.Model(network.inputs, network.get_layer("first").output)
    items = {item.digest: item for item in one.survey.dataset.items}
    values = {}
    for digest in {photo.digest for photo in known.photos}:
        item = items[digest]
        image = Image.open(config.parent / "shapes" / item.name)
        left, top = (image.width - 36) // 2, 0
        square = image.crop((left, top, left + 36, 36)).resize((32, 32), Image.Resampling.BICUBIC)
        values[digest] = first({"pixels": np.asarray(square, np.float32)[None] / 255}).numpy()[0]
    for channel, found in known.channels.items():
        best = max(float(plane[..., channel].max()) for plane in values.values())
        example = found.strongest[0]
        plane = values[known.photos[example.photo].digest][..., channel]
        # Ours crops and resizes in one step.
        assert example.value == pytest.approx(best, rel=0.1)
        row, column = np.unravel_index(plane.argmax(), plane.shape)
        edges = [max(0, row - 1), max(0, column - 1), min(32, row + 2), min(32, column + 2)]
        box = example.box
        assert np.abs(np.array([box.top, box.left, box.bottom, box.right]) * 32 - edges).max() <= 1.01


def test_circuits_are_the_network_s_own_weights(collected: tuple[Path, Ran]) -> None:
    """Between `first` and `second` lie a norm that changes nothing yet, and a ReLU."""
    import keras

    config, _ = collected
    one, _ = inquiry(config)
    known = facts(config)
    network = keras.models.load_model(one.plan.config.models["tiny"].source)
    kernel = network.get_layer("second").get_weights()[0]
    sums = kernel.sum(axis=(0, 1))
    for channel, found in known["second"].channels.items():
        (circuit,) = found.built_from
        assert circuit.layer == "first" and circuit.opened and not circuit.obstacle
        named = {wire.channel: wire for wire in (*circuit.exciting, *circuit.inhibiting)}
        assert all(np.sign(wire.strength) == np.sign(sums[c, channel]) for c, wire in named.items())
        strengths = [wire.strength for wire in circuit.exciting]
        assert strengths == sorted(strengths, reverse=True) and sum(map(abs, strengths)) <= 1
        for earlier, wire in named.items():
            shown, own = np.array(wire.kernel), kernel[:, :, earlier, channel]
            assert np.abs(shown - own / np.abs(own).max()).max() < 0.011
    for channel, found in known["first"].channels.items():
        (circuit,) = found.feeds
        assert all(np.sign(w.strength) == np.sign(sums[channel, w.channel]) for w in circuit.exciting)


def test_photos_are_kept_small_and_as_the_network_saw_them(collected: tuple[Path, Ran]) -> None:
    config, _ = collected
    _, cache = inquiry(config)
    known = facts(config)["first"]
    with Image.open(io.BytesIO(cache.read(known.photos[0].key, "webp") or b"")) as photo:
        assert photo.size == known.photo_size == (160, 160)
    names = {file.name for file in (config.parent / "site" / "photos").iterdir()}
    assert {f"{photo.key[:24]}.webp" for photo in known.photos} <= names


def test_plan_says_what_is_due(collected: tuple[Path, Ran], tmp_path: Path) -> None:
    config, _ = collected
    assert "evidence from shapes, 25 pictures: 0 pieces due" in click_run("plan", config).output
    text = config.read_text().replace("path: shapes", f"path: {config.parent / 'shapes'}")
    fresh = tmp_path / "config.yaml"
    fresh.write_text(text)
    # A tally and a second look a layer, two ways between layers, and what two layers do to the classes.
    assert "evidence from shapes, 25 pictures: 10 pieces due" in click_run("plan", fresh).output


@pytest.mark.parametrize("command", [["plan"], ["plan", "--values"], ["status"], ["render", "--quiet"]])
def test_one_look_at_the_cache_tells_what_is_due(
    collected: tuple[Path, Ran], command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []
    listed = LocalStore.list

    def noting(store: LocalStore, prefix: str = "") -> Iterator[tuple[str, State]]:
        looked.append(prefix)
        return listed(store, prefix)

    monkeypatch.setattr(LocalStore, "list", noting)
    assert click_run(*command, collected[0]).exit_code == 0
    assert looked.count("entries/") == 1


def test_prune_keeps_what_the_config_asks_for_and_no_more(
    collected: tuple[Path, Ran], configure: Callable[..., Path]
) -> None:
    config, _ = collected
    whole = config.read_text()
    assert "Removed 0 files" in click_run("prune", config).output
    try:
        config.write_text(whole.removeprefix(SETS))
        said = click_run("prune", "--dry-run", config).output
    finally:
        config.write_text(whole)
    assert said.startswith("Would remove ") and "Would remove 0" not in said


def test_a_larger_data_set_adds_and_another_label_costs_no_survey(
    tmp_path: Path, configure: Callable[..., Path]
) -> None:
    draw(tmp_path / "shapes", 6)
    config = configure(tmp_path, "[first]")
    config.write_text(SETS + config.read_text())
    assert click_run(config).exit_code == 0
    (tmp_path / "shapes" / "blue").rename(tmp_path / "shapes" / "azure")
    said = click_run(config).output
    assert "none missing" in said
    assert {photo.label for photo in facts(config)["first"].photos} == {"azure", "red"}
    Image.new("RGB", (40, 40), "white").save(tmp_path / "shapes" / "white.png")
    said = click_run(config).output
    assert "Collecting evidence from `shapes`, 3 pieces" in said
    assert facts(config)["first"].seen == 7


@pytest.mark.parametrize("sets", ["empty", "nothing readable"])
def test_a_set_without_pictures_is_an_error_at_its_path(
    tmp_path: Path, configure: Callable[..., Path], sets: str
) -> None:
    (tmp_path / "shapes").mkdir()
    if sets != "empty":
        (tmp_path / "shapes" / "a.png").write_bytes(b"no picture")
    config = configure(tmp_path, "[first]")
    config.write_text(SETS + config.read_text())
    said = click_run(config)
    assert said.exit_code == 2
    assert "config.yaml:2: datasets.shapes.path: " in said.output
    assert "holds no pictures that can be read" in said.output


def test_models_say_which_of_several_sets_or_none(tmp_path: Path, configure: Callable[..., Path]) -> None:
    draw(tmp_path / "shapes", 4)
    config = configure(tmp_path, "[first]")
    two = "datasets:\n  a: {path: shapes}\n  b: {path: shapes}\n"
    plain = config.read_text()
    config.write_text(two + plain)
    said = click_run("plan", config)
    assert said.exit_code == 2 and "should name one of the data sets, a, b, or be `none`" in said.output
    config.write_text(two + plain.replace("    layers:", "    evidence: c\n    layers:"))
    assert "no data set 'c'" in click_run("plan", config).output
    config.write_text(two + plain.replace("    layers:", "    evidence: none\n    layers:"))
    said = click_run("plan", config)
    assert said.exit_code == 0 and "evidence" not in said.output


def test_a_budget_takes_a_sample_and_always_the_same(tmp_path: Path, configure: Callable[..., Path]) -> None:
    draw(tmp_path / "shapes", 24)
    config = configure(tmp_path, "[first]")
    config.write_text(SETS + "evidence: {budget: 16}\n" + config.read_text())
    one, other = inquiry(config)[0], inquiry(config)[0]
    assert len(one.survey.dataset.items) == 16 and one.survey.dataset.items == other.survey.dataset.items


def test_killed_runs_end_with_the_facts_of_one_that_was_not(
    collected: tuple[Path, Ran], tmp_path: Path, configure: Callable[..., Path]
) -> None:
    """SIGKILL to the whole run, twice while it collects; then it goes on to the same facts, byte for byte."""
    whole, _ = collected
    config = configure(tmp_path, LAYERS)
    config.write_text(SETS.replace("path: shapes", f"path: {whole.parent / 'shapes'}") + config.read_text())
    assert process_run("render", config, "--time-limit", "0.1s", cwd=tmp_path).code == 0
    plan = load_plan(config)
    cache = Cache(plan.config.cache)
    for more in (1, 2):
        pieces = len(cache.keys() - plan.keys)
        run = subprocess.Popen(
            command("render", config), cwd=tmp_path, env=environment(), start_new_session=True
        )
        while run.poll() is None and len(cache.keys() - plan.keys) < pieces + more:
            time.sleep(0.05)
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert process_run(config, cwd=tmp_path).code == 0

    def told(path: Path) -> dict[str, object]:
        # Kinship rests on the optimised pictures, which are the same too.
        return {layer: json.loads(known.to_json()) for layer, known in facts(path).items()}

    assert told(config) == told(whole)
