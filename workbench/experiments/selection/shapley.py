"""Exact Shapley values of training examples for a k-nearest-neighbour classifier, by sorting.

The Shapley value of an example is its mean gain in accuracy over all possible training sets. For nearest neighbours,
the 2^n trainings reduce to a recursion along the neighbours of each test example.
"""

from __future__ import annotations

import numpy as np

from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError

SHAPLEY_BLOCK = 1 << 23  # maximum number of distances in memory
MOST_TESTED = 5000  # with more examples, a sample of them is used as test examples


def knn_shapley(
    vectors: np.ndarray,
    labels: np.ndarray,
    test: np.ndarray | None = None,
    test_labels: np.ndarray | None = None,
    *,
    k: int = 10,
    seed: int = 0,
) -> np.ndarray:
    """Compute the Shapley value of each training example for the accuracy of a k-nearest-neighbour classifier.

    Parameters
    ----------
    vectors : float (n, d); neighbours by Euclidean distance, ties in the order of the rows. Scale them first.
    labels : int (n,), class index
    test, test_labels : float (t, d) and int (t,), the test examples. By default each example is a test example for the
        others (leave-one-out); with more than 5,000, a random sample of 5,000 is used.
    k : number of neighbours
    seed : random seed of that sample

    Returns
    -------
    float64 (n,), in [-1, 1]; high values are worth keeping, negative ones are harmful. With `test` they sum to the
    accuracy (the mean share of the k neighbours with the correct label).

    Raises
    ------
    InputError : fewer than two examples, k below 1, or test vectors of a different width.

    Notes
    -----
    For one test example with label y, let a_1 ... a_n be the training examples by distance. With the utility
    v(S) = 1/k sum of [y_j = y] over the min(k, |S|) nearest j in S, the values are

        s(a_n) = [y_n = y] min(k, n) / (k n)
        s(a_i) = s(a_i+1) + ([y_i = y] - [y_i+1 = y]) / k * min(k, i) / i

    and the result is their mean over test examples. (The paper has 1 / n in the first line, which is equal for n >= k.)
    Cost: t n log n.

    References
    ----------
    Jia et al. 2019, Efficient Task-Specific Data Valuation for Nearest Neighbor Algorithms, VLDB 12(11), theorem 1.

    Examples
    --------
    One test example at 0 of class 1; its nearest neighbour has class 0 and cancels the contribution of the second.

    >>> knn_shapley(np.array([[1.0], [2.0]]), np.array([0, 1]), np.array([[0.0]]), np.array([1]), k=1)
    array([-0.5,  0.5])
    """
    vectors, labels = np.asarray(vectors, np.float32), np.asarray(labels)
    n = len(vectors)
    alone = test is None
    if n < 2:
        raise InputError.at("vectors", f"holds {n} examples", "Shapley values need two or more.")
    check_whole("k", k, 1, "Use an integer of at least 1.")
    rows = np.arange(n)
    if alone:
        if n > MOST_TESTED:
            rows = np.sort(np.random.default_rng(seed).choice(n, MOST_TESTED, replace=False))
        test, test_labels = vectors[rows], labels[rows]
    test, test_labels = np.asarray(test, np.float32), np.asarray(test_labels)
    if test.ndim != 2 or test.shape[1] != vectors.shape[1] or len(test) != len(test_labels):
        found = f"has shape {test.shape} for {len(test_labels)} labels and training vectors of width {vectors.shape[1]}"
        raise InputError.at("test", found, "Pass (t, d) vectors computed like the others, and (t,) labels.")
    total, times = np.zeros(n), np.zeros(n)
    squares = (vectors * vectors).sum(axis=1)
    step = max(1, SHAPLEY_BLOCK // n)
    for start in range(0, len(test), step):
        part = slice(start, start + step)
        distances = squares[None] - 2 * test[part] @ vectors.T
        if alone:
            distances[np.arange(len(distances)), rows[part]] = np.inf
        order = np.argsort(distances, axis=1, kind="stable")
        order = order[:, :-1] if alone else order
        values = _recursion(labels[order] == test_labels[part, None], int(k))
        total += np.bincount(order.ravel(), values.ravel(), minlength=n)
        times += np.bincount(order.ravel(), minlength=n)
    return total / np.maximum(times, 1)


def _recursion(match: np.ndarray, k: int) -> np.ndarray:
    """Return Shapley values (t, n) of examples in order of distance, from whether each has the correct label (t, n)."""
    n = match.shape[1]
    match = match.astype(np.float64)
    places = np.arange(1, n + 1)
    values = np.empty_like(match)
    values[:, -1] = match[:, -1] * min(k, n) / (k * n)
    values[:, :-1] = (match[:, :-1] - match[:, 1:]) / k * (np.minimum(k, places[:-1]) / places[:-1])
    return np.cumsum(values[:, ::-1], axis=1)[:, ::-1]
