"""Predict each tag from the other tags of its example, without using the cell or its row.

A ridge autoencoder with a zero diagonal (EASE, Steck 2019): with A = Y - mean and P = (A'A + l I)^-1, A - A P / diag P
predicts each cell from the others of its row. Each row is left out of P in closed form, by its leverage.
"""

from __future__ import annotations

import numpy as np

from workbench.issues.tags.heads import averages, slope_likelihood

SET_PENALTIES = (10.0, 100.0, 1000.0)

GAIN = 0.04
"""Minimum relative gain in log likelihood for which the other tags are used. Tags that are wrong together, as when a
report omits several, look like tags that belong together."""


def from_other_tags(target: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return predictions, float32 (n, k), in standard deviations of each tag; 0 if nothing is known.

    Parameters
    ----------
    target : (n, k) float32, 1 yes, 0 no; ignored where `known` is False, as such cells count as average.
    """
    mean, spread = averages(target, known)
    centred = np.where(known, target - mean, 0).astype(np.float32)
    gram = (centred.T @ centred).astype(np.float64)
    best, found = -np.inf, np.zeros_like(centred)
    for penalty in SET_PENALTIES:
        inverse = np.linalg.inv(gram + penalty * np.eye(len(gram)))
        diagonal = np.diag(inverse)
        turned = centred @ inverse.astype(np.float32)
        leverage = np.einsum("ij,ij->i", turned, centred)[:, None] - turned**2 / diagonal.astype(np.float32)
        rest = turned / diagonal.astype(np.float32) / np.maximum(1 - leverage, 1e-3)
        z = (centred - rest) / spread
        value = slope_likelihood(z, target, known, mean)
        if value > best:
            best, found = value, z
    return found.astype(np.float32)
