"""Predictions of each number by models that were not fitted to it, from features or embeddings; several pooled.

Kernel ridge regression leaves each row out in closed form. Wrong numbers would bend it, so residuals are cut off and
the fit repeated; kernel and penalty are chosen by residuals cut off, which no number a thousand times too large buys.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.issues.kernels import features_of, landmarks_of, median_width
from workbench.issues.numbers.scales import spread_of

FIT_PENALTIES = (1e-4, 1e-3, 1e-2, 0.1, 1.0)
WIDTHS = (1.0, 4.0)
"""Of the kernel, in median squared distances."""
FIT_ROUNDS = 4
CUT = 2.5
"""Standard deviations at which residuals are cut off."""
WIDEST_FEATURES = 256
TREES, MOST_ROWS_OF_TREES, FIT_FOLDS = 100, 5_000, 5
FIT_LANDMARKS = ((20_000, 1000), (200_000, 500))
FEWEST_LANDMARKS = 256


def left_out(vectors: np.ndarray, y: np.ndarray, seed: int = 0) -> np.ndarray:
    """What each row is predicted to be without its own number.

    Parameters
    ----------
    vectors : float (n, d), NaN where a feature is not known
    y : float (n,), NaN where a number is not known
    seed : of landmarks, folds and trees

    Returns
    -------
    float64 (n,)
    """
    known = ~np.isnan(y)
    inputs = prepared_vectors(vectors)
    best = [_cut_fit(_Ridge(features, known), y) for features in _spaces(inputs, seed)]
    predicted = nearest_to(best, y)
    if 4 * FIT_FOLDS <= known.sum() <= MOST_ROWS_OF_TREES:
        trees = _trees(inputs, _cut(predicted, y)[known], known, seed)
        predicted = pooled_views(np.stack([predicted, trees, (predicted + trees) / 2], axis=1), y)
    return predicted


def _cut_fit(space: _Ridge, y: np.ndarray) -> np.ndarray:
    """Predictions (n,) of one kernel, fitted to numbers whose residuals under it are cut off."""
    found = nearest_to(space.tried(y[space.known]), y)
    for _ in range(FIT_ROUNDS):
        found = nearest_to(space.tried(_cut(found, y)[space.known]), y)
    return found


def _cut(predicted: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The numbers, those far from their predictions moved to 2.5 deviations from them."""
    residual = y - predicted
    known = ~np.isnan(y)
    most = CUT * spread_of(residual[known] - np.median(residual[known]))
    return predicted + np.clip(residual, -most, most)


def pooled_views(views: np.ndarray, y: np.ndarray) -> np.ndarray:
    """One prediction of several: a weighted mean, or the best of them, whichever is nearer to most numbers.

    Parameters
    ----------
    views : float (n, v), NaN where a view says nothing
    y : float (n,), NaN where a number is not known

    Returns
    -------
    float64 (n,), NaN where no view says anything

    Notes
    -----
    Weights are not negative and sum to 1 (non-negative least squares on residuals that are cut off), and only for rows
    on which all views speak; the median of the views is tried beside them. What is nearer is judged by the mean
    absolute residual after that cut, so that more views than one do no harm beyond the choice.
    """
    from scipy.optimize import nnls

    with np.errstate(invalid="ignore"):
        middle = _row_median(views)
    whole = ~np.isnan(views).any(axis=1) & ~np.isnan(y)
    if views.shape[1] == 1 or whole.sum() < 20:
        return middle if views.shape[1] > 1 else views[:, 0].astype(float)
    inputs, wanted = views[whole], y[whole]
    tried = [*views.T, middle]
    found = middle
    if whole.sum() >= 10 * views.shape[1]:
        current, weights = middle[whole], np.zeros(inputs.shape[1])
        for _ in range(FIT_ROUNDS):
            residual = wanted - current
            most = CUT * spread_of(residual)
            target = current + np.clip(residual, -most, most)
            heavy = 1e3 * max(float(np.abs(target).max()), 1.0)
            weights = nnls(np.vstack([inputs, np.full(inputs.shape[1], heavy)]), np.append(target, heavy))[0]
            weights /= max(weights.sum(), 1e-12)
            current = inputs @ weights
        found = np.where(np.isnan(views).any(axis=1), middle, np.nan_to_num(views) @ weights)
        tried.append(found)
    best = nearest_to(tried, np.where(whole, y, np.nan))
    return np.where(np.isnan(best), middle, best)


