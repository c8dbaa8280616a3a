"""How many sets are wrong, and how likely each is: found by planting wrong ones, which costs nothing here.

The probabilities of a row do not depend on its own set. So a set in which one candidate has given way to another
class shows what a wrong set looks like, without teaching anything again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.confident.partial import weights_within
from workbench.issues.calibration import expit, logit, platt

TIMES, ROWS_PART, MOST_PLANTED = 3, 0.3, 20_000
"""Copies, part of the rows in each, and planted sets at most."""

BOUND_QUANTILES = (0.2, 0.3, 0.4, 0.5, 0.6)
"""Of the scores of planted sets: above each of them the share of rows bounds the share of wrong sets."""

USUAL_SHARE = 0.05
"""Share of wrong sets that is believed where planted ones can hardly be distinguished from the others."""

CHANCE_AUROC, CLEAR = 0.55, 0.85
"""Probability that a planted set scores above a right one: at the first nothing is distinguished, from the second on
the count is believed as it is."""

MOST_AMONG = 0.2
"""Share of wrong sets among the rows, at most, that is taken into account when planted ones are compared with them."""

CANARY_ROUNDS = 5


class Counted(NamedTuple):
    """p_error : (n,) float64 in [0, 1]. share : of wrong sets. apart : how well planted sets are distinguished from
    right ones, an AUROC. planted : how many there were."""

    p_error: np.ndarray
    share: float
    apart: float
    planted: int


def mass_outside(probs: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """(n,) log odds that the true class is outside the set, by probabilities (n, k)."""
    return logit(1 - np.where(sets, probs, 0).sum(axis=1, dtype=np.float64))


def count_outside(probs: np.ndarray, drawn: np.ndarray, sets: np.ndarray, seed: int) -> Counted:
    """Calibrated probabilities that sets are wrong.

    Parameters
    ----------
    probs : (n, k), which had not seen the sets. sets : bool (n, k), none empty and none of all classes.
    drawn : (n, k) by which the candidate that gives way is drawn: as sure as the model is right about which is true.

    Notes
    -----
    The share is the least of the bounds share(rows above q) / share(planted above q) over quantiles q, each with one
    standard error added (as for mixture proportions, Blanchard, Lee & Scott 2010). It is pulled to 5 % as far as
    planted sets are not distinguished. Probabilities are logistic in the score (Platt 1999), planted sets against rows,
    all weighted by the probability that the set was right, in rounds.
    """
    score = mass_outside(probs, sets)
    rows, false = _planted(probs, drawn, sets, np.random.default_rng(seed))
    if not len(false):
        return Counted(np.full(len(sets), USUAL_SHARE), USUAL_SHARE, 0.5, 0)
    p, found, apart = np.zeros(len(score)), USUAL_SHARE, 0.5
    for _ in range(CANARY_ROUNDS):
        right = 1 - p  # a set that is wrong already shows nothing by becoming more so
        found, apart = _share(score, false, right[rows])
        weight = np.clip((apart - CHANCE_AUROC) / (CLEAR - CHANCE_AUROC), 0, 1)
        found = float(expit(weight * logit(found) + (1 - weight) * logit(USUAL_SHARE)))
        x, t = np.concatenate([false, score]), np.repeat([1.0, 0.0], [len(false), len(score)])
        weights = np.concatenate([right[rows] * right.sum() / right[rows].sum(), right])
        level, slope = platt(x, t, weights, start=(0.0, 0.5), pull=(0.0, 1e-3))
        p = expit(level + max(slope, 0.0) * score + float(logit(found)))
    return Counted(p, found, apart, len(false))


def _share(score: np.ndarray, false: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """The share of wrong sets, and how well planted ones are distinguished from the right ones among the rows.

    weight : of the planted ones, the probability that the set was right before.
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
    """Rows, and scores of their sets when one candidate has given way to a class from outside, drawn by frequency."""
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
    """(m,) a column of each row, drawn by weights (m, k)."""
    summed = np.cumsum(weights, axis=1, dtype=np.float64)
    point = random.random(len(weights)) * summed[:, -1]
    return np.minimum((summed <= point[:, None]).sum(axis=1), weights.shape[1] - 1)
