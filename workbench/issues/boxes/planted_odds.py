"""Learn planted errors from features, across images, and turn the odds into probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from workbench.foundation.recall import recalled
from workbench.issues.calibration import expit, shifted_to

BOX_TREES, BOX_LEAVES, BOX_LEAF_SIZE = 60, 8, 20

CLEAREST, NEARLY_ALL = 0.7, 0.95
"""ShareBounds of planted errors above the two thresholds by which the share of real ones is estimated."""

FAR_APART = 8.0

MOST_SHARE = 0.5
"""Share of wrong units beyond which planted errors were not learned."""

LOW_ODDS, HIGH_ODDS = -12.0, 8.0

MOST_P = 0.99

BOUNDS_APART = 3.0
"""Ratio of the bounds of a share from which it is not identified."""

RATIO_DEVIATIONS = 1.645
"""Standard deviations that the ratio of the bounds is raised by, in logs: its upper 95% limit."""


class Examples(NamedTuple):
    """Units of one part in which errors were planted: features (e, f), whether planted (e,) bool, image (e,) int64."""

    features: np.ndarray
    planted: np.ndarray
    rows: np.ndarray

    def chosen(self, keep: np.ndarray) -> Examples:
        """Select units by a mask."""
        return Examples(*(one[keep] for one in self))


@recalled
def learned_odds(
    taught: Examples, features: np.ndarray, rows: np.ndarray, fold: np.ndarray, *, rising: Sequence[int] = (),
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return the log odds (u,) that units are planted errors, by models that were taught with other images, and those
    of the planted errors themselves.

    Parameters
    ----------
    taught : units with planted errors. features, rows : (u, f) and (u,) of the units as they are.
    fold : (n,) fold of each image. rising : features in which trees are monotone, and each of which also has a logistic
        regression by itself.

    Notes
    -----
    The mean of the log odds of logistic regression on the features and their squares, and of gradient-boosted trees.
    """
    planted = np.flatnonzero(taught.planted)
    odds, of_planted = np.zeros(len(features)), np.zeros(len(planted))
    of_taught, of_units = fold[taught.rows], fold[rows]
    for held in np.unique(fold):
        own, other = of_units == held, of_taught != held
        if not taught.planted[other].any() or taught.planted[other].all():
            other = np.ones(len(other), bool)
        held_out = of_taught[planted] == held
        wanted = np.concatenate([features[own], taught.features[planted[held_out]]])
        if not len(wanted):
            continue
        parts = _fitted(taught.features[other], taught.planted[other], wanted, rising, seed)
        found = np.mean([np.clip(part, LOW_ODDS, -LOW_ODDS) for part in parts], axis=0)
        odds[own], of_planted[held_out] = found[: own.sum()], found[own.sum() :]
    return odds, of_planted


def _fitted(
    features: np.ndarray, planted: np.ndarray, wanted: np.ndarray, rising: Sequence[int], seed: int
) -> list[np.ndarray]:
    """Return the log odds (u,) of `wanted` by each model."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    signs = np.zeros(features.shape[1], int)
    signs[list(rising)] = 1
    trees = HistGradientBoostingClassifier(
        max_iter=BOX_TREES, max_leaf_nodes=BOX_LEAVES, min_samples_leaf=BOX_LEAF_SIZE, monotonic_cst=signs,
        random_state=seed, early_stopping=False,
    )  # fmt: skip
    parts = [trees.fit(features, planted).decision_function(wanted)]
    mean, spread = features.mean(axis=0), features.std(axis=0)
    line = LogisticRegression(C=1.0, max_iter=1000).fit(with_squares(features, mean, spread), planted)
    parts.append(line.decision_function(with_squares(wanted, mean, spread)))
    for column in rising:
        alone = LogisticRegression(max_iter=300).fit(features[:, [column]], planted)
        parts.append(alone.decision_function(wanted[:, [column]]))
    return parts


def with_squares(features: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return standardised features (u, f), within +- 5, and their squares, (u, 2 f)."""
    z = np.clip((features - mean) / np.where(spread > 0, spread, 1), -5, 5)
    return np.concatenate([z, z**2], axis=1)


