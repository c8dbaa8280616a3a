"""Ratings, which are few values on a grid, judged as ordinal classes.

A regression shrinks predictions towards the middle and would flag correct values at the ends of the grid. So the
probability of each value is estimated, and from it how likely the true value is far from the given one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.evidence.out_of_fold import deal_folds
from workbench.issues.kernels import features_of, landmarks_of, median_width
from workbench.issues.numbers.fits import prepared_vectors

MOST_GRADES = 12
ROWS_PER_VALUE = 5
WIDE_GRID = 5
"""Minimum size of a grid on which a difference of one step is not an error, as raters often differ by one step."""
RATING_ROUNDS = 30
RATING_PRIOR_ROWS = 20.0
RATING_FOLDS = 5
MOST_TAUGHT = 20_000
RATING_LANDMARKS = 600
RATING_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)


def grid_of(y: np.ndarray) -> np.ndarray | None:
    """Return the sorted values (k,) of ratings; None if the numbers are not ratings.

    Parameters
    ----------
    y : (n,) known numbers.

    Notes
    -----
    Ratings have 3 to 12 distinct values that span at most 12 equal steps, with at least 5 rows per value on average.
    """
    values = np.unique(y)
    if not 3 <= len(values) <= MOST_GRADES or len(y) < ROWS_PER_VALUE * len(values):
        return None
    step = np.diff(values).min()
    places = (values - values[0]) / step
    even = np.abs(places - np.rint(places)).max() < 1e-6 * max(1.0, places[-1])
    return values if even and places[-1] <= MOST_GRADES else None


class Rated(NamedTuple):
    """Judged ratings.

    p_wrong : (n,) probability that the rating is wrong. posterior : (n, k) of the true value. tolerance : largest
    difference, in steps, that is not an error. explained : share of the variance explained by held-out predictions.
    """

    p_wrong: np.ndarray
    posterior: np.ndarray
    tolerance: int
    explained: float


def rated(
    y: np.ndarray, values: np.ndarray, predicted: list[np.ndarray], features: list[np.ndarray], seed: int
) -> Rated:
    """Estimate the probability that each rating is wrong.

    Parameters
    ----------
    y : float (n,), each one of `values`, or NaN if unknown
    values : float (k,), the grid, ascending
    predicted : arrays float (n,), predictions of models not fitted to the rating
    features : arrays float (n, d)
    seed : random seed of folds and landmarks

    Notes
    -----
    P(value | x) comes from an out-of-fold multinomial logistic regression on the predictions and on k leave-one-out
    ridge regressions of the features. The transition matrix from true to given values is fitted by 30 rounds of
    expectation maximisation, with a prior worth 20 rows per column that decays as exp(-steps). A rating is wrong if it
    is more than `tolerance` steps from the true value: 1 step on grids of five or more values, else 0.
    """
    k, steps = len(values), np.rint((values - values[0]) / np.diff(values).min()).astype(int)
    known = ~np.isnan(y)
    codes = np.where(known, np.searchsorted(values, np.where(known, y, values[0])), -1)
    blocks = [_ridge(one, codes, k, seed) for one in features]
    for one in predicted:
        centred = (np.where(np.isnan(one), np.nanmean(one), one) - values.mean()) / values.std()
        blocks.append(np.stack([centred, np.square(centred)], axis=1))
    probs = _chances(np.concatenate(blocks, axis=1), codes, k, seed)
    distance = np.abs(steps[:, None] - steps)
    likely = np.exp(-distance.astype(float))
    prior = RATING_PRIOR_ROWS * likely / likely.sum(axis=0)  # (given, true)
    transition, given = prior / RATING_PRIOR_ROWS, codes[known]
    truth = probs[known].mean(axis=0)
    marginal = np.maximum(truth, 1e-9)
    posterior = probs[known]
    for _ in range(RATING_ROUNDS):
        posterior = probs[known] / marginal * truth * transition[given]
        posterior /= posterior.sum(axis=1, keepdims=True)
        counts = prior + np.stack([np.bincount(given, posterior[:, value], k) for value in range(k)], axis=1)
        transition, truth = counts / counts.sum(axis=0), posterior.mean(axis=0)
    whole = probs.copy()
    whole[known] = posterior
    tolerance = 1 if steps[-1] + 1 >= WIDE_GRID else 0
    p_wrong = np.full(len(y), np.nan)
    p_wrong[known] = np.where(distance[given] > tolerance, posterior, 0).sum(axis=1)
    missed = np.square(y[known] - probs[known] @ values).mean()
    return Rated(np.clip(p_wrong, 0, 1), whole, tolerance, 1 - float(missed / y[known].var()))


def _ridge(vectors: np.ndarray, codes: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Return leave-one-out predictions of k one-vs-rest ridge regressions, float64 (n, k)."""
    inputs = prepared_vectors(vectors)
    marks = landmarks_of(inputs, min(RATING_LANDMARKS, len(inputs)), np.random.default_rng(seed))
    features = features_of(inputs, marks, median_width(marks, len(marks) // 2)).astype(np.float64)
    known = codes >= 0
    target = np.eye(k)[codes[known]]
    mean = target.mean(axis=0)
    eigenvalues, axes = np.linalg.eigh(features[known].T @ features[known])
    turned = features @ axes
    sums = turned[known].T @ (target - mean)
    best: tuple[float, np.ndarray] | None = None
    for penalty in RATING_PENALTIES:
        inverse = 1 / (np.maximum(eigenvalues, 0) + penalty * len(target))
        leverage = np.minimum(np.square(turned[known]) @ inverse, 0.999)[:, None]
        values = turned @ (inverse[:, None] * sums)
        values[known] = (values[known] - leverage * (target - mean)) / (1 - leverage)
        loss = float(np.square(values[known] + mean - target).mean())
        if best is None or loss < best[0]:
            best = loss, values + mean
    assert best is not None  # at least one penalty is tried
    return best[1]


def _chances(inputs: np.ndarray, codes: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Return out-of-fold probabilities of each value by multinomial logistic regression, float64 (n, k)."""
    from sklearn.linear_model import LogisticRegression

    inputs = (inputs - inputs.mean(axis=0)) / np.maximum(inputs.std(axis=0), 1e-12)
    fold = deal_folds(codes, RATING_FOLDS, seed)
    rng = np.random.default_rng(seed)
    shares = np.bincount(codes[codes >= 0], minlength=k) / max((codes >= 0).sum(), 1)
    probs = np.zeros((len(codes), k))
    for number in range(RATING_FOLDS):
        taught = np.flatnonzero((fold != number) & (codes >= 0))
        if len(taught) > MOST_TAUGHT:
            taught = np.sort(rng.choice(taught, MOST_TAUGHT, replace=False))
        asked = np.flatnonzero((fold == number) | (codes < 0))
        model = LogisticRegression(max_iter=300).fit(inputs[taught], codes[taught])
        found = np.tile(1e-3 * shares, (len(asked), 1))
        found[:, model.classes_] += model.predict_proba(inputs[asked])
        found /= found.sum(axis=1, keepdims=True)
        probs[asked] += np.where((codes[asked] < 0)[:, None], found / RATING_FOLDS, found)
    return probs
