"""Which labels of the data set a channel prefers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.evidence.summary import Summary

Array = NDArray[Any]

FEWEST = 3
"""Pictures that a label must have, and be missing from, before it is judged by."""


@dataclass(frozen=True)
class Preference:
    """How a channel answers to the pictures of a label.

    `auc` is the chance that one of them excites it more than another picture does (0.5: it does not care);
    `mean` its mean activation on them, `count` how many they are.
    """

    label: str
    auc: float
    mean: float
    count: int


def families(label: str) -> Iterator[str]:
    """A label and those it belongs to: of `animals/birds`, `animals/birds` and `animals`."""
    parts = label.split("/")
    for length in range(len(parts), 0, -1):
        if name := "/".join(parts[:length]):
            yield name


def preferences(summary: Summary, label_of: Mapping[str, str], count: int) -> list[list[Preference]]:
    """Of each channel the `count` labels it prefers most, by AUC over the sample; `label_of` is by digest."""
    members: dict[str, list[int]] = {}
    for row, digest in enumerate(summary.sample):
        for label in families(label_of.get(digest, "")):
            members.setdefault(label, []).append(row)
    size = len(summary.sample)
    judged = {label: rows for label, rows in members.items() if FEWEST <= len(rows) <= size - FEWEST}
    if not judged:
        return [[] for _ in range(summary.means.shape[1])]
    ranks = _ranks(summary.means)
    names = list(judged)
    belongs = np.zeros((len(names), size))
    for index, name in enumerate(names):
        belongs[index, judged[name]] = 1
    counts = belongs.sum(axis=1, keepdims=True)
    # Mann and Whitney: the sum of ranks counts the pairs in which the label's picture is ahead.
    auc = (belongs @ ranks - counts * (counts + 1) / 2) / (counts * (size - counts))
    means = belongs @ summary.means / counts
    order = np.argsort(-auc, axis=0, kind="stable")[:count]
    return [
        [
            Preference(
                names[row], float(auc[row, channel]), float(means[row, channel]), len(judged[names[row]])
            )
            for row in order[:, channel]
            if auc[row, channel] > 0.5
        ]
        for channel in range(summary.means.shape[1])
    ]


def _ranks(values: Array) -> Array:
    """The rank of each value in its column, from 1; equal ones share their mean rank."""
    ranks = np.empty(values.shape)
    for column in range(values.shape[1]):
        found = values[:, column]
        ordered = np.sort(found)
        below = np.searchsorted(ordered, found, "left")
        ranks[:, column] = (below + np.searchsorted(ordered, found, "right") + 1) / 2
    return ranks
