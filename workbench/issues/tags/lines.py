"""Logistic regressions, one per tag with shrinkage, that convert scores to probabilities of the given tags.

    logit p = b_t + w_t . x        (Platt 1999, one line per tag)

Slopes of tags with few positives are shrunk to common slopes, so no minimum number of positives is needed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.issues.calibration import expit

PULL = 3.0
"""Strength of the shrinkage of a tag's slopes towards the common ones, as in -PULL/2 (w_t - w)^2."""

HOLD = 0.5
"""Strength of the shrinkage of a tag's level towards that of its share of positives."""

SLOPE_ROUNDS, SMALL_STEP = 8, 1e-2
"""Maximum number of Newton steps, and the size of the last one; the remaining error is of the order of its square."""

MOST_IN_COMMON = 300_000
"""Maximum number of cells used to fit the common slopes."""


class Cells:
    """Known cells in any order, prepared for sums by tag.

    Parameters
    ----------
    tag : (m,) int64 in [0, k). y : (m,) float, 1 yes, 0 no.
    """

    def __init__(self, tag: np.ndarray, y: np.ndarray, k: int) -> None:
        self.tag, self.y, self.k = tag, np.asarray(y, np.float32), k
        self.count = np.bincount(tag, minlength=k).astype(float)
        self.positives = np.bincount(tag, self.y, k)
        self.share = (self.positives + 0.5) / (self.count + 1)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sums (k,) over the cells of each tag."""
        return np.bincount(self.tag, values, self.k)


def log_likelihood(log_odds: np.ndarray, y: np.ndarray) -> float:
    """Return the total log likelihood of the labels y under log odds."""
    return float(-np.logaddexp(0, np.where(y > 0.5, -log_odds, log_odds)).sum())


class Lines(NamedTuple):
    """The line of each of k tags: levels (k,), slopes (k, d), and means (d, k) that are subtracted from the
    features."""

    level: np.ndarray
    slopes: np.ndarray
    means: list[np.ndarray]

    def at(self, tag: np.ndarray, *features: np.ndarray) -> np.ndarray:
        """Return the log odds of yes, float32 (m,), of any cells."""
        odds = self.level[tag]
        for place, one in enumerate(features):
            odds = odds + self.slopes[tag, place] * (one - self.means[place][tag])
        return odds.astype(np.float32)


def lines(cells: Cells, *features: np.ndarray, start: float = 1.0) -> Lines:
    """Fit one line per tag on the features to the given tags.

    Parameters
    ----------
    features : (m,) each, on similar scales. start : initial slope of the first feature; 0 for the others.
    """
    x = [np.asarray(one, np.float32) for one in features]
    base = np.log(cells.share) - np.log1p(-cells.share)
    means = [cells.sums(one) / np.maximum(cells.count, 1) for one in x]
    x = [one - mean[cells.tag].astype(np.float32) for one, mean in zip(x, means)]
    common = np.array([start, *[0.0] * (len(x) - 1)])
    level = base.copy()
    part = slice(None, None, max(1, len(cells.y) // MOST_IN_COMMON))
    some, those = (
        (cells, x) if part.step == 1 else (Cells(cells.tag[part], cells.y[part], cells.k), [one[part] for one in x])
    )
    for _ in range(SLOPE_ROUNDS):  # common slopes, separate levels: Newton's method with the levels eliminated
        gradient, hessian = _moments(some, those, level[some.tag] + sum(w * one for w, one in zip(common, those)))
        gradient[:, 0] -= HOLD * (level - base)
        hessian[:, 0, 0] += HOLD
        own = hessian[:, 0, 0]
        cross = hessian[:, 0, 1:]
        left = (hessian[:, 1:, 1:] - cross[:, :, None] * cross[:, None, :] / own[:, None, None]).sum(axis=0)
        right = (gradient[:, 1:] - cross * (gradient[:, 0] / own)[:, None]).sum(axis=0)
        step = np.clip(np.linalg.solve(left + 1e-6 * np.eye(len(x)), right), -1, 1)
        common = common + step
        level = level + np.clip((gradient[:, 0] - cross @ step) / own, -2, 2)
        if np.abs(step).max() < SMALL_STEP:
            break
    slopes = np.repeat(common[None], cells.k, axis=0)
    for _ in range(SLOPE_ROUNDS):
        odds = level[cells.tag] + sum(slopes[cells.tag, place] * one for place, one in enumerate(x))
        gradient, hessian = _moments(cells, x, odds)
        gradient[:, 0] -= HOLD * (level - base)
        gradient[:, 1:] -= PULL * (slopes - common)
        hessian[:, 0, 0] += HOLD
        hessian[:, range(1, len(x) + 1), range(1, len(x) + 1)] += PULL
        step = np.clip(np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0], -1, 1)
        level, slopes = level + step[:, 0], slopes + step[:, 1:]
        if np.abs(step).max() < SMALL_STEP:
            break
    return Lines(level, slopes, means)


def _moments(cells: Cells, x: list[np.ndarray], odds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradient (k, d) and curvature (k, d, d) of the log likelihood in the level and slopes of each tag."""
    p = expit(odds.astype(np.float32))
    away, weight = cells.y - p, np.maximum(p * (1 - p), 1e-7)
    every = [np.float32(1), *x]
    d = len(every)
    gradient = np.stack([cells.sums(away * one) for one in every], axis=1)
    hessian = np.empty((cells.k, d, d))
    for i in range(d):
        for j in range(i, d):
            hessian[:, i, j] = hessian[:, j, i] = cells.sums(weight * every[i] * every[j])
    return gradient, hessian
