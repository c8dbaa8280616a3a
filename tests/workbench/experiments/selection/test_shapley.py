"""kNN-Shapley: by hand, compared with the definition over all subsets, by properties, and on planted errors."""

from __future__ import annotations

import sys
from itertools import combinations
from math import comb

import numpy as np
import pytest

from workbench.experiments.selection.shapley import knn_shapley
from workbench.foundation.errors import InputError


def brute(vectors, labels, test, test_labels, k):
    """Return Shapley values by their definition, over all subsets and examples."""
    n = len(vectors)

    def utility(subset):
        total = 0.0
        for x, y in zip(test, test_labels):
            near = sorted(subset, key=lambda i: (((vectors[i] - x) ** 2).sum(), i))[:k]
            total += sum(labels[i] == y for i in near) / k
        return total / len(test)

    values = np.zeros(n)
    for i in range(n):
        others = [j for j in range(n) if j != i]
        for size in range(n):
            for subset in combinations(others, size):
                gain = utility((*subset, i)) - utility(subset)
                values[i] += gain / (n * comb(n - 1, size))
    return values


@pytest.mark.parametrize("k", [1, 2, 3, 6, 9])
def test_six_points_against_the_definition(rng, k):
    vectors, test = rng.normal(size=(6, 2)), rng.normal(size=(3, 2))
    labels, test_labels = rng.integers(0, 2, 6), rng.integers(0, 2, 3)
    found = knn_shapley(vectors, labels, test, test_labels, k=k)
    np.testing.assert_allclose(found, brute(vectors, labels, test, test_labels, k), atol=1e-12)


def test_leave_one_out_is_the_mean_over_examples_taken_out_in_turn(rng):
    vectors, labels = rng.normal(size=(7, 2)), rng.integers(0, 3, 7)
    total, times = np.zeros(7), np.zeros(7)
    for out in range(7):
        rest = np.delete(np.arange(7), out)
        total[rest] += brute(vectors[rest], labels[rest], vectors[[out]], labels[[out]], 2)
        times[rest] += 1
    np.testing.assert_allclose(knn_shapley(vectors, labels, k=2), total / times, atol=1e-12)


def test_the_values_sum_to_the_accuracy(rng):
    vectors, labels = rng.normal(size=(200, 3)), rng.integers(0, 3, 200)
    test, test_labels = rng.normal(size=(50, 3)), rng.integers(0, 3, 50)
    near = ((test[:, None] - vectors[None]) ** 2).sum(axis=2).argsort(axis=1)[:, :5]
    share = (labels[near] == test_labels[:, None]).mean()
    assert knn_shapley(vectors, labels, test, test_labels, k=5).sum() == pytest.approx(share)


def test_blocks_and_order_do_not_matter(rng, monkeypatch):
    vectors, labels = rng.normal(size=(120, 3)), rng.integers(0, 3, 120)
    whole = knn_shapley(vectors, labels)
    order = rng.permutation(120)
    np.testing.assert_allclose(knn_shapley(vectors[order], labels[order]), whole[order])
    monkeypatch.setattr(sys.modules[knn_shapley.__module__], "SHAPLEY_BLOCK", 500)
    np.testing.assert_allclose(knn_shapley(vectors, labels), whole)


def test_wrong_labels_are_worth_less_than_nothing(rng):
    truth = rng.integers(0, 4, 400)
    vectors = 4 * np.eye(4)[truth] + rng.normal(size=(400, 4))
    given = truth.copy()
    given[:40] = (given[:40] + 1) % 4
    values = knn_shapley(vectors, given)
    assert values[:40].mean() < 0 < values[40:].mean()
    assert np.isin(np.argsort(values)[:40], np.arange(40)).mean() > 0.85


def test_a_sample_is_judged_on_when_there_are_many(rng, monkeypatch):
    vectors, labels = rng.normal(size=(300, 2)), rng.integers(0, 2, 300)
    monkeypatch.setattr(sys.modules[knn_shapley.__module__], "MOST_TESTED", 150)
    one, same, other = (knn_shapley(vectors, labels, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_refusals(rng):
    with pytest.raises(InputError, match="`vectors` holds 1 examples"):
        knn_shapley(np.ones((1, 2)), np.zeros(1, int))
    with pytest.raises(InputError, match="`k` is 0"):
        knn_shapley(np.ones((4, 2)), np.zeros(4, int), k=0)
    with pytest.raises(InputError, match=r"`test` has shape \(2, 3\)"):
        knn_shapley(np.ones((4, 2)), np.zeros(4, int), np.ones((2, 3)), np.zeros(2, int))
