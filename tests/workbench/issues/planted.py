"""Evidence with planted label errors, as from several models, and how well the errors are found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def blobs(rng, n=400, k=4, d=10, noise=0.15, spread=3.0):
    """Embeddings of k Gaussian classes; some labels are changed to a random other class."""
    centres = rng.normal(size=(k, d)) * spread
    true = rng.integers(0, k, n)
    given = true.copy()
    wrong = rng.random(n) < noise
    given[wrong] = (true[wrong] + rng.integers(1, k, wrong.sum())) % k
    return (centres[true] + rng.normal(size=(n, d)) * 2).astype(np.float32), given, true


ATTRIBUTES = ([0, 2, 4, 6, 8], [5, 6, 7, 8, 9], [0, 6, 8, 9], [1, 4, 7], [2, 3, 5, 7], [4, 9])
"""Digits that have each of six attributes."""


def digit_attributes(rng, n):
    """Features (n, 64) of noisy digits, and their true attributes (n, 6)."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    rows = rng.permutation(len(digits.target))[:n]
    true = np.stack([np.isin(digits.target[rows], one) for one in ATTRIBUTES], axis=1).astype(int)
    return digits.data[rows] + rng.normal(0, 4, (n, 64)), true


def softmax(values):
    values = np.exp(values - values.max(axis=-1, keepdims=True))
    return values / values.sum(axis=-1, keepdims=True)


def probabilities(rng, true, k, sharp=2.0):
    """Out-of-fold probabilities of a reasonable model."""
    return softmax(sharp * np.eye(k)[true] + rng.normal(size=(len(true), k)))


def training(rng, given, true, k, epochs=8):
    """Logits of a network that learns the true class first and memorises the given one later."""
    base = 3 * np.eye(k)[true] + rng.normal(size=(len(true), k))
    memory = 5 * np.eye(k)[given] / epochs
    noise = rng.normal(size=(epochs, *base.shape)) * 0.3
    return np.stack([base * min(1, (e + 1) / 3) + memory * max(0, e - 2) + noise[e] for e in range(epochs)])


def ranked_auroc(found: pd.DataFrame, wrong: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    place = np.empty(len(found))
    place[found["row"]] = -np.arange(len(found))
    return roc_auc_score(wrong, place)


def in_rows(found: pd.DataFrame, column: str) -> np.ndarray:
    return found.sort_values("row")[column].to_numpy()


def table_of_cells(found: pd.DataFrame, column: str = "p_error") -> np.ndarray:
    """Return a column of the units of tags as (n, k)."""
    tags = found.index.get_level_values("unit").str[1:].astype(int)
    values = found[column].to_numpy()
    out = np.full((found["row"].max() + 1, tags.max() + 1), np.nan if values.dtype.kind == "f" else None, values.dtype)
    out[found["row"], tags] = values
    return out
