"""Label-quality scores: by hand, against plain loops and cleanlab, invariants, edge cases."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.scores.labels import confidence_weighted_entropy, normalized_margin, self_confidence

ALL = (self_confidence, normalized_margin, confidence_weighted_entropy)


def probabilities(rng, n, k, dtype=np.float64):
    p = rng.dirichlet(np.full(k, 0.3), n)
    return p.astype(dtype), rng.integers(0, k, n)


def test_by_hand():
    p, y = np.array([[0.7, 0.2, 0.1], [0.2, 0.4, 0.4]]), np.array([0, 0])
    np.testing.assert_allclose(self_confidence(y, p), [0.7, 0.2])
    np.testing.assert_allclose(normalized_margin(y, p), [0.75, 0.4])
    entropy = -(p * np.log(p)).sum(1) / np.log(3) / p[:, 0]
    np.testing.assert_allclose(confidence_weighted_entropy(y, p), np.log(entropy + 1) / entropy)


@pytest.mark.parametrize("k", [2, 3, 24, 25, 200])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_margin_against_a_loop(rng, k, dtype):
    p, y = probabilities(rng, 400, k, dtype)
    y[:5] = [0, k - 1, -1, 0, k - 1]
    wide = p.astype(np.float64)
    loop = [(row[g] - np.delete(row, g).max() + 1) / 2 if g >= 0 else np.nan for row, g in zip(wide, y)]
    for values in (p, np.asfortranarray(p), np.repeat(p, 2, axis=0)[::2]):
        np.testing.assert_allclose(normalized_margin(y, values), loop, atol=1e-6)


@pytest.mark.parametrize("function", ALL)
def test_laws(rng, function):
    p, y = probabilities(rng, 500, 6)
    scores = function(y, p)
    assert ((scores >= 0) & (scores <= 1)).all()
    rows, columns = rng.permutation(500), rng.permutation(6)
    np.testing.assert_allclose(function(y[rows], p[rows]), scores[rows], rtol=1e-12)
    back = np.argsort(columns)
    np.testing.assert_allclose(function(back[y], p[:, columns]), scores, rtol=1e-9)
    np.testing.assert_allclose(function(y[:1], p[:1]), scores[:1], rtol=1e-12)


@pytest.mark.parametrize("function", ALL)
def test_planted_errors_score_lower(rng, function):
    true = rng.integers(0, 5, 3000)
    z = rng.normal(size=(3000, 5))
    z[np.arange(3000), true] += 3
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    wrong = rng.random(3000) < 0.1
    given = np.where(wrong, (true + 1) % 5, true)
    found = wrong[np.argsort(function(given, p))[: wrong.sum()]].mean()
    assert found > 0.6  # base rate .1


@pytest.mark.parametrize("function", ALL)
def test_unlabelled_is_nan_and_the_others_do_not_change(function):
    p = np.array([[0.5, 0.5], [0.9, 0.1]])
    scores = function(np.array([-1, 0]), p)
    assert np.isnan(scores[0])
    assert scores[1] == function(np.array([0]), p[1:])[0]


def test_zero_probabilities_and_one_class():
    p, y = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 1])
    assert normalized_margin(y, p).tolist() == [1.0, 0.0]
    assert np.isfinite(confidence_weighted_entropy(y, p)).all()
    one = np.ones((2, 1))
    assert self_confidence(np.zeros(2, int), one).tolist() == [1.0, 1.0]
    assert normalized_margin(np.zeros(2, int), one).tolist() == [1.0, 1.0]
    assert np.isnan(confidence_weighted_entropy(np.zeros(2, int), one)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(5))
def test_equal_to_cleanlab(dtype, seed):
    cleanlab = pytest.importorskip("cleanlab.rank", reason="cleanlab is not installed")
    rng = np.random.default_rng(seed)
    p, y = probabilities(rng, 700, int(rng.choice([2, 5, 30])), dtype)
    p[:50] = p[:50].round(1)
    p[:50] /= np.maximum(p[:50].sum(1, keepdims=True), 0.1)
    for function in ALL:
        peer = cleanlab.get_label_quality_scores(y, p, method=function.__name__)
        np.testing.assert_allclose(function(y, p), peer, atol=1e-6, err_msg=function.__name__)
