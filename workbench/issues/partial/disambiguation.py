"""Classes from embeddings and candidate sets: kernel ridge regression taught in rounds on the candidates it prefers.

PRODEN (Lv et al. 2020) with a classifier that never sees a row's own set, so that a wrong set cannot confirm itself:
the first round learns all candidates of a set alike, each next one learns what the last one made of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.confident.partial import weights_within
from workbench.evidence.spaces import Space
from workbench.issues.exact_ridge import ExactRidge, ridge
from workbench.issues.landmark_ridge import LandmarkRidge
from workbench.issues.loo_classifiers import LOO_FLOOR, Ridge

DISAMBIGUATION_ROUNDS, POOLED_ROUNDS = 10, 8
"""Rounds; of the first of them the mean log probability says whether a set is wrong, since later ones agree with it."""

ORDER_SPREADS = (0.0, 1.0, 2.0)
"""Of classes with an order: standard deviations, in classes, by which what is taught is smoothed along it."""

LEAST_ROWS = 10
"""Rows with a set and an embedding below which nothing is learnt."""


class Learnt(NamedTuple):
    """Leave-one-out log probabilities, float32 (n, k).

    first : after the first round. pooled : mean over the rounds that count for wrong sets, normalised. last : after
    the last round. there : (n,) bool, rows with an embedding; in others all three say the shares of the classes.
    """

    first: np.ndarray
    pooled: np.ndarray
    last: np.ndarray
    there: np.ndarray


def learn_from_candidates(space: Space, sets: np.ndarray, *, ordered: bool = False, seed: int = 0) -> Learnt | None:
    """Teach in rounds; None where there is too little to learn from.

    Parameters
    ----------
    space : unit vectors of n rows. sets : bool (n, k), all False in rows without a label.
    ordered : whether the classes have an order, along which neighbours are alike.
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
    """(k, k) weights of classes near each other, of the spread under which the sets are likeliest."""
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
    """Weights that are 1 for the class itself, so that what is taught is smoothed and not made smaller."""
    away = np.arange(k)[:, None] - np.arange(k)[None]
    return (np.eye(k) if spread == 0 else np.exp(-0.5 * (away / spread) ** 2)).astype(np.float32)


def normalised(logs: np.ndarray) -> np.ndarray:
    """Log probabilities whose rows sum to 1, float32."""
    logs = logs - logs.max(axis=1, keepdims=True)
    return (logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))).astype(np.float32)
