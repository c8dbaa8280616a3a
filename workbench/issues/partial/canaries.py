"""The number of wrong sets and the probability of each, estimated by planting wrong sets.

The probabilities of a row do not depend on its own set. So replacing one candidate by another class shows the scores of
wrong sets without retraining any model.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.confident.partial import weights_within
from workbench.issues.calibration import expit, logit, platt

TIMES, ROWS_PART, MOST_PLANTED = 3, 0.3, 20_000
"""Number of copies, share of the rows in each, and maximum number of planted sets."""

BOUND_QUANTILES = (0.2, 0.3, 0.4, 0.5, 0.6)
"""Quantiles of the scores of planted sets; the share of rows above each of them bounds the share of wrong sets."""

USUAL_SHARE = 0.05
"""Share of wrong sets assumed if planted sets can hardly be distinguished from the others."""

CHANCE_AUROC, CLEAR = 0.55, 0.85
"""Probability that a planted set scores above a correct one: at or below the first value the estimate is ignored, from
the second on it is fully used."""

MOST_AMONG = 0.2
"""Maximum share of wrong sets among the rows for which the AUROC of planted sets is corrected."""

CANARY_ROUNDS = 5


class Counted(NamedTuple):
    """p_error : (n,) float64 in [0, 1]. share : share of wrong sets. apart : AUROC of planted against correct sets.
    planted : number of planted sets."""

    p_error: np.ndarray
    share: float
    apart: float
    planted: int


def mass_outside(probs: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """Return the log odds (n,) that the true class is outside the set, from probabilities (n, k)."""
    return logit(1 - np.where(sets, probs, 0).sum(axis=1, dtype=np.float64))


def count_outside(probs: np.ndarray, drawn: np.ndarray, sets: np.ndarray, seed: int) -> Counted:
    """Estimate calibrated probabilities that sets are wrong.

    Parameters
    ----------
    probs : (n, k), of models that had not seen the sets. sets : bool (n, k), none empty and none with all classes.
    drawn : (n, k) calibrated probabilities with which the replaced candidate is drawn.

    Notes
    -----
    The share is the smallest bound share(rows above q) / share(planted above q) over quantiles q, each with a standard
    error added (as for mixture proportions, Blanchard, Lee & Scott 2010). The less planted sets are distinguished, the
    more it is shrunk towards 5 %. Probabilities are a logistic function of the score (Platt 1999), fitted to planted
    sets against rows, with each weighted by the probability that the set was correct; this is repeated in rounds.
    """
    score = mass_outside(probs, sets)
    rows, false = _planted(probs, drawn, sets, np.random.default_rng(seed))
    if not len(false):
        return Counted(np.full(len(sets), USUAL_SHARE), USUAL_SHARE, 0.5, 0)
    p, found, apart = np.zeros(len(score)), USUAL_SHARE, 0.5
    for _ in range(CANARY_ROUNDS):
        right = 1 - p  # changing a set that is already wrong says nothing
        found, apart = _share(score, false, right[rows])
        weight = np.clip((apart - CHANCE_AUROC) / (CLEAR - CHANCE_AUROC), 0, 1)
        found = float(expit(weight * logit(found) + (1 - weight) * logit(USUAL_SHARE)))
        x, t = np.concatenate([false, score]), np.repeat([1.0, 0.0], [len(false), len(score)])
        weights = np.concatenate([right[rows] * right.sum() / right[rows].sum(), right])
        level, slope = platt(x, t, weights, start=(0.0, 0.5), pull=(0.0, 1e-3))
        p = expit(level + max(slope, 0.0) * score + float(logit(found)))
    return Counted(p, found, apart, len(false))


def _share(score: np.ndarray, false: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Estimate the share of wrong sets, and the AUROC of planted sets against correct rows.

    weight : probability that each planted set was correct before the change.
    """
    n, order = len(score), np.argsort(false)
    ranked, above = false[order], 1 - (np.cumsum(weight[order]) - weight[order]) / weight.sum()
    bounds = []
    for quantile in BOUND_QUANTILES:
        place = int(np.searchsorted(-above, quantile - 1))
        place = min(place, len(false) - 1)
        high = np.count_nonzero(score >= ranked[place])
        bounds.append((high + np.sqrt(high + 1)) / n / above[place])
    share = float(np.clip(min(bounds), 0.5 / n, 0.9))
    below = np.searchsorted(np.sort(score), false, side="left") / n
    level = np.searchsorted(np.sort(score), false, side="right") / n
    area = float((weight * (below + level)).sum() / 2 / weight.sum())
    among = min(share, MOST_AMONG)
    return share, float(np.clip((area - among / 2) / (1 - among), 0, 1))


def _planted(
    probs: np.ndarray, drawn: np.ndarray, sets: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows, and the scores of their sets after one candidate is replaced by an outside class, by frequency."""
    n = len(sets)
    size = min(round(ROWS_PART * n), MOST_PLANTED // TIMES)
    rows = np.concatenate([random.choice(n, size, replace=False) for _ in range(TIMES)])
    inside = weights_within(sets, drawn)
    often = inside.sum(axis=0) + 0.5
    gone = _draw(inside[rows], random)
    come = _draw(np.where(sets[rows], 0, often), random)
    mass = np.where(sets[rows], probs[rows], 0).sum(axis=1, dtype=np.float64)
    return rows, logit(1 - mass + probs[rows, gone] - probs[rows, come])


def _draw(weights: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draw one column of each row (m,) with weights (m, k)."""
    summed = np.cumsum(weights, axis=1, dtype=np.float64)
    point = random.random(len(weights)) * summed[:, -1]
    return np.minimum((summed <= point[:, None]).sum(axis=1), weights.shape[1] - 1)
