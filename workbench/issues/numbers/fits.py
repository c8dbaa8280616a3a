"""Leave-one-out and out-of-fold predictions of numbers from features or embeddings, and pooling of several predictions.

Kernel ridge regression leaves each row out in closed form. Residuals are clipped and the fit is repeated, so that wrong
numbers do not distort it. Clipped residuals also select the kernel and the penalty, so a single number that is a
thousand times too large cannot determine the choice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.foundation.recall import recalled
from workbench.issues.kernels import features_of, landmarks_of, median_width
from workbench.issues.numbers.scales import spread_of

FIT_PENALTIES = (1e-4, 1e-3, 1e-2, 0.1, 1.0)
WIDTHS = (1.0, 4.0)
"""Widths of the kernel, in median squared distances."""
FIT_ROUNDS = 4
CUT = 2.5
"""Number of standard deviations at which residuals are clipped."""
WIDEST_FEATURES = 256
TREES, MOST_ROWS_OF_TREES, FIT_FOLDS = 100, 5_000, 5
FIT_LANDMARKS = ((20_000, 1000), (200_000, 500))
FEWEST_LANDMARKS = 256


@recalled
def left_out(vectors: np.ndarray, scaled: Sequence[np.ndarray], seed: int = 0) -> list[np.ndarray]:
    """Predict the number of each row without using it, on each of several scales.

    Parameters
    ----------
    vectors : float (n, d), NaN for unknown features
    scaled : arrays (n,) of the same numbers on different scales, NaN for unknown ones
    seed : random seed of landmarks, folds and trees

    Returns
    -------
    float64 (n,) for each scale
    """
    known = ~np.isnan(scaled[0])
    inputs = prepared_vectors(vectors)
    tried: list[list[np.ndarray]] = [[] for _ in scaled]
    for features in _spaces(inputs, seed):
        ridge = _Ridge(features, known)
        for found, y in zip(tried, scaled):
            found.append(_cut_fit(ridge, y))
    best = [nearest_to(found, y) for found, y in zip(tried, scaled)]
    if not 4 * FIT_FOLDS <= known.sum() <= MOST_ROWS_OF_TREES:
        return best
    return [_with_trees(inputs, predicted, y, seed) for predicted, y in zip(best, scaled)]


def _with_trees(inputs: np.ndarray, predicted: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    known = ~np.isnan(y)
    trees = _trees(inputs, _cut(predicted, y)[known], known, seed)
    return pooled_views(np.stack([predicted, trees, (predicted + trees) / 2], axis=1), y)


def _cut_fit(space: _Ridge, y: np.ndarray) -> np.ndarray:
    """Return the predictions (n,) of one kernel, fitted repeatedly to numbers with clipped residuals."""
    found = nearest_to(space.tried(y[space.known]), y)
    for _ in range(FIT_ROUNDS):
        found = nearest_to(space.tried(_cut(found, y)[space.known]), y)
    return found


def _cut(predicted: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Clip numbers to within 2.5 standard deviations of their predictions."""
    residual = y - predicted
    known = ~np.isnan(y)
    most = CUT * spread_of(residual[known] - np.median(residual[known]))
    return predicted + np.clip(residual, -most, most)


