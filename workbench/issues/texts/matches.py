"""Match scores given by the user: sources weighed by their agreement, and a mixture of right and wrong texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.issues.calibration import expit

LEAST_LOADING = 0.1
"""Sources that agree less with the others than this (loading of a common factor) are set aside."""

MOST_LOADING = 0.95
FACTOR_ROUNDS = 50

VALLEY = 0.75
"""Maximum density between the two groups, relative to the lower of their peaks, for them to be separate."""

SURE_VALLEY = 2.5
LEAST_IN_GROUP = 15
MIXTURE_ROUNDS = 300


@dataclass(frozen=True)
class PooledMatch:
    """Match scores of all sources as one.

    score : float (n,), high = fits, NaN without any. weights : (sources,), which sum to 1. aside : why sources got no
    weight, in words.
    """

    score: np.ndarray
    weights: np.ndarray
    aside: tuple[str, ...]


def pool_matches(match: np.ndarray, sources: Sequence[str]) -> PooledMatch:
    """Weigh sources by how well a common factor explains them.

    Parameters
    ----------
    match : float (n, s), NaN = unknown
    sources : s names

    Notes
    -----
    A single source is used as it is. With several, each is standardised by robust statistics. Three or more sources
    have loadings l of one common factor (principal axis factoring of their correlations); the weights l / (1 - l^2)
    are those of the best linear estimate of the factor (Thomson 1951). With two sources, loadings are not identified,
    so that both weigh the same. A source that does not agree with the others is set aside.
    """
    s = match.shape[1]
    if s == 1:
        return PooledMatch(match[:, 0], np.ones(1), ())
    middle = np.array([np.nanmedian(one) if np.isfinite(one).any() else 0.0 for one in match.T])
    spread = [
        1.4826 * np.nanmedian(np.abs(one - at)) if np.isfinite(one).any() else 0.0 for one, at in zip(match.T, middle)
    ]
    spread = np.where(
        np.array(spread) > 0,
        spread,
        np.array([max(np.nanstd(one), 1e-12) if np.isfinite(one).any() else 1.0 for one in match.T]),
    )
    scaled = np.clip((match - middle) / spread, -8, 8)
    loadings = _loadings(scaled)
    weights = np.where(loadings > LEAST_LOADING, loadings / (1 - np.minimum(loadings, MOST_LOADING) ** 2), 0.0)
    aside = [f"{sources[place]!r} does not agree with the others" for place in np.flatnonzero(weights == 0).tolist()]
    if not weights.any():
        weights = np.ones(s)
        aside = ["the sources do not agree with each other, so all weigh the same"]
    weights = weights / weights.sum()
    there = np.isfinite(scaled)
    total = (there * weights).sum(axis=1)
    score = np.where(total > 0, (np.where(there, scaled, 0) * weights).sum(axis=1) / np.maximum(total, 1e-12), np.nan)
    return PooledMatch(score, weights, tuple(aside))


def _loadings(scaled: np.ndarray) -> np.ndarray:
    """Return loadings (s,) of one common factor, positive for sources that agree with most others."""
    s = scaled.shape[1]
    correlation = np.eye(s)
    for one in range(s):
        for other in range(one):
            both = np.isfinite(scaled[:, one]) & np.isfinite(scaled[:, other])
            pair = scaled[both][:, [one, other]]
            r = np.corrcoef(pair.T)[0, 1] if both.sum() > 2 and (pair.std(axis=0) > 0).all() else 0.0
            correlation[one, other] = correlation[other, one] = r
    if s == 2:
        return np.full(2, np.sqrt(max(correlation[0, 1], 0.0)))
    own = np.abs(correlation - np.eye(s)).max(axis=1)
    loadings = np.zeros(s)
    for _ in range(FACTOR_ROUNDS):
        reduced = correlation.copy()
        np.fill_diagonal(reduced, own)
        values, vectors = np.linalg.eigh(reduced)
        loadings = vectors[:, -1] * np.sqrt(max(values[-1], 0.0))
        own = np.clip(loadings**2, 0.0, MOST_LOADING**2)
    return loadings if np.sign(loadings).sum() >= 0 else -loadings


@dataclass(frozen=True)
class TwoGroups:
    """Two normal distributions of match scores: wrong texts (index 0, low scores) and right ones (index 1).

    share : of wrong texts. separate : whether there is a valley between the groups, each of which has enough texts.
    """

    share: float
    means: tuple[float, float]
    spreads: tuple[float, float]
    separate: bool

    def log_ratio(self, score: np.ndarray) -> np.ndarray:
        """Log of the density of wrong texts divided by that of right ones, decreasing in the score; 0 for NaN."""
        grid = np.linspace(min(self.means) - 6 * max(self.spreads), max(self.means) + 6 * max(self.spreads), 2001)
        ratio = np.minimum.accumulate(_log_normal(grid, self, 0) - _log_normal(grid, self, 1))
        low = grid <= self.means[0]  # below the mean of the wrong ones the ratio stays
        ratio = np.where(
            low, np.interp(self.means[0], grid, _log_normal(grid, self, 0) - _log_normal(grid, self, 1)), ratio
        )
        return np.where(np.isnan(score), 0.0, np.interp(score, grid, np.minimum.accumulate(ratio)))

    def p_wrong(self, score: np.ndarray) -> np.ndarray:
        """Probability that a text with this score is wrong."""
        odds = np.log(self.share / (1 - self.share))
        return expit(odds + self.log_ratio(score))


def two_groups(score: np.ndarray) -> TwoGroups | None:
    """Fit a mixture of two normal distributions by expectation maximisation; None for fewer than 30 scores.

    Notes
    -----
    Of several starts (the lowest 2 to 40 %), the fit with the highest likelihood is used. The groups are separate if
    the density between the means falls below 75 % of the lower peak, the scores themselves are rarer there than at both
    means, and each group has at least 15 texts: with overlapping groups, the shape of the distribution does not
    determine the share.
    """
    known = score[np.isfinite(score)]
    if len(known) < 2 * LEAST_IN_GROUP or np.ptp(known) == 0:
        return None
    fits = [_fitted(known, start) for start in (0.02, 0.05, 0.1, 0.2, 0.4)]
    value, share, means, spreads = max(fits, key=lambda one: one[0])
    found = TwoGroups(share, means, spreads, False)
    grid = np.linspace(means[0], means[1], 400)
    density = share * np.exp(_log_normal(grid, found, 0)) + (1 - share) * np.exp(_log_normal(grid, found, 1))
    valley = density.min() < VALLEY * min(density[0], density[-1])
    enough = min(share, 1 - share) * len(known) >= LEAST_IN_GROUP
    seen = valley and enough and _valley_seen(known, means, float(grid[density.argmin()]))
    return TwoGroups(share, means, spreads, bool(seen and np.isfinite(value)))


def _valley_seen(known: np.ndarray, means: tuple[float, float], valley: float) -> bool:
    """Whether the scores themselves are fewer at the valley than at both means, by `SURE_VALLEY` standard errors."""
    half = (means[1] - means[0]) / 8
    low, high, middle = (int((np.abs(known - at) <= half).sum()) for at in (*means, valley))
    return min(low, high) - middle > SURE_VALLEY * np.sqrt(min(low, high) + middle + 1)


def _fitted(known: np.ndarray, start: float) -> tuple[float, float, tuple[float, float], tuple[float, float]]:
    """Return (log likelihood, share, means, standard deviations)."""
    least = 0.02 * known.std()
    cut = np.quantile(known, start)
    weight = (known <= cut).astype(float)
    value = -np.inf
    share, means, spreads = start, (0.0, 0.0), (1.0, 1.0)
    for _ in range(MIXTURE_ROUNDS):
        totals = (weight.sum(), (1 - weight).sum())
        if min(totals) < 2:
            return -np.inf, start, (float(cut), float(np.median(known))), (1.0, 1.0)
        share = totals[0] / len(known)
        means = (float(weight @ known / totals[0]), float((1 - weight) @ known / totals[1]))
        parts = [
            float(np.sqrt(one @ np.square(known - mean) / total))
            for one, mean, total in zip((weight, 1 - weight), means, totals)
        ]
        spreads = (max(parts[0], least), max(parts[1], least))
        found = TwoGroups(share, means, spreads, False)
        logs = np.stack(
            [np.log(share) + _log_normal(known, found, 0), np.log(1 - share) + _log_normal(known, found, 1)]
        )
        total = np.logaddexp(logs[0], logs[1])
        before, value = value, float(total.sum())
        weight = np.exp(logs[0] - total)
        if value - before < 1e-7 * abs(value):
            break
    if means[0] > means[1]:
        return value, 1 - share, (means[1], means[0]), (spreads[1], spreads[0])
    return value, share, means, spreads


def _log_normal(x: np.ndarray, groups: TwoGroups, which: int) -> np.ndarray:
    z = (x - groups.means[which]) / groups.spreads[which]
    return -0.5 * z * z - np.log(groups.spreads[which])
