"""A run with a dictionary behind a layer of the tiny network, made once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Ran, process_run

FEATURES = 20


@dataclass(frozen=True)
class Lens:
    """A folder in which `build-site build` has run, its config, and what that said."""

    folder: Path
    config: Path
    ran: Ran

    def rewritten(self, folder: Path, **changes: str) -> Path:
        """The config in another folder, with the same cache and files, some words of it replaced."""
        text = self.config.read_text()
        for old, new in changes.items():
            text = text.replace(old, new)
        text = text.replace("file: sae.npz", f"file: {self.folder / 'sae.npz'}")
        path = folder / "config.yaml"
        path.write_text(text.replace("path: photos", f"path: {self.folder / 'photos'}"))
        return path


def dictionary(path: Path, seed: int = 0) -> None:
    """A dictionary of 8 channels and 20 features, of which feature 3 is never on."""
    random = np.random.default_rng(seed)
    decoder = random.normal(size=(FEATURES, 8)).astype("f4")
    bias = np.full(FEATURES, -0.2, "f4")
    bias[3] = -1e6
    np.savez(path, encoder=decoder.T, decoder=decoder, encoder_bias=bias)


@pytest.fixture(scope="session")
def lens(tmp_path_factory: pytest.TempPathFactory, configure: Callable[..., Path]) -> Lens:
    """`first` of the tiny network with 6 channels, first.concepts with 3; `second` with 8, and second.sae, 4
    of whose 20 features are shown."""
    folder = tmp_path_factory.mktemp("lens")
    random = np.random.default_rng(0)
    for number in range(24):
        label = folder / "photos" / ("odd" if number % 2 else "even")
        label.mkdir(parents=True, exist_ok=True)
        pixels = np.kron(random.integers(0, 256, (8, 8, 3)), np.ones((4, 4, 1))).astype("uint8")
        Image.fromarray(pixels).save(label / f"{number:02}.png")
    dictionary(folder / "sae.npz")
    config = configure(
        folder,
        "[{name: first, concepts: 3}, {name: second, dictionary: {file: sae.npz, channels: 2-5}}]",
        cache=str(folder / "cache"),
        datasets="{photos: {path: photos}}",
    )
    return Lens(folder, config, process_run("build", config, "--jobs", "1", cwd=folder))
