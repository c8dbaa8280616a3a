"""Given pairs against random pairs: the probability that a text does not belong to its item, and how many do not.

Given pairs are a mixture of right pairs and of pairs in which the text belongs to something else. The latter are like
random pairs, which can be made in any number. So the density ratio of right and random pairs, and the share of wrong
ones, follow from the data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.issues.calibration import expit, logit
from workbench.issues.texts.pair_views import PairComparison, TextView

MADE_PAIRS = 20_000
MOST_REPEATS = 10
"""Number of random pairs aimed for, and at most this many per given pair."""

PAIR_ROUNDS = 6
LEAST_PAIRS_APART = 0.85
"""Minimum probability that a right pair scores above a random one for the number of wrong texts to be identified."""

LEAST_PAIRS = 100
LARGEST_SHARE = 0.6
LEAST_OF_MOST = 3.0
"""The maximum likelihood estimate counts as at least a third of the other one."""

SHARE_ROUNDS, DENSITY_BINS = 200, 60
ROOT = float(np.sqrt(2 * np.pi))


@dataclass(frozen=True)
class Mismatch:
    """Probabilities that texts belong to other items.

    p_wrong : float (n,), NaN where no view can tell. apart : probability that a right pair scores above a random one.
    fit : function from (items, texts) to log density ratios of right and random pairs, float (p,). compared : the
    views with their comparisons. rows : given pairs that were used. share : of wrong texts.
    """

    p_wrong: np.ndarray
    apart: float
    share: float
    fit: PairFit
    rows: np.ndarray


class PairFit:
    """A logistic density ratio of right and random pairs by the features of all views."""

    def __init__(self, compared: list[PairComparison]) -> None:
        self.compared = compared
        self._mean = self._scale = np.zeros(0)
        self._weights, self._constant = np.zeros(0), 0.0

    def features(self, items: np.ndarray, texts: np.ndarray) -> np.ndarray:
        return np.concatenate([one.features(items, texts) for one in self.compared], axis=1)

    def learn(self, given: np.ndarray, weights: np.ndarray, made: np.ndarray) -> None:
        """Fit right pairs (given, weighted by their probability of being right) against random ones."""
        from sklearn.linear_model import LogisticRegression

        both = np.concatenate([given, made])
        self._mean, self._scale = made.mean(axis=0), np.maximum(made.std(axis=0), 1e-9)
        target = np.repeat([1, 0], [len(given), len(made)])
        balanced = np.concatenate([weights / weights.sum(), np.full(len(made), 1 / len(made))]) * len(given)
        model = LogisticRegression(C=1.0, max_iter=300)
        model.fit((both - self._mean) / self._scale, target, sample_weight=balanced)
        self._weights, self._constant = model.coef_[0], float(model.intercept_[0])

    def log_ratio(self, features: np.ndarray) -> np.ndarray:
        return (features - self._mean) / self._scale @ self._weights + self._constant

    def __call__(self, items: np.ndarray, texts: np.ndarray) -> np.ndarray:
        return self.log_ratio(self.features(items, texts))


def mismatched(views: list[TextView], written: np.ndarray, all_texts: int, seed: int) -> Mismatch | None:
    """Estimate the probability that each given text belongs to another item.

    Parameters
    ----------
    views : scores of pairs
    written : bool (n,), rows with a text
    all_texts : number of texts, given and alternative

    Notes
    -----
    With r the density ratio of right and random pairs, and s the share of wrong texts,
    P(wrong | pair) = s / (s + (1 - s) r). Expectation maximisation alternates between these probabilities and the ratio
    (a logistic regression of given pairs, weighted by their probability of being right, against random pairs; Bickel,
    Brueckner, Scheffer 2009). The share in these rounds is the least of three estimates that tend to be too large
    (`_share_below`); that of the result is the geometric mean of it and the maximum likelihood estimate, which tends to
    be too small.
    """
    usable = written.copy()
    for view in views:
        usable &= view.items
    rows = np.flatnonzero(usable)
    if len(rows) < LEAST_PAIRS:
        return None
    rng = np.random.default_rng(seed)
    fit = PairFit([PairComparison(view, rows, all_texts, seed) for view in views])
    given = fit.features(rows, rows)
    repeats = int(np.clip(MADE_PAIRS // len(rows), 1, MOST_REPEATS))
    items = np.tile(rows, repeats)
    made = fit.features(items, np.concatenate([_elsewhere(rows, rng) for _ in range(repeats)]))
    right = np.full(len(rows), 0.9)
    fit.learn(given, right, made)
    for _ in range(PAIR_ROUNDS):
        mine, theirs = fit.log_ratio(given), fit.log_ratio(made)
        most = _share_below(mine, theirs)
        right = np.clip(1 - expit(logit(most) - mine), 1e-3, 1)
        fit.learn(given, right, made)
    mine, theirs = fit.log_ratio(given), fit.log_ratio(made)
    most = _share_below(mine, theirs)
    share = float(np.sqrt(most * np.clip(_likeliest_share(mine), most / LEAST_OF_MOST, most)))
    wrong = expit(logit(share) - mine)
    apart = _apart(mine, 1 - wrong, theirs)
    p_wrong = np.full(len(written), np.nan)
    p_wrong[rows] = wrong
    return Mismatch(p_wrong, apart, share, fit, rows)


def _elsewhere(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the rows in another order, in which none keeps its place: a random cycle."""
    order = rng.permutation(len(rows))
    other = np.empty_like(rows)
    other[order] = rows[np.roll(order, 1)]
    return other


