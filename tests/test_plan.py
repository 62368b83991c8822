"""The plan: which pictures a config asks for, in which order, and under which keys."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import generator.plan
from generator.cache.entries import Cache
from generator.cache.records import Record
from generator.config.cookbook import BUILT_IN
from generator.config.reading import read_config
from generator.config.recipes import RECIPE_FILES
from generator.errors import UserError
from generator.layers import layer_problems
from generator.models.anatomy import Anatomy, Layer
from generator.models.deriving import matching_layers
from generator.plan import Job, Plan, group, job_key, make_plan
from generator.render import RENDERER_VERSION
from generator.selection import only
from generator.targets import WHOLE, Target
from tests.rendering import unit_of


def layer(name: str, kind: str, channels: int, renderable: bool = True) -> Layer:
    return Layer(name, kind, (8, 8, channels), channels, ("input",), 0, (3, 3), (1, 1), None, renderable)


NET = Anatomy(
    name="net",
    source="net.keras",
    weights="none",
    origin="",
    fingerprint="f" * 64,
    input_shape=(8, 8, 3),
    preprocessing="",
    parameters=0,
    layers=(
        layer("input", "InputLayer", 3, renderable=False),
        layer("block1_conv", "Conv2D", 4),
        layer("block1_act", "ReLU", 4),
        layer("block2_conv", "DepthwiseConv2D", 6),
        layer("inner/mix", "Add", 6),
        layer("conv", "Dense", 5),
    ),
)


def plan(folder: Path, layers: str, more: str = "", anatomy: Anatomy = NET, head: str = "") -> Plan:
    path = folder / "config.yaml"
    path.write_text(f"{head}models:\n  net:\n    layers: {layers}\n{more}")
    return make_plan(read_config(path).check(), {"net": anatomy})


def names(jobs: Sequence[Job]) -> list[str]:
    return [f"{job.layer}/{job.channel}/{job.recipe_name}" for job in jobs]


def layers_of(made: Plan) -> list[str]:
    return list(dict.fromkeys(job.layer for job in made.jobs))


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("block1_conv", ["block1_conv"]),
        ("block*_conv", ["block1_conv", "block2_conv"]),
        ("inner/*", ["inner/mix"]),
        ("all", ["block1_conv", "block1_act", "block2_conv", "inner/mix", "conv"]),
        ("conv", ["conv"]),
        ("input", []),
        ("Block1_conv", []),
    ],
)
def test_names_globs_and_words_for_layers(pattern: str, found: list[str]) -> None:
    assert [layer.name for layer in matching_layers(pattern, NET)] == found


def test_conv_means_convolutions_where_no_layer_is_named_so() -> None:
    unnamed = replace(NET, layers=NET.layers[:-1])
    assert [layer.name for layer in matching_layers("conv", unnamed)] == ["block1_conv", "block2_conv"]


def test_jobs_come_by_layer_from_input_to_output_then_recipe_then_channel(tmp_path: Path) -> None:
    made = plan(
        tmp_path,
        "[{name: block2_conv, channels: [4, 0-1]},"
        " {name: block1_conv, recipes: [negative, channel], channels: 3}]",
    )
    assert names(made.jobs) == [
        "block1_conv/3/channel",
        "block1_conv/3/negative",
        "block2_conv/0/channel",
        "block2_conv/1/channel",
        "block2_conv/4/channel",
    ]
    assert [(g.layer, g.recipe_name, len(g.jobs)) for g in group(made.jobs)] == [
        ("block1_conv", "channel", 1),
        ("block1_conv", "negative", 1),
        ("block2_conv", "channel", 3),
    ]


def test_a_layer_named_twice_is_rendered_once(tmp_path: Path) -> None:
    made = plan(tmp_path, "[{name: block1_conv, channels: 0-2}, {name: 'block1*', channels: 2-3}]")
    assert names(made.jobs) == [
        *(f"block1_conv/{channel}/channel" for channel in range(4)),
        "block1_act/2/channel",
        "block1_act/3/channel",
    ]


def test_a_layers_own_channels_and_recipes_win(tmp_path: Path) -> None:
    made = plan(
        tmp_path, "[block1_conv, {name: conv, channels: all}]", "    channels: 1\n    recipes: negative\n"
    )
    assert names(made.jobs)[:2] == ["block1_conv/1/negative", "conv/0/negative"]
    assert len(made.jobs) == 1 + 5


def key_of(fingerprint: str, layer: str, channel: int, identity: Mapping[str, Any]) -> str:
    return job_key(fingerprint, Target(layer, unit_of(channel)), identity)


def test_a_key_is_the_hash_of_what_the_design_says() -> None:
    """Another form of it would make every user render everything again."""
    recipe = BUILT_IN["channel"]
    parts = {"weights": "f" * 64, "layer": "a", "channel": 1, "recipe": recipe.identity()}
    text = json.dumps({**parts, "renderer": RENDERER_VERSION}, sort_keys=True, separators=(",", ":"))
    assert key_of("f" * 64, "a", 1, recipe.identity()) == hashlib.sha256(text.encode()).hexdigest()


def test_keys_of_a_plan_are_the_same_one_by_one_and_all_together(tmp_path: Path) -> None:
    layers = "[all, {name: inner/mix, channels: '5, 0-2', recipes: [deepdream, neuron]}]"
    made = plan(tmp_path, layers, "    recipes: [channel, negative, deepdream]\n")
    assert {job.channel for job in made.jobs} == {WHOLE, *range(6)}
    for job in made.jobs:
        assert job.key == job_key("f" * 64, job.target, made.identities[job.recipe_name])


UNSET = {"position": (0.1, 0.2), "direction": ((3, 1.0),), "towards": 7}
"""Values of fields that are empty by default."""


def another(field: str, value: object) -> object:
    """Some other value of the same kind."""
    if field in RECIPE_FILES:
        return Path(__file__)
    if field in UNSET:
        return UNSET[field]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return value[::-1] if isinstance(value, tuple) else f"other {value}"


def test_keys_change_with_everything_that_changes_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = BUILT_IN["channel"]
    identity = recipe.identity()
    keys = [key_of("f" * 64, "a", 1, identity), key_of("e" * 64, "a", 1, identity)]
    keys += [key_of("f" * 64, "b", 1, identity), key_of("f" * 64, "a", 2, identity)]
    for field in recipe.identity():
        changed = recipe.model_copy(update={field: another(field, getattr(recipe, field))})
        keys.append(key_of("f" * 64, "a", 1, changed.identity()))
    monkeypatch.setattr(generator.plan, "RENDERER_VERSION", -1)
    keys.append(key_of("f" * 64, "a", 1, identity))
    assert len(set(keys)) == len(keys)


def test_a_file_enters_the_key_by_what_is_in_it(tmp_path: Path) -> None:
    keys = []
    for name, content in [("a.png", b"one"), ("b.png", b"one"), ("a.png", b"two")]:
        (tmp_path / name).write_bytes(content)
        recipe = BUILT_IN["caricature"].model_copy(update={"image": tmp_path / name})
        keys.append(key_of("f" * 64, "a", WHOLE, recipe.identity()))
    assert keys[0] == keys[1] != keys[2]


def test_every_field_of_a_recipe_but_its_description_is_part_of_the_key() -> None:
    recipe = BUILT_IN["channel"]
    assert set(recipe.identity()) == set(type(recipe).model_fields) - {"description"}
    other = recipe.model_copy(update={"description": "in other words"})
    assert recipe.identity() == other.identity()


def test_names_and_batch_are_no_part_of_the_key(tmp_path: Path) -> None:
    before = plan(tmp_path, "conv")
    after = plan(
        tmp_path, "[{name: conv, recipes: mine}]", "recipes:\n  mine: {base: channel}\n", head="batch: 3\n"
    )
    assert before.keys == after.keys
    assert {job.recipe_name for job in after.jobs} == {"mine"}


def test_due_is_what_the_cache_lacks_and_each_key_once(tmp_path: Path) -> None:
    made = plan(tmp_path, "conv", "    recipes: [channel, same]\nrecipes:\n  same: {base: channel}\n")
    cache = Cache(tmp_path / "cache")
    assert len(made.jobs) == 10 and len(made.due(cache)) == 5
    job = made.jobs[2]
    cache.put(record(job), b"picture")
    assert job.key not in {due.key for due in made.due(cache)}
    assert len(made.due(cache)) == 4


def record(job: Job) -> Record:
    return Record(
        key=job.key,
        model=job.model,
        layer=job.layer,
        channel=job.channel,
        recipe_name=job.recipe_name,
        recipe={},
        fingerprint="",
        activation=0.0,
        trajectory=(),
        dead=False,
        width=1,
        height=1,
        seconds=0.0,
        rendered_at="",
        versions={},
    )


def test_problems_of_layers_and_channels_are_all_found(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "models:\n  net:\n    channels: 0-5\n    layers:\n      - blok1_conv\n      - input\n      - conv\n"
        "      - {name: 'block*_conv', channels: [0, 5-7]}\n"
    )
    file = read_config(path)
    found = [(p.location[2:], p.message) for p in layer_problems(file.config, {"net": NET})]
    assert found == [
        (("layers", 0), "no layer 'blok1_conv' in net; the nearest are block1_conv, block2_conv, block1_act"),
        (("layers", 1), "layer 'input' of net has no channels that can be rendered"),
        (("channels",), "channels 0-5: layer 'conv' has 5, 0 to 4"),
        (("layers", 3, "channels"), "channels 5-7: layer 'block1_conv' has 4, 0 to 3"),
        (("layers", 3, "channels"), "channels 5-7: layer 'block2_conv' has 6, 0 to 5"),
    ]


def test_recipes_that_are_not_for_a_layer_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "models:\n  net:\n    recipes: class-token\n    layers:\n      - 'block*_conv'\n"
        "      - {name: block1_conv, recipes: [channel, logit]}\n"
        "      - {name: tokens, recipes: [class-token, channel]}\n"
        "      - {name: patches, recipes: class-token}\n"
        "      - {name: scores, recipes: logit}\n      - {name: masks, recipes: logit}\n"
    )
    layers = {"tokens": (17, 4), "patches": (16, 4), "scores": (4,), "masks": (8, 8, 4)}
    more = [replace(layer(name, "Dense", 4), shape=shape) for name, shape in layers.items()]
    more[0], more[-1] = replace(more[0], special=1), replace(more[-1], inputs=("block1_conv",))
    net = replace(NET, layers=(*NET.layers, *more))
    found = [(p.location[2:], p.message) for p in layer_problems(read_config(path).config, {"net": net})]
    token = "which has no class token; those are in layers of transformers, which are of tokens"
    classes = "which has no scores of classes; those are in the last layers of a network"
    assert found == [
        (
            ("recipes",),
            f"recipe 'class-token' is not for layer 'block1_conv', {token} (nor for 1 more of its layers)",
        ),
        (("layers", 1, "recipes"), f"recipe 'logit' is not for layer 'block1_conv', {classes}"),
        (("layers", 3, "recipes"), f"recipe 'class-token' is not for layer 'patches', {token}"),
    ]


@pytest.mark.parametrize(
    ("selection", "count"),
    [
        ("net", 25),
        ("n*", 25),
        ("net/conv", 5),
        ("net/block*", 14),
        ("net/conv/3", 1),
        ("net/conv/1-3", 3),
        ("net/inner/mix", 6),
        ("net/inner/mix/0-1", 2),
        ("net/block1_*/0", 2),
    ],
)
def test_only_a_part(tmp_path: Path, selection: str, count: int) -> None:
    made = plan(tmp_path, "all")
    assert len(only(made, [selection])) == count


def test_only_keeps_the_plans_order_and_each_job_once(tmp_path: Path) -> None:
    made = plan(tmp_path, "all")
    chosen = only(made, ["net/conv/3", "net/block1_conv", "net/conv/3-4"])
    assert chosen == [job for job in made.jobs if job in set(chosen)]
    assert len(chosen) == 4 + 2


@pytest.mark.parametrize(
    ("selection", "hint"),
    [
        ("other", "nothing in the plan has that name; models: net, a/b"),
        ("net/cov", "nothing in the plan has that name; layers: block1_conv"),
        ("a/b/cov", "nothing in the plan has that name; layers: block1_conv"),
        ("net/conv/9", "layer 'conv' has 5 channels, 0 to 4"),
        ("a/b/inner/mix/6-9", "layer 'inner/mix' has 6 channels, 0 to 5"),
        ("net/block1_act/3", "the config asks for other channels of layer 'block1_act'"),
        ("net/conv/", "nothing in the plan has that name; layers: block1_conv"),
    ],
)
def test_only_of_nothing_is_the_users_mistake(tmp_path: Path, selection: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        only(two_models(tmp_path), [selection])
    assert caught.value.message.startswith(f"--only {selection}: {hint}")


def two_models(folder: Path) -> Plan:
    """The same network twice, once under a name with a slash; of one layer only some channels."""
    path = folder / "config.yaml"
    layers = "layers: [{name: block1_act, channels: 0-1}, block1_conv, conv, inner/mix]"
    path.write_text(f"models:\n  net: {{{layers}}}\n  a/b: {{{layers}}}\n")
    return make_plan(read_config(path).check(), {"net": NET, "a/b": NET})


@pytest.mark.parametrize(
    ("selection", "count"),
    [("a/b", 17), ("a/*", 17), ("a/b/conv", 5), ("a/b/inner/mix/1-2", 2), ("*/conv/first 2", 4)],
)
def test_a_models_name_may_hold_a_slash(tmp_path: Path, selection: str, count: int) -> None:
    assert len(only(two_models(tmp_path), [selection])) == count
