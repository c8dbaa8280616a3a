"""Ordinal logistic regression with weights of known sign: the grade rises with every feature or does not depend on it.

Features of a pair include what the grades of the other items of its query say. These depend a little on the pair's own
label (without a relevant item, its query has one fewer), with the opposite sign. A model that may not use that sign
cannot learn the label from them.
"""

from __future__ import annotations

import numpy as np

from workbench.foundation.recall import recalled
from workbench.issues.calibration import expit

WEIGHT_PENALTY = 1.0
"""Strength of the penalty on the squares of the weights."""

LEAST_GAP = 1e-3
"""Minimum distance of two thresholds."""


class OrdinalModel:
    """Proportional odds: P(grade >= j) = expit(x w - t_j) with w >= 0 and rising t (McCullagh 1980).

    Parameters
    ----------
    x : (m, d) float features, about standardised. grades : (m,) int in [0, k). k : number of grades.
    """

    def __init__(self, x: np.ndarray, grades: np.ndarray, k: int) -> None:
        from scipy.optimize import minimize

        d = x.shape[1]
        shares = np.array([(grades >= j).mean() for j in range(1, k)])
        shares = np.clip(shares, 0.5 / (len(grades) + 1), 1 - 0.5 / (len(grades) + 1))
        cuts = np.maximum.accumulate(np.log((1 - shares) / shares) + LEAST_GAP * np.arange(k - 1))
        start = np.concatenate([np.full(d, 0.1), cuts[:1], np.maximum(np.diff(cuts), LEAST_GAP)])
        bounds = [(0.0, None)] * d + [(None, None)] + [(LEAST_GAP, None)] * (k - 2)
        found = minimize(
            _loss, start, args=(x, grades, k), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 200}
        )
        self.weights = found.x[:d]
        self.cuts = np.cumsum(found.x[d:])

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return probabilities (m, k) of the grades."""
        return _probabilities(x @ self.weights, self.cuts)


def _probabilities(z: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    above = expit(z[:, None] - cuts[None, :])
    ends = np.ones((len(z), 1))
    return np.maximum(np.concatenate([ends, above], axis=1) - np.concatenate([above, 0 * ends], axis=1), 1e-9)


def _loss(theta: np.ndarray, x: np.ndarray, grades: np.ndarray, k: int) -> tuple[float, np.ndarray]:
    """Return the penalised negative log likelihood and its gradient."""
    m, d = x.shape
    weights, cuts = theta[:d], np.cumsum(theta[d:])
    z = x @ weights
    ends = np.array([-60.0]), np.array([60.0])
    edges = np.concatenate([ends[0], cuts, ends[1]])
    low, high = expit(z - edges[grades]), expit(z - edges[grades + 1])
    own = np.maximum(low - high, 1e-12)
    slope_low, slope_high = low * (1 - low) / own, high * (1 - high) / own
    of_z = -(slope_low - slope_high)
    of_edges = np.bincount(grades, slope_low, minlength=k + 1) - np.bincount(grades + 1, slope_high, minlength=k + 1)
    of_cuts = of_edges[1:k]
    gaps = np.cumsum(of_cuts[::-1])[::-1]
    loss = -np.log(own).sum() + WEIGHT_PENALTY / 2 * float(weights @ weights)
    gradient = np.concatenate([x.T @ of_z + WEIGHT_PENALTY * weights, gaps])
    return loss / m, gradient / m


@recalled
def grades_out_of_fold(
    x: np.ndarray, grades: np.ndarray, k: int, groups: np.ndarray, *, folds: int = 5, seed: int = 0
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Predict the grades of each pair by a model that has not seen the pairs of its group.

    Parameters
    ----------
    x : (m, d) features. grades : (m,) int, -1 for pairs to predict only. groups : (m,) int: queries, or pairs.

    Returns
    -------
    probs : (m, k) float64. weights : weights (d,) of each fold's model.
    """
    distinct, at = np.unique(groups, return_inverse=True)
    dealt = np.random.default_rng(seed).permutation(len(distinct)) % min(folds, max(len(distinct), 2))
    fold_of = dealt[at]
    probs = np.empty((len(x), k))
    weights = []
    for fold in np.unique(fold_of):
        own = fold_of == fold
        taught = (~own & (grades >= 0)) if (~own & (grades >= 0)).any() else grades >= 0
        model = OrdinalModel(x[taught], grades[taught], k)
        probs[own] = model.predict(x[own])
        weights.append(model.weights)
    return probs / probs.sum(axis=1, keepdims=True), weights
