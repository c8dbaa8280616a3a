"""Influence: the head compared with scikit-learn, derivatives with differences, and influence with retraining."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from workbench.evidence.out_of_fold import deal_folds
from workbench.experiments.selection.influence import (
    SoftmaxHead,
    _hessian,
    _objective,
    directions,
    influence,
    with_ones,
)
from workbench.foundation.errors import InputError
from workbench.foundation.rows import softmax


@pytest.fixture
def data(rng):
    truth = rng.integers(0, 3, 200)
    X = 1.5 * np.eye(3)[truth][:, :3] @ rng.normal(size=(3, 4)) + rng.normal(size=(200, 4))
    labels = np.where(rng.random(200) < 0.15, rng.integers(0, 3, 200), truth)
    return X[:120], labels[:120], X[120:], truth[120:]


def test_the_head_is_that_of_scikit_learn(data):
    """scikit-learn does not penalise the intercept, so it is a column of X here."""
    X, labels, test, _ = data
    penalty = 0.01
    ours = SoftmaxHead.fit(X, labels, 3, penalty)
    model = LogisticRegression(C=1 / (penalty * len(X)), fit_intercept=False, tol=1e-10, max_iter=5000)
    theirs = model.fit(with_ones(X), labels)
    np.testing.assert_allclose(ours.probabilities(test), theirs.predict_proba(with_ones(test)), atol=1e-5)
    assert ours.loss(test, np.zeros(len(test), int)) == pytest.approx(-np.log(ours.probabilities(test)[:, 0]).mean())


def test_the_hessian_is_that_of_finite_differences(data, rng):
    X, labels = with_ones(data[0]), data[1]
    weights = rng.normal(size=(3, 5))
    exact = _hessian(softmax(X @ weights.T), X, 0.1, len(X))
    np.testing.assert_allclose(exact, exact.T)
    h, flat = 1e-4, weights.ravel()

    def value(move):
        return _objective((flat + move).reshape(3, 5), X, labels, 0.1, len(X))

    unit = np.eye(15) * h
    for a, b in ((0, 0), (0, 7), (3, 14), (6, 6), (2, 9)):
        both, apart = unit[a] + unit[b], unit[a] - unit[b]
        four = value(both) - value(apart) - value(-apart) + value(-both)
        assert exact[a, b] == pytest.approx(four / (4 * h * h), abs=1e-5)


def test_influence_is_what_retraining_without_the_example_does(data):
    X, labels, test, test_labels = data
    head = SoftmaxHead.fit(X, labels, 3, 0.02)
    before = head.loss(test, test_labels)
    found = head.influence(X, labels, test, test_labels)
    real = []
    for out in range(len(X)):
        rest = np.delete(np.arange(len(X)), out)
        real.append(SoftmaxHead.fit(X[rest], labels[rest], 3, 0.02, n=len(X)).loss(test, test_labels) - before)
    real = np.array(real)
    assert np.corrcoef(found, real)[0, 1] > 0.99
    assert np.polyfit(real, found, 1)[0] == pytest.approx(1, abs=0.1)
    large = np.abs(real) > np.abs(real).max() / 20
    np.testing.assert_array_equal(np.sign(found[large]), np.sign(real[large]))


def test_wrong_labels_do_harm_to_true_ones(rng):
    truth = rng.integers(0, 3, 300)
    X = 3 * np.eye(3)[truth] + rng.normal(size=(300, 3))
    given = truth.copy()
    given[:30] = (given[:30] + rng.integers(1, 3, 30)) % 3
    test = 3 * np.eye(3)[truth] + rng.normal(size=(300, 3))
    values = SoftmaxHead.fit(X, given, 3).influence(X, given, test, truth)
    assert roc_auc_score(np.arange(300) < 30, -values) > 0.9
    assert values[:30].mean() < 0 < values[30:].mean()


def test_held_out_folds_are_averaged_and_seeded(rng):
    """With two folds, each example is used for training in one and for testing in the other."""
    labels = rng.integers(0, 3, 60)
    X = np.eye(3)[labels] + rng.normal(size=(60, 3))
    values = influence(X, labels, 3, folds=2)
    fold = deal_folds(labels, 2)
    for part in (0, 1):
        train, test = fold != part, fold == part
        head = SoftmaxHead.fit(X[train], labels[train], 3)
        alone = head.influence(X[train], labels[train], X[test], labels[test])
        np.testing.assert_allclose(values[train], alone)
    given = labels
    np.testing.assert_array_equal(values, influence(X, given, 3, folds=2))


def test_too_large_for_an_exact_hessian():
    with pytest.raises(InputError, match="with 10 classes 3,010 parameters"):
        influence(np.ones((5, 300)), np.zeros(5, int), 10)
    assert (directions(10), directions(100)) == (64, 24)
    with pytest.raises(InputError, match="at most 277 classes"):
        directions(1000)
