"""Candidate sets on digits: weights and purification during training find the true classes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_predict

from workbench import confident


@pytest.fixture(scope="module")
def digits():
    """x, true classes, and another model's probabilities of the other classes: harder digits have larger sets."""
    data = load_digits()
    rows = np.random.default_rng(0).permutation(1797)[:600]
    x, true = data.data[rows] / 16, data.target[rows]
    probs = LogisticRegression(C=0.05, max_iter=500).fit(data.data / 16, data.target).predict_proba(x)
    return x, true, probs


@pytest.mark.parametrize("size", [0.1, 0.5])
def test_the_hidden_class_is_found(digits, size):
    x, true, probs = digits
    rng = np.random.default_rng(1)
    others = probs / np.delete(probs, 0, axis=1).max(axis=1, keepdims=True)
    sets = rng.random(probs.shape) < np.clip(size * others / others.mean(), 0, 0.9)
    sets[np.arange(600), true] = True
    weights, epochs = sets / sets.sum(axis=1, keepdims=True), []
    for _ in range(8):
        epochs.append(softmax(4 * cross_val_predict(Ridge(1.0), x, weights), axis=1))
        weights = confident.candidate_weights(sets, epochs[-1])
    first = confident.candidate_weights(sets, epochs[0]).argmax(axis=1)
    left, removed = confident.purify_candidates(sets, epochs, first=0.6, last=0.1)
    chosen = np.where(left, epochs[-1], -1).argmax(axis=1)
    rows = np.arange(600)
    assert left[rows, true].mean() > 0.85, "sets that keep the true class"
    assert left.sum() < 0.9 * sets.sum() and len(removed) == sets.sum() - left.sum()
    right = [(one == true).mean() for one in (first, weights.argmax(axis=1), chosen)]
    assert right[1] > 0.8 and right[2] > right[1] - 0.03 and right[1] > right[0] - 0.03
