"""config.yaml: everything that can be wrong in it is said at once, each in one line that finds the place."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from generator.config.channels import Channels
from generator.config.cookbook import BUILT_IN
from generator.config.reading import read_config
from generator.config.recipes import Recipe
from generator.config.schema import Config, LayerConfig, ModelConfig, Preprocessing, RecipeConfig
from generator.errors import ConfigError, UserError
from generator.pipeline import load_plan

CHELSEA = Path(__file__).parent.parent / "docs" / "gallery" / "chelsea.jpg"
MINIMAL = "models:\n  m:\n    layers: [a]\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text)
    return path


def problems(folder: Path, text: str) -> list[str]:
    """What is wrong with a config, without the file's path before each line number."""
    path = written(folder, text)
    with pytest.raises(ConfigError) as caught:
        read_config(path).check()
    assert all(line.startswith(f"{path}:") and "\n" not in line for line in caught.value.problems)
    return [line.removeprefix(f"{path}:") for line in caught.value.problems]


def settings(folder: Path, text: str) -> Config:
    return read_config(written(folder, text)).check()


def test_a_config_needs_little(tmp_path: Path) -> None:
    config = settings(tmp_path, MINIMAL)
    model = config.models["m"]
    assert [layer.name for layer in model.layers] == ["a"]
    assert (model.weights, model.channels, model.recipes) == ("imagenet", Channels(), ["channel"])
    assert config.recipe("channel") == BUILT_IN["channel"]


def test_all_problems_are_reported_together_each_with_its_line_and_field(tmp_path: Path) -> None:
    text = """titel: x
size: big
seed: -1
models:
  m:
    sorce: VGG
    layers:
      - name: a
        chanels: 3
      - b
    recipes: [chanel]
  n:
    channels: 9-3
recipes:
  r: {base: chanel}
  q: {stepz: 3, size: 4}
"""
    assert problems(tmp_path, text) == [
        "1: titel: unknown key; did you mean `title`?",
        "2: size: should be a whole number, not 'big'",
        "3: seed: should be at least 0, not -1",
        "6: models.m.sorce: unknown key; did you mean `source`?",
        "9: models.m.layers[0].chanels: unknown key; did you mean `channels`?",
        "11: models.m.recipes[0]: no recipe 'chanel'; did you mean `channel`?",
        "12: models.n.layers: is missing",
        "13: models.n.channels: the range 9-3 ends before it starts",
        "15: recipes.r.base: no built-in recipe 'chanel'; did you mean `channel`?",
        "16: recipes.q.stepz: unknown key; did you mean `steps`?",
        "16: recipes.q.size: should be at least 16, not 4",
    ]


def test_what_only_the_network_shows_is_reported_with_the_rest(
    tmp_path: Path, configure: Callable[..., Path]
) -> None:
    layers = "[{name: frist}, {name: second, channels: 4-99}, {nme: x}, first]"
    path = configure(tmp_path, layers, titel="x")
    with pytest.raises(ConfigError) as caught:
        load_plan(path)
    lines = [line.removeprefix(f"{path}:") for line in caught.value.problems]
    assert lines[0] == "3: titel: unknown key; did you mean `title`?"
    number = 1 + [line.strip() for line in path.read_text().splitlines()].index(f"layers: {layers}")
    assert set(lines[1:]) == {
        f"{number}: models.tiny.layers[0]: no layer 'frist' in tiny; "
        "the nearest are first, first_bn, first_relu",
        f"{number}: models.tiny.layers[1].channels: channels 4-99: layer 'second' has 8, 0 to 7",
        f"{number}: models.tiny.layers[2].name: is missing",
        f"{number}: models.tiny.layers[2].nme: unknown key; did you mean `name`?",
    }


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("a\nb\nc\nd\n", "names 4 classes, but layer 'classes' has 5"),
        ("a\nb\nc\nd\ne\nf\n", "names 6 classes, but layer 'classes' has 5"),
        ("a\nb\nc\nd\ne\n\n", ""),
    ],
)
def test_class_names_are_as_many_as_the_classes(
    tmp_path: Path, configure: Callable[..., Path], names: str, said: str
) -> None:
    path = configure(tmp_path, "[chanel]\n    classes: names.txt")
    (tmp_path / "names.txt").write_text(names)
    with pytest.raises(ConfigError) as caught:
        load_plan(path)
    found = [line.partition(": ")[2] for line in caught.value.problems]
    assert found[0].startswith("models.tiny.layers[0]: no layer 'chanel'")
    assert found[1:] == ([f"models.tiny.classes: {said}"] if said else [])


