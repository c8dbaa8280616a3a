"""Predict each tag from embeddings by leave-one-out ridge regression, with one factorisation for all tags.

Leave-one-out predictions have a closed form, z = (f - h (y - mu)) / (1 - h), where f = H (Y - mu) and h is the diagonal
of the hat matrix H (Allen 1974), so no folds are needed. The penalty is chosen by likelihood.
"""

from __future__ import annotations

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
    out[there] = _best(x, y, seen)[1]
    return out


def best_penalty(x: np.ndarray, target: np.ndarray, known: np.ndarray) -> float:
    """Return the most likely penalty, as a share of the number of rows; `x` as returned by `standardised`."""
    return _best(x, target, known, linear=True)[0]


def _best(x: np.ndarray, y: np.ndarray, seen: np.ndarray, linear: bool = False) -> tuple[float, np.ndarray]:
    """Return (penalty, leave-one-out predictions)."""
    mean, spread = averages(y, seen)
    centred = np.where(seen, y - mean, 0).astype(np.float32)
    basis, sizes = factors(x, linear)
    inner = basis.T @ centred
    best, found = -np.inf, (HEAD_PENALTIES[0], np.zeros_like(centred))
    stride = max(1, y.size // MOST_FITTED_CELLS)
    for part in HEAD_PENALTIES:
        keep = (sizes / (sizes + part * len(x))).astype(np.float32)
        fitted = basis @ (keep[:, None] * inner)
        leverage = np.minimum((basis**2) @ keep, 0.999)[:, None]
        z = (fitted - leverage * centred) / (1 - leverage) / spread
        value = slope_likelihood(z[::stride], y[::stride], seen[::stride], mean)
        if value > best:
            best, found = value, (part, z)
    return found


def averages(target: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of yes (k,) among the known cells of each tag, with half a yes and half a no added, and its
    standard deviation (k,)."""
    count = known.sum(axis=0)
    mean = (np.where(known, target, 0).sum(axis=0) + 0.5) / (count + 1)
    return mean.astype(np.float32), np.sqrt(mean * (1 - mean)).astype(np.float32)


def standardised(vectors: np.ndarray) -> np.ndarray:
    """Standardise columns to mean 0 and deviation 1, then normalise rows to unit length: float32 (n, d)."""
    vectors = np.asarray(vectors, np.float32 if vectors.size > MOST_EXACT else np.float64)
    low, high = vectors.min(axis=0), vectors.max(axis=0)
    vectors = vectors[:, high > low]
    spread = vectors.std(axis=0)
    x = (vectors - vectors.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return unit_rows(x).astype(np.float32)


def factors(x: np.ndarray, linear: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return r eigenvectors (n, r) and eigenvalues of the kernel of unit rows: Gaussian for few rows, else linear."""
    n, d = x.shape
    if n <= KERNEL_ROWS and not linear:
        far = np.maximum(2 - 2 * (x @ x.T), 0)
        rank = min(KERNEL_WIDTH_RANK, n - 1)
        width = float(np.median(np.partition(far, rank, axis=1)[:, rank]))
        sizes, basis = np.linalg.eigh(np.exp(-far / max(width, 1e-6)).astype(np.float64))
        keep = sizes > 1e-7 * n
        return basis[:, keep].astype(np.float32), sizes[keep]
    if d == 0:
        return np.zeros((n, 0), np.float32), np.zeros(0)
    sizes, turn = np.linalg.eigh((x.T @ x).astype(np.float64))
    keep = sizes > 1e-7 * n
    basis = x @ (turn[:, keep] / np.sqrt(sizes[keep])).astype(np.float32)
    return basis, sizes[keep]


def slope_likelihood(z: np.ndarray, y: np.ndarray, known: np.ndarray, mean: np.ndarray) -> float:
    """Return the maximum log likelihood of the known cells over one common slope for all tags."""
    base = np.log(mean) - np.log1p(-mean)
    values = []
    for slope in SLOPES:
        p = np.clip(expit(base + slope * z), 1e-6, 1 - 1e-6)
        values.append(float(np.where(known, np.log(np.where(y > 0.5, p, 1 - p)), 0).sum()))
    return max(values)
