"""Estimate P(given label | true label) from out-of-sample probabilities, with shrinkage for classes with few errors."""

from __future__ import annotations

import numpy as np

from workbench.confident.label_issues import confident_joint

SMOOTHING = 0.65  # how far the noise matrix that ranks is drawn to "every wrong class alike"
PSEUDO = 15.0  # errors that a class's own count must exceed before it is trusted over the mean of all classes
TIE = 1e-6
WIDE = 2 * 10**8  # rows x classes above which ties are left to the confident joint
MANY_CLASSES = 2000  # above, the noise matrix is one rate


def noise_matrices(probs: np.ndarray, given: np.ndarray, *smoothings: float) -> list[np.ndarray] | None:
    """Estimate P(given = i | true = j) from the confident joint, shrunk to uniform noise over the wrong classes.

    Parameters
    ----------
    probs : float (n, k), out-of-sample
    given : int (n,), -1 = unlabelled
    smoothings : one matrix is returned for each; 0 keeps the estimate, 1 only its diagonal

    Returns
    -------
    list of float64 (k, k), columns sum to 1; None above 2,000 classes, where pairs of classes are too rare to count
    """
    n, k = probs.shape
    if k > MANY_CLASSES:
        return None
    if k == 1:
        return [np.ones((1, 1)) for _ in smoothings]
    if n * k <= WIDE:  # of equally likely classes the given one counts
        coarse = probs.dtype == np.float16
        probs = np.array(probs, np.float32)
        if coarse:  # such rows sum to 1 within a hundredth only
            probs /= probs.sum(axis=1, keepdims=True)
        labelled = np.flatnonzero(given >= 0)
        probs[labelled, given[labelled]] += TIE
    counts = confident_joint(given, probs, calibrate=False).astype(float)
    counts *= (np.bincount(given[given >= 0], minlength=k) / np.maximum(counts.sum(axis=1), 1))[:, None]
    return [smoothed(counts, smoothing) for smoothing in smoothings]


def smoothed(counts: np.ndarray, smoothing: float) -> np.ndarray:
    """Return the noise matrix of a joint (rows given, columns true); classes with few errors shrink to the mean."""
    k = len(counts)
    totals = counts.sum(axis=0)
    off = counts.copy()
    np.fill_diagonal(off, 0)
    errors = off.sum(axis=0)
    overall = np.clip(errors.sum() / max(counts.sum(), 1e-12), 1e-4, 0.98)
    rate = np.clip((errors + PSEUDO) / (totals + PSEUDO / overall), 1e-4, 0.98)
    trust = (1 - smoothing) * errors / (errors + PSEUDO)
    matrix = rate * (trust * off / np.maximum(errors, 1e-12) + (1 - trust) / (k - 1))
    np.fill_diagonal(matrix, 1 - rate)
    return matrix


def flips_of(matrix: np.ndarray) -> np.ndarray:
    """Return a noise matrix without its diagonal, with columns that sum to 1."""
    flips = matrix.copy()
    np.fill_diagonal(flips, 0)
    return flips / np.maximum(flips.sum(axis=0), 1e-30)