def test_a_models_files_that_can_not_be_read_are_told_at_their_fields_with_the_rest(
    tmp_path: Path, configure: Callable[..., Path]
) -> None:
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    for names, why in (("none.txt", "No such file or directory"), ("latin.txt", "not in UTF-8")):
        path = configure(tmp_path, f"[chanel]\n    classes: {names}\n    weights: none.h5")
        lines = path.read_text().splitlines()
        numbers = [
            lines.index(line) + 1 for line in lines if "layers:" in line or ".txt" in line or ".h5" in line
        ]
        with pytest.raises(ConfigError) as caught:
            load_plan(path)
        layers, classes, weights = (line.removeprefix(f"{path}:") for line in caught.value.problems)
        assert layers.startswith(f"{numbers[0]}: models.tiny.layers[0]: no layer 'chanel'")
        assert (
            classes == f"{numbers[1]}: models.tiny.classes: {tmp_path}/{names}: can't read class names: {why}"
        )
        assert weights == f"{numbers[2]}: models.tiny.weights: no such weights file: {tmp_path}/none.h5"


def test_models_that_cant_be_opened_are_reported_together(tmp_path: Path) -> None:
    text = "models:\n  a: {source: no.keras, layers: all}\n  b: {source: VGG91, weights: none, layers: all}\n"
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_plan(path)
    first, second = caught.value.problems
    assert first == f"{path}:2: models.a: {tmp_path}/no.keras: no such file"
    assert second.startswith(f"{path}:3: models.b: no network 'VGG91'; the nearest are VGG19, VGG16,")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("title: x\n", "1: models: is missing"),
        ("models:\n", "1: models: should be a mapping of settings, not nothing"),
        ("models: {}\n", "1: models: should not be empty"),
        ("models:\n  m: VGG19\n", "2: models.m: should be a mapping of settings, not 'VGG19'"),
        ("models:\n  m: {source: VGG19}\n", "2: models.m.layers: is missing"),
        ("models:\n  m: {layers: []}\n", "2: models.m.layers: should not be empty"),
        (f"title: 3\n{MINIMAL}", "1: title: should be text, in quotes if need be, not 3"),
        (f"url: ftp://x\n{MINIMAL}", "1: url: should be an address such as https://me."),
        (f"pictures_url: ''\n{MINIMAL}", "1: pictures_url: should be an address such as https://me."),
        (
            f"{MINIMAL}    channels: []\n",
            "4: models.m.channels: chooses no channel; write all, 7, 0-15, first",
        ),
        (f"{MINIMAL}    channels: first 0\n", "4: models.m.channels: `first 0` chooses no channel"),
        (
            f"{MINIMAL}    channels: first\n",
            "4: models.m.channels: 'first' is no channel or range; write all",
        ),
        (f"{MINIMAL}    channels: '{'9' * 5000}'\n", "4: models.m.channels: '99999999999999999999999999999"),
        (f"{MINIMAL}    channels: 1.5\n", "4: models.m.channels: should be `all`, a number, a range such"),
        (f"{MINIMAL}    channels: 3-\n", "4: models.m.channels: '3-' is no channel or range; write all, 7,"),
        (
            f"{MINIMAL}    preprocessing: torhc\n",
            "4: models.m.preprocessing: should be auto, unit, raw, tf, caffe, torch or a mapping of settings",
        ),
        (
            f"{MINIMAL}    preprocessing: {{rang: [0, 1]}}\n",
            "4: models.m.preprocessing.rang: unknown key; did",
        ),
        (
            f"{MINIMAL}    imports: [fine, my_layers.py]\n",
            "4: models.m.imports[1]: my_layers.py: a module is named as Python imports it, `my_layers`, not",
        ),
        (
            f"{MINIMAL}    imports: ./nets/parts.py\n",
            "4: models.m.imports: ./nets/parts.py: a module is named as Python imports it, `nets.parts`, not",
        ),
        (f"{MINIMAL}    input_size: 4\n", "4: models.m.input_size: should be at least 16, not 4"),
        (f"{MINIMAL}recipes:\n  r:\n", "5: recipes.r: should be a mapping of settings, not nothing"),
        (f"{MINIMAL}recipes:\n  r: {{scale: [2, 1]}}\n", "5: recipes.r.scale: should be two zooms above 0"),
        (f"{MINIMAL}recipes:\n  r: {{objective: x}}\n", "5: recipes.r.objective: should be 'channel', 'neg"),
    ],
)
def test_one_mistake_is_one_line(tmp_path: Path, text: str, expected: str) -> None:
    (found,) = problems(tmp_path, text)
    assert found.startswith(expected)


