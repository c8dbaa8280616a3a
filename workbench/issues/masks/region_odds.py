"""Learn planted errors from the features of regions, across images, and estimate how many regions are wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from workbench.issues.calibration import expit, shifted_to

REGION_TREES = {"max_iter": 60, "max_leaf_nodes": 8, "min_samples_leaf": 20, "early_stopping": False}

FARTHEST_ODDS = 10.0
"""Largest absolute log odds of a model."""

CLEAR_SHARE, BROAD_SHARE = 0.6, 0.9
"""Shares of the regions of planted errors above the thresholds by which the share of wrong regions is estimated."""

LEAST_ODDS_SLOPE = 0.5
"""Smallest factor by which the log odds of planted errors count."""

WIDE_APART = 6.0
"""Ratio of the two estimates of the share from which the smallest factor is used."""

UNLEARNED = 0.6
"""Share of wrong regions beyond which planted errors were not learned."""


class PlantedRegions(NamedTuple):
    """Regions of masks with planted errors: features (e, f); planted (e,) bool, whether the region is one; rows (e,)
    int64, the image."""

    features: np.ndarray
    planted: np.ndarray
    rows: np.ndarray


class RegionShare(NamedTuple):
    """Two estimates, low <= high, of the share of wrong regions, in [0, 1]."""

    low: float
    high: float

    @property
    def unlearned(self) -> bool:
        """Whether planted errors look like regions that are correct."""
        return self.low > UNLEARNED


def region_odds(
    taught: PlantedRegions, features: np.ndarray, rows: np.ndarray, fold: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the log odds that regions are planted errors, by models taught with other images.

    Parameters
    ----------
    taught : e regions. features, rows : (m, f) and (m,) of the regions of the given masks. fold : (n,) of each image.

    Returns
    -------
    (m,) of the given regions, and (p,) of the planted ones: means of logistic regression on the features and their
    squares, and of gradient-boosted trees.
    """
    own, other = np.zeros(len(features)), np.zeros(len(taught.planted))
    for held in range(int(fold.max()) + 1):
        learn, here, there = fold[taught.rows] != held, fold[rows] == held, fold[taught.rows] == held
        if not taught.planted[learn].any() or taught.planted[learn].all():
            learn = np.ones(len(learn), bool)
        judge = _models(taught.features[learn], taught.planted[learn], seed)
        own[here], other[there] = judge(features[here]), judge(taught.features[there])
    return own, other[taught.planted]


def _models(features: np.ndarray, planted: np.ndarray, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that maps features (u, f) to the mean log odds (u,) of both models."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    trees = HistGradientBoostingClassifier(random_state=seed, **REGION_TREES).fit(features, planted)
    line = make_pipeline(StandardScaler(), FunctionTransformer(_squared), LogisticRegression(max_iter=400))
    line.fit(features, planted)

    def judge(wanted: np.ndarray) -> np.ndarray:
        if not len(wanted):
            return np.zeros(0)
        parts = [np.clip(one.decision_function(wanted), -FARTHEST_ODDS, FARTHEST_ODDS) for one in (trees, line)]
        return np.mean(parts, axis=0)

    return judge


def _squared(z: np.ndarray) -> np.ndarray:
    """Return scaled features (u, f) within +- 5, and their squares."""
    z = np.clip(z, -5, 5)
    return np.hstack([z, z * z])


def region_share(odds: np.ndarray, of_planted: np.ndarray) -> RegionShare:
    """Estimate the share of wrong regions twice, by the clearest and by most of the planted errors.

    Parameters
    ----------
    odds : (m,) log odds of the given regions. of_planted : (p,) of those of planted errors.

    Notes
    -----
    If wrong regions look like planted ones, a share c of them has log odds above the quantile 1 - c of the planted
    ones, so the share of wrong regions is at most that of all regions above it, divided by c (mixture proportion
    estimation; Blanchard, Lee & Scott 2010, section 4). c is `CLEAR_SHARE` and `BROAD_SHARE`: correct regions raise the
    second one, and wrong regions that are less clear than planted ones lower the first one.
    """
    shares = [
        float((odds >= np.quantile(of_planted, 1 - caught)).mean()) / caught for caught in (CLEAR_SHARE, BROAD_SHARE)
    ]
    low, high = np.clip(sorted(shares), 0.5 / len(odds), 1)
    return RegionShare(float(low), float(high))


def p_wrong(odds: np.ndarray, score: np.ndarray, share: RegionShare) -> np.ndarray:
    """Return P(wrong) (m,) with the mean `share.low`, in the order of a score (m,).

    The log odds count by a factor from 1 down to `LEAST_ODDS_SLOPE`, the less the further the estimates of the share
    are apart.
    """
    apart = np.log(share.high / share.low) / np.log(WIDE_APART)
    slope = 1 - (1 - LEAST_ODDS_SLOPE) * min(float(apart), 1.0)
    p = np.sort(expit(shifted_to(slope * odds, min(share.low, 1 - 1e-6))))
    found = np.empty(len(odds))
    found[np.argsort(score, kind="stable")] = p
    return found
