"""Whether pictures of classes are recognised by networks that had no part in them.

    python -m benchmarks.transfer               36 classes by every recipe, half an hour on two cores
    python -m benchmarks.transfer --tune        24 other classes: to choose settings by, not to report
    python -m benchmarks.transfer --only logit  one recipe; the others' rows stay as they were measured

The pictures are made on EfficientNet-Lite0 and shown to EfficientNet-Lite1 and Lite2: a picture that excites
its class and is nothing but a trick of one network is not recognised by another. CPU seconds are of one
thread, once compiled. The table goes to RESULTS.md, the pictures to transfer.webp.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont

from benchmarks.results_file import put
from generator.config.cookbook import BUILT_IN
from generator.config.recipes import Recipe
from generator.config.schema import ModelConfig
from generator.datasets import decoding
from generator.engines import opened
from generator.engines.pictures import PictureTask, Wanted
from generator.engines.tasks import Bench
from generator.evidence.recognition import Judge
from generator.models.zoo import open_model
from generator.schedule import batch_size
from generator.targets import Channel

HERE = Path(__file__).parent
AUTHOR, JUDGES = "efficientnet-lite0", ("efficientnet-lite1", "efficientnet-lite2")
_ORDER = np.random.default_rng(5).permutation(1000)
TUNE, TEST = sorted(_ORDER[:24].tolist()), sorted(_ORDER[24:60].tolist())

BEFORE: dict[str, Any] = {"size": 160, "octaves": 1, "octave_scale": 1.4, "steps": 128}
BEFORE |= {"jitter": 6, "scale": (0.96, 1.04), "rotate": 4.0}
LOGIT = BUILT_IN["logit"]
OF_CLASSES: dict[str, Any] = {"objective": "logit", "precision": "float32"}
RECIPES: dict[str, Recipe] = {
    "logit": LOGIT,
    "logit as it was: 128 steps at 160 px, small shifts": LOGIT.model_copy(update=BEFORE),
    "lucid: 512 steps of Adam at 160 px": BUILT_IN["lucid"].model_copy(update=OF_CLASSES),
    "maco": BUILT_IN["maco"].model_copy(update=OF_CLASSES),
}


@dataclass(frozen=True)
class Made:
    """Pictures of classes by a recipe, and CPU seconds of each."""

    pictures: Sequence[Image.Image]
    seconds: float


def make(recipe: Recipe, classes: Sequence[int]) -> Made:
    """The pictures of some classes, on the author's last layer."""
    config = ModelConfig.model_validate({"source": AUTHOR, "layers": "all"})
    anatomy = open_model(AUTHOR, config).anatomy
    wanted = tuple(Wanted(str(number), Channel(number)) for number in classes)
    batch = batch_size(recipe)
    named = (AUTHOR, config, anatomy.fingerprint, anatomy.scores[-1], "logit", recipe, recipe.identity())
    task = PictureTask(*named, wanted, batch, precision="float32")
    opened.forget()
    replace(task, wanted=wanted[:batch]).work(Bench())
    started = time.process_time()
    outputs = task.work(Bench()).outputs
    seconds = (time.process_time() - started) / len(classes)
    return Made([Image.open(io.BytesIO(output.files["png"])).convert("RGB") for output in outputs], seconds)


def judged(made: Made, classes: Sequence[int]) -> dict[str, tuple[float, float]]:
    """By network the share of pictures that it takes for their class, and the mean probability it gives."""
    found = {}
    for name in (AUTHOR, *JUDGES):
        model = open_model(name, ModelConfig.model_validate({"source": name, "layers": "all"}))
        judge = Judge(model.network, model.preprocessing, model.anatomy.scores[-1])
        ranks = []
        for picture, number in zip(made.pictures, classes, strict=True):
            shown = decoding.array(decoding.fitted(picture, judge.canvas, "squash"), judge.colours)
            ranks.append(judge.rank(shown, number) or (1000, 0.0))
        found[name] = (
            float(np.mean([rank == 1 for rank, _ in ranks])),
            float(np.mean([probability or 0.0 for _, probability in ranks])),
        )
    return found


def row(name: str, made: Made, found: dict[str, tuple[float, float]]) -> str:
    """A line of the table."""
    shares = [f"{100 * found[one][0]:.0f} %, {found[one][1]:.2f}" for one in (AUTHOR, *JUDGES)]
    mean = np.mean([found[one][0] for one in JUDGES])
    return f"| {name} | {made.seconds:.2f} | {' | '.join(shares)} | {100 * mean:.0f} % |"


def sheet(folder: Path, classes: Sequence[int], names: Sequence[str]) -> Image.Image:
    """A row a recipe, a column a class; as many classes as fit."""
    cell, shown = 128, list(range(0, len(classes), 3))
    made = [line for line in range(len(RECIPES)) if (folder / f"{line}-{classes[0]}.png").exists()]
    board = Image.new("RGB", (len(shown) * cell, len(made) * (cell + 18)), "white")
    draw, font = ImageDraw.Draw(board), ImageFont.load_default(13)
    for row_, line in enumerate(made):
        top, name = row_ * (cell + 18), list(RECIPES)[line]
        draw.text((4, top), name, "black", font)
        for column, place in enumerate(shown):
            path = folder / f"{line}-{classes[place]}.png"
            board.paste(Image.open(path).resize((cell, cell)), (column * cell, top + 18))
            if not row_:
                draw.text((column * cell + 40, top), names[classes[place]][:14], "black", font)
    return board


def main() -> None:
    """Measure, print, and publish where the classes are those to report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--only", action="append", metavar="RECIPE")
    parser.add_argument("--folder", type=Path, default=Path("artifacts/transfer"))
    given = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    classes = TUNE if given.tune else TEST
    given.folder.mkdir(parents=True, exist_ok=True)
    kept = given.folder / ("tune.json" if given.tune else "rows.json")
    rows: dict[str, str] = json.loads(kept.read_text()) if kept.exists() else {}
    for line, (name, recipe) in enumerate(RECIPES.items()):
        if given.only and not any(name.startswith(asked) for asked in given.only):
            continue
        made = make(recipe, classes)
        for picture, number in zip(made.pictures, classes, strict=True):
            picture.save(given.folder / f"{line}-{number}.png")
        rows[name] = row(name, made, judged(made, classes))
        print(rows[name], flush=True)
        kept.write_text(json.dumps(rows))
    if not given.tune:
        publish(given.folder, classes, [rows[name] for name in RECIPES if name in rows])


def publish(folder: Path, classes: Sequence[int], rows: Sequence[str]) -> None:
    """The table into RESULTS.md, the pictures beside it."""
    config = ModelConfig.model_validate({"source": AUTHOR, "layers": "all"})
    names = open_model(AUTHOR, config).anatomy.classes
    sheet(folder, classes, names).save(HERE / "transfer.webp", quality=80)
    heading = (
        "| recipe | CPU s a picture | Lite0, which made them | Lite1 | Lite2 | mean of Lite1 and Lite2 |"
    )
    text = (
        "### Class pictures that other networks recognise\n\n"
        f"`python -m benchmarks.transfer`: {len(classes)} classes of ImageNet that no setting was chosen by; "
        "made on EfficientNet-Lite0, shown to Lite1 and Lite2: the share taken for its class (top 1), and "
        "the mean probability.\n\n" + "\n".join([heading, "| --- " * 6 + "|", *rows]) + "\n\n"
        "Every third class: [transfer.webp](transfer.webp)."
    )
    put(HERE / "RESULTS.md", "transfer", text)


if __name__ == "__main__":
    main()