def test_keys_given_twice_are_found_at_any_depth(tmp_path: Path) -> None:
    text = "title: a\ntitle: b\nmodels:\n  m:\n    layers: [a]\n    weights: none\n    weights: x\n"
    assert problems(tmp_path, text) == ["2: title: is given twice", "7: models.m.weights: is given twice"]


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("models: [a\n", ":2:", "not valid YAML"),
        ("models:\n\tm: 1\n", ":2:", "not valid YAML"),
        ("- a\n", ":1:", "should hold settings"),
        ("", ":1:", "should hold settings"),
        ("title: a\x00b\n", ":", "not valid YAML"),
        ("a: &a [*a]\n", ":1:", "the alias *a stands for something that holds it"),
        ("a: *b\n", ":1:", "not valid YAML"),
        (f"a:\n- {'[' * 40}\n", ":2:", "nested more than 32 deep"),
        ("a: 1\n--- \nb: 1\n", ":2:", "not valid YAML"),
    ],
)
def test_what_is_no_config_at_all_is_one_line(tmp_path: Path, text: str, line: str, word: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UserError) as caught:
        read_config(path)
    assert caught.value.message.startswith(f"{path}{line}")
    assert word in caught.value.message and "\n" not in caught.value.message


def test_a_file_that_cant_be_read_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml: no such file; `build-site init` writes one"):
        read_config(tmp_path / "none.yaml")
    with pytest.raises(UserError, match="is a folder; name the config in it"):
        read_config(tmp_path)
    with pytest.raises(UserError, match="can't be read: File name too long"):
        read_config(tmp_path / ("x" * 300))


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("latin-1", ":2: the byte 0xe9 is not UTF-8; save the file as UTF-8"),
        ("utf-16", ": is in UTF-16; save it as UTF-8"),
        ("utf-16-be", ":2: the byte 0xe9 is not UTF-8; save the file as UTF-8"),
    ],
)
def test_a_file_in_another_encoding_says_so(tmp_path: Path, encoding: str, said: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(f"# first\ntitle: caf\u00e9\n{MINIMAL}".encode(encoding))
    with pytest.raises(UserError) as caught:
        read_config(path)
    assert caught.value.message == f"{path}{said}"


def test_a_byte_order_mark_and_other_line_ends_are_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(f"title: caf\u00e9\n{MINIMAL}".replace("\n", "\r\n").encode("utf-8-sig"))
    assert read_config(path).check().title == "caf\u00e9"


def test_a_binary_or_endless_file_ends_at_once(tmp_path: Path) -> None:
    (tmp_path / "weights.h5").write_bytes(b"\x89HDF\r\n" + bytes(9_000_000))
    for path in (tmp_path / "weights.h5", Path("/dev/zero")):
        with pytest.raises(UserError, match="larger than 4 MB; is it the right file"):
            read_config(path)


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in pairwise("abcdefghi")
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 9)}]}}\n" for before, name in pairwise("abcdefghi")
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LAUGHS, "its aliases stand for more than 9,000 values"),
        (MERGES, "its aliases stand for more than 9,000 values"),
        (f"{MINIMAL}title: &t x\ntitles: [{'*t, ' * 1001}]\n", "holds more than 1,000 aliases"),
        (f"titles: [{'x, ' * 9_000}]\n", "holds more than 9,000 values"),
        (
            "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}]\n" for n in range(40)),
            "with its aliases, is nested more than 32 deep",
        ),
    ],
)
def test_a_file_that_grows_beyond_bounds_ends_before_anything_is_made_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.setattr("generator.config.yaml_file.MAX_NODES", 9_000)
    path = written(tmp_path, text)
    with pytest.raises(UserError) as caught:
        read_config(path)
    assert re.fullmatch(rf"{path}:\d+: {said}.*", caught.value.message)


