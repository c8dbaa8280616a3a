"""Each tag from the other tags of its example, with neither the cell nor its row: what usually goes together.

A ridge auto-encoder without the identity (EASE, Steck 2019): with A = Y - mean and P = (A'A + l I)^-1, A - A P / diag P
predicts each cell from the others of its row. The row itself is taken out of P by its leverage, in closed form.
"""

from __future__ import annotations

import numpy as np

from workbench.issues.tags.heads import averages, slope_likelihood

SET_PENALTIES = (10.0, 100.0, 1000.0)

GAIN = 0.04
"""Least relative gain in log likelihood for which the other tags are believed: tags that are wrong together, as where a
report leaves several out, look like tags that belong together."""


def from_other_tags(target: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(n, k) float32 predictions in standard deviations of each tag; 0 says nothing.

    Parameters
    ----------
    target : (n, k) float32, 1 yes, 0 no; anything where `known` is False: such cells count as average.
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