def nearest_to(tried: Sequence[np.ndarray], y: np.ndarray) -> np.ndarray:
    """The predictions (n,) with the smallest mean absolute residual, each cut off where it is an outlier for the best.

    The median alone does not see a fit that fails at the ends; the mean alone is bought by one wrong number.
    """
    known = ~np.isnan(y)
    losses = [np.abs(y[known] - one[known]) for one in tried]
    most = CUT * 1.4826 * max(min(float(np.median(one)) for one in losses), 1e-300)
    return tried[int(np.argmin([np.minimum(one, most).mean() for one in losses]))]


def prepared_vectors(vectors: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and deviation 1, gaps filled by the mean, at most 256 directions, rows of mean square 1."""
    values = np.asarray(vectors, np.float64)
    with np.errstate(invalid="ignore"):
        gaps = np.isnan(values)
        count = np.maximum((~gaps).sum(axis=0), 1)
        mean = np.where(gaps, 0, values).sum(axis=0) / count
    values = np.where(gaps, mean, values) - mean
    deviation = values.std(axis=0)
    varied = deviation > 1e-12 * np.maximum(np.abs(mean), 1e-300)
    values = values[:, varied] / deviation[varied]
    if values.shape[1] > WIDEST_FEATURES:
        _eigenvalues, axes = np.linalg.eigh(values.T @ values / len(values))
        values = values @ axes[:, -WIDEST_FEATURES:]
    if not values.shape[1]:
        return np.zeros((len(values), 1), np.float32)
    return (values / np.sqrt(np.square(values).sum(axis=1).mean())).astype(np.float32)


def _spaces(inputs: np.ndarray, seed: int) -> list[np.ndarray]:
    """Features (n, m) whose products are the kernels that are tried."""
    n = len(inputs)
    m = min(n, next((many for rows, many in FIT_LANDMARKS if n <= rows), FEWEST_LANDMARKS))
    marks = landmarks_of(inputs, m, np.random.default_rng(seed))
    width = median_width(marks, m // 2)
    return [inputs, *(features_of(inputs, marks, width * factor) for factor in WIDTHS)]


class _Ridge:
    """Ridge regression on features (n, m), each row left out: F - h y over 1 - h, with the leverage h."""

    def __init__(self, features: np.ndarray, known: np.ndarray) -> None:
        self.known, taught = known, features[known].astype(np.float64)
        self._mean = taught.mean(axis=0)
        taught -= self._mean
        eigenvalues, axes = np.linalg.eigh(taught.T @ taught)
        self._values = np.maximum(eigenvalues, 0)
        self._turned = (features - self._mean) @ axes

    def tried(self, target: np.ndarray) -> list[np.ndarray]:
        """Predictions (n,) for each penalty, taught `target`."""
        mean, mine = target.mean(), self._turned[self.known]
        sums, squares, size = mine.T @ (target - mean), np.square(mine), len(target)
        found = []
        for penalty in FIT_PENALTIES:
            inverse = 1 / (self._values + penalty * max(self._values.max(), 1e-12) * 0.1 + 1e-9)
            predicted = self._turned @ (inverse * sums)
            leverage = np.minimum(squares @ inverse + 1 / size, 0.999)
            predicted[self.known] = (predicted[self.known] - leverage * (target - mean)) / (1 - leverage)
            found.append(predicted + mean)
        return found


def _trees(inputs: np.ndarray, target: np.ndarray, known: np.ndarray, seed: int) -> np.ndarray:
    """Predictions of extremely randomised trees (Geurts et al. 2006), out of fold."""
    from sklearn.ensemble import ExtraTreesRegressor

    rows, predicted = np.flatnonzero(known), np.zeros(len(inputs))
    fold = np.random.default_rng(seed).permutation(len(rows)) % FIT_FOLDS
    asked = np.flatnonzero(~known)
    for number in range(FIT_FOLDS):
        forest = ExtraTreesRegressor(TREES, min_samples_leaf=3, random_state=seed, n_jobs=1)
        forest.fit(inputs[rows[fold != number]], target[fold != number])
        predicted[rows[fold == number]] = forest.predict(inputs[rows[fold == number]])
        if len(asked):
            predicted[asked] += forest.predict(inputs[asked]) / FIT_FOLDS
    return predicted


def _row_median(views: np.ndarray) -> np.ndarray:
    """(n,) median of what is known of each row, NaN where nothing is."""
    ranked = np.sort(views, axis=1)
    count = (~np.isnan(views)).sum(axis=1)
    rows = np.arange(len(views))
    low, high = ranked[rows, np.maximum(count - 1, 0) // 2], ranked[rows, count // 2 % views.shape[1]]
    return np.where(count > 0, (low + high) / 2, np.nan)
