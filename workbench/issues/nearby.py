"""Predictions from the labels of the nearest other examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.evidence.neighbors import nearest, smallest
from workbench.foundation.reductions import in_threads

VOTE_FLOOR = 1e-6
NEAREST = 50
NEAR_ROWS, NEAR_COLUMNS = 256, 1 << 14  # of one block of distances in a search for some rows: 16 MB

Read = Callable[[Any], np.ndarray]
"""Log probabilities (b, k) of rows: a slice, or their numbers (b,)."""


def votes(vectors: np.ndarray, taught: np.ndarray, given: np.ndarray, k: int) -> np.ndarray:
    """Return log shares (n, k) of the labels of the 50 nearest training rows, plus two votes by the class shares."""
    n = len(given)
    rows = np.flatnonzero(taught)
    near = min(NEAREST, max(len(rows) // 5, 1))
    shares = np.bincount(given[rows], minlength=k) / len(rows)
    labels = np.where(taught, given, -1)
    there = np.asarray(vectors.any(axis=1))
    found = nearest(np.where(there[:, None], vectors, np.nan), near).labels(labels)
    every, column = np.nonzero(found >= 0)
    counts = np.bincount(every * k + found[every, column], minlength=n * k).reshape(n, k) + 2 * shares
    return logs_of(counts / counts.sum(axis=1, keepdims=True))


def labels_near(vectors: np.ndarray, rows: np.ndarray, given: np.ndarray, near: int) -> np.ndarray:
    """Return the labels (m, near) of the nearest other rows by cosine, with an exact search for `rows` only."""
    out = np.full((len(rows), near), -1, np.int64)

    def search(start: int) -> None:
        some = slice(start, start + NEAR_ROWS)
        out[some] = given[nearest_others(vectors, rows[some], near)]

    in_threads(search, range(0, len(rows), NEAR_ROWS), len(rows) * len(vectors))
    return out


def nearest_others(vectors: np.ndarray, some: np.ndarray, near: int, there: np.ndarray | None = None) -> np.ndarray:
    """Return the nearest other rows, (b, near) in any order, of some rows (b,) of unit vectors (n, p), by cosine.

    Parameters
    ----------
    there : bool (n,), rows that can be neighbours; all by default. Pass at most about `NEAR_ROWS` rows at a time.
    """
    columns, distances = [], []
    for first in range(0, len(vectors), NEAR_COLUMNS):
        away = -vectors[some] @ vectors[first : first + NEAR_COLUMNS].T
        if there is not None:
            away[:, ~there[first : first + NEAR_COLUMNS]] = np.inf
        itself = np.flatnonzero((some >= first) & (some < first + NEAR_COLUMNS))
        away[itself, some[itself] - first] = np.inf
        best = smallest(away, min(near, away.shape[1]))
        columns.append(best + first)
        distances.append(np.take_along_axis(away, best, axis=1))
    best = smallest(np.concatenate(distances, axis=1), near)
    return np.take_along_axis(np.concatenate(columns, axis=1), best, axis=1)


def voted_by_neighbors(votes: np.ndarray, probs: np.ndarray | None, rows: slice | np.ndarray, k: int) -> np.ndarray:
    """Return log probabilities of a block from neighbours' labels, averaged with the given probabilities."""
    b, m = votes.shape
    block = np.full((b, k), 1.0 / (k * (m + 1)), np.float32)
    every, column = np.nonzero(votes >= 0)
    np.add.at(block, (every, votes[every, column]), 1.0 / (m + 1))
    if probs is not None:
        block = (block + probs[rows]) / 2
    return logs_of(block)


def logs_of(probs: np.ndarray) -> np.ndarray:
    """Return logarithms of probabilities, at least log 1e-6; float32."""
    return np.log(np.maximum(np.asarray(probs, np.float32), VOTE_FLOOR))
