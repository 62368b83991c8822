"""A small sparse autoencoder of a layer, trained in a few minutes on a CPU: an example of a dictionary.

    python docs/lens/train_sae.py            writes docs/lens/sae.npz; about two minutes on two cores

Pieces of photographs, at several sizes, go through EfficientNet-Lite0; what block5c_add is at each place of
a piece is a vector of 112 numbers. The autoencoder has 256 features, of which 12 are on at a place (top-k;
Gao et al. 2024, arXiv:2406.04093). With more photographs it would find more features, and finer ones.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

import generator as microscope
from generator.models.taps import tapped

HERE = Path(__file__).resolve().parent
LAYER, FEATURES, ACTIVE = "block5c_add", 256, 12
PIECES_OF_EACH, SIDE = 12, 224
STEPS, BATCH, RATE = 3000, 1024, 1e-3


def pieces(folder: Path, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Square parts of every photograph in a folder, a third of it to all of it, some mirrored, in [0, 1]."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in (".jpg", ".jpeg", ".png", ".webp"):
            continue
        photo = Image.open(path).convert("RGB")
        for _ in range(PIECES_OF_EACH):
            side = int(min(photo.size) * random.uniform(0.35, 1))
            left, top = (random.integers(0, whole - side + 1) for whole in photo.size)
            part = photo.crop((left, top, left + side, top + side)).resize((SIDE, SIDE))
            pixels = np.asarray(part, np.float32) / 255
            yield pixels[:, ::-1] if random.random() < 0.5 else pixels


def activations(folder: Path, random: np.random.Generator) -> np.ndarray:
    """The layer's vectors at all places of all pieces, (n, channels)."""
    model = microscope.open_model("efficientnet-lite0")
    network = tapped(model.network, [LAYER])
    mapping = model._known.preprocessing
    shown = np.stack(list(pieces(folder, random)))
    found = [network(mapping(shown[at : at + 16])).numpy() for at in range(0, len(shown), 16)]
    return np.concatenate(found).reshape(-1, found[0].shape[-1])


class Autoencoder:
    """f = top-k of relu((x - centre) @ encoder + bias); x is f @ decoder + centre, nearly."""

    def __init__(self, rows: np.ndarray, random: np.random.Generator) -> None:
        self.centre = rows.mean(axis=0)
        # Each feature begins as what sets one vector apart, so that few are never on.
        drawn = rows[random.choice(len(rows), FEATURES, replace=False)] - self.centre
        self.decoder = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
        self.encoder = self.decoder.T.copy()
        self.bias = np.zeros(FEATURES, np.float32)
        self._moments = {name: (0.0, 0.0) for name in ("encoder", "bias", "decoder")}
        self._step = 0

    def codes(self, rows: np.ndarray) -> np.ndarray:
        """The features of vectors, (n, FEATURES)."""
        found = np.maximum((rows - self.centre) @ self.encoder + self.bias, 0)
        smallest = np.partition(found, -ACTIVE, axis=1)[:, -ACTIVE]
        return np.where(found >= smallest[:, None], found, 0)

    def learn(self, rows: np.ndarray, rate: float) -> float:
        """A step of Adam; the share of the variance that was unexplained before it."""
        codes = self.codes(rows)
        error = codes @ self.decoder + self.centre - rows
        back = (error @ self.decoder.T) * (codes > 0)
        self._step += 1
        self._move("decoder", codes.T @ error / len(rows), rate)
        self._move("encoder", (rows - self.centre).T @ back / len(rows), rate)
        self._move("bias", back.mean(axis=0), rate)
        self.decoder /= np.linalg.norm(self.decoder, axis=1, keepdims=True)
        return float((error**2).sum() / ((rows - self.centre) ** 2).sum())

    def _move(self, name: str, gradient: np.ndarray, rate: float) -> None:
        mean, square = self._moments[name]
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        self._moments[name] = mean, square
        step = (mean / (1 - 0.9**self._step)) / (np.sqrt(square / (1 - 0.999**self._step)) + 1e-8)
        getattr(self, name).__isub__((rate * step).astype(np.float32))


def main() -> None:
    """Gather vectors, train, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="?", type=Path, default=HERE.parent.parent / "photos")
    parser.add_argument("--out", type=Path, default=HERE / "sae.npz")
    asked = parser.parse_args()
    random, started = np.random.default_rng(0), time.monotonic()
    rows = activations(asked.photos, random)
    print(f"{len(rows):,} vectors of {LAYER} after {time.monotonic() - started:.0f} s")
    sae = Autoencoder(rows, random)
    for step in range(STEPS):
        rate = RATE * min(1.0, 4 * (1 - step / STEPS))
        lost = sae.learn(rows[random.integers(0, len(rows), BATCH)], rate)
        if step % 500 == 0:
            print(f"step {step}: {lost:.3f} of the variance unexplained")
    dead = int((sae.codes(rows[:: max(1, len(rows) // 20_000)]).max(axis=0) == 0).sum())
    np.savez_compressed(
        asked.out,
        encoder=sae.encoder,
        encoder_bias=sae.bias,
        decoder=sae.decoder,
        decoder_bias=sae.centre,
        activation="topk",
        k=ACTIVE,
    )
    print(f"{asked.out}: {lost:.3f} unexplained, {dead} dead, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
