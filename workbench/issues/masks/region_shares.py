"""Shares of wrong regions among whole objects and among parts of objects, and P(wrong) from the odds of planted errors.

Whole objects that are missing, spurious or of another class differ from a model's own errors in other ways than parts
of objects, most of which are boundaries. The two are counted apart: if labels have errors of one sort only, planted
errors of the other one say nothing about them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.issues.boxes.planted_odds import HIGH_ODDS, LOW_ODDS, MOST_P, MOST_SHARE, in_order_of

MOSTLY_WHOLE = 0.8
"""Share of the given or of the predicted object from which a region counts as a whole object."""

CAUGHT = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Shares of planted errors above the thresholds by which the share of real ones is estimated."""

STANDARD_ERRORS = 0.75
"""Number of standard errors that are added to estimates of which the least one is taken."""

NEARLY_SURE = 0.97
"""Probability above which P(wrong) grows more slowly, towards the largest one."""


class RegionShare(NamedTuple):
    """Estimated share of wrong regions of one part.

    many : number of regions. low, middle, high : share in [0, 1]; least and middle of the estimates, and that by nearly
    all planted errors.
    """

    many: int
    low: float
    middle: float
    high: float

    @property
    def failed(self) -> bool:
        """Whether planted errors were not learned."""
        return self.middle > MOST_SHARE


def shares_and_probabilities(
    odds: np.ndarray, whole: np.ndarray, of_planted: np.ndarray, planted_whole: np.ndarray, score: np.ndarray,
    least: int,
) -> tuple[tuple[RegionShare, ...], np.ndarray]:  # fmt: skip
    """Return the shares of the parts, and P(wrong) (m,) in the order of a score within each.

    Parameters
    ----------
    odds, score : (m,) log odds of a planted error, and the order. whole : (m,) bool, whole objects. of_planted,
        planted_whole : (e,), the same of planted errors. least : number of planted errors of a part; with fewer of
        either, all regions are one part.
    """
    if min(planted_whole.sum(), (~planted_whole).sum()) < least:
        whole, planted_whole = np.ones(len(odds), bool), np.ones(len(of_planted), bool)
    p, shares = np.zeros(len(odds)), []
    for own, like in ((whole, planted_whole), (~whole, ~planted_whole)):
        if own.any():
            share = region_share(odds[own], of_planted[like])
            p[own] = in_order_of(score[own], by_density_ratio(odds[own], share.middle))
            shares.append(share)
    return tuple(shares), p


def region_share(odds: np.ndarray, planted: np.ndarray) -> RegionShare:
    """Estimate the share of wrong regions.

    Parameters
    ----------
    odds : (u,) log odds of a planted error. planted : (e,) those of planted errors, taught with other images.

    Notes
    -----
    With any threshold, the share is at most that of the regions above it divided by that of planted errors, if real
    errors are as clear, so the least such ratio is the best bound (Blanchard, Lee & Scott 2010). As the least of
    several noisy ones it is too small, so `middle` is the least of the ratios plus `STANDARD_ERRORS` of their standard
    errors, ratio * sqrt(1 / a + (1 - c) / (c e)) with a regions and the share c of e planted errors above.
    """
    ascending, caught = np.sort(odds), np.array(CAUGHT)
    above = len(odds) - np.searchsorted(ascending, np.quantile(planted, 1 - caught), "left")
    above = np.maximum(above, 1)
    ratios = above / len(odds) / caught
    raised = ratios * (1 + STANDARD_ERRORS * np.sqrt(1 / above + (1 - caught) / caught / len(planted)))
    low, middle, high = (float(min(one, 1)) for one in (ratios.min(), raised.min(), ratios[-1]))
    return RegionShare(len(odds), low, middle, max(middle, high))


def by_density_ratio(odds: np.ndarray, share: float) -> np.ndarray:
    """Return P(wrong) (u,) with the mean `share`, increasing in the log odds of planted errors.

    Notes
    -----
    Planted errors were distinguished from the regions as they are, wrong ones included, so the odds are proportional to
    f_wrong / f, and P = share f_wrong / f: proportional to the odds, not odds of their own.
    """
    ratio = np.exp(np.clip(odds, LOW_ODDS, HIGH_ODDS))
    share = float(np.clip(share, 0.5 / len(odds), 0.95))

    def p_of(factor: float) -> np.ndarray:
        p = np.exp(factor) * ratio
        return np.where(p <= NEARLY_SURE, p, MOST_P - (MOST_P - NEARLY_SURE) * NEARLY_SURE / np.maximum(p, NEARLY_SURE))

    low, high = -2 * HIGH_ODDS, -2 * LOW_ODDS
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if p_of(middle).mean() < share else (low, middle)
    return p_of(low)
