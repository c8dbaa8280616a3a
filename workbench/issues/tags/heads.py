"""Predict each tag from embeddings by leave-one-out ridge regression, with one factorisation for all tags.

Leave-one-out predictions have a closed form, z = (f - h (y - mu)) / (1 - h), where f = H (Y - mu) and h is the diagonal
of the hat matrix H (Allen 1974), so no folds are needed. The penalty is chosen by likelihood.
"""

from __future__ import annotations

import functools

import numpy as np

from workbench.foundation.rows import unit_rows
from workbench.issues.calibration import expit

HEAD_PENALTIES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
"""Penalties to try, as shares of the number of rows."""

SLOPES = (1.0, 2.0, 4.0, 8.0)
"""Slopes of the logistic function used to compare penalties."""

KERNEL_ROWS = 3000
"""Maximum number of rows for the Gaussian kernel; beyond it the kernel is linear."""

KERNEL_WIDTH_RANK = 20
"""Rank of the neighbour whose median distance is the width of the kernel."""

MOST_EXACT = 5_000_000
"""Maximum size of embeddings that are standardised in double precision."""

MOST_FITTED_CELLS = 300_000
"""Maximum number of cells used for the likelihood."""


def left_out(vectors: np.ndarray, target: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return leave-one-out predictions, float32 (n, k), in standard deviations of each tag; NaN in rows without a
    vector.

    Parameters
    ----------
    vectors : (n, d) float, NaN in rows without one.
    target : (n, k) float32, 1 yes, 0 no; ignored where `known` is False, as such cells count as average.
    """
    out = np.full(target.shape, np.nan, np.float32)
    there = np.flatnonzero(np.isfinite(vectors).all(axis=1) & known.any(axis=1))
    if len(there) < 3:
        return out
    x = standardised(vectors[there])
    y, seen = target[there], known[there]
    found = _Left(x, y, seen)
    out[there] = found.at(found.best())
    return out


def best_penalty(x: np.ndarray, target: np.ndarray, known: np.ndarray) -> float:
    """Return the penalty with the best likelihood, divided by the number of rows; `x` as `standardised` gives it."""
    return _Left(x, target, known, linear=True).best()


class _Left:
    """Leave-one-out predictions for any penalty."""

    def __init__(self, x: np.ndarray, y: np.ndarray, seen: np.ndarray, linear: bool = False) -> None:
        self._y, self._seen = y, seen
        self._mean, self._spread = averages(y, seen)
        self._centred = np.where(seen, y - self._mean, 0).astype(np.float32)
        self._basis, self._sizes = factors(x, linear)
        self._inner = self._basis.T @ self._centred

    def at(self, part: float, rows: slice = slice(None)) -> np.ndarray:
        """(rows, k) float32 predictions in standard deviations; `part` is the penalty, as a part of the rows."""
        keep = (self._sizes / (self._sizes + part * len(self._basis))).astype(np.float32)
        basis, centred = self._basis[rows], self._centred[rows]
        fitted = basis @ (keep[:, None] * self._inner)
        leverage = np.minimum((basis**2) @ keep, 0.999)[:, None]
        return (fitted - leverage * centred) / (1 - leverage) / self._spread

    def best(self) -> float:
        """The penalty of the best likelihood, on so many rows that there are about `MOST_FITTED_CELLS`."""
        some = slice(None, None, max(1, self._y.size // MOST_FITTED_CELLS))
        y, seen = self._y[some], self._seen[some]
        values = [slope_likelihood(self.at(part, some), y, seen, self._mean) for part in HEAD_PENALTIES]
        return HEAD_PENALTIES[int(np.argmax(values))]


def averages(target: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of yes (k,) among the known cells of each tag, with half a yes and half a no added, and its
    standard deviation (k,)."""
    count = known.sum(axis=0)
    mean = (np.where(known, target, 0).sum(axis=0) + 0.5) / (count + 1)
    return mean.astype(np.float32), np.sqrt(mean * (1 - mean)).astype(np.float32)


def standardised(vectors: np.ndarray) -> np.ndarray:
    """Standardise columns to mean 0 and deviation 1, then normalise rows to unit length: float32 (n, d)."""
    vectors = np.asarray(vectors, np.float32 if vectors.size > MOST_EXACT else np.float64)
    varies = vectors.max(axis=0) > vectors.min(axis=0)
    x = vectors if varies.all() else vectors[:, varies]
    x = x - x.mean(axis=0)
    spread = np.sqrt(np.square(x).mean(axis=0))
    x /= np.where(spread > 0, spread, 1)
    return unit_rows(x).astype(np.float32, copy=False)


def factors(x: np.ndarray, linear: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return r eigenvectors (n, r) and eigenvalues of the kernel of unit rows: Gaussian for few rows, else linear."""
    n, d = x.shape
    if n <= KERNEL_ROWS and not linear:
        return _kernel_factors(x.astype(np.float32, copy=False).tobytes(), n, d)
    if d == 0:
        return np.zeros((n, 0), np.float32), np.zeros(0)
    sizes, turn = np.linalg.eigh((x.T @ x).astype(np.float64))
    keep = sizes > 1e-7 * n
    basis = x @ (turn[:, keep] / np.sqrt(sizes[keep])).astype(np.float32)
    return basis, sizes[keep]


@functools.lru_cache(maxsize=1)
def _kernel_factors(content: bytes, n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the factors of a Gaussian kernel. The latest are kept: labels change more often than embeddings, and most
    of the time of judging a table of tags again would be spent here."""
    x = np.ndarray((n, d), np.float32, content)
    far = np.maximum(2 - 2 * (x @ x.T), 0)
    rank = min(KERNEL_WIDTH_RANK, n - 1)
    width = float(np.median(np.partition(far, rank, axis=1)[:, rank]))
    sizes, basis = np.linalg.eigh(np.exp(-far / max(width, 1e-6)).astype(np.float64))
    keep = sizes > 1e-7 * n
    found = basis[:, keep].astype(np.float32), sizes[keep]
    for one in found:
        one.flags.writeable = False
    return found


def slope_likelihood(z: np.ndarray, y: np.ndarray, known: np.ndarray, mean: np.ndarray) -> float:
    """Return the maximum log likelihood of the known cells over one common slope for all tags."""
    base = np.log(mean) - np.log1p(-mean)
    values = []
    for slope in SLOPES:
        p = np.clip(expit(base + slope * z), 1e-6, 1 - 1e-6)
        values.append(float(np.where(known, np.log(np.where(y > 0.5, p, 1 - p)), 0).sum()))
    return max(values)
