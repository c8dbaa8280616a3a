"""Effect of removing an example on the held-out loss: influence functions of a softmax head with an exact Hessian.

The head is a linear layer on embeddings, so the exact Hessian is small enough to be solved without sampling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.evidence.out_of_fold import deal_folds
from workbench.foundation.errors import InputError
from workbench.foundation.rows import softmax

MOST_PARAMETERS = 2500  # the Hessian has their square
FEWEST_DIRECTIONS = 8
PENALTY = 1e-3
INFLUENCE_STEPS = 50


@dataclass(frozen=True)
class SoftmaxHead:
    """Softmax regression with an L2 penalty, at its optimum.

    Attributes
    ----------
    weights : float64 (k, d + 1), the last column is the intercept
    penalty : float, factor of |weights|^2 / 2, including intercepts, added to the mean cross-entropy
    """

    weights: np.ndarray
    penalty: float

    @classmethod
    def fit(
        cls, X: np.ndarray, labels: np.ndarray, k: int, penalty: float = PENALTY, n: int | None = None
    ) -> SoftmaxHead:
        """Minimise sum of cross-entropies / n + penalty |weights|^2 / 2 by Newton's method with halved steps.

        Parameters
        ----------
        X : float (m, d); labels : int (m,), class index below k
        n : divisor of the sum, by default m (if an example is removed, n stays that of all examples)
        """
        X = with_ones(X)
        n = len(X) if n is None else n
        target = np.eye(k)[labels]
        weights = np.zeros((k, X.shape[1]))
        value = _objective(weights, X, labels, penalty, n)
        for _ in range(INFLUENCE_STEPS):
            probs = softmax(X @ weights.T)
            gradient = (probs - target).T @ X / n + penalty * weights
            step = _solve(_hessian(probs, X, penalty, n), gradient.ravel()).reshape(weights.shape)
            decrement = float((gradient * step).sum())
            if decrement < 1e-20:
                break
            size, trial = 1.0, value
            while size > 1e-8:
                trial = _objective(weights - size * step, X, labels, penalty, n)
                if trial <= value - 0.25 * size * decrement or decrement < 1e-14:
                    break
                size /= 2
            weights, value = weights - size * step, trial
        return cls(weights, penalty)

    def probabilities(self, X: np.ndarray) -> np.ndarray:
        """Return predicted probabilities (m, k)."""
        return softmax(with_ones(X) @ self.weights.T)

    def loss(self, X: np.ndarray, labels: np.ndarray) -> float:
        """Return the mean cross-entropy in nats."""
        return float(-np.log(self.probabilities(X)[np.arange(len(labels)), labels]).mean())

    def influence(self, X: np.ndarray, labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray) -> np.ndarray:
        """Compute the increase of the mean loss on `test` if each training example were removed: float64 (n,), in nats.

        Parameters
        ----------
        X, labels : float (n, d) and int (n,), the training examples of the head
        test, test_labels : float (t, d) and int (t,), not used for training
        """
        k = len(self.weights)
        inner, outer = with_ones(X), with_ones(test)
        probs = softmax(inner @ self.weights.T)
        tested = softmax(outer @ self.weights.T)
        pull = (tested - np.eye(k)[test_labels]).T @ outer / len(outer)
        moved = _solve(_hessian(probs, inner, self.penalty, len(inner)), pull.ravel()).reshape(pull.shape)
        return ((probs - np.eye(k)[labels]) * (inner @ moved.T)).sum(axis=1) / len(inner)


def influence(
    X: np.ndarray, labels: np.ndarray, k: int, *, folds: int = 5, penalty: float = PENALTY, seed: int = 0
) -> np.ndarray:
    """Compute the increase of the held-out loss without each example, averaged over folds in which it is used for
    training.

    Parameters
    ----------
    X : float (n, d), scaled; (d + 1) k parameters, at most 2,500
    labels : int (n,), class index below k
    k : number of classes
    folds : number of folds; each is held out once from a head trained on the others
    penalty : penalty of the heads
    seed : random seed of the folds

    Returns
    -------
    float64 (n,), in nats; high values are worth keeping, negative ones are harmful

    Raises
    ------
    InputError : too many parameters for an exact Hessian.

    Notes
    -----
    For a head with weights w at the optimum of 1/n sum l_i(w) + penalty |w|^2 / 2, removing example i changes w by
    H^-1 grad l_i / n to first order, with the Hessian H at the optimum, and the mean held-out loss by
    grad L' H^-1 grad l_i / n. The held-out labels are given labels too, and wrong ones among them favour less confident
    heads: in few dimensions, where labels cannot be memorized, wrong training labels may even lower the held-out loss.
    With true held-out labels (`SoftmaxHead.influence`) they increase it.

    References
    ----------
    Koh and Liang 2017, Understanding Black-box Predictions via Influence Functions, equation 2.
    """
    size = (X.shape[1] + 1) * k
    if size > MOST_PARAMETERS:
        found = f"has {X.shape[1]} columns, with {k} classes {size:,} parameters"
        raise InputError.at("X", found, f"Reduce it: the exact Hessian is for at most {MOST_PARAMETERS:,}.")
    fold = deal_folds(labels, folds, seed)
    total = np.zeros(len(labels))
    for part in range(folds):
        train, test = np.flatnonzero(fold != part), np.flatnonzero(fold == part)
        if len(test) and len(train):
            head = SoftmaxHead.fit(X[train], labels[train], k, penalty)
            total[train] += head.influence(X[train], labels[train], X[test], labels[test])
    return total / max(folds - 1, 1)


def directions(k: int) -> int:
    """Return the number of columns for which an exact Hessian is feasible with k classes, between 8 and 64.

    Raises
    ------
    InputError : too many classes even for eight columns.
    """
    most = MOST_PARAMETERS // k - 1
    if most < FEWEST_DIRECTIONS:
        todo = f"Influence with an exact Hessian is for at most {MOST_PARAMETERS // (FEWEST_DIRECTIONS + 1)} classes."
        raise InputError.at("classes", f"are {k}", todo)
    return min(64, most)


def with_ones(X: np.ndarray) -> np.ndarray:
    """Append a column of ones for the intercept: float64 (n, d + 1)."""
    return np.concatenate([np.asarray(X, np.float64), np.ones((len(X), 1))], axis=1)


def _objective(weights: np.ndarray, X: np.ndarray, labels: np.ndarray, penalty: float, n: int) -> float:
    logits = X @ weights.T
    top = logits.max(axis=1)
    losses = np.log(np.exp(logits - top[:, None]).sum(axis=1)) + top - logits[np.arange(len(labels)), labels]
    return float(losses.sum() / n + penalty * (weights**2).sum() / 2)


def _hessian(probs: np.ndarray, X: np.ndarray, penalty: float, n: int) -> np.ndarray:
    """Return the Hessian (k (d + 1), k (d + 1)) of blocks X' diag(p_a ([a = b] - p_b)) X / n for classes a and b."""
    k, d = probs.shape[1], X.shape[1]
    out = np.empty((k, d, k, d))
    for a in range(k):
        for b in range(a, k):
            weight = probs[:, a] * ((a == b) - probs[:, b]) / n
            out[a, :, b] = (X * weight[:, None]).T @ X
            out[b, :, a] = out[a, :, b].T
    out = out.reshape(k * d, k * d)
    out[np.diag_indices(k * d)] += penalty
    return out


def _solve(hessian: np.ndarray, vector: np.ndarray) -> np.ndarray:
    from scipy.linalg import cho_factor, cho_solve

    return cho_solve(cho_factor(hessian, check_finite=False, overwrite_a=True), vector, check_finite=False)
