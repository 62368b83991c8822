"""A build on top of another gives, file for file, what a build from nothing gives, after any change."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.synthetic import anatomy, fail, fill, layer, plan_of, png, record, texture
from generator.cache.entries import Cache
from generator.evidence.facts import Evidence
from generator.gallery.site import build_site
from generator.models.anatomy import Anatomy, Layer
from generator.plan import Job, Plan
from generator.targets import WHOLE
from tests.conftest import ROOT
from tests.evident import evidence_of
from tests.gallery.conftest import files_of

STEPS = 25
"""Changes in a walk. Each costs two builds of a small gallery, a quarter of a second in all."""

TAGS = ["curve", "Curve", "CURVE", "dots & dashes", "<b>"]
THEMES = {
    "channel.html": '{% extends "original/channel.html" %}{% block evidence %}<p>@</p>{% endblock %}',
    "about.html": "<!doctype html><title>@</title>{{ site.models | length }}",
    "partials/film.html": "<b>@{{ cell.channel }}</b>",
    "static/microscope.css": "a { color: red } {# @ #}",
    "static/more.js": "// @",
}


def two_networks() -> dict[str, Anatomy]:
    layers = [layer("stem", 3, "input"), layer("classes", 3, "stem", shape=(3,))]
    return {
        "net": anatomy(layers, name="net", classes=["cat", "dog", "bee"]),
        "other": anatomy([layer("deep", 3, "input")], name="other"),
    }


@dataclass
class World:
    """All that a gallery is made from, and a random source for what happens to it."""

    folder: Path
    random: random.Random
    anatomies: dict[str, Anatomy] = field(default_factory=two_networks)
    settings: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, dict[str, Any]] = field(default_factory=dict)
    recipes: dict[str, list[str]] = field(default_factory=lambda: {"net": ["channel", "soft"]})
    channels: str = "all"
    description: str = "Soft ones."
    evidence: Evidence = field(default_factory=Evidence)

    def plan(self) -> Plan:
        soft = {"base": "channel", "steps": 20, "frames": 2, "description": self.description}
        models = {
            name: {
                "layers": [{"name": "all", "channels": self.channels}],
                "recipes": self.recipes.get(name, ["channel"]),
            }
            for name in self.anatomies
        }
        notes = self.folder / "notes.yaml"
        notes.write_text("".join(f"{key}: {value}\n" for key, value in self.notes.items()), "utf-8")
        return plan_of(self.folder, self.anatomies, models, recipes={"soft": soft}, **self.settings)

    def job(self) -> Job:
        return self.random.choice(self.plan().jobs)

    @property
    def cache(self) -> Cache:
        return Cache(self.folder / "cache")


def another(value: Any, world: World) -> Any:
    """A value of the same type that differs."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value + 0.5
    if isinstance(value, tuple) and value and not isinstance(value[0], str):
        return tuple(another(part, world) for part in value)
    if isinstance(value, tuple) and value:
        return (*value[:-1], value[-1] + "'")
    return f"{value} <{world.random.randrange(10)}>"


# -- what may happen -------------------------------------------------------------------------------


def a_network_is_known_otherwise(world: World) -> None:
    """Any fact about it but those that decide which layers and channels there are."""
    name = world.random.choice(list(world.anatomies))
    facts = {f.name for f in fields(Anatomy)} - {"layers", "input_shape"}
    fact = world.random.choice(sorted(facts))
    network = world.anatomies[name]
    world.anatomies[name] = replace(network, **{fact: another(getattr(network, fact), world)})


def a_layer_is_known_otherwise(world: World) -> None:
    name = world.random.choice(list(world.anatomies))
    network = world.anatomies[name]
    place = world.random.randrange(1, len(network.layers))
    facts = {f.name for f in fields(Layer)} - {"name", "inputs", "channels", "renderable", "shape"}
    fact = world.random.choice(sorted(facts))
    old = network.layers[place]
    new = replace(old, **{fact: another(getattr(old, fact), world)})
    layers = (*network.layers[:place], new, *network.layers[place + 1 :])
    world.anatomies[name] = replace(network, layers=layers)


def a_setting_changes(world: World) -> None:
    name = world.random.choice(["title", "description", "url"])
    value = (
        f"https://example.org/{world.random.randrange(3)}" if name == "url" else world.random.choice("ab<")
    )
    world.settings = {**world.settings, name: value}
    if world.random.random() < 0.3:
        del world.settings[name]


def a_note_changes(world: World) -> None:
    job = world.job()
    address = f"{job.model}/{job.layer}" + ("" if job.channel == WHOLE else f"/{job.channel}")
    if world.notes.pop(address, None) is None:
        note = {"label": "arc", "text": "& more", "tags": world.random.sample(TAGS, 2)}
        world.notes[address] = {key: note[key] for key in world.random.sample(sorted(note), 2)}
    else:
        world.notes[address] = {"tags": [world.random.choice(TAGS)]}


def the_case_of_a_tag_changes(world: World) -> None:
    for note in world.notes.values():
        note["tags"] = [world.random.choice([tag.upper(), tag.lower()]) for tag in note.get("tags", [])]


def other_recipes_are_asked_for(world: World) -> None:
    names = ["channel", "soft", "deepdream", "negative"]
    world.recipes["net"] = world.random.sample(names, world.random.randrange(1, 3))


def a_recipe_is_described_otherwise(world: World) -> None:
    world.description += "!"


def other_channels_are_asked_for(world: World) -> None:
    world.channels = world.random.choice(["all", "0-1", "1-2", "2"])


def a_picture_is_rendered(world: World) -> None:
    plan, job = world.plan(), world.job()
    number = world.random.randrange(1000)
    made = record(plan, job, activation=float(number), dead=number % 7 == 0)
    fill(plan, [job])
    world.cache.put(made, png(texture(number, made.width)[: made.height]))


