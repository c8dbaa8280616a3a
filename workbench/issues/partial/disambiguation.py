"""Classes from embeddings and candidate sets: kernel ridge regression retrained in rounds on the candidates it prefers.

PRODEN (Lv et al. 2020) with a leave-one-out classifier, so that a wrong set cannot confirm itself. The first round
weights all candidates of a set equally; each later round uses the probabilities of the round before.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.confident.partial import weights_within
from workbench.evidence.spaces import Space
from workbench.foundation.recall import recalled
from workbench.issues.exact_ridge import ExactRidge, ridge
from workbench.issues.landmark_ridge import LandmarkRidge
from workbench.issues.loo_classifiers import LOO_FLOOR, Ridge

DISAMBIGUATION_ROUNDS, POOLED_ROUNDS = 10, 8
"""Number of rounds, and the number of first rounds averaged to judge whether a set is wrong. Later rounds increasingly
agree with the set."""

ORDER_SPREADS = (0.0, 1.0, 2.0)
"""Standard deviations, in classes, for smoothing the targets of ordinal classes along their order."""

LEAST_ROWS = 10
"""Minimum number of rows with a set and an embedding."""


class Learnt(NamedTuple):
    """Leave-one-out log probabilities, float32 (n, k).

    first : after the first round. pooled : normalised mean of the rounds that judge sets. last : after the last round.
    there : (n,) bool, rows with an embedding; for the others, all three hold the shares of the classes.
    """

    first: np.ndarray
    pooled: np.ndarray
    last: np.ndarray
    there: np.ndarray


@recalled
def learn_from_candidates(space: Space, sets: np.ndarray, *, ordered: bool = False, seed: int = 0) -> Learnt | None:
    """Train in rounds; None if there are too few rows.

    Parameters
    ----------
    space : unit vectors of n rows. sets : bool (n, k), all False in rows without a label.
    ordered : whether the classes are ordinal, so that adjacent classes are similar.
    """
    taught = sets.any(axis=1) & space.there
    k = sets.shape[1]
    if np.count_nonzero(taught) < LEAST_ROWS or k < 2:
        return None
    model = ridge(space.vectors, taught, k, seed)
    even = weights_within(sets, np.ones(sets.shape, np.float32))
    smooth = _along_order(model, even, sets) if ordered and k > 2 else np.eye(k, dtype=np.float32)
    shares = np.log(np.maximum(even[taught].mean(axis=0), LOO_FLOOR)).astype(np.float32)
    total = np.zeros(sets.shape, np.float32)
    weights, first, found = even, total, total
    for nth in range(DISAMBIGUATION_ROUNDS):
        found = model.log_probs(weights @ smooth, sets)
        found[~space.there] = shares
        if nth < POOLED_ROUNDS:
            total += found
        first = found if nth == 0 else first
        weights = weights_within(sets, np.exp(found))
    return Learnt(first, normalised(total / POOLED_ROUNDS), found, space.there)


def _along_order(model: Ridge | ExactRidge | LandmarkRidge, even: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """Return the smoothing weights (k, k) of the spread that maximises the likelihood of the sets."""
    best = (-np.inf, np.eye(sets.shape[1], dtype=np.float32))
    rows = np.flatnonzero(model.taught)
    for spread in ORDER_SPREADS:
        kernel = _gaussian(sets.shape[1], spread)
        found = np.exp(model.log_probs(even @ kernel, sets)[rows])
        value = float(np.log(np.maximum(np.where(sets[rows], found, 0).sum(axis=1), LOO_FLOOR)).mean())
        if value > best[0]:
            best = (value, kernel)
    return best[1]


def _gaussian(k: int, spread: float) -> np.ndarray:
    """Return smoothing weights (k, k) that are 1 for the class itself, so that its target is not reduced."""
    away = np.arange(k)[:, None] - np.arange(k)[None]
    return (np.eye(k) if spread == 0 else np.exp(-0.5 * (away / spread) ** 2)).astype(np.float32)


def normalised(logs: np.ndarray) -> np.ndarray:
    """Normalise log probabilities (n, k) so that the probabilities of each row sum to 1, float32."""
    logs = logs - logs.max(axis=1, keepdims=True)
    return (logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))).astype(np.float32)
