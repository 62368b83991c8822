"""The one transform that Lucent imports; it is only called with `preprocess=True`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


class Normalize:
    """(x - mean) / std per colour of a (colours, height, width) tensor."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.mean, self.std = torch.tensor(mean)[:, None, None], torch.tensor(std)[:, None, None]

    def __call__(self, picture: Any) -> Any:
        """The picture, normalised."""
        return (picture - self.mean) / self.std
