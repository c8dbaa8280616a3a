"""A choice between two answers (or none of them) whose given labels may be wrong, fitted by maximum likelihood.

The model is symmetric: what speaks for one answer speaks against the other, and there is no bias for the first one.
So it can be fitted to tables in which the first answer is the chosen one in every row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.foundation.rows import softmax
from workbench.issues.calibration import expit

RIDGE = 0.1
"""Penalty on squared weights of standardised features."""

FLIP_PRIOR = (1.5, 3.0)
"""Beta distribution of the share of wrong labels."""


@dataclass(frozen=True)
class NoisyChoice:
    """Logits of the answers are (u / 2, -u / 2, z'v_3, ...), with u = x'w; a label is wrong with probability `rate`.

    A wrong label is any of the other c - 1 answers. Attributes: w (p,); v (c - 2, q); rate.
    """

    w: np.ndarray
    v: np.ndarray
    rate: float

    def true(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Probability of each answer being right, (n, c), before its label is known."""
        return softmax(_logits(self.w, self.v, x, z))

    def posterior(self, x: np.ndarray, z: np.ndarray, given: np.ndarray) -> np.ndarray:
        """Probability of each answer being right, (n, c), with the given labels; -1 = unlabelled."""
        found = self.true(x, z)
        labelled = given >= 0
        found[labelled] *= _confusion(self.rate, found.shape[1])[:, given[labelled]].T
        return found / found.sum(axis=1, keepdims=True)


def fit_choice(x: np.ndarray, z: np.ndarray, given: np.ndarray, c: int, free: int = 0) -> NoisyChoice:
    """Fit weights and the share of wrong labels.

    Parameters
    ----------
    x : float (n, p), features that change their sign if the answers are exchanged.
    z : float (n, q), features that do not, the first one constant.
    given : int (n,), in [0, c): 0 the first answer, 1 the second, and further ones such as a tie.
    c : number of answers.
    free : number of first columns of `x` whose weights may be negative; the others speak for the first answer.

    Notes
    -----
    Bradley-Terry with ties as further alternatives and symmetric label noise, as in Chowdhury et al. 2024, Provably
    Robust DPO; the share of wrong labels is estimated too, with a beta prior. By L-BFGS from a small share.
    """
    from scipy.optimize import minimize

    n, p = x.shape
    q = z.shape[1]
    rows = np.arange(n)

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        w, v, rate = theta[:p], theta[p:-1].reshape(c - 2, q), float(expit(theta[-1:])[0])
        rate = min(max(rate, 1e-6), 1 - 1e-6)
        prior = softmax(_logits(w, v, x, z))
        joint = prior * _confusion(rate, c)[:, given].T
        likelihood = joint.sum(axis=1)
        after = joint / likelihood[:, None]
        pull = after - prior
        own = after[rows, given]
        slope = (1 - own).sum() * (1 - rate) - own.sum() * rate
        a, b = FLIP_PRIOR
        value = -np.log(likelihood).sum() - (a - 1) * np.log(rate) - (b - 1) * np.log1p(-rate)
        value += RIDGE / 2 * float(theta[:-1] @ theta[:-1])
        slope += (a - 1) * (1 - rate) - (b - 1) * rate
        of_w = -x.T @ (pull[:, 0] - pull[:, 1]) / 2 + RIDGE * w
        of_v = -(pull[:, 2:].T @ z) + RIDGE * v
        return float(value), np.concatenate([of_w, of_v.ravel(), [-slope]])

    start = np.concatenate([np.full(p, 0.5), np.zeros((c - 2) * q), [-2.5]])
    bounds = [(None if at < free or at >= p else 0.0, None) for at in range(len(start))]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500}).x
    return NoisyChoice(found[:p], found[p:-1].reshape(c - 2, q), float(expit(found[-1:])[0]))


def _logits(w: np.ndarray, v: np.ndarray, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    half = x @ w / 2
    return np.column_stack([half, -half, z @ v.T])


def _confusion(rate: float, c: int) -> np.ndarray:
    """Probability of each label (column) by right answer (row)."""
    found = np.full((c, c), rate / (c - 1))
    np.fill_diagonal(found, 1 - rate)
    return found