def test_anchors_and_merges_are_of_use(tmp_path: Path) -> None:
    text = """models:
  m: &common
    source: VGG19
    layers: &layers [a, b]
    recipes: [chanel]
  n:
    <<: *common
    layers: *layers
    recipes: [neuron]
    inputsize: 3
"""
    assert problems(tmp_path, text) == [
        "5: models.m.recipes[0]: no recipe 'chanel'; did you mean `channel`?",
        "10: models.n.inputsize: unknown key; did you mean `input_size`?",
    ]
    n = settings(tmp_path, text.replace("chanel", "channel").replace("    inputsize: 3\n", "")).models["n"]
    assert (n.source, [layer.name for layer in n.layers], n.recipes) == ("VGG19", ["a", "b"], ["neuron"])


def test_keys_are_text_and_dates_are_what_stands_there(tmp_path: Path) -> None:
    config = settings(
        tmp_path, f"title: 2026-11-23\n{MINIMAL}  2026: {{layers: ['on']}}\n  yes: {{layers: ['1']}}\n"
    )
    assert config.title == "2026-11-23"
    assert list(config.models) == ["m", "2026", "yes"]
    assert problems(tmp_path, f"{MINIMAL}on: 1\n? [a]\n: 2\n") == [
        "1: a key should be text, not a list or a mapping",
        "4: on: unknown key; known are " + ", ".join(Config.model_fields),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cache: ~nosuch/x\n", "1: cache: ~nosuch: there is no such home folder"),
        (f"output: {'x' * 300}\n", "1: output: can't be used as a path: File name too long"),
        (
            "title: !!binary aGk=\n",
            "1: title: is of the type !!binary, which has no place here; write text, ",
        ),
        ("title: !!python/none\n", "1: title: is of the type !!python/none"),
        ("title: !mine x\n", "1: title: is of the type !mine"),
        ('title: "\\ud800"\n', "1: title: holds the character U+D800, which is no text"),
        ('"a\\0": 1\n', "1: a key holds the character U+0000, which is no text"),
        (
            f"seed: {'9' * 5000}\n",
            "1: seed: '9999999999999999999999999999999999999999' can't be read as a whole",
        ),
        (f"seed: 0x{'f' * 5000}\n", "1: seed: is too large a number"),
        ("seed: !!int ''\n", "1: seed: '' can't be read as a whole number"),
        ("seed: true\n", "1: seed: should be a number, not true"),
        ("memory: .nan\n", "1: memory: should be "),
        ("cache: ''\n", "1: cache: should not be empty"),
        ("recipes: {'': {size: 32}}\n", "1: recipes: holds an empty name"),
        ("recipes: {r: {position: [0.5, yes]}}\n", "1: recipes.r.position: should be a number, not true"),
        ("recipes: {r: {direction: [3]}}\n", "1: recipes.r.direction[0]: should say the weight of each chan"),
        (
            "recipes: {r: {direction: {a: 3}}}\n",
            "1: recipes.r.direction.a: should be a whole number, not ",
        ),
        ("recipes: {r: {scale: [1]}}\n", "1: recipes.r.scale: should be two numbers, such as [0.9, 1.1]"),
        (
            "recipes: {r: {scale: 3}}\n",
            "1: recipes.r.scale: should be two numbers, such as [0.9,",
        ),
    ],
)
def test_odd_values_are_one_line(tmp_path: Path, text: str, said: str) -> None:
    (found,) = problems(tmp_path, text + MINIMAL)
    assert found.startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("output: cache\n", "1: output: {0}/cache is the folder of `cache`; give each its own"),
        (
            "output: cache/site\n",
            "1: output: {0}/cache/site lies in the folder of `cache`; give each its own",
        ),
        ("cache: site/cache\n", "1: output: {0}/site holds the folder of `cache`; give each its own"),
        ("output: linked\n", "1: output: {0}/linked is the folder of `cache`; give each its own"),
        ("output: .\n", "1: output: {0} holds this config; name a folder of its own, e.g. site"),
        ("output: ..\n", "1: output: {1} holds this config; name a folder of its own, e.g. site"),
        ("templates: theme\noutput: theme\n", "2: output: {0}/theme is the folder of `templates`; give each"),
        ("output: theme/s\ntemplates: theme\n", "1: output: {0}/theme/s lies in the folder of `templates`;"),
        ("templates: them\n", "1: templates: no such folder: {0}/them"),
        ("output: file\n", "1: output: {0}/file is a file, not a folder"),
        ("cache: file/in/it\n", "1: cache: {0}/file is a file, not a folder"),
        (
            "recipes: {r: {image: theme, base: caricature}}\n",
            "1: recipes.r.image: {0}/theme is a folder, not a picture",
        ),
        (
            "recipes: {r: {image: file, base: caricature}}\n",
            "1: recipes.r.image: {0}/file is no picture that",
        ),
        (
            "recipes: {r: {image: cut.jpg, base: caricature}}\n",
            "1: recipes.r.image: {0}/cut.jpg is no picture t",
        ),
        ("recipes: {r: {magnitude: theme, base: maco}}\n", "1: recipes.r.magnitude: {0}/theme holds no pict"),
        ("recipes: {r: {magnitude: mixed, base: maco}}\n", "1: recipes.r.magnitude: {0}/mixed/b.txt is no p"),
    ],
)
def test_files_and_folders_that_cant_serve_are_told(tmp_path: Path, text: str, said: str) -> None:
    folder = tmp_path / "here"
    for name in ("theme", "cache", "mixed"):
        (folder / name).mkdir(parents=True)
    (folder / "linked").symlink_to("cache")
    (folder / "file").write_text("any")
    (folder / "cut.jpg").write_bytes(CHELSEA.read_bytes()[:9000])
    (folder / "mixed" / "a.jpg").write_bytes(CHELSEA.read_bytes())
    (folder / "mixed" / "b.txt").write_text("no picture")
    (line,) = problems(folder, text + MINIMAL)
    assert line.startswith(said.format(folder, tmp_path))


