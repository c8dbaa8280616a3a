"""Operations on rows of arrays, tables and sparse matrices: selection, scaling to unit length, softmax."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np


def softmax(logs: np.ndarray) -> np.ndarray:
    """Return the softmax of each row: (n, k) probabilities that sum to 1, from float logits (n, k)."""
    values = np.exp(logs - logs.max(axis=1, keepdims=True))
    values /= values.sum(axis=1, keepdims=True)
    return values


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Divide each row of (n, d) floats by its Euclidean length. Rows of zeros and NaN stay unchanged."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths != 0)


def indexable(X: Any) -> Any:
    """Return X in a form that can be indexed by rows: a DataFrame unchanged, a sparse matrix as CSR, else an array."""
    return X if hasattr(X, "iloc") else X.tocsr() if hasattr(X, "tocsr") else np.asarray(X)


def take_rows(X: Any, rows: Iterable[int]) -> Any:
    """Select rows of an array, DataFrame, sparse matrix or list; the result is of the same type."""
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    if hasattr(X, "shape"):
        return (X.tocsr() if hasattr(X, "tocsr") else X)[rows]
    return [X[row] for row in rows]


def dense_rows(X: Any, rows: np.ndarray) -> np.ndarray:
    """Select rows as a dense NumPy array."""
    values = take_rows(X, rows)
    return values.to_numpy() if hasattr(values, "iloc") else values.toarray() if hasattr(values, "toarray") else values
