"""Rows of arrays, tables and sparse matrices: taken, scaled to length 1, turned into probabilities."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np


def softmax(logs: np.ndarray) -> np.ndarray:
    """(n, k) probabilities, rows that sum to 1, of float (n, k) log probabilities up to a constant per row."""
    values = np.exp(logs - logs.max(axis=1, keepdims=True))
    values /= values.sum(axis=1, keepdims=True)
    return values


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """(n, d) floats, each row divided by its Euclidean length; a row of zeros stays one, NaN stays NaN."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths != 0)


def indexable(X: Any) -> Any:
    """X with rows that can be taken: a DataFrame as it is, a sparse matrix by rows (CSR), anything else as an array."""
    return X if hasattr(X, "iloc") else X.tocsr() if hasattr(X, "tocsr") else np.asarray(X)


def take_rows(X: Any, rows: Iterable[int]) -> Any:
    """Rows of an array, DataFrame, sparse matrix or list, in the same form."""
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    if hasattr(X, "shape"):
        return (X.tocsr() if hasattr(X, "tocsr") else X)[rows]
    return [X[row] for row in rows]


def dense_rows(X: Any, rows: np.ndarray) -> np.ndarray:
    """The same as an array; sparse ones are filled up with zeros."""
    values = take_rows(X, rows)
    return values.to_numpy() if hasattr(values, "iloc") else values.toarray() if hasattr(values, "toarray") else values