def _likeliest_share(log_ratio: np.ndarray) -> float:
    """Return the share s that maximises the sum of log(s + (1 - s) r)."""
    share = 0.05
    for _ in range(100):
        wrong = expit(logit(share) - log_ratio)
        share = float(np.clip(wrong.mean(), 1e-4, LARGEST_SHARE))
    return share


def _share_below(given: np.ndarray, made: np.ndarray) -> float:
    """Return the least of three estimates of the share of wrong pairs from the log ratios of given and random pairs.

    The ranks of given pairs among random ones are uniform for wrong pairs. Those of right pairs have a power law
    (`_by_ranks`; Pounds, Morris 2003), or their log ratios a normal distribution (`_by_shape`). `_largest_share`
    assumes neither.
    """
    return min(_by_ranks(given, made), _by_shape(given, made), _largest_share(given, made))


def _by_ranks(given: np.ndarray, made: np.ndarray) -> float:
    """Return the share of uniform ranks in a mixture with ranks of density a u^(a - 1), a >= 1."""
    u = (np.searchsorted(np.sort(made), given) + 0.5) / (len(made) + 1)
    logs, share, power = np.log(u), 0.1, 5.0
    for _ in range(SHARE_ROUNDS):
        right = (1 - share) * power * np.exp((power - 1) * logs)
        right = right / (right + share)
        share = float(np.clip(1 - right.mean(), 1e-4, LARGEST_SHARE))
        power = max(1.0, float(right.sum() / max(-(right @ logs), 1e-9)))
    return share


def _by_shape(given: np.ndarray, made: np.ndarray) -> float:
    """Return the share of the density of random pairs in a mixture with a normal distribution of right ones."""
    edges = np.linspace(min(given.min(), made.min()), max(given.max(), made.max()), DENSITY_BINS + 1)
    heights = np.convolve(np.histogram(made, edges)[0] + 0.5, np.full(5, 0.2), "same")
    heights = heights / (heights.sum() * max(edges[1] - edges[0], 1e-12))
    wrong = np.interp(given, (edges[1:] + edges[:-1]) / 2, heights)
    share, middle, spread = 0.1, float(np.median(given)), float(given.std())
    least = max(0.05 * spread, 1e-9)
    for _ in range(SHARE_ROUNDS):
        right = (
            (1 - share) * np.exp(-0.5 * np.square((given - middle) / max(spread, least))) / max(spread, least) / ROOT
        )
        right = right / (right + share * wrong + 1e-300)
        total = max(float(right.sum()), 1e-9)
        share = float(np.clip(1 - right.mean(), 1e-4, LARGEST_SHARE))
        middle = float(right @ given / total)
        spread = float(np.sqrt(right @ np.square(given - middle) / total))
    return share


def _largest_share(given: np.ndarray, made: np.ndarray) -> float:
    """Return the least ratio, over thresholds, of given and random pairs below it, plus two standard errors."""
    cuts = np.quantile(made, np.linspace(0.05, 0.9, 18))
    below = np.searchsorted(np.sort(given), cuts, side="right") / len(given)
    random = np.searchsorted(np.sort(made), cuts, side="right") / len(made)
    error = np.sqrt(np.maximum(below, 1 / len(given)) * (1 - np.minimum(below, 1)) / len(given))
    return float(np.clip(((below + 2 * error) / random).min(), 1e-4, LARGEST_SHARE))


def _apart(given: np.ndarray, right: np.ndarray, made: np.ndarray) -> float:
    """Return the weighted probability that a right pair scores above a random one."""
    ranks = np.searchsorted(np.sort(made), given) / len(made)
    return float(right @ ranks / right.sum())