def test_paths_are_relative_to_the_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("sub", "theme"):
        (tmp_path / name).mkdir()
    for name in ("w.h5", "names.txt"):
        (tmp_path / "sub" / name).touch()
    text = f"""cache: ../c
output: ~/site
templates: {tmp_path / "theme"}
models:
  m: {{source: nets/m.keras, weights: w.h5, classes: names.txt, layers: all}}
  n: {{source: VGG19, layers: all}}
"""
    config = settings(tmp_path / "sub", text)
    folder = tmp_path / "sub"
    assert config.cache.resolve() == tmp_path / "c"
    assert (config.output, config.templates) == (tmp_path / "home" / "site", tmp_path / "theme")
    assert config.notes == folder / "notes.yaml"
    m, n = config.models["m"], config.models["n"]
    assert (m.source, m.weights, m.classes) == (
        f"{folder}/nets/m.keras",
        f"{folder}/w.h5",
        folder / "names.txt",
    )
    assert (n.source, n.weights) == ("VGG19", "imagenet")


@pytest.mark.parametrize(
    ("value", "chosen"),
    [
        ("all", [0, 1, 2, 3, 4]),
        (3, [3]),
        ("1-2", [1, 2]),
        ("3, 0-1", [3, 0, 1]),
        ([4, "0-1", 1], [4, 0, 1]),
        ("2-9", [2, 3, 4]),
        ("first 2", [0, 1]),
        (["first 9", 3], [0, 1, 2, 3, 4]),
        (["4", "first  2"], [4, 0, 1]),
    ],
)
def test_channels(value: object, chosen: list[int]) -> None:
    assert Channels.parse(value).select(5) == chosen


def test_channels_beyond_a_layer_are_named() -> None:
    assert Channels.parse(["0-3", "2-7", 9]).beyond(5) == ["2-7", "9"]
    assert Channels.parse("all").beyond(5) == []
    assert Channels.parse("first 9").beyond(5) == []


def test_recipes_build_on_a_base_and_on_the_shared_settings(tmp_path: Path) -> None:
    text = f"""size: 64
steps: 9
recipes:
  large: {{size: 320}}
  shun: {{base: negative, steps: 7}}
  neuron: {{seed: 5}}
{MINIMAL}"""
    config = settings(tmp_path, text)
    assert config.recipe("channel").size == 64
    assert (config.recipe("large").size, config.recipe("large").steps) == (320, 9)
    assert (config.recipe("shun").objective, config.recipe("shun").steps) == ("negative", 7)
    assert (config.recipe("neuron").objective, config.recipe("neuron").seed) == ("neuron", 5)
    with pytest.raises(KeyError):
        config.recipe("other")