class ShareBounds(NamedTuple):
    """Estimates of the share of wrong units, in [0, 1].

    low, high : by the clearest planted errors, shares of `CLEAREST` and `NEARLY_ALL`. If real errors are as clear as
    planted ones, they agree; the milder the real ones, the further they are apart. units : number of units.
    exceeded : whether they did not agree, or were above a third bound, before they were limited to it (`at_most`).
    """

    low: float
    high: float
    units: int
    exceeded: bool = False

    @property
    def failed(self) -> bool:
        """Whether planted errors were not learned."""
        return self.low > MOST_SHARE

    @property
    def identified(self) -> bool:
        """Whether the bounds agree: the upper 95% limit of their ratio is at most `BOUNDS_APART`.

        The units above the higher threshold, about a = low * units, are among the b = high * units above the lower one,
        so the log of the ratio has the variance 1 / a - 1 / b. Bounds that a third one has brought together do not.
        """
        if self.exceeded:
            return False
        variance = (1 / self.low - 1 / self.high) / self.units
        return bool(self.high / self.low * np.exp(RATIO_DEVIATIONS * np.sqrt(variance)) <= BOUNDS_APART)

    def at_most(self, most: float) -> ShareBounds:
        """Return the bounds, neither above a third one in (0, 1]."""
        exceeded = self.low > most or not self.identified
        return self._replace(low=min(self.low, most), high=min(self.high, most), exceeded=exceeded)

    @property
    def middle(self) -> float:
        """The geometric mean."""
        return float(np.sqrt(self.low * self.high))

    @property
    def slope(self) -> float:
        """Factor of the log odds of planted errors in those of real ones, from 1 down to .5 for bounds that are apart
        by `FAR_APART`."""
        return 1 - 0.5 * min(float(np.log(self.high / self.low) / np.log(FAR_APART)), 1.0)


def share_bounds(odds: np.ndarray, planted: np.ndarray) -> ShareBounds:
    """Bound the share of wrong units.

    Parameters
    ----------
    odds : (u,) log odds of a planted error. planted : (e,) those of planted errors, by models that were taught with
        other images.

    Notes
    -----
    The units above a threshold are at most all wrong, so the share is at most theirs divided by that of planted errors
    above it, if real errors are as clear as planted ones (mixture proportion estimation; Blanchard, Lee & Scott 2010).
    Where real errors are milder, the ratio grows as the threshold falls.
    """
    ascending = np.sort(odds)
    least = 0.5 / len(odds)
    ends = []
    for caught in (CLEAREST, NEARLY_ALL):
        above = len(odds) - np.searchsorted(ascending, np.quantile(planted, 1 - caught), "left")
        ends.append(float(np.clip(above / len(odds) / caught, least, 1)))
    low, high = sorted(ends)
    return ShareBounds(low, high, len(odds))


def most_overlooked(score: np.ndarray, candidates: np.ndarray) -> float:
    """Bound the share of candidates that are objects, in (0, 1], by the scores alone.

    Parameters
    ----------
    score : (l,) scores of all locations, on any scale. candidates : (c,) those that belong to no given box.

    Notes
    -----
    Let q(s) be the share of the locations with score s that are labelled, by isotonic regression, and Q its sum over
    the candidates. If a share e of the objects is omitted whatever their score, then q <= 1 - e, so of the locations
    with any score at least the share e are candidates, and the number X of overlooked objects is at most Q / (1 - e)
    (compare Elkan & Noto 2008). With M labelled locations, 1 / (1 - e) = 1 + X / M, hence X <= Q / (1 - Q / M).
    """
    from sklearn.isotonic import IsotonicRegression

    labelled = len(score) - len(candidates)
    if not labelled or not len(candidates):
        return 1.0
    given = np.ones(len(score))
    given[candidates] = 0
    likely = float(IsotonicRegression(out_of_bounds="clip").fit(score, given).predict(score[candidates]).sum())
    if likely >= labelled:
        return 1.0
    return float(np.clip(likely / (1 - likely / labelled) / len(candidates), 0.5 / len(candidates), 1))


def probabilities_of(odds: np.ndarray, shares: ShareBounds) -> np.ndarray:
    """Return P(wrong) (u,), with the mean `shares.middle`, in the order of the log odds of planted errors."""
    if not len(odds):
        return np.empty(0)
    share = min(max(shares.middle, 0.5 / len(odds)), 1 - 1e-6)
    return np.minimum(expit(shifted_to(shares.slope * np.clip(odds, LOW_ODDS, HIGH_ODDS), share)), MOST_P)


def in_order_of(score: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return the probabilities (u,), assigned in the order of a score (u,)."""
    out = np.empty(len(p))
    out[np.argsort(score, kind="stable")] = np.sort(p)
    return out
