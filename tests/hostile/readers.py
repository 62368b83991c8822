"""What is done with a stranger's file, as functions of its path that import no more than they need."""

from __future__ import annotations

from pathlib import Path


def picture(path: Path) -> tuple[int, int]:
    """The size of a picture of a data set."""
    from generator.datasets.decoding import decoded

    return decoded(path.read_bytes()).size


def network(path: Path) -> str:
    """The layers of a saved network."""
    from generator.config.schema import ModelConfig
    from generator.models.own import saved

    config = ModelConfig.model_validate({"source": str(path), "layers": "all"})
    return " ".join(layer.name for layer in saved(path, config).network.layers)


def dataset(path: Path) -> int:
    """How many pictures a data set holds."""
    from generator.datasets.sources import read_dataset

    return len(read_dataset(path).items)