LAYER = "models:\n  m:\n    layers: [a]\n    recipes: [{}]\n"


@pytest.mark.parametrize(
    ("recipe", "field"),
    [
        ("dream-photo", "image"),
        ("caricature", "image"),
        ("direction", "direction"),
        ("interpolation", "towards"),
    ],
)
def test_a_recipe_that_needs_something_of_the_users_asks_for_it(
    tmp_path: Path, recipe: str, field: str
) -> None:
    (line,) = problems(tmp_path, LAYER.format(recipe))
    assert (
        line.startswith("4: models.m.recipes")
        and f"needs `{field}:`" in line
        and f"`recipes: {recipe}:`" in line
    )


def test_a_photo_is_looked_for_beside_the_config(tmp_path: Path) -> None:
    text = LAYER.format("caricature") + "recipes:\n  caricature:\n    image: pictures/cat.jpg\n"
    (line,) = problems(tmp_path, text)
    assert line.startswith("7: recipes.caricature.image") and "no such file" in line
    (tmp_path / "pictures").mkdir()
    photo = tmp_path / "pictures" / "cat.jpg"
    photo.write_bytes(b"any")
    (line,) = problems(tmp_path, text)
    assert line.startswith("7: recipes.caricature.image") and "is no picture that can be read" in line
    photo.write_bytes(CHELSEA.read_bytes())
    assert settings(tmp_path, text).recipe("caricature").image == photo


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("squash: clip", "is for `parameterization: pixels`"),
        ("parameterization: maco\n    start_from: black", "starts from noise"),
        ("pictures: 3", "is for `objective: diversity or interpolation`"),
        ("objective: diversity", "needs `pictures`"),
        ("frames: 500", "should be at most 120, not 500"),
    ],
)
def test_fields_that_do_not_go_together_are_named(tmp_path: Path, fields: str, words: str) -> None:
    text = LAYER.format("mine") + f"recipes:\n  mine:\n    {fields}\n"
    (line,) = problems(tmp_path, text)
    assert words in line and "recipes.mine" in line


def test_all_fields_that_do_not_go_together_are_named_at_once(tmp_path: Path) -> None:
    text = LAYER.format("mine") + (
        "recipes:\n  mine:\n    pictures: 3\n    start_from: black\n"
        "    parameterization: maco\n    squash: clip\n"
    )
    assert [line.split(":")[:2] for line in problems(tmp_path, text)] == [
        ["7", " recipes.mine.pictures"],
        ["8", " recipes.mine.start_from"],
        ["10", " recipes.mine.squash"],
    ]


def test_channels_that_a_recipe_names_must_exist(tmp_path: Path, configure: Callable[..., Path]) -> None:
    path = configure(tmp_path, "[{name: first, recipes: [interpolation, direction]}]")
    path.write_text(
        path.read_text()
        + "recipes:\n  interpolation: {towards: 6}\n  direction: {direction: {0: 1.0, 9: 1.0}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_plan(path)
    text = "\n".join(caught.value.problems)
    assert "recipes.interpolation.towards" in text and "recipes.direction.direction" in text
    assert text.count("has 6, 0 to 5") == 2


def test_settings_do_not_change(tmp_path: Path) -> None:
    config = settings(tmp_path, MINIMAL)
    with pytest.raises(ValidationError):
        config.title = "other"  # type: ignore[misc]


@pytest.mark.parametrize("part", [Config, ModelConfig, LayerConfig, Preprocessing, RecipeConfig, Recipe])
def test_every_setting_is_described_in_the_docs(part: type[BaseModel]) -> None:
    """docs/config.md has each setting with the words that stand under its field."""
    from docs.generate.settings import table

    docs = (Path(__file__).parent.parent / "docs" / "config.md").read_text()
    assert table(part) in docs, "docs/config.md is stale: run `python -m docs.generate.settings`"


def test_the_shipped_config_is_right() -> None:
    config = read_config(Path(__file__).parent.parent / "config.yaml").check()
    assert list(config.models) == ["efficientnet-lite0"]