def pooled_views(views: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pool several predictions: the best of their weighted mean, their median and each single one.

    Parameters
    ----------
    views : float (n, v), one column per model, NaN where it has no prediction
    y : float (n,), NaN for unknown numbers

    Returns
    -------
    float64 (n,), NaN where no model has a prediction

    Notes
    -----
    Weights are non-negative and sum to 1 (non-negative least squares on clipped residuals, over the rows for which all
    models have a prediction). The best prediction has the smallest mean absolute clipped residual, so pooling is at
    worst as good as the best single model, apart from errors of this selection.
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
    """Return the predictions (n,) with the smallest mean absolute residual, clipped at 2.5 deviations of the best.

    The median would miss a fit that fails at the ends of the range; a mean without clipping would follow a single wrong
    number.
    """
    known = ~np.isnan(y)
    losses = [np.abs(y[known] - one[known]) for one in tried]
    most = CUT * 1.4826 * max(min(float(np.median(one)) for one in losses), 1e-300)
    return tried[int(np.argmin([np.minimum(one, most).mean() for one in losses]))]


def prepared_vectors(vectors: np.ndarray) -> np.ndarray:
    """Standardise columns, impute means, keep at most 256 principal axes, scale rows to a mean squared norm of 1."""
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
    """Return the feature matrices (n, m) of the kernels to try: a linear one and Gaussian ones."""
    n = len(inputs)
    m = min(n, next((many for rows, many in FIT_LANDMARKS if n <= rows), FEWEST_LANDMARKS))
    marks = landmarks_of(inputs, m, np.random.default_rng(seed))
    width = median_width(marks, m // 2)
    return [inputs, *(features_of(inputs, marks, width * factor) for factor in WIDTHS)]


@recalled
def _factorised(taught: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the eigenvalues and eigenvectors of the covariance of features. Numbers change more often than features,
    and this takes a third of the time of the fits."""
    eigenvalues, axes = np.linalg.eigh(taught.T @ taught)
    return eigenvalues, axes


class _Ridge:
    """Leave-one-out ridge regression on features (n, m): (f - h y) / (1 - h), with the fit f and the leverage h."""

    def __init__(self, features: np.ndarray, known: np.ndarray) -> None:
        self.known, taught = known, features[known].astype(np.float64)
        self._mean = taught.mean(axis=0)
        taught -= self._mean
        eigenvalues, axes = _factorised(taught)
        self._values = np.maximum(eigenvalues, 0)
        self._turned = (features - self._mean) @ axes

    def tried(self, target: np.ndarray) -> list[np.ndarray]:
        """Return the predictions (n,) for each penalty when fitted to `target`."""
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
    """Return out-of-fold predictions of extremely randomised trees (Geurts et al. 2006)."""
    rows, predicted = np.flatnonzero(known), np.zeros(len(inputs))
    fold = np.random.default_rng(seed).permutation(len(rows)) % FIT_FOLDS
    asked = np.flatnonzero(~known)
    for number in range(FIT_FOLDS):
        mine = rows[fold == number]
        found = forest(inputs[rows[fold != number]], target[fold != number], inputs[np.append(mine, asked)], seed)
        predicted[mine] = found[: len(mine)]
        predicted[asked] += found[len(mine) :] / FIT_FOLDS
    return predicted


def forest(taught: np.ndarray, target: np.ndarray, asked: np.ndarray, seed: int) -> np.ndarray:
    """Predict numbers by the mean of extremely randomised trees.

    Parameters
    ----------
    taught : float32 (n, d). target : float64 (n,). asked : float32 (m, d), the rows to predict.
    seed : random seed of the trees

    Returns
    -------
    float64 (m,), as `ExtraTreesRegressor(100, min_samples_leaf=3, random_state=seed)` of scikit-learn predicts, which
    takes more than twice the time for hundreds of rows: it copies and checks the parameters of each tree, and makes a
    generator for it.
    """
    from sklearn import config_context
    from sklearn.tree import ExtraTreeRegressor

    total, rng = np.zeros(len(asked)), np.random.RandomState()
    tree = ExtraTreeRegressor(min_samples_leaf=3, random_state=rng)
    with config_context(skip_parameter_validation=True):
        for one in np.random.RandomState(seed).randint(np.iinfo(np.int32).max, size=TREES):
            rng.seed(one)
            total += tree.fit(taught, target, check_input=False).predict(asked, check_input=False)
    return total / TREES


def _row_median(views: np.ndarray) -> np.ndarray:
    """Return the median (n,) of the known values of each row, NaN if there are none."""
    ranked = np.sort(views, axis=1)
    count = (~np.isnan(views)).sum(axis=1)
    rows = np.arange(len(views))
    low, high = ranked[rows, np.maximum(count - 1, 0) // 2], ranked[rows, count // 2 % views.shape[1]]
    return np.where(count > 0, (low + high) / 2, np.nan)
