"""Label quality of numeric labels from out-of-sample predictions: the residual, and OUTRE.

Zhou, Mueller & Kumar 2023, "Detecting Errors in a Numerical Response via any Regression Model". The values equal those
of cleanlab's `regression.rank.get_label_quality_scores`. They rank examples; `find_issues` gives probabilities.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.foundation.checks import in_memory
from workbench.foundation.errors import InputError
from workbench.foundation.reductions import in_threads

RESIDUAL_SCALE = 5.0
"""Factor by which standardised residuals are stretched relative to labels before distances are computed."""
NEIGHBOR_SHARE = 0.5
"""Share of all examples that count as neighbours in the mean distance."""
TINY_DISTANCE = 1e-100
LEAST_SCALE = 1e-6
AT_ONE_PLACE = float(np.sqrt(100 * np.finfo(np.float64).eps))
"""Mean distance below which an example counts as identical with its neighbours: the score is 1."""


def residual_scores(labels: Any, predictions: Any) -> np.ndarray:
    """Compute exp(-|prediction - label|) of each example.

    Parameters
    ----------
    labels : float (n,), NaN = unlabelled
    predictions : float (n,), out-of-sample

    Returns
    -------
    float64 (n,), in [0, 1], low = suspicious; NaN where either is missing

    Notes
    -----
    The score depends on the unit of the labels: a residual of 50 gives about 1e-22, a residual of 1,000 gives 0.

    Examples
    --------
    >>> residual_scores([1.0, 2.0], [1.0, 2.5]).round(3)
    array([1.   , 0.607])
    """
    given, predicted = _vectors(labels, predictions)
    return np.exp(-np.abs(predicted - given))


def outre_scores(labels: Any, predictions: Any) -> np.ndarray:
    """Compute OUTRE: how far an example lies from the others in the plane of label and residual.

    Parameters
    ----------
    labels : float (n,), NaN = unlabelled
    predictions : float (n,), out-of-sample

    Returns
    -------
    float64 (n,), in [0, 1], low = suspicious; NaN where either is missing

    Notes
    -----
    Both axes are standardised and residuals stretched by a factor of 5; d is the mean Euclidean distance to the nearest
    half of all examples, including the example itself; the score is exp(-d / median d). Time grows with n^2 (20,000
    examples: seconds), memory with n. A single example, which is its own neighbour, scores 1.

    Examples
    --------
    >>> outre_scores([1, 2, 3, 4], [2, 2, 5, 4.1]).round(4)
    array([0.2162, 0.6259, 0.2028, 0.6259])
    """
    given, predicted = _vectors(labels, predictions)
    scores = np.full(len(given), np.nan)
    known = np.flatnonzero(~np.isnan(given) & ~np.isnan(predicted))
    if not len(known):
        return scores
    y, residual = given[known], predicted[known] - given[known]
    y = (y - y.mean()) / (y.std() + TINY_DISTANCE)
    residual = RESIDUAL_SCALE * ((residual - residual.mean()) / (residual.std() + TINY_DISTANCE))
    distances = mean_distances(y, residual, int(np.ceil(NEIGHBOR_SHARE * len(y))))
    found = np.exp(-distances / max(float(np.median(distances)), LEAST_SCALE))
    found[distances < AT_ONE_PLACE] = 1.0
    scores[known] = found
    return scores


def mean_distances(x: np.ndarray, y: np.ndarray, nearest: int) -> np.ndarray:
    """Return the mean Euclidean distance of each point to its `nearest` nearest, including itself: float64 (n,)."""
    n = len(x)
    found = np.empty(n)
    step = max(1, (1 << 19) // n)

    def measure(start: int) -> None:
        part = slice(start, min(start + step, n))
        squares = x[part, None] - x
        squares *= squares
        across = y[part, None] - y
        across *= across
        squares += across
        if nearest < n:
            squares.partition(nearest - 1, axis=1)
        found[part] = np.sqrt(squares[:, :nearest]).mean(axis=1)

    in_threads(measure, range(0, n, step), n * n)
    return found


def _vectors(labels: Any, predictions: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return both as float64 (n,), of equal length and without infinity."""
    found = []
    for name, values in (("labels", labels), ("predictions", predictions)):
        array = np.asarray(in_memory(name, values))
        if array.dtype.kind not in "iuf":
            kind = f"holds {array.dtype}" if array.dtype != object else "holds values that are not numbers"
            raise InputError.at(name, kind, "Pass one number per example, NaN if it is missing.")
        array = array.astype(np.float64)
        if array.ndim == 2 and 1 in array.shape:
            array = array.ravel()
        if array.ndim != 1:
            raise InputError.at(name, f"has shape {array.shape}", "Pass one number per example, shape (n,).")
        endless = np.flatnonzero(np.isinf(array))
        if len(endless):
            row = int(endless[0])
            raise InputError.at(name, f"is {array[row]}", "Pass finite numbers, NaN if missing.", row=row)
        found.append(array)
    if len(found[0]) != len(found[1]):
        found_lengths = f"has {len(found[1])} entries for {len(found[0])} labels"
        raise InputError.at("predictions", found_lengths, "Pass one prediction per label.")
    return found[0], found[1]
