"""What is known of a network without opening it: as long as nothing that it is made from has changed."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from generator.cache.entries import Cache
from generator.config.schema import ModelConfig
from generator.models import identity
from generator.models.identity import known_anatomy, remember, spec_digest
from generator.models.zoo import open_model

OLD = {package: version(package) for package in ("keras", "tensorflow", "pocket-microscope")}


def configured(**settings: object) -> ModelConfig:
    return ModelConfig.model_validate({"layers": "all", **settings})


def test_what_was_opened_once_is_known(tiny_file: Path, tmp_path: Path) -> None:
    cache, config = Cache(tmp_path), configured(source=str(tiny_file))
    digest, anatomy = spec_digest("net", config), open_model("net", config).anatomy
    assert known_anatomy(digest, cache) is None
    remember(digest, anatomy, cache)
    assert known_anatomy(digest, cache) == anatomy
    (path,) = (tmp_path / "models").iterdir()
    path.write_text(path.read_text()[:-9])
    assert known_anatomy(digest, cache) is None, "a torn record is none"


@pytest.mark.parametrize(
    "change",
    [
        {"source": "other.keras"},
        {"weights": "none"},
        {"weights": "mine.weights.h5"},
        {"preprocessing": "tf"},
        {"preprocessing": {"mean": 0.5}},
        {"input_size": 64},
        {"classes": "names.txt"},
    ],
)
def test_what_a_network_is_made_from_is_in_its_digest(
    change: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = {"source": "net.keras", **change}
    before, now = (
        spec_digest("net", configured(source="net.keras")),
        spec_digest("net", configured(**settings)),
    )
    assert before != now
    named = [value for value in settings.values() if str(value).endswith((".keras", ".h5", ".txt"))]
    for file in map(str, named):
        Path(file).write_text("other content")
        assert spec_digest("net", configured(**settings)) != now
        Path(file).unlink()


def test_what_is_rendered_of_a_network_is_not_in_its_digest(tiny_file: Path) -> None:
    less = {"layers": "first", "channels": 3, "recipes": "neuron"}
    source = str(tiny_file)
    assert spec_digest("a", configured(source=source)) == spec_digest("b", configured(source=source, **less))


def test_versions_and_keras_own_settings_are_in_the_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    digests = {spec_digest("VGG19", configured())}
    (tmp_path / "keras.json").write_text('{"floatx": "float16"}')
    digests.add(spec_digest("VGG19", configured()))
    for package in OLD:
        with monkeypatch.context() as patch:
            patch.setattr(
                identity, "version", lambda name, new=package: "9" if name == new else version(name)
            )
            digests.add(spec_digest("VGG19", configured()))
    assert len(digests) == 5


def test_code_that_may_have_changed_is_run_to_know_a_network(tmp_path: Path) -> None:
    assert spec_digest("net", configured(source="my_nets:build")) is None
    assert spec_digest("net", configured(source="net.keras", imports=["my_layers"])) is None
    remember(None, open_model("net", configured(source="MobileNet", weights="none")).anatomy, Cache(tmp_path))
    assert known_anatomy(None, Cache(tmp_path)) is None