def a_picture_goes(world: World) -> None:
    world.cache.remove(world.job().key)


def a_picture_fails(world: World) -> None:
    job = world.job()
    world.cache.remove(job.key)
    fail(world.plan(), job, f"<{world.random.randrange(10)}>")


def a_picture_is_damaged(world: World) -> None:
    path = world.cache.picture_path(world.job().key)
    if path.exists():
        path.write_bytes(path.read_bytes()[: world.random.choice([0, 100, 300])])


def an_animation_is_lost(world: World) -> None:
    for kind in ("webp", "gif"):
        world.cache.animation_path(world.job().key, kind).unlink(missing_ok=True)


def all_is_rendered(world: World) -> None:
    plan = world.plan()
    fill(plan, plan.due(world.cache))


def a_data_set_is_surveyed(world: World) -> None:
    """All layers, or one, of those that there are now."""
    found = evidence_of(world.plan())
    if world.random.random() < 0.5:
        found = Evidence(dict(world.random.sample(sorted(found.layers.items()), 1)))
    world.evidence = found


def evidence_is_lost(world: World) -> None:
    for ref in world.evidence.layers.values():
        world.cache.remove(world.random.choice([ref.key, *ref.photos]))


def a_theme_changes(world: World) -> None:
    theme = world.folder / "theme"
    name = world.random.choice(list(THEMES))
    (theme / name).parent.mkdir(parents=True, exist_ok=True)
    (theme / name).write_text(THEMES[name].replace("@", str(world.random.randrange(5))))
    if world.random.random() < 0.3:
        (theme / name).unlink()
    world.settings["templates"] = theme


def a_file_of_the_gallery_is_touched(world: World) -> None:
    files = [path for path in (world.folder / "site").rglob("*") if path.is_file() and path.name[0] != "."]
    path = world.random.choice(sorted(files))
    if world.random.random() < 0.5:
        path.unlink()
    else:
        path.write_bytes(b"x")


CHANGES: list[Callable[[World], None]] = [
    a_network_is_known_otherwise,
    a_layer_is_known_otherwise,
    a_setting_changes,
    a_note_changes,
    the_case_of_a_tag_changes,
    other_recipes_are_asked_for,
    a_recipe_is_described_otherwise,
    other_channels_are_asked_for,
    a_picture_is_rendered,
    a_picture_goes,
    a_picture_fails,
    a_picture_is_damaged,
    an_animation_is_lost,
    all_is_rendered,
    a_data_set_is_surveyed,
    evidence_is_lost,
    a_theme_changes,
    a_file_of_the_gallery_is_touched,
]


def built(plan: Plan, evidence: Evidence) -> dict[str, bytes]:
    build_site(plan, Cache(plan.config.cache), evidence)
    return files_of(plan.config.output)


def from_nothing(plan: Plan, evidence: Evidence) -> dict[str, bytes]:
    fresh = plan.config.output.with_name("fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    other = replace(plan, config=plan.config.model_copy(update={"output": fresh}))
    Cache(plan.config.cache).gallery_path(fresh).unlink(missing_ok=True)
    return built(other, evidence)


def differences(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


@pytest.mark.parametrize("seed", range(3))
def test_a_build_after_any_change_equals_one_from_nothing(tmp_path: Path, seed: int) -> None:
    world = World(tmp_path, random.Random(seed))
    all_is_rendered(world)
    built(world.plan(), world.evidence)
    ways = world.random.sample(CHANGES, len(CHANGES)) + world.random.choices(CHANGES, k=STEPS - len(CHANGES))
    for step, change in enumerate(ways):
        change(world)
        if world.random.random() < 0.3:
            continue  # several changes between two builds
        plan = world.plan()
        both = built(plan, world.evidence), from_nothing(plan, world.evidence)
        assert differences(*both) == [], f"step {step}: {change.__name__}"


# -- our own code ----------------------------------------------------------------------------------

SCRIPT = """
import sys
from pathlib import Path
from generator.cache.entries import Cache
from tests.gallery.conftest import build
from benchmarks.synthetic import anatomy, fill, layer, plan_of
plan = plan_of(
    Path(sys.argv[1]), {"net": anatomy([layer("deep", 3, "input")])}, {"net": {"layers": ["deep"]}}, size=128
)
fill(plan, plan.due(Cache(plan.config.cache)))
print(build(plan).written)
"""

EDITS = {
    "generator/gallery/wording.py": ("float) -> str:\n", 'float) -> str:\n    return "number"\n'),
    "generator/gallery/pictures.py": ("QUALITY = 82", "QUALITY = 40"),
}


def test_changed_code_of_ours_makes_its_files_again(tmp_path: Path) -> None:
    code, world = tmp_path / "code", tmp_path / "world"
    for name in ("generator", "tests", "templates", "benchmarks"):
        shutil.copytree(ROOT / name, code / name, ignore=shutil.ignore_patterns("__pycache__"))

    def run(folder: Path) -> int:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(folder)],
            cwd=code,
            env={**os.environ, "PYTHONPATH": str(code)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return int(done.stdout.split()[-1])

    run(world)
    before = files_of(world / "site")
    for name, (old, new) in EDITS.items():
        text = (code / name).read_text("utf-8")
        assert old in text
        (code / name).write_text(text.replace(old, new, 1), "utf-8")
    run(world)
    run(tmp_path / "fresh")
    after = files_of(world / "site")
    assert differences(after, files_of(tmp_path / "fresh" / "site")) == []
    changed = differences(before, after)
    assert "models/net/deep/0.html" in changed and "models/net/deep/channel/0.webp" in changed
