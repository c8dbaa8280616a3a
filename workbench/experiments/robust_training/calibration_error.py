"""Expected calibration error: how far confidence is from accuracy."""

from __future__ import annotations

import numpy as np


def expected_calibration_error(probs: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """Mean distance between confidence and accuracy over bins of confidence, weighted by their sizes; in [0, 1].

    Parameters
    ----------
    probs : float (n, k), rows sum to 1
    labels : int (n,), true class index
    bins : of equal width; a confidence on an edge belongs to the bin below

    References
    ----------
    Guo et al. 2017, On Calibration of Modern Neural Networks, equation 3.

    Examples
    --------
    Two answers with .8 and one of them right: |.5 - .8|.

    >>> round(expected_calibration_error(np.array([[0.8, 0.2], [0.2, 0.8]]), np.array([0, 0])), 3)
    0.3
    """
    confidence, right = probs.max(axis=1), probs.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gap = np.bincount(place, right - confidence, minlength=bins)
    return float(np.abs(gap).sum() / max(len(labels), 1))
